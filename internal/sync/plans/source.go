package plans

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Site is a statement in the code: a text, or what begins one, and the function or constant that it stands in.
type Site struct {
	Name  string // "store/sweep.go Missing", numbered where there are several
	parts []string
}

// dml begins a statement that is planned.
var dml = regexp.MustCompile(`(?is)^\s*(select|insert\s+into|update|delete\s+from|with|declare)\s.*\b(from|set|select|values|where)\b`)

// verb is where fmt puts something into a text, or a replacer for a word in braces.
var verb = regexp.MustCompile(`%(\[\d+\])?[sdq]|\{[a-z ]+\}`)

// ours tells that a statement is about tables of the runtime's own, made up or temporary: the others are the catalogues'.
var ours = regexp.MustCompile(`(?i)\b(august|drchrono|billing|labs)\.|\bstage_|%(\[\d+\])?s|\baugust_`)

// Sites is the statements in the code below a folder, its tests left out. Folders below it may be skipped by name.
func Sites(root string, skip ...string) ([]Site, error) {
	var sites []Site
	tree := os.DirFS(root)
	err := fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains(skip, d.Name()) {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		raw, err := fs.ReadFile(tree, path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, raw, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		sites = append(sites, sitesOf(path, file)...)
		return nil
	})
	return sites, err
}

// sitesOf is the statements of one file, in their order.
func sitesOf(path string, file *ast.File) []Site {
	var sites []Site
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			sites = append(sites, sitesIn(path+" "+d.Name.Name, d)...)
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				if v, ok := spec.(*ast.ValueSpec); ok {
					sites = append(sites, sitesIn(path+" "+v.Names[0].Name, v)...)
				}
			}
		}
	}
	return sites
}

func sitesIn(name string, n ast.Node) []Site {
	var texts []string
	ast.Inspect(n, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.BinaryExpr:
			if text, ok := begin(x); ok {
				texts = append(texts, text)
				return false
			}
		case *ast.BasicLit:
			if text, ok := begin(x); ok {
				texts = append(texts, text)
			}
		}
		return true
	})
	texts = slices.DeleteFunc(texts, func(text string) bool { return !dml.MatchString(text) || !ours.MatchString(text) })
	var sites []Site
	for i, text := range texts {
		s := Site{Name: name}
		if len(texts) > 1 {
			s.Name += " " + strconv.Itoa(i+1)
		}
		for _, part := range verb.Split(text, -1) {
			if part = tidy(part); part != "" {
				s.parts = append(s.parts, part)
			}
		}
		sites = append(sites, s)
	}
	return sites
}

// begin is the text of a string expression: of a concatenation, its texts with what fmt would mark in the place of the rest.
func begin(e ast.Expr) (string, bool) {
	switch x := e.(type) {
	case *ast.BasicLit:
		if x.Kind != token.STRING {
			return "", false
		}
		text, err := strconv.Unquote(x.Value)
		return text, err == nil
	case *ast.BinaryExpr:
		if x.Op != token.ADD {
			return "", false
		}
		left, l := begin(x.X)
		right, r := begin(x.Y)
		if !l && !r {
			return "", false
		}
		if !l {
			left = "%s"
		}
		if !r {
			right = "%s"
		}
		return left + right, true
	}
	return "", false
}

var space = regexp.MustCompile(`\s+`)

func tidy(text string) string { return strings.TrimSpace(space.ReplaceAllString(text, " ")) }

// find is the sites of a statement as it ran: whose parts it has, in their order, and most of them by length. Several places
// may have the same text. Beside them are those whose text stands within.
func find(sites []Site, text string) (names, embedded []string) {
	text = tidy(text)
	most := 1
	for _, s := range sites {
		n, begins, ok := s.within(text)
		switch {
		case !ok:
		case !begins && n >= telling:
			embedded = append(embedded, s.Name)
		case !begins || n < most:
		case n > most:
			most, names = n, []string{s.Name}
		default:
			names = append(names, s.Name)
		}
	}
	return names, embedded
}

// telling is the letters by which a text within another is known.
const telling = 24

// within counts the letters of the site's parts, when a text has all of them in their order, and tells whether it begins with
// the first.
func (s Site) within(text string) (n int, begins, ok bool) {
	begins = len(s.parts) > 0 && (strings.HasPrefix(text, s.parts[0]) || strings.HasPrefix(text, "declare "))
	for _, part := range s.parts {
		i := strings.Index(text, part)
		if i < 0 {
			return 0, false, false
		}
		n += len(part)
		text = text[i+len(part):]
	}
	return n, begins, n > 0
}

package modules

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/metric"
)

// source of the runtime, as far as it is seen from outside: what it measures and what it logs.
type runtime struct {
	instruments []instrument
	lines       []line
	with        map[string]map[string]bool // fields that a logger of a package carries along
	labels      map[string]bool            // of metrics
	words       map[string]bool            // that it may give as a label's value
}

type instrument struct{ kind, name, unit string }

// line of a log: the constant parts of its message, and the words beside it.
type line struct {
	dir     string
	message []string
	fields  []string
}

func readRuntime(t *testing.T) runtime {
	t.Helper()
	r := runtime{with: map[string]map[string]bool{}, labels: map[string]bool{}, words: map[string]bool{}}
	for _, root := range []string{"../sync", "../anonymize"} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			r.read(filepath.Dir(path), file)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// levels are the methods that say a line, and which of their arguments is the message.
var levels = map[string]int{
	"Debug": 0, "Info": 0, "Warn": 0, "Error": 0, "DebugContext": 1, "InfoContext": 1, "WarnContext": 1, "ErrorContext": 1,
}

func (r *runtime) read(dir string, file *ast.File) {
	makers := makersOf(file)
	ast.Inspect(file, func(n ast.Node) bool {
		if word, ok := n.(*ast.BasicLit); ok && word.Kind == token.STRING {
			r.words[unquoted(word)] = true
		}
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		switch fun := call.Fun.(type) {
		case *ast.Ident: // a closure that makes metrics of a kind
			if maker, ok := makers[fun.Name]; ok && len(call.Args) > 0 {
				maker.name = strings.Join(constants(call.Args[0]), "")
				r.instruments = append(r.instruments, maker)
			}
		case *ast.SelectorExpr:
			method := fun.Sel.Name
			if kind(method) && len(call.Args) > 0 {
				if name := constants(call.Args[0]); len(name) == 1 {
					r.instruments = append(r.instruments, instrument{method, name[0], unit(call)})
				}
			}
			if at, ok := levels[method]; ok && len(call.Args) > at {
				r.lines = append(r.lines, line{dir, constants(call.Args[at]), all(call.Args[at+1:])})
			}
			if method == "With" {
				if r.with[dir] == nil {
					r.with[dir] = map[string]bool{}
				}
				for _, field := range all(call.Args) {
					r.with[dir][field] = true
				}
			}
			if of, ok := fun.X.(*ast.Ident); ok && of.Name == "attribute" && len(call.Args) > 0 {
				for _, label := range constants(call.Args[0]) {
					r.labels[label] = true
				}
			}
		}
		return true
	})
}

func kind(method string) bool {
	return slices.Contains([]string{
		"Int64Counter", "Float64Counter", "Int64UpDownCounter", "Int64Histogram", "Float64Histogram",
		"Int64ObservableGauge", "Float64ObservableGauge", "Int64ObservableCounter", "Float64ObservableCounter",
	}, method)
}

// makersOf are the closures of a file that make a metric by a name that they are given.
func makersOf(file *ast.File) map[string]instrument {
	makers := map[string]instrument{}
	ast.Inspect(file, func(n ast.Node) bool {
		assigned, ok := n.(*ast.AssignStmt)
		if !ok || len(assigned.Lhs) != 1 || len(assigned.Rhs) != 1 {
			return true
		}
		name, named := assigned.Lhs[0].(*ast.Ident)
		closure, ok := assigned.Rhs[0].(*ast.FuncLit)
		if !named || !ok {
			return true
		}
		ast.Inspect(closure, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && len(call.Args) > 0 {
				if fun, ok := call.Fun.(*ast.SelectorExpr); ok && kind(fun.Sel.Name) && len(constants(call.Args[0])) == 0 {
					makers[name.Name] = instrument{kind: fun.Sel.Name, unit: unit(call)}
				}
			}
			return true
		})
		return true
	})
	return makers
}

// unit is what metric.WithUnit says among a call's arguments.
func unit(call *ast.CallExpr) string {
	for _, arg := range call.Args {
		if option, ok := arg.(*ast.CallExpr); ok {
			if fun, ok := option.Fun.(*ast.SelectorExpr); ok && fun.Sel.Name == "WithUnit" {
				return strings.Join(constants(option.Args[0]), "")
			}
		}
	}
	return ""
}

// constants are the parts of an expression's text that are known: of "a" + what + "b", a and b.
func constants(e ast.Expr) []string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			return []string{unquoted(e)}
		}
	case *ast.BinaryExpr:
		return append(constants(e.X), constants(e.Y)...)
	}
	return nil
}

func all(args []ast.Expr) []string {
	var words []string
	for _, arg := range args {
		words = append(words, constants(arg)...)
	}
	return words
}

func unquoted(word *ast.BasicLit) string {
	text, err := strconv.Unquote(word.Value)
	if err != nil {
		return ""
	}
	return text
}

// record makes an instrument as the runtime does, and measures something with it.
func (i instrument) record(m metric.Meter) error {
	ctx, in := context.Background(), metric.WithUnit(i.unit)
	ints := metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error { o.Observe(1); return nil })
	floats := metric.WithFloat64Callback(func(_ context.Context, o metric.Float64Observer) error { o.Observe(1); return nil })
	var err error
	switch i.kind {
	case "Int64Counter":
		var c metric.Int64Counter
		if c, err = m.Int64Counter(i.name, in); err == nil {
			c.Add(ctx, 1)
		}
	case "Int64UpDownCounter":
		var c metric.Int64UpDownCounter
		if c, err = m.Int64UpDownCounter(i.name, in); err == nil {
			c.Add(ctx, 1)
		}
	case "Int64Histogram":
		var h metric.Int64Histogram
		if h, err = m.Int64Histogram(i.name, in); err == nil {
			h.Record(ctx, 1)
		}
	case "Float64Histogram":
		var h metric.Float64Histogram
		if h, err = m.Float64Histogram(i.name, in); err == nil {
			h.Record(ctx, 1)
		}
	case "Int64ObservableGauge":
		_, err = m.Int64ObservableGauge(i.name, in, ints)
	case "Float64ObservableGauge":
		_, err = m.Float64ObservableGauge(i.name, in, floats)
	case "Int64ObservableCounter":
		_, err = m.Int64ObservableCounter(i.name, in, ints)
	case "Float64ObservableCounter":
		_, err = m.Float64ObservableCounter(i.name, in, floats)
	default:
		err = fmt.Errorf("a %s is not known here", i.kind)
	}
	return err
}

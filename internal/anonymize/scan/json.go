package scan

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
)

// node is a place within the JSON of a column: a rule has one, and each of the places on the way there.
type node struct {
	members map[string]*node
	any     *node // *
	element *node // []
	rule    *policy.Rule
	path    string // as the policy writes it, where there is a rule
}

// tree arranges the rules of a JSON column by path. A rule holds for all that is within its place.
func tree(paths map[string]policy.Rule) *node {
	root := &node{}
	for path, rule := range paths {
		at := root
		for step := range strings.SplitSeq(path, ".") {
			name := strings.TrimRight(step, "[]")
			switch name {
			case "":
			case "*":
				at = child(&at.any)
			default:
				if at.members == nil {
					at.members = map[string]*node{}
				}
				next := at.members[name]
				at.members[name] = child(&next)
				at = at.members[name]
			}
			for range strings.Count(step[len(name):], "[]") {
				at = child(&at.element)
			}
		}
		at.rule, at.path = &rule, path
	}
	return root
}

func child(n **node) *node {
	if *n == nil {
		*n = &node{}
	}
	return *n
}

// member is the place of a member, and whether a path names it.
func (n *node) member(name []byte) (*node, bool) {
	if n == nil {
		return nil, false
	}
	if n.rule != nil {
		return n, false
	}
	if m := n.members[string(name)]; m != nil {
		return m, true
	}
	return n.any, false
}

func (n *node) item() *node {
	if n == nil || n.rule != nil {
		return n
	}
	return n.element
}

// walker goes through the JSON of a value: each string, number and key, with its place, which is nil, or has no rule, where
// no path leads. It
// takes whatever it is given: what is no JSON is read as what it resembles.
type walker struct {
	buf   []byte
	stack []frame
}

type frame struct {
	at    *node // the place of what is in it
	array bool
	value *node // of an object: the place of the value to come
	key   bool  // a key is to come
}

func (w *walker) walk(root *node, v []byte, leaf func(at *node, text []byte), key func(text []byte, named bool)) {
	w.stack = w.stack[:0]
	place := func() *node {
		if len(w.stack) == 0 {
			return root
		}
		if top := &w.stack[len(w.stack)-1]; !top.array {
			return top.value
		}
		return w.stack[len(w.stack)-1].at.item()
	}
	for i := 0; i < len(v); {
		switch c := v[i]; c {
		case '{', '[':
			at := place()
			w.stack = append(w.stack, frame{at: at, array: c == '[', key: c == '{'})
			i++
		case '}', ']':
			if len(w.stack) > 0 {
				w.stack = w.stack[:len(w.stack)-1]
			}
			i++
		case ',':
			if n := len(w.stack); n > 0 && !w.stack[n-1].array {
				w.stack[n-1].key = true
			}
			i++
		case ' ', '\t', '\n', '\r', ':':
			i++
		case '"':
			var text []byte
			text, i = w.str(v, i+1)
			if n := len(w.stack); n > 0 && w.stack[n-1].key {
				top := &w.stack[n-1]
				var named bool
				top.value, named = top.at.member(text)
				top.key = false
				key(text, named)
				continue
			}
			leaf(place(), text)
		default:
			from := i
			for i < len(v) && v[i] != ',' && v[i] != '}' && v[i] != ']' && v[i] != '"' && v[i] > ' ' {
				i++
			}
			switch text := v[from:i]; string(text) {
			case "null", "true", "false":
			default:
				leaf(place(), text)
			}
			if i == from {
				i++
			}
		}
	}
}

// str is the string whose text begins at i, and where it ends.
func (w *walker) str(v []byte, i int) ([]byte, int) {
	from := i
	for i < len(v) && v[i] != '"' && v[i] != '\\' {
		i++
	}
	if i >= len(v) {
		return v[from:], i
	}
	if v[i] == '"' {
		return v[from:i], i + 1
	}
	w.buf = append(w.buf[:0], v[from:i]...)
	for i < len(v) && v[i] != '"' {
		if v[i] != '\\' || i+1 == len(v) {
			w.buf = append(w.buf, v[i])
			i++
			continue
		}
		i += 2
		switch c := v[i-1]; c {
		case 'n', 'r', 't', 'b', 'f':
			w.buf = append(w.buf, ' ')
		case 'u':
			r := hex4(v, i)
			i = min(i+4, len(v))
			if utf16.IsSurrogate(r) && i+6 <= len(v) && v[i] == '\\' && v[i+1] == 'u' {
				r = utf16.DecodeRune(r, hex4(v, i+2))
				i += 6
			}
			w.buf = utf8.AppendRune(w.buf, r)
		default:
			w.buf = append(w.buf, c)
		}
	}
	return w.buf, i + 1
}

func hex4(v []byte, i int) rune {
	if i+4 > len(v) {
		return utf8.RuneError
	}
	var r rune
	for _, c := range v[i : i+4] {
		switch {
		case digit(c):
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return utf8.RuneError
		}
	}
	return r
}

package redact

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Kind is what a JSON value is.
type Kind uint8

// Kinds of JSON values.
const (
	Null Kind = iota
	Bool
	Number
	String
	Container // an object or an array
)

func (k Kind) String() string {
	return [...]string{"null", "a boolean", "a number", "a string", "an object or an array"}[k]
}

// Apply appends what is to be written for the value at a path, which is paths[rule] of Compile's. A string comes and goes as
// its text, without quotes and escapes; all else as JSON has it. For a container, null and constants may be returned, or a
// container that Apply vouches for as a whole: what is in it has not been looked at.
type Apply func(dst []byte, rule int, kind Kind, value []byte) ([]byte, Kind, error)

// Document is what a JSON column's values are known to be: which paths there are.
type Document struct {
	root *node
	drop bool
}

type node struct {
	path     string // as the policy writes it
	key      string // JSON, with its colon
	rule     int    // -1: none
	members  map[string]*node
	any      *node // member of any name
	elements *node
}

// Compile reads paths such as "address.street", "contacts[].phone", "[].code"; "*" is a member of any name, whose name is
// replaced by its number, since a name may be a person's. unknown says what becomes of what no path names: "fail", which ""
// is as well, or "drop".
func Compile(paths []string, unknown string) (*Document, error) {
	d := &Document{root: &node{rule: -1}}
	switch unknown {
	case "", "fail":
	case "drop":
		d.drop = true
	default:
		return nil, fmt.Errorf("unknown is fail or drop, not %q", unknown)
	}
	for rule, path := range paths {
		n := d.root
		rest := path
		for first := true; rest != "" || first; first = false {
			if elements, ok := strings.CutPrefix(rest, "[]"); ok {
				if n.elements == nil {
					n.elements = &node{path: n.path + "[]", rule: -1}
				}
				n, rest = n.elements, elements
				continue
			}
			member := rest
			if !first {
				var ok bool
				if member, ok = strings.CutPrefix(rest, "."); !ok {
					return nil, fmt.Errorf("path %q: want . or [] before %q", path, rest)
				}
			}
			end := strings.IndexAny(member, ".[")
			if end < 0 {
				end = len(member)
			}
			if end == 0 {
				return nil, fmt.Errorf("path %q has a member without a name", path)
			}
			n, rest = n.member(member[:end]), member[end:]
		}
		if n.rule >= 0 {
			return nil, fmt.Errorf("path %q is there twice", path)
		}
		n.rule = rule
	}
	return d, nil
}

func (n *node) member(name string) *node {
	m := n.members[name]
	if name == "*" {
		m = n.any
	}
	if m != nil {
		return m
	}
	m = &node{path: name, key: string(appendString(nil, []byte(name))) + ":", rule: -1}
	if n.path != "" {
		m.path = n.path + "." + name
	}
	switch {
	case name == "*":
		n.any = m
	case n.members == nil:
		n.members = map[string]*node{name: m}
	default:
		n.members[name] = m
	}
	return m
}

// where names a place without saying anything of the value but what the policy says.
func (n *node) where() string {
	if n.path == "" {
		return "the document"
	}
	return strconv.Quote(n.path)
}

// Rewriter rewrites the values of a column. A worker has one; it belongs to one goroutine.
type Rewriter struct {
	*Document
	apply Apply

	in   []byte
	at   int
	text []byte // of the string that was read last
	out  []byte // of Apply
}

// Rewriter makes a rewriter.
func (d *Document) Rewriter(apply Apply) *Rewriter { return &Rewriter{Document: d, apply: apply} }

var errJSON = errors.New("not JSON")

// depth bounds how deep values may be nested that no path leads into.
const depth = 256

// JSON appends a value with each of its parts replaced as its path says. Members keep their order, numbers their digits.
// Its errors hold nothing of the value, not even a member's name.
func (w *Rewriter) JSON(dst, value []byte) ([]byte, error) {
	w.in, w.at = value, 0
	from := len(dst)
	dst, kept, err := w.value(dst, w.root)
	if err != nil {
		return dst[:from], err
	}
	if w.space(); w.at != len(w.in) {
		return dst[:from], errJSON
	}
	if !kept {
		dst = append(dst[:from], "null"...)
	}
	return dst, nil
}

// value rewrites the value that is next, and says whether any of it is left.
func (w *Rewriter) value(dst []byte, n *node) ([]byte, bool, error) {
	w.space()
	switch c := w.peek(); {
	case c == '{' && (n.members != nil || n.any != nil):
		dst, err := w.object(dst, n)
		return dst, true, err
	case c == '[' && n.elements != nil:
		dst, err := w.array(dst, n)
		return dst, true, err
	}
	from := w.at
	kind, err := w.skip(0)
	if err != nil {
		return dst, false, err
	}
	raw := w.in[from:w.at]
	if n.rule < 0 {
		switch {
		case kind == Null:
			return append(dst, "null"...), true, nil
		case w.drop:
			return dst, false, nil
		}
		return dst, false, fmt.Errorf("%s has no rule for %s", n.where(), kind)
	}
	if kind == String {
		if w.text, err = unescape(w.text[:0], raw); err != nil {
			return dst, false, err
		}
		raw = w.text
	}
	out, kind, err := w.apply(w.out[:0], n.rule, kind, raw)
	w.out = out
	if err != nil {
		return dst, false, fmt.Errorf("%s: %w", n.where(), err)
	}
	dst, ok := appendValue(dst, kind, out)
	if !ok {
		return dst, false, fmt.Errorf("%s: its rule made what is not %s", n.where(), kind)
	}
	return dst, true, nil
}

func (w *Rewriter) object(dst []byte, n *node) ([]byte, error) {
	w.at++
	dst = append(dst, '{')
	empty := true
	for i := 1; ; i++ {
		if w.space(); i == 1 && w.take('}') {
			break
		}
		from := w.at
		if kind, err := w.skip(0); err != nil || kind != String {
			return dst, errJSON
		}
		var err error
		if w.text, err = unescape(w.text[:0], w.in[from:w.at]); err != nil {
			return dst, err
		}
		if w.space(); !w.take(':') {
			return dst, errJSON
		}
		back := len(dst)
		if !empty {
			dst = append(dst, ',')
		}
		m, kept := n.members[string(w.text)], false
		switch {
		case m != nil:
			dst, kept, err = w.value(append(dst, m.key...), m)
		case n.any != nil:
			dst = strconv.AppendInt(append(dst, '"'), int64(i), 10)
			dst, kept, err = w.value(append(dst, '"', ':'), n.any)
		case w.drop:
			w.space()
			_, err = w.skip(0)
		default:
			err = fmt.Errorf("member %d of %s has no rule", i, n.where())
		}
		if err != nil {
			return dst, err
		}
		if kept {
			empty = false
		} else {
			dst = dst[:back]
		}
		if w.space(); w.take('}') {
			break
		}
		if !w.take(',') {
			return dst, errJSON
		}
	}
	return append(dst, '}'), nil
}

func (w *Rewriter) array(dst []byte, n *node) ([]byte, error) {
	w.at++
	dst = append(dst, '[')
	empty := true
	for i := 1; ; i++ {
		if w.space(); i == 1 && w.take(']') {
			break
		}
		back := len(dst)
		if !empty {
			dst = append(dst, ',')
		}
		var kept bool
		var err error
		if dst, kept, err = w.value(dst, n.elements); err != nil {
			return dst, err
		}
		if kept {
			empty = false
		} else {
			dst = dst[:back]
		}
		if w.space(); w.take(']') {
			break
		}
		if !w.take(',') {
			return dst, errJSON
		}
	}
	return append(dst, ']'), nil
}

package redact

import (
	"unicode/utf16"
	"unicode/utf8"
)

func (w *Rewriter) space() {
	for w.at < len(w.in) {
		switch w.in[w.at] {
		case ' ', '\t', '\n', '\r':
			w.at++
		default:
			return
		}
	}
}

// peek is the byte that is next; 0 at the end.
func (w *Rewriter) peek() byte {
	if w.at < len(w.in) {
		return w.in[w.at]
	}
	return 0
}

func (w *Rewriter) take(c byte) bool {
	if w.peek() != c {
		return false
	}
	w.at++
	return true
}

// skip goes past the value that is next, of which it makes sure that it is JSON.
func (w *Rewriter) skip(deep int) (Kind, error) {
	if deep > depth {
		return Null, errJSON
	}
	switch c := w.peek(); {
	case c == '{':
		return Container, w.skipAll(deep, '}')
	case c == '[':
		return Container, w.skipAll(deep, ']')
	case c == '"':
		return String, w.skipString()
	case w.word("true"), w.word("false"):
		return Bool, nil
	case w.word("null"):
		return Null, nil
	}
	n := number(w.in[w.at:])
	if n == 0 {
		return Null, errJSON
	}
	w.at += n
	return Number, nil
}

func (w *Rewriter) skipAll(deep int, end byte) error {
	w.at++
	if w.space(); w.take(end) {
		return nil
	}
	for {
		if w.space(); end == '}' {
			if w.peek() != '"' {
				return errJSON
			}
			if err := w.skipString(); err != nil {
				return err
			}
			if w.space(); !w.take(':') {
				return errJSON
			}
			w.space()
		}
		if _, err := w.skip(deep + 1); err != nil {
			return err
		}
		if w.space(); w.take(end) {
			return nil
		}
		if !w.take(',') {
			return errJSON
		}
	}
}

func (w *Rewriter) skipString() error {
	from := w.at
	for w.at++; w.at < len(w.in); w.at++ {
		switch c := w.in[w.at]; {
		case c == '"':
			w.at++
			if !utf8.Valid(w.in[from:w.at]) {
				return errJSON
			}
			return nil
		case c < ' ':
			return errJSON
		case c == '\\':
			w.at++
			switch w.peek() {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				if _, ok := hex(w.in, w.at+1); !ok {
					return errJSON
				}
			default:
				return errJSON
			}
		}
	}
	return errJSON
}

func (w *Rewriter) word(word string) bool {
	if len(w.in)-w.at < len(word) || string(w.in[w.at:w.at+len(word)]) != word {
		return false
	}
	w.at += len(word)
	return true
}

// number is the length of the JSON number that b begins with; 0 without one.
func number(b []byte) int {
	i := 0
	digits := func() bool {
		from := i
		for i < len(b) && '0' <= b[i] && b[i] <= '9' {
			i++
		}
		return i > from
	}
	if i < len(b) && b[i] == '-' {
		i++
	}
	if i < len(b) && b[i] == '0' {
		i++
	} else if !digits() {
		return 0
	}
	if i < len(b) && b[i] == '.' {
		if i++; !digits() {
			return 0
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if !digits() {
			return 0
		}
	}
	return i
}

func hex(b []byte, i int) (rune, bool) {
	if len(b)-i < 4 {
		return 0, false
	}
	var r rune
	for _, c := range b[i : i+4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// unescape appends the text of a string that skip has gone past. Half of a surrogate pair, which is no character, becomes U+FFFD.
func unescape(dst, raw []byte) ([]byte, error) {
	raw = raw[1 : len(raw)-1]
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c != '\\' {
			dst = append(dst, c)
			continue
		}
		i++
		switch c = raw[i]; c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u':
			r, ok := hex(raw, i+1)
			if !ok {
				return dst, errJSON
			}
			i += 4
			if utf16.IsSurrogate(r) {
				low := rune(0)
				if len(raw)-i > 6 && raw[i+1] == '\\' && raw[i+2] == 'u' {
					low, _ = hex(raw, i+3)
				}
				if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
					i += 6
				}
			}
			dst = utf8.AppendRune(dst, r)
			continue
		}
		dst = append(dst, c)
	}
	return dst, nil
}

func appendValue(dst []byte, kind Kind, value []byte) ([]byte, bool) {
	switch kind {
	case Null:
		return append(dst, "null"...), true
	case String:
		return appendString(dst, value), true
	case Bool:
		if s := string(value); s != "true" && s != "false" {
			return dst, false
		}
	case Number:
		if n := number(value); n == 0 || n != len(value) {
			return dst, false
		}
	case Container:
		w := Rewriter{in: value}
		if kind, err := w.skip(0); err != nil || kind != Container || w.at != len(value) {
			return dst, false
		}
	}
	return append(dst, value...), true
}

func appendString(dst, text []byte) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRune(text[i:])
			if r == utf8.RuneError && n == 1 {
				dst = append(append(dst, text[from:i]...), "\ufffd"...)
				from = i + 1
			}
			i += n
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = append(append(dst, text[from:i]...), '\\')
		switch c {
		case '"', '\\':
			dst = append(dst, c)
		case '\n':
			dst = append(dst, 'n')
		case '\r':
			dst = append(dst, 'r')
		case '\t':
			dst = append(dst, 't')
		default:
			dst = append(dst, 'u', '0', '0', digits[c>>4], digits[c&15])
		}
		i++
		from = i
	}
	return append(append(dst, text[from:]...), '"')
}

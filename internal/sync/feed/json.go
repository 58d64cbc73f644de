package feed

import (
	"encoding/json"
	"errors"
	"unicode/utf8"
)

var errShape = errors.New("not a JSON object")

// maxDepth bounds nesting: PostgreSQL's own JSON parser gives up at some depth, and it would take
// the whole page with it.
const maxDepth = 500

// eachMember calls visit for every member of a JSON object, in order. It takes the text to be valid
// JSON, as the page's decoder has already seen it, and so only has to find the ends of values; on
// anything else it stops with an error, never with a panic.
func eachMember(obj []byte, visit func(key, value []byte) error) error {
	i := skipSpace(obj, 0)
	if i >= len(obj) || obj[i] != '{' {
		return errShape
	}
	i = skipSpace(obj, i+1)
	if i < len(obj) && obj[i] == '}' {
		return nil
	}
	for {
		start := i
		end, err := skipValue(obj, i)
		if err != nil || obj[start] != '"' {
			return errShape
		}
		key, ok := stringText(obj[start:end])
		if !ok {
			return errShape
		}
		i = skipSpace(obj, end)
		if i >= len(obj) || obj[i] != ':' {
			return errShape
		}
		start = skipSpace(obj, i+1)
		if end, err = skipValue(obj, start); err != nil {
			return err
		}
		if err := visit(key, obj[start:end]); err != nil {
			return err
		}
		i = skipSpace(obj, end)
		if i >= len(obj) {
			return errShape
		}
		if obj[i] == '}' {
			return nil
		}
		if obj[i] != ',' {
			return errShape
		}
		i = skipSpace(obj, i+1)
	}
}

// skipValue returns the index after the value that starts at i.
func skipValue(b []byte, i int) (int, error) {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			for i++; ; i++ {
				if i >= len(b) {
					return 0, errShape
				}
				if b[i] == '\\' {
					i++
				} else if b[i] == '"' {
					break
				}
			}
			i++
		case '{', '[':
			if depth++; depth > maxDepth {
				return 0, errors.New("nested too deeply")
			}
			i++
		case '}', ']':
			if depth--; depth < 0 {
				return 0, errShape
			}
			i++
		case ',', ':', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return 0, errShape
			}
			i++
		default:
			start := i
			for i < len(b) && !isDelimiter(b[i]) {
				i++
			}
			if i == start {
				return 0, errShape
			}
		}
		if depth == 0 {
			return i, nil
		}
	}
	return 0, errShape
}

func isDelimiter(c byte) bool {
	switch c {
	case ',', ':', '}', ']', '{', '[', '"', ' ', '\t', '\n', '\r':
		return true
	}
	return false
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// stringText is the text of a JSON string, false when v is not one.
func stringText(v []byte) ([]byte, bool) {
	if len(v) < 2 || v[0] != '"' || v[len(v)-1] != '"' {
		return nil, false
	}
	for _, c := range v[1 : len(v)-1] {
		if c == '\\' || c < ' ' {
			var s string
			if json.Unmarshal(v, &s) != nil {
				return nil, false
			}
			return []byte(s), true
		}
	}
	if text := v[1 : len(v)-1]; utf8.Valid(text) {
		return text, true
	}
	var s string
	if json.Unmarshal(v, &s) != nil { // replaces what is not UTF-8
		return nil, false
	}
	return []byte(s), true
}

// quote is a member's name as JSON.
func quote(s string) []byte {
	b, _ := json.Marshal(s) // a string always marshals
	return b
}

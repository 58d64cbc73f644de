package labs

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// clean makes a text comparable without changing what it says: runs of white space and control
// characters become one space, invisible format characters and what is not UTF-8 go.
func clean(s string) string {
	if isClean(s) {
		return s
	}
	var b strings.Builder
	b.Grow(min(len(s), 256))
	space := false
	for _, c := range s {
		switch {
		case unicode.IsSpace(c), unicode.IsControl(c):
			space = true
			continue
		case unicode.Is(unicode.Cf, c):
			continue
		}
		if space && b.Len() > 0 {
			b.WriteByte(' ')
		}
		space = false
		b.WriteRune(c)
	}
	return b.String()
}

// isClean recognises most texts that need no cleaning.
func isClean(s string) bool {
	space := true
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || s[i] == ' ' && space {
			return false
		}
		space = s[i] == ' '
	}
	return s == "" || !space
}

// unify gives the many dashes and signs of comparison one spelling each. It takes clean text.
func unify(s string) string {
	if isASCII(s) && !strings.Contains(s, "&") {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for _, c := range s {
		switch {
		case c >= '！' && c <= '～': // the full-width forms of ASCII
			b.WriteRune(c - '！' + '!')
		case c >= '‐' && c <= '―', c == '−', c == '⁃', c == '﹘', c == '﹣':
			b.WriteByte('-')
		case c == '≥', c == '⩾', c == '≧':
			b.WriteString(">=")
		case c == '≤', c == '⩽', c == '≦':
			b.WriteString("<=")
		case c == '﹤', c == '‹':
			b.WriteByte('<')
		case c == '﹥', c == '›':
			b.WriteByte('>')
		default:
			b.WriteRune(c)
		}
	}
	return escapes.Replace(b.String())
}

// escapes are left behind by systems that pass results through web pages.
var escapes = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&le;", "<=", "&ge;", ">=")

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// fold makes two spellings of a word comparable.
func fold(s string) string {
	s = strings.ToLower(strings.TrimRight(unify(clean(s)), ". "))
	if strings.IndexByte(s, '-') < 0 {
		return s // clean has left single spaces only
	}
	var b strings.Builder
	b.Grow(len(s))
	space := false
	for i := range len(s) {
		if s[i] == '-' || s[i] == ' ' {
			space = b.Len() > 0
			continue
		}
		if space {
			b.WriteByte(' ')
		}
		space = false
		b.WriteByte(s[i])
	}
	return b.String()
}

// Words that say on which side of "there or not there" a text is.
var (
	negative = set("negative", "neg", "non reactive", "nonreactive", "not detected", "none detected", "undetected",
		"absent", "not present", "none seen", "not seen", "none")
	positive = set("positive", "pos", "reactive", "detected", "present")
)

// polarity is -1 for a negative text, 1 for a positive one, 0 for any other.
func polarity(text string) int {
	switch text = fold(text); {
	case negative[text]:
		return -1
	case positive[text]:
		return 1
	default:
		return 0
	}
}

func set(words ...string) map[string]bool {
	m := make(map[string]bool, len(words))
	for _, w := range words {
		m[w] = true
	}
	return m
}

// hasPrefixFold is strings.HasPrefix for ASCII, whatever the case.
func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// Package lex says what identifiers look like in text: where words, dates, numbers and addresses begin and end, and in which
// form two ways of writing the same are equal. The free-text transformer and the scan for leaks both read text through it,
// so that neither is blind where the other sees. It is pure, and allocates nothing.
package lex

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Class is what an ASCII byte is to text.
type Class uint8

// Classes. A byte of a longer character is Wide.
const (
	Other Class = iota
	Letter
	Digit
	Space
	Wide
)

var classes = func() (t [256]Class) {
	for c := range t {
		switch {
		case c >= utf8.RuneSelf:
			t[c] = Wide
		case 'a' <= c|0x20 && c|0x20 <= 'z':
			t[c] = Letter
		case '0' <= c && c <= '9':
			t[c] = Digit
		case c == ' ' || '\t' <= c && c <= '\r':
			t[c] = Space
		}
	}
	return t
}()

// ClassOf is the class of a byte.
func ClassOf(c byte) Class { return classes[c] }

// Word is the end of the word that begins at text[i]; i, if none does. A word is letters, with the marks and the apostrophes
// between them, and what is written between letters and not seen, such as a soft hyphen. A possessive ending is part of it.
func Word(text []byte, i int) int {
	end := i
	for i < len(text) {
		c := text[i]
		if classes[c] == Letter {
			i++
			end = i
			continue
		}
		if c == '\'' || c == '`' {
			if end == i && letterAt(text, i+1) {
				i++
				continue
			}
			return end
		}
		if c < utf8.RuneSelf {
			return end
		}
		r, n := utf8.DecodeRune(text[i:])
		switch {
		case unicode.IsLetter(r), unicode.IsMark(r) && end == i && i > 0:
			i += n
			end = i
		case unseen(r):
			i += n // belongs to the word only when a letter follows
		case apostrophe(r) && end == i && letterAt(text, i+n):
			i += n
		default:
			return end
		}
	}
	return end
}

func letterAt(text []byte, i int) bool {
	if i >= len(text) {
		return false
	}
	if text[i] < utf8.RuneSelf {
		return classes[text[i]] == Letter
	}
	r, _ := utf8.DecodeRune(text[i:])
	return unicode.IsLetter(r)
}

func apostrophe(r rune) bool {
	switch r {
	case '\'', '`', '’', '‘', 'ʼ', 'ʻ', '´', '′', '‛', '＇':
		return true
	}
	return false
}

// Apostrophe says whether text begins with an apostrophe, of whatever kind.
func Apostrophe(text []byte) bool {
	r, _ := utf8.DecodeRune(text)
	return apostrophe(r)
}

func unseen(r rune) bool {
	switch r {
	case '\u00ad', '\u200b', '\u200c', '\u200d', '\u200e', '\u200f', '\u2060', '\ufeff':
		return true
	}
	return false
}

// Fold appends a word in the form in which names are compared: small letters without diacritics, nothing but letters.
func Fold(dst, word []byte) []byte {
	for i := 0; i < len(word); {
		c := word[i]
		if c < utf8.RuneSelf {
			if classes[c] == Letter {
				dst = append(dst, c|0x20)
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(word[i:])
		if d := norm.NFKD.Properties(word[i : i+n]).Decomposition(); d != nil {
			for len(d) > 0 {
				r, k := utf8.DecodeRune(d)
				dst = foldRune(dst, r)
				d = d[k:]
			}
		} else {
			dst = foldRune(dst, r)
		}
		i += n
	}
	return dst
}

// Possessive is the length of a word without its possessive ending.
func Possessive(word []byte) int {
	n := len(word)
	if n < 3 || word[n-1]|0x20 != 's' {
		return n
	}
	r, k := utf8.DecodeLastRune(word[:n-1])
	if apostrophe(r) {
		return n - 1 - k
	}
	return n
}

func foldRune(dst []byte, r rune) []byte {
	switch r {
	case 'ß', 'ẞ':
		return append(dst, "ss"...)
	case 'æ', 'Æ':
		return append(dst, "ae"...)
	case 'œ', 'Œ':
		return append(dst, "oe"...)
	case 'ø', 'Ø':
		return append(dst, 'o')
	case 'ł', 'Ł':
		return append(dst, 'l')
	case 'đ', 'Đ', 'ð', 'Ð':
		return append(dst, 'd')
	case 'þ', 'Þ':
		return append(dst, "th"...)
	case 'ħ', 'Ħ':
		return append(dst, 'h')
	case 'ı':
		return append(dst, 'i')
	}
	if r == utf8.RuneError || !unicode.IsLetter(r) || unicode.Is(unicode.Lm, r) {
		return dst
	}
	return utf8.AppendRune(dst, unicode.ToLower(r))
}

package scan

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// What follows reads text on its own, without what redaction reads it with: a fault there must not hide itself here.

// lower folds ASCII.
var lower = func() (t [utf8.RuneSelf]byte) {
	for i := range t {
		t[i] = byte(i)
		if i >= 'A' && i <= 'Z' {
			t[i] += 'a' - 'A'
		}
	}
	return
}()

// fold appends a word in small letters without diacritics. What is neither letter nor digit is left out.
func fold(dst, word []byte) []byte {
	for len(word) > 0 {
		if c := word[0]; c < utf8.RuneSelf {
			if letter(c) || digit(c) {
				dst = append(dst, lower[c])
			}
			word = word[1:]
			continue
		}
		r, n := utf8.DecodeRune(word)
		dst = foldRune(dst, r)
		word = word[n:]
	}
	return dst
}

// special are letters that have no decomposition.
var special = map[rune]string{'ß': "ss", 'æ': "ae", 'œ': "oe", 'ø': "o", 'đ': "d", 'ð': "d", 'ł': "l", 'þ': "th", 'ı': "i", 'ħ': "h"}

func foldRune(dst []byte, r rune) []byte {
	r = unicode.ToLower(r)
	if s, ok := special[r]; ok {
		return append(dst, s...)
	}
	var buf [utf8.UTFMax]byte
	n := utf8.EncodeRune(buf[:], r)
	for part := norm.NFKD.Bytes(buf[:n]); len(part) > 0; {
		r, n := utf8.DecodeRune(part)
		part = part[n:]
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			dst = utf8.AppendRune(dst, unicode.ToLower(r))
		}
	}
	return dst
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func digit(c byte) bool  { return c >= '0' && c <= '9' }
func wide(c byte) bool   { return c >= utf8.RuneSelf }

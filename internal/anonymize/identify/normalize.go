package identify

import (
	"bytes"
	"net/netip"
	"unicode"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/lex"
)

// Normalize appends a value of a column in the form in which identifiers of the kind are compared, and says whether there is
// one: a value that is too short, or not of the kind, identifies nobody. Names are parted by Words.
func Normalize(dst []byte, k Kind, value []byte) ([]byte, bool) {
	from := len(dst)
	value = bytes.TrimSpace(value)
	switch k {
	case Name, FullName:
		dst = lex.Fold(dst, value)
		return dst, len(dst)-from >= 2
	case Email:
		at := bytes.IndexByte(value, '@')
		return lower(dst, value), 0 < at && at < len(value)-1
	case Phone:
		dst = digits(dst, value)
		if n := len(dst) - from; n > 10 {
			// What dials the country comes first, and may be left out.
			dst = append(dst[:from], dst[len(dst)-10:]...)
		}
		return dst, len(dst)-from == 10
	case SSN:
		dst = digits(dst, value)
		return dst, len(dst)-from == 9
	case Record:
		dst = record(dst, value)
		if code := bytes.TrimLeft(dst[from:], "0"); !bytes.ContainsFunc(code, unicode.IsLetter) { // 00123 is 123
			dst = append(dst[:from], code...)
		}
		return dst, len(dst)-from >= 5
	case Date:
		dst = digits(dst, value)
		if len(dst)-from < 8 {
			return dst, false
		}
		return dst[:from+8], true
	case IP:
		address, _, _ := bytes.Cut(value, []byte{'/'})
		a, err := netip.ParseAddr(string(address))
		if err != nil {
			return dst, false
		}
		return a.AppendTo(dst), true
	default:
		dst = lower(dst, value)
		return dst, len(dst)-from >= 8
	}
}

func lower(dst, value []byte) []byte {
	for _, c := range value {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		dst = append(dst, c)
	}
	return dst
}

func digits(dst, value []byte) []byte {
	for _, c := range value {
		if lex.ClassOf(c) == lex.Digit {
			dst = append(dst, c)
		}
	}
	return dst
}

func record(dst, value []byte) []byte {
	for _, c := range value {
		switch lex.ClassOf(c) {
		case lex.Digit:
			dst = append(dst, c)
		case lex.Letter:
			dst = append(dst, c|0x20)
		}
	}
	return dst
}

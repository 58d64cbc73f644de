package transform

import "math"

// A shape is what a code keeps of the text that it stands for: where digits, capitals and small letters are, and what is
// between them. Two texts of different shapes never get the same code, since a code is of its text's shape.
//
// Classes of places; anything else stands for itself.
const (
	anyDigit   = 'd'
	firstDigit = 'D' // not 0: of a number
	small      = 'l'
	capital    = 'u'
	hexSmall   = 'h'
	hexCapital = 'H'
	hexLetter  = 'f' // a to f: the first of hexadecimal digits, and
	hexDigit   = 'g' // 0 to 9: the second, so that they do not look like something else
	hexLetterC = 'F'
	version    = 'V' // of a UUID
	variant    = 'v'
	variantC   = 'W'
)

const (
	lowerHex = "0123456789abcdef"
	upperHex = "0123456789ABCDEF"
	alphabet = "abcdefghijklmnopqrstuvwxyz"
)

// longest is the length up to which a text's shape is kept. What is longer becomes hexadecimal digits.
const longest = 64

const uuidLength = 36

// shapeOf appends the shape of a text.
func shapeOf(dst, text []byte) []byte {
	if len(text) == uuidLength && isUUID(text) {
		class := byte(hexSmall)
		for _, c := range text {
			if 'A' <= c && c <= 'F' {
				class = hexCapital
			}
		}
		for i, c := range text {
			switch {
			case c == '-':
				dst = append(dst, '-')
			case i == 14:
				dst = append(dst, version)
			case i == 19 && class == hexCapital:
				dst = append(dst, variantC)
			case i == 19:
				dst = append(dst, variant)
			default:
				dst = append(dst, class)
			}
		}
		return dst
	}
	if len(text) > longest {
		return appendHex(dst, 40, false)
	}
	digits, lowers, uppers, hex := 0, 0, 0, true
	for _, c := range text {
		switch {
		case '0' <= c && c <= '9':
			digits++
		case 'a' <= c && c <= 'f':
			lowers++
		case 'A' <= c && c <= 'F':
			uppers++
		default:
			hex = false
		}
	}
	if hex && len(text) >= 16 && digits > 0 && (lowers > 0) != (uppers > 0) {
		return appendHex(dst, len(text), uppers > 0)
	}
	number := digits == len(text)
	for i, c := range text {
		switch {
		case number && i == 0 && c == '0':
			dst = append(dst, '0') // a number that is filled up with zeros stays one
		case number && i == 0:
			dst = append(dst, firstDigit)
		case '0' <= c && c <= '9':
			dst = append(dst, anyDigit)
		case 'a' <= c && c <= 'z':
			dst = append(dst, small)
		case 'A' <= c && c <= 'Z':
			dst = append(dst, capital)
		case c >= 0xC0 || c >= 0x80 && (i == 0 || text[i-1] < 0x80): // where a character beyond ASCII begins; it may be a letter of a name
			dst = append(dst, small)
		case c >= 0x80: // and its others
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

func appendHex(dst []byte, n int, capitals bool) []byte {
	first, rest := byte(hexLetter), byte(hexSmall)
	if capitals {
		first, rest = hexLetterC, hexCapital
	}
	dst = append(dst, first, hexDigit)
	for range n - 2 {
		dst = append(dst, rest)
	}
	return dst
}

func isUUID(text []byte) bool {
	for i, c := range text {
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if hexValue(c) < 0 {
				return false
			}
		}
	}
	return true
}

func hexValue(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// radix is how many characters a place may have; 1: it stands for itself.
func radix(class byte) uint64 {
	switch class {
	case anyDigit, hexDigit:
		return 10
	case firstDigit:
		return 9
	case small, capital:
		return 26
	case hexSmall, hexCapital:
		return 16
	case hexLetter, hexLetterC:
		return 6
	case variant, variantC:
		return 4
	}
	return 1
}

// character is the n-th that a place may have; n is below its radix.
func character(class byte, n uint64) byte {
	c := byte(n) //nolint:gosec // below the radix
	switch class {
	case anyDigit, hexDigit:
		return '0' + c
	case firstDigit:
		return '1' + c
	case small:
		return alphabet[n]
	case capital:
		return alphabet[n] - 'a' + 'A'
	case hexSmall:
		return lowerHex[n]
	case hexCapital:
		return upperHex[n]
	case hexLetter:
		return 'a' + c
	case hexLetterC:
		return 'A' + c
	case version:
		return '4'
	case variant:
		return "89ab"[n]
	case variantC:
		return "89AB"[n]
	}
	return class
}

// ordinalOf is which of its place's characters a character is.
func ordinalOf(class, c byte) byte {
	switch class {
	case anyDigit:
		return c - '0'
	case firstDigit:
		return c - '1'
	case small:
		return c - 'a'
	case capital:
		return c - 'A'
	}
	return byte(max(hexValue(c), 0)) //nolint:gosec // a hexadecimal digit
}

// texts is how many texts a shape has, at most 2^63.
func texts(shape []byte) uint64 {
	n := uint64(1)
	for _, class := range shape {
		r := radix(class)
		if n > math.MaxInt64/r {
			return 1 << 63
		}
		n *= r
	}
	return n
}

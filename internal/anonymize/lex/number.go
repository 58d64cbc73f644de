package lex

import "unicode/utf8"

// Mark is a set of what stands between two groups of digits.
type Mark uint8

// Marks.
const (
	Blank Mark = 1 << iota // space
	Dash
	Dot
	Comma
	Slash
	Paren
	Odd // anything else, such as an underscore, a colon or the end of a line
)

// Chain is groups of digits that have nothing but marks between them.
type Chain struct {
	Groups [12]Span
	Marks  [12]Mark // before each group
	N      int
	Plus   bool // a plus sign stands before it
}

// ReadChain reads the chain that begins at text[i], a digit, as far as it may be one number: sixteen digits or so.
func ReadChain(text []byte, i int) (c Chain) {
	c.Plus = i > 0 && text[i-1] == '+'
	for digits := 0; c.N < len(c.Groups) && digits < 16; {
		end := i
		for end < len(text) && classes[text[end]] == Digit {
			end++
		}
		c.Groups[c.N] = Span{i, end}
		c.N++
		digits += end - i
		var mark Mark
		if mark, i = marks(text, end); mark == 0 {
			break
		}
		if c.N < len(c.Marks) {
			c.Marks[c.N] = mark
		}
	}
	return c
}

// marks reads what stands between two groups; 0 when it is not followed by a digit.
func marks(text []byte, i int) (m Mark, end int) {
	for n := 0; n < 6 && i < len(text); n++ {
		switch c := text[i]; c {
		case ' ', '\t':
			m |= Blank
		case '-', '~':
			m |= Dash
		case '.', '*':
			m |= Dot
		case ',':
			m |= Comma
		case '/', '\\', '|':
			m |= Slash
		case '(', ')', '[', ']', '+':
			m |= Paren
		case '_', ':', ';', '#', '\n', '\r', '=':
			m |= Odd
		default:
			if classes[c] == Digit {
				return m, i
			}
			r, k := utf8.DecodeRune(text[i:])
			switch {
			case dash(r):
				m |= Dash
			case r == '\u00a0' || r == '\u202f' || r == '\u2009' || unseen(r):
				m |= Blank
			case r == '•' || r == '·':
				m |= Dot
			default:
				return 0, i
			}
			i += k
			continue
		}
		i++
	}
	if i < len(text) && classes[text[i]] == Digit {
		return m, i
	}
	return 0, i
}

// Width is how many digits a group has.
func (c *Chain) Width(g int) int {
	if g >= c.N {
		return 0
	}
	return c.Groups[g].To - c.Groups[g].From
}

// plain says whether nothing but usual marks stand between the groups up to the last.
func (c *Chain) plain(last int) bool {
	for _, m := range c.Marks[1 : last+1] {
		if m&Odd != 0 {
			return false
		}
	}
	return true
}

// Phone is how many groups at the chain's beginning are a telephone number; 0: none.
func (c *Chain) Phone(text []byte) int {
	first := text[c.Groups[0].From]
	w := [4]int{c.Width(0), c.Width(1), c.Width(2), c.Width(3)}
	switch {
	case w[0] == 10 && first >= '2', w[0] == 11 && first == '1':
		return 1
	case w[0] == 3 && w[1] == 3 && w[2] == 4 && c.plain(2):
		return 3
	case w[0] == 1 && first == '1' && w[1] == 3 && w[2] == 3 && w[3] == 4 && c.plain(3):
		return 4
	case w[0] == 1 && first == '1' && w[1] == 10 && c.plain(1), w[0] == 4 && first == '1' && w[1] == 7 && c.plain(1):
		return 2
	case w[0] == 4 && first == '1' && w[1] == 3 && w[2] == 4 && c.plain(2):
		return 3
	case (w[0] == 3 && w[1] == 7 || w[0] == 6 && w[1] == 4) && c.plain(1):
		return 2
	case w[0] == 3 && w[1] == 4 && first >= '2' && c.Marks[1]&^(Dash|Dot|Blank) == 0 && c.Marks[1] != Blank:
		return 2
	}
	if !c.Plus {
		return 0
	}
	digits, groups := 0, 0
	for groups < c.N && c.plain(groups) && (groups == 0 || c.Marks[groups]&Comma == 0) && digits+c.Width(groups) <= 15 {
		digits += c.Width(groups)
		groups++
	}
	if digits < 7 {
		return 0
	}
	return groups
}

// SSN is how many groups at the chain's beginning are a social security number; 0: none.
func (c *Chain) SSN() int {
	if c.Width(0) == 3 && c.Width(1) == 2 && c.Width(2) == 4 && c.plain(2) {
		return 3
	}
	return 0
}

// Code is the end of the letters and digits, with single dashes and underscores between them, that begin at text[i], and how
// many there are of either. A longer one than anybody writes down is parted.
func Code(text []byte, i int) (end, letters, digits int) {
	text = text[:min(len(text), i+64)]
	for i < len(text) {
		switch classes[text[i]] {
		case Letter:
			letters++
		case Digit:
			digits++
		default:
			if text[i] != '-' && text[i] != '_' || i == 0 || end != i || i+1 == len(text) {
				return end, letters, digits
			}
			if c := classes[text[i+1]]; c != Letter && c != Digit {
				return end, letters, digits
			}
			i++
			continue
		}
		i++
		end = i
	}
	return end, letters, digits
}

package feed

import (
	"bytes"
	"errors"
	"math"
	"strconv"
)

// null is how COPY's text format writes NULL.
const null = `\N`

// Reasons never quote the value at fault: it may be a patient's data.
var (
	errID      = errors.New("not an id")
	errInteger = errors.New("not an integer")
	errDecimal = errors.New("not a decimal")
	errRange   = errors.New("too large for the column")
	errBool    = errors.New("not a boolean")
	errText    = errors.New("not text")
)

// appendValue appends a member's value as a field of COPY's text format. A nil value is an absent
// member.
func appendValue(dst []byte, kind Kind, v []byte) ([]byte, error) {
	text, literal, ok := scalar(v)
	if !ok { // null, absent, or an object or array where a scalar was promised
		if len(v) > 0 && (v[0] == '{' || v[0] == '[') {
			return dst, errText
		}
		return append(dst, null...), nil
	}
	if kind == Text {
		return appendEscaped(dst, text), nil
	}
	if text = bytes.TrimSpace(text); len(text) == 0 {
		return append(dst, null...), nil
	}
	switch kind {
	case ID:
		return appendInteger(dst, text, math.MinInt64, math.MaxInt64, errID)
	case Integer:
		return appendInteger(dst, text, math.MinInt32, math.MaxInt32, errInteger)
	case TextID:
		if literal {
			return appendInteger(dst, text, math.MinInt64, math.MaxInt64, errID)
		}
		// A key is compared as text, so it must not need COPY's escapes.
		if bytes.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == '\\' }) {
			return dst, errID
		}
		return append(dst, text...), nil
	case Money:
		return appendDecimal(dst, text, 2)
	case Quantity:
		return appendDecimal(dst, text, 4)
	case Bool:
		return appendBool(dst, text)
	case Timestamp, Date:
		at := len(dst)
		dst, ok = appendTime(dst, text, kind == Date)
		if !ok {
			return append(dst[:at], null...), nil
		}
		return dst, nil
	}
	return dst, errors.New("unknown kind of column")
}

// scalar is the text of a string, number or boolean; literal tells that it was not a string.
func scalar(v []byte) (text []byte, literal, ok bool) {
	if len(v) == 0 {
		return nil, false, false
	}
	switch v[0] {
	case '"':
		text, ok = stringText(v)
		return text, false, ok
	case 'n', '{', '[':
		return nil, false, false
	}
	return v, true, true
}

// appendInteger takes "12", "+12", "12.0" and the like: the source types some ids as "number".
func appendInteger(dst, text []byte, low, high int64, not error) ([]byte, error) {
	if i := bytes.IndexByte(text, '.'); i > 0 {
		for _, c := range text[i+1:] {
			if c != '0' {
				return dst, not
			}
		}
		text = text[:i]
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		return dst, errRange
	}
	if err != nil {
		return dst, not
	}
	if n < low || n > high {
		return dst, errRange
	}
	return strconv.AppendInt(dst, n, 10), nil
}

// maxDigits is the digits before the point that numeric(12, scale) holds.
const maxDigits = 12

// appendDecimal takes what JSON and people write for an amount: "1,234" is refused, "1e3" is not.
// Digits beyond the scale are left to PostgreSQL, which rounds them.
func appendDecimal(dst, text []byte, scale int) ([]byte, error) {
	at := len(dst)
	if text[0] == '-' || text[0] == '+' {
		if text[0] == '-' {
			dst = append(dst, '-')
		}
		text = text[1:]
	}
	whole, rest := digits(text)
	var fraction []byte
	if len(rest) > 0 && rest[0] == '.' {
		fraction, rest = digits(rest[1:])
	}
	if len(whole)+len(fraction) == 0 || len(whole)+len(fraction) > 60 {
		return dst[:at], errDecimal
	}
	exponent := 0
	if len(rest) > 0 && (rest[0] == 'e' || rest[0] == 'E') {
		var err error
		if exponent, err = strconv.Atoi(string(rest[1:])); err != nil || exponent > 40 || exponent < -40 {
			return dst[:at], errDecimal
		}
		rest = nil
	}
	if len(rest) > 0 {
		return dst[:at], errDecimal
	}
	significant := len(bytes.TrimLeft(whole, "0")) + exponent
	if len(bytes.TrimLeft(whole, "0")) == 0 { // 0.00012e6: the leading zeros of the fraction count
		significant = exponent - (len(fraction) - len(bytes.TrimLeft(fraction, "0")))
	}
	// One digit less than the column holds, so that rounding up cannot overflow it. Zero always fits.
	if significant > maxDigits-scale-1 && len(bytes.Trim(whole, "0"))+len(bytes.Trim(fraction, "0")) > 0 {
		return dst[:at], errRange
	}
	if len(whole) == 0 {
		dst = append(dst, '0')
	}
	dst = append(dst, whole...)
	if len(fraction) > 0 {
		dst = append(append(dst, '.'), fraction...)
	}
	if exponent != 0 {
		dst = strconv.AppendInt(append(dst, 'e'), int64(exponent), 10)
	}
	return dst, nil
}

// digits splits text after its leading digits.
func digits(text []byte) (head, rest []byte) {
	i := 0
	for i < len(text) && isDigit(text[i]) {
		i++
	}
	return text[:i], text[i:]
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func appendBool(dst, text []byte) ([]byte, error) {
	switch string(text) { // as JSON writes it, which needs no copy
	case "true":
		return append(dst, 't'), nil
	case "false":
		return append(dst, 'f'), nil
	}
	switch string(bytes.ToLower(text)) {
	case "true", "t", "1", "yes":
		return append(dst, 't'), nil
	case "false", "f", "0", "no":
		return append(dst, 'f'), nil
	}
	return dst, errBool
}

// appendEscaped appends text as COPY's text format wants it, without the NUL that PostgreSQL's text
// cannot hold.
func appendEscaped[T []byte | string](dst []byte, text T) []byte {
	plain := 0
	for i := range len(text) {
		c := text[i]
		if c >= ' ' && c != '\\' {
			continue
		}
		var escape string
		switch c {
		case '\\':
			escape = `\\`
		case '\n':
			escape = `\n`
		case '\r':
			escape = `\r`
		case '\t':
			escape = `\t`
		case 0:
		default:
			continue
		}
		dst = append(append(dst, text[plain:i]...), escape...)
		plain = i + 1
	}
	return append(dst, text[plain:]...)
}

package dataset

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"unicode/utf8"
)

// encode appends a value, without its length, as COPY's binary format has it. What it takes PostgreSQL takes, too: it never has to
// say in its log what it could not read.
type encode func(dst, value []byte) ([]byte, error)

// errValue is of a value that its type does not have. It does not say which.
var errValue = errors.New("the value is not one of the column's type")

// encoders are of the types, by oid, that are checked here. Columns of all others travel as text.
var encoders = map[uint32]encode{
	16: boolean, 17: blob, 21: integer(16), 23: integer(32), 20: integer(64), 700: float(32), 701: float(64), 1700: numeric,
	25: text, 1042: text, 1043: text, 114: document, 2950: uuid, 1082: date, 1114: timestamp(false), 1184: timestamp(true),
}

func boolean(dst, v []byte) ([]byte, error) {
	switch string(v) {
	case "t":
		return append(dst, 1), nil
	case "f":
		return append(dst, 0), nil
	}
	return dst, errValue
}

func integer(bits int) encode {
	return func(dst, v []byte) ([]byte, error) {
		n, ok := whole(v)
		if !ok {
			return dst, errValue
		}
		switch {
		case bits == 16 && n == int64(int16(n)): //nolint:gosec // that is what is asked
			return binary.BigEndian.AppendUint16(dst, uint16(n)), nil //nolint:gosec // two's complement
		case bits == 32 && n == int64(int32(n)): //nolint:gosec // that is what is asked
			return binary.BigEndian.AppendUint32(dst, uint32(n)), nil //nolint:gosec // two's complement
		case bits == 64:
			return binary.BigEndian.AppendUint64(dst, uint64(n)), nil //nolint:gosec // two's complement
		}
		return dst, errValue
	}
}

// whole reads decimal digits after an optional minus.
func whole(v []byte) (int64, bool) {
	digits := v
	if len(v) > 0 && v[0] == '-' {
		digits = v[1:]
	}
	if len(digits) == 0 || len(digits) > 19 {
		return 0, false
	}
	var n uint64
	for _, c := range digits {
		if c -= '0'; c > 9 {
			return 0, false
		}
		n = 10*n + uint64(c)
	}
	if len(digits) < len(v) {
		return -int64(n), n <= 1<<63 // the least integer is its own negative
	}
	return int64(n), n <= math.MaxInt64
}

func float(bits int) encode {
	return func(dst, v []byte) ([]byte, error) {
		switch string(v) {
		case "NaN", "Infinity", "-Infinity":
		default:
			for _, c := range v { // Go reads hexadecimal digits, too
				if (c < '0' || c > '9') && c != '-' && c != '+' && c != '.' && c != 'e' && c != 'E' {
					return dst, errValue
				}
			}
		}
		f, err := strconv.ParseFloat(string(v), bits)
		if err != nil {
			return dst, errValue
		}
		if bits == 32 {
			return binary.BigEndian.AppendUint32(dst, math.Float32bits(float32(f))), nil
		}
		return binary.BigEndian.AppendUint64(dst, math.Float64bits(f)), nil
	}
}

func text(dst, v []byte) ([]byte, error) {
	if bytes.IndexByte(v, 0) >= 0 || !utf8.Valid(v) {
		return dst, errValue
	}
	return append(dst, v...), nil
}

func document(dst, v []byte) ([]byte, error) {
	if !utf8.Valid(v) || !json.Valid(v) {
		return dst, errValue
	}
	return append(dst, v...), nil
}

func blob(dst, v []byte) ([]byte, error) {
	if len(v) == 0 { // as a policy's constant may be
		return dst, nil
	}
	if len(v) < 2 || v[0] != '\\' || v[1] != 'x' {
		return dst, errValue
	}
	return unhex(dst, v[2:])
}

func unhex(dst, v []byte) ([]byte, error) {
	out, err := hex.AppendDecode(dst, v)
	if err != nil {
		return dst, errValue
	}
	return out, nil
}

func uuid(dst, v []byte) ([]byte, error) {
	if len(v) != 36 || v[8] != '-' || v[13] != '-' || v[18] != '-' || v[23] != '-' {
		return dst, errValue
	}
	var err error
	for _, part := range [][2]int{{0, 8}, {9, 13}, {14, 18}, {19, 23}, {24, 36}} {
		if dst, err = unhex(dst, v[part[0]:part[1]]); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

package dataset

import (
	"bytes"
	"encoding/binary"
	"math"
	"time"
)

// epoch is the day 0 of PostgreSQL's: 2000-01-01.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Unix() / 86400

const micro = int64(1_000_000)

func date(dst, v []byte) ([]byte, error) {
	switch string(v) {
	case "infinity":
		return binary.BigEndian.AppendUint32(dst, math.MaxInt32), nil
	case "-infinity":
		return binary.BigEndian.AppendUint32(dst, 1<<31), nil
	}
	v, before := bytes.CutSuffix(v, []byte(" BC"))
	day, rest, ok := civil(v, before)
	if !ok || len(rest) > 0 || day < -2451545 || day >= 2145031949 {
		return dst, errValue
	}
	return binary.BigEndian.AppendUint32(dst, uint32(day)), nil //nolint:gosec // two's complement
}

// timestamp reads the ISO style, in which PostgreSQL writes for every exporter.
func timestamp(zoned bool) encode {
	return func(dst, v []byte) ([]byte, error) {
		switch string(v) {
		case "infinity":
			return binary.BigEndian.AppendUint64(dst, math.MaxInt64), nil
		case "-infinity":
			return binary.BigEndian.AppendUint64(dst, 1<<63), nil
		}
		v, before := bytes.CutSuffix(v, []byte(" BC"))
		day, rest, ok := civil(v, before)
		if !ok || len(rest) < 9 || rest[0] != ' ' || rest[3] != ':' || rest[6] != ':' {
			return dst, errValue
		}
		hour, ok1 := two(rest[1:])
		minute, ok2 := two(rest[4:])
		second, ok3 := two(rest[7:])
		if !ok1 || !ok2 || !ok3 || hour > 23 || minute > 59 || second > 59 {
			return dst, errValue
		}
		clock := (3600*hour + 60*minute + second) * micro
		rest = rest[9:]
		if len(rest) > 0 && rest[0] == '.' {
			scale, n := micro/10, 1
			for ; n < len(rest) && rest[n] >= '0' && rest[n] <= '9'; n++ {
				clock += int64(rest[n]-'0') * scale
				scale /= 10
			}
			if n < 2 || n > 7 {
				return dst, errValue
			}
			rest = rest[n:]
		}
		if zoned {
			offset, ok := zone(rest)
			if !ok {
				return dst, errValue
			}
			clock -= offset * micro
		} else if len(rest) > 0 {
			return dst, errValue
		}
		if day < -2451545 || day >= 106751983 { // 294277-01-01
			return dst, errValue
		}
		return binary.BigEndian.AppendUint64(dst, uint64(day*86400*micro+clock)), nil //nolint:gosec // two's complement
	}
}

// civil reads a day and gives those since the epoch, and what follows it.
func civil(v []byte, before bool) (days int64, rest []byte, ok bool) {
	dash := bytes.IndexByte(v, '-')
	if dash < 4 || dash > 7 || len(v) < dash+6 || v[dash+3] != '-' {
		return 0, nil, false
	}
	year, ok1 := whole(v[:dash])
	month, ok2 := two(v[dash+1:])
	day, ok3 := two(v[dash+4:])
	if !ok1 || !ok2 || !ok3 || year < 1 || month < 1 || month > 12 || day < 1 {
		return 0, nil, false
	}
	if before {
		year = 1 - year
	}
	t := time.Date(int(year), time.Month(month), int(day), 0, 0, 0, 0, time.UTC)
	if t.Day() != int(day) { // the 31st of a shorter month
		return 0, nil, false
	}
	days = t.Unix() / 86400
	return days - epoch, v[dash+6:], true
}

func zone(v []byte) (seconds int64, ok bool) {
	if len(v) < 3 || (v[0] != '+' && v[0] != '-') {
		return 0, false
	}
	unit := int64(3600)
	for part := v[1:]; ; part = part[3:] {
		n, ok := two(part)
		if !ok || (unit == 3600 && n > 15) || (unit < 3600 && n > 59) || unit == 0 {
			return 0, false
		}
		seconds += n * unit
		unit /= 60
		if len(part) == 2 {
			break
		}
		if len(part) < 5 || part[2] != ':' {
			return 0, false
		}
	}
	if v[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

func two(v []byte) (int64, bool) {
	if len(v) < 2 || v[0] < '0' || v[0] > '9' || v[1] < '0' || v[1] > '9' {
		return 0, false
	}
	return int64(v[0]-'0')*10 + int64(v[1]-'0'), true
}

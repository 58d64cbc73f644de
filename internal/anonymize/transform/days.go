package transform

import "strconv"

// date is a day of the proleptic Gregorian calendar; before year 1 come 0, -1, ..
type date struct{ year, month, day int64 }

// days counts from 1970-01-01.
func (d date) days() int64 {
	y, m := d.year, d.month
	if m <= 2 {
		y--
		m += 12
	}
	era := floorDiv(y, 400)
	ofEra := y - era*400
	return era*146097 + ofEra*365 + ofEra/4 - ofEra/100 + (153*(m-3)+2)/5 + d.day - 1 - 719468
}

func dateOf(days int64) date {
	days += 719468
	era := floorDiv(days, 146097)
	ofEra := days - era*146097
	years := (ofEra - ofEra/1460 + ofEra/36524 - ofEra/146096) / 365
	ofYear := ofEra - (365*years + years/4 - years/100)
	m := (5*ofYear + 2) / 153
	d := date{years + era*400, m + 3, ofYear - (153*m+2)/5 + 1}
	if d.month > 12 {
		d.month -= 12
		d.year++
	}
	return d
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// valid says whether there is such a day.
func (d date) valid() bool {
	return d.month >= 1 && d.month <= 12 && d.day >= 1 && (d.day <= 28 || d.day <= 31 && dateOf(d.days()) == d)
}

// years is the age of who was born on d, on another day.
func (d date) years(on date) int64 {
	age := on.year - d.year
	if on.month < d.month || on.month == d.month && on.day < d.day {
		age--
	}
	return age
}

// oldest is the age from which on all are one category: 45 CFR 164.514(b)(2)(i)(C).
const oldest = 90

// readDate reads a date as PostgreSQL writes it (ISO), and what comes behind it: a time, an offset. Before Christ the rest ends
// with BC.
func readDate(value []byte) (d date, rest []byte, ok bool) {
	i := 0
	for i < len(value) && isDigit(value[i]) {
		d.year = d.year*10 + int64(value[i]-'0')
		if i++; i > 7 {
			return d, nil, false
		}
	}
	if i < 4 || len(value) < i+6 || value[i] != '-' || value[i+3] != '-' ||
		!isDigit(value[i+1]) || !isDigit(value[i+2]) || !isDigit(value[i+4]) || !isDigit(value[i+5]) {
		return d, nil, false
	}
	d.month, d.day = two(value[i+1:]), two(value[i+4:])
	rest = value[i+6:]
	if beforeChrist(rest) {
		d.year = 1 - d.year
	}
	return d, rest, d.valid()
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func two(digits []byte) int64 { return int64(digits[0]-'0')*10 + int64(digits[1]-'0') }

func beforeChrist(rest []byte) bool {
	return len(rest) >= 3 && string(rest[len(rest)-3:]) == " BC"
}

// appendDate writes a date as PostgreSQL does, and the rest behind it.
func appendDate(dst []byte, d date, rest []byte) []byte {
	bc := d.year < 1
	if beforeChrist(rest) {
		rest = rest[:len(rest)-3]
	}
	if bc {
		d.year = 1 - d.year
	}
	dst = appendDigits(dst, d.year, 4)
	dst = appendDigits(append(dst, '-'), d.month, 2)
	dst = appendDigits(append(dst, '-'), d.day, 2)
	dst = append(dst, rest...)
	if bc {
		dst = append(dst, " BC"...)
	}
	return dst
}

func appendDigits(dst []byte, n int64, least int) []byte {
	switch {
	case least == 2:
		return append(dst, '0'+byte(n/10), '0'+byte(n%10)) //nolint:gosec // below 100
	case n < 10000:
		return append(dst, '0'+byte(n/1000), '0'+byte(n/100%10), '0'+byte(n/10%10), '0'+byte(n%10)) //nolint:gosec // of four digits
	}
	return strconv.AppendInt(dst, n, 10)
}

// infinite says whether a value is one of PostgreSQL's dates that are none.
func infinite(value []byte) bool {
	return string(value) == "infinity" || string(value) == "-infinity"
}

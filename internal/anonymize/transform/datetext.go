package transform

// Dates in text columns. What is not read as a date becomes empty: it may be anything.

// textDate is a date as a text has it.
type textDate struct {
	date
	form dateForm
	gaps [2]byte // what parts it
	rest []byte  // time and offset behind it
}

type dateForm uint8

const (
	noDate   dateForm = iota
	iso               // 2024-03-05, 2024/03/05, with a time or without
	compact           // 20240305
	american          // 03/05/2024, 3-5-2024, with a time or without
	monthly           // 03/2024
	yearly            // 2024
)

// readTextDate reads a whole text as a date.
func readTextDate(text []byte) textDate {
	var numbers [3]int64
	var lengths [3]int
	var gaps [2]byte
	n, i := 0, 0
	for n < 3 {
		from := i
		for i < len(text) && isDigit(text[i]) && i-from < 8 {
			numbers[n] = numbers[n]*10 + int64(text[i]-'0')
			i++
		}
		lengths[n] = i - from
		if i == from {
			return textDate{}
		}
		n++
		if n > len(gaps) || i == len(text) || text[i] != '-' && text[i] != '/' && text[i] != '.' {
			break
		}
		gaps[n-1] = text[i] //nolint:gosec // n is 1 or 2
		i++
	}
	t := textDate{gaps: gaps, rest: text[i:]}
	switch {
	case n == 3 && lengths[0] == 4 && lengths[1] <= 2 && lengths[2] <= 2:
		t.form, t.date = iso, date{numbers[0], numbers[1], numbers[2]}
	case n == 3 && lengths[0] <= 2 && lengths[1] <= 2 && lengths[2] == 4:
		t.form, t.date = american, date{numbers[2], numbers[0], numbers[1]}
	case n == 2 && lengths[0] <= 2 && lengths[1] == 4:
		t.form, t.date = monthly, date{numbers[1], numbers[0], 1}
	case n == 1 && lengths[0] == 8:
		t.form, t.date = compact, date{numbers[0] / 10000, numbers[0] / 100 % 100, numbers[0] % 100}
	case n == 1 && lengths[0] == 4:
		t.form, t.date = yearly, date{numbers[0], 1, 1}
	}
	if t.form != noDate && (!t.valid() || t.form != iso && t.form != american && len(t.rest) > 0 || !isClock(t.rest)) {
		return textDate{}
	}
	return t
}

// isClock says whether what is behind a date is nothing or a time, such as "T10:11:12.5Z" or " 10:11:12+00".
func isClock(rest []byte) bool {
	if len(rest) == 0 {
		return true
	}
	if rest[0] != 'T' && rest[0] != ' ' || len(rest) < 6 || len(rest) > 36 {
		return false
	}
	for i, c := range rest[1:] {
		if !isDigit(c) && c != ':' && c != '.' && c != '+' && c != '-' && (c != 'Z' || i+2 != len(rest)) {
			return false
		}
	}
	return isDigit(rest[1]) && isDigit(rest[2]) && rest[3] == ':' && isDigit(rest[4]) && isDigit(rest[5])
}

// append writes another day as t is written; without its clock the time is midnight.
func (t textDate) append(dst []byte, d date, clock bool) []byte {
	switch t.form {
	case iso:
		dst = appendDigits(dst, d.year, 4)
		dst = appendDigits(append(dst, t.gaps[0]), d.month, 2)
		dst = appendDigits(append(dst, t.gaps[1]), d.day, 2)
	case compact:
		return appendDigits(appendDigits(appendDigits(dst, d.year, 4), d.month, 2), d.day, 2)
	case american:
		dst = appendDigits(dst, d.month, 2)
		dst = appendDigits(append(dst, t.gaps[0]), d.day, 2)
		dst = appendDigits(append(dst, t.gaps[1]), d.year, 4)
	case monthly:
		dst = appendDigits(dst, d.month, 2)
		dst = appendDigits(append(dst, t.gaps[0]), d.year, 4)
	case yearly:
		dst = appendDigits(dst, d.year, 4)
	}
	for _, c := range t.rest {
		if isDigit(c) && !clock {
			c = '0'
		}
		dst = append(dst, c)
	}
	return dst
}

// yearOfText leaves the year of a date in text.
func (w *Worker) yearOfText(dst, value []byte) ([]byte, error) {
	t := readTextDate(value)
	if t.form == noDate {
		return dst, nil
	}
	return t.append(dst, w.yearOf(t.date), false), nil
}

// shiftText moves a date in text. Of a month or a year without a day only the year is left.
func (w *Worker) shiftText(dst, value []byte) ([]byte, error) {
	t := readTextDate(value)
	switch t.form {
	case noDate:
		return dst, nil
	case monthly, yearly:
		return t.append(dst, w.yearOf(t.date), false), nil
	}
	to, capped := w.shifted(t.date)
	return t.append(dst, to, !capped), nil
}

package feed

// appendTime appends a time as the source writes it, in PostgreSQL's form: a date, or a date and a
// time apart by "T" or a space, with or without seconds, a fraction and an offset. The offset is
// dropped: the source names no zone for its naive times, and wall clocks compare only with wall
// clocks. It reports false for anything else.
func appendTime(dst, s []byte, dateOnly bool) ([]byte, bool) {
	if len(s) < 10 || s[4] != '-' || s[7] != '-' {
		return dst, false
	}
	year, ok1 := number(s[0:4])
	month, ok2 := number(s[5:7])
	day, ok3 := number(s[8:10])
	if !ok1 || !ok2 || !ok3 || year < 1 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return dst, false
	}
	date, rest := s[:10], s[10:]
	clock, fraction, ok := parseClock(rest)
	if !ok {
		return dst, false
	}
	dst = append(dst, date...)
	if dateOnly {
		return dst, true
	}
	dst = append(append(dst, ' '), clock...)
	if len(clock) == len("00:00") {
		dst = append(dst, ":00"...)
	}
	if len(fraction) > 0 {
		dst = append(append(dst, '.'), fraction...)
	}
	return dst, true
}

// parseClock reads what follows a date: a clock with or without seconds. The fraction comes without trailing zeros and
// cut to microseconds, so that equal times have equal texts and texts sort as times do.
func parseClock(s []byte) (clock, fraction []byte, ok bool) {
	if len(s) == 0 {
		return midnight, nil, true
	}
	if (s[0] != 'T' && s[0] != 't' && s[0] != ' ') || len(s) < 6 || s[3] != ':' {
		return nil, nil, false
	}
	hour, ok1 := number(s[1:3])
	minute, ok2 := number(s[4:6])
	if !ok1 || !ok2 || hour > 23 || minute > 59 {
		return nil, nil, false
	}
	clock, rest := s[1:6], s[6:]
	if len(rest) >= 3 && rest[0] == ':' {
		second, ok := number(rest[1:3])
		if !ok || second > 59 {
			return nil, nil, false
		}
		clock, rest = s[1:9], rest[3:]
		if len(rest) > 1 && (rest[0] == '.' || rest[0] == ',') {
			fraction, rest = digits(rest[1:])
			if len(fraction) == 0 {
				return nil, nil, false
			}
			fraction = fraction[:min(len(fraction), 6)]
			for len(fraction) > 0 && fraction[len(fraction)-1] == '0' {
				fraction = fraction[:len(fraction)-1]
			}
		}
	}
	return clock, fraction, isOffset(rest)
}

var midnight = []byte("00:00:00")

// isOffset accepts nothing, "Z", "+05", "+0500" and "+05:00", the last three also after a space.
func isOffset(s []byte) bool {
	if len(s) > 0 && s[0] == ' ' {
		s = s[1:]
		if len(s) == 0 {
			return false
		}
	}
	if len(s) == 0 || len(s) == 1 && (s[0] == 'Z' || s[0] == 'z') {
		return true
	}
	if s[0] != '+' && s[0] != '-' {
		return false
	}
	s = s[1:]
	if len(s) == 5 && s[2] == ':' {
		_, ok1 := number(s[:2])
		_, ok2 := number(s[3:])
		return ok1 && ok2
	}
	_, ok := number(s)
	return ok && (len(s) == 2 || len(s) == 4)
}

func number(s []byte) (int, bool) {
	n := 0
	for _, c := range s {
		if !isDigit(c) {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, len(s) > 0
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

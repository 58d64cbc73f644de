package redact

import (
	"strconv"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/lex"
)

// date replaces the date that begins here.
func (p *pass) date() bool {
	d, ok := lex.ReadDate(p.in, p.at)
	if !ok || d.Uncertain && !d.Word && p.isAmount(&d) {
		return false
	}
	year := p.years(&d)
	if p.moved && d.Full() && year > p.year-90 {
		p.at = d.To
		p.lastOwn = nil
		return true
	}
	switch {
	case year == 0 || year <= p.year-90:
		// A date without a year, or one that tells of an age over 89.
		p.put(d.From, d.To, "[DATE]")
	case p.days != 0 && d.Full() && (!d.Uncertain || !d.Word):
		p.move(&d, year)
	default:
		var b [4]byte
		text := strconv.AppendInt(b[:0], int64(year), 10)
		if p.own.isCode(text) {
			p.put(d.From, d.To, "[DATE]")
			return true
		}
		p.open = p.open || !p.apart(&d)
		p.cut(d.From, d.To)
		p.dst = append(p.dst, text...)
	}
	return true
}

// apart says whether the year that stays of a date is surely no part of anything else: a word is before it,
// and the end of a sentence, or an everyday word, behind it.
func (p *pass) apart(d *lex.Date) bool {
	if p.ended != d.From-1 || p.before&(month|weekday|of) != 0 || lex.ClassOf(p.in[p.ended-1]) != lex.Letter || p.in[p.ended] != ' ' {
		return false
	}
	rest := p.in[d.To:min(len(p.in), d.To+10)]
	if len(rest) == 0 {
		return true
	}
	for _, c := range rest {
		if k := lex.ClassOf(c); k == lex.Digit || k == lex.Wide {
			return false
		}
	}
	next, ok := p.next(d.To, 3)
	switch rest[0] {
	case ',', '.', ';', ')':
		return !ok || next.flags&(month|of) == 0
	case ' ':
		return ok && !next.cap && next.from == d.To+1 && next.flags&ordinary != 0 && next.flags&(month|of|yearWord|amount) == 0
	}
	return false
}

// years is the year of a date, with its century; 0, when it says none.
func (p *pass) years(d *lex.Date) int {
	if !d.Short {
		return d.Year
	}
	if b := &p.own.birth; b.Month > 0 && b.Year%100 == d.Year && (b.Month == d.Month && b.Day == d.Day || b.Month == d.Day && b.Day == d.Month) {
		return b.Year
	}
	if y := 2000 + d.Year; y <= p.year+1 {
		return y
	}
	return 1900 + d.Year
}

// isAmount says whether two numbers with a slash between are no date: 1/2 tablet, 5/5 strength.
func (p *pass) isAmount(d *lex.Date) bool {
	if p.before&dateWord != 0 && d.From-p.ended <= 2 {
		return false
	}
	if of := d.D.To - d.D.From; p.before&scale != 0 && d.From-p.ended <= 2 && (of == 1 && p.in[d.D.From] >= '4' || of == 2 && d.Day == 10) {
		return true // pain 4/10
	}
	next, ok := p.next(d.To, 1)
	return ok && next.flags&amount != 0 && next.from-d.To <= 1
}

// move writes a date as it is written, so many days later.
func (p *pass) move(d *lex.Date, year int) {
	day := time.Date(year, time.Month(d.Month), d.Day, 0, 0, 0, 0, time.UTC).AddDate(0, 0, p.days)
	if day.Year() <= p.year-90 || day.Year() > 9999 {
		p.put(d.From, d.To, "[DATE]")
		return
	}
	from, to := min(d.Y.From, d.M.From, d.D.From), d.Clock
	p.open = true
	p.cut(d.From, d.To)
	padded := p.in[d.D.From] == '0' || !d.Word && p.in[d.M.From] == '0' || d.Y.From < d.M.From && d.M.To-d.M.From == 2 || d.M.To == d.D.From ||
		d.Word && d.D.To <= d.M.From && p.in[d.D.To] != ' '
	number := func(n int, s lex.Span) {
		if n < 10 && s.To-s.From == 2 && (padded || p.in[s.From] == '0' || d.Y.To-d.Y.From == 4 && s.From == d.Y.To) {
			p.dst = append(p.dst, '0')
		}
		p.dst = strconv.AppendInt(p.dst, int64(n), 10)
	}
	for i := from; i < to; {
		switch i {
		case d.Y.From:
			if d.Short {
				p.dst = append(p.dst, byte('0'+day.Year()/10%10), byte('0'+day.Year()%10))
			} else {
				p.dst = strconv.AppendInt(p.dst, int64(day.Year()), 10)
			}
			i = d.Y.To
		case d.M.From:
			if d.Word {
				p.dst = lex.AppendMonth(p.dst, int(day.Month()), p.in[d.M.From:d.M.To])
			} else {
				number(int(day.Month()), d.M)
			}
			i = d.M.To
		case d.D.From:
			number(day.Day(), d.D)
			if i = d.D.To; d.Ordinal {
				p.dst = append(p.dst, ending(day.Day())...)
				i += 2
			}
		default:
			p.dst = append(p.dst, p.in[i])
			i++
		}
	}
	p.dst = append(p.dst, p.in[d.Clock:d.To]...)
}

func ending(day int) string {
	switch {
	case day%10 == 1 && day != 11:
		return "st"
	case day%10 == 2 && day != 12:
		return "nd"
	case day%10 == 3 && day != 13:
		return "rd"
	}
	return "th"
}

// isMonth takes away months that have no day and no year, and ages in words.
func (p *pass) isMonth(w *word) bool {
	if w.flags&ninety != 0 {
		return p.isNinety(w)
	}
	after := p.before&dateWord != 0 && w.from-p.ended == 1
	switch string(w.text) {
	case "may", "march", "mar":
		if !after || p.start || !w.cap && p.length != 2 && p.length != 5 {
			return false
		}
	default:
		if len(w.text) < 5 && string(w.text) != "june" && string(w.text) != "july" && (!after || !w.cap) {
			return false
		}
	}
	p.put(w.from, w.base, "[DATE]")
	return true
}

// isBirthday takes a day of birth with a hyphen or a full stop that says no year: DOB 3-2. Elsewhere 3-2 is anything.
func (p *pass) isBirthday(end int) bool {
	in, from := p.in, end+1
	if p.before&bornWord == 0 || p.at-p.ended > 3 || end-p.at > 2 || from >= len(in) || in[end] != '-' && in[end] != '.' {
		return false
	}
	to := from
	for to < len(in) && lex.ClassOf(in[to]) == lex.Digit {
		to++
	}
	if to == from || to-from > 2 || to+1 < len(in) && (in[to] == '-' || in[to] == '.') && lex.ClassOf(in[to+1]) == lex.Digit {
		return false
	}
	if next, ok := p.next(to, 1); ok && next.flags&amount != 0 { // 3-4 weeks early
		return false
	}
	a, _ := strconv.Atoi(string(in[p.at:end]))
	b, _ := strconv.Atoi(string(in[from:to]))
	if a, b = min(a, b), max(a, b); a < 1 || a > 12 || b > 31 {
		return false
	}
	p.put(p.at, to, "[DATE]")
	return true
}

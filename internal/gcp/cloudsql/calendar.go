package cloudsql

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // a practice's wall clock must not depend on the machine that plans
)

// MaxDenyDays is the longest time that maintenance can be denied for at a stretch.
const MaxDenyDays = 90

// DenyPeriod is a time in which Google does no maintenance: from a time of day of one date to the same time of another.
// Dates without a year come back every year.
type DenyPeriod struct {
	Start string // yyyy-mm-dd, or mm-dd
	End   string // the same form
	Time  string // HH:MM:SS in UTC
}

// ParseDate reads yyyy-mm-dd, or mm-dd for every year, which it puts into the year 0.
func ParseDate(s string) (date time.Time, yearly bool, err error) {
	if date, err = time.Parse("2006-01-02", s); err == nil {
		return date, false, nil
	}
	if date, err = time.Parse("01-02", s); err == nil {
		return date, true, nil
	}
	return time.Time{}, false, fmt.Errorf("%q is no date", s)
}

// Days is how long the period is. It fails when the period cannot be one, and says why.
func (p DenyPeriod) Days() (int, error) {
	start, end, yearly, err := p.dates()
	if err != nil {
		return 0, err
	}
	if yearly && end.Before(start) {
		end = end.AddDate(1, 0, 0) // over New Year
	}
	switch days := int(end.Sub(start).Hours() / 24); {
	case days < 0:
		return 0, errors.New("it ends before it starts")
	case days == 0:
		return 0, errors.New("it ends as it starts: it takes a day at least")
	default:
		return days, nil
	}
}

func (p DenyPeriod) dates() (start, end time.Time, yearly bool, err error) {
	start, yearly, err = ParseDate(p.Start)
	if err != nil {
		return start, end, false, err
	}
	end, endYearly, err := ParseDate(p.End)
	if err == nil && endYearly != yearly {
		err = errors.New("one date has a year and the other has none: give both one, or neither")
	}
	return start, end, yearly, err
}

// Active tells whether maintenance is denied at a time. A period that makes no sense denies nothing.
func (p DenyPeriod) Active(at time.Time) bool {
	start, end, yearly, err := p.dates()
	clock, clockErr := time.Parse("15:04:05", p.Time)
	if err != nil || clockErr != nil {
		return false
	}
	at = at.UTC()
	on := func(date time.Time, year int) time.Time {
		return time.Date(year, date.Month(), date.Day(), clock.Hour(), clock.Minute(), clock.Second(), 0, time.UTC)
	}
	within := func(from, to time.Time) bool { return !at.Before(from) && at.Before(to) }
	if !yearly {
		return within(on(start, start.Year()), on(end, end.Year()))
	}
	over := 0
	if end.Before(start) {
		over = 1
	}
	return within(on(start, at.Year()), on(end, at.Year()+over)) || within(on(start, at.Year()-1), on(end, at.Year()-1+over))
}

// Over tells whether the period is past for good.
func (p DenyPeriod) Over(at time.Time) bool {
	_, end, yearly, err := p.dates()
	return err == nil && !yearly && at.After(end.AddDate(0, 0, 1))
}

// Hours is a part of each day by a wall clock: from From up to To, over midnight when To is the earlier one.
type Hours struct {
	From, To time.Duration // since midnight
	Zone     *time.Location
}

// Outside finds a time within a year from now at which the window would be open outside of the hours. A window keeps its
// hour in UTC, so where clocks change it may lie inside the hours in one half of the year only.
func (h Hours) Outside(w Window, now time.Time) (open time.Time, outside bool) {
	open = w.Next(now)
	for range 53 {
		local := open.In(h.Zone)
		since := time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute
		if wrap(since-h.From)+time.Hour > wrap(h.To-h.From) {
			return open, true
		}
		open = open.AddDate(0, 0, 7)
	}
	return time.Time{}, false
}

func wrap(d time.Duration) time.Duration {
	const day = 24 * time.Hour
	return (d%day + day) % day
}

// Fitting is the windows of a day of the week that lie inside the hours all the year round, by their hour in UTC.
func (h Hours) Fitting(day int64, now time.Time) []int64 {
	var fitting []int64
	for hour := range int64(24) {
		if _, outside := h.Outside(Window{Day: day, Hour: hour}, now); !outside {
			fitting = append(fitting, hour)
		}
	}
	return fitting
}

// Next is when the window opens next.
func (w Window) Next(now time.Time) time.Time {
	now = now.UTC()
	next := time.Date(now.Year(), now.Month(), now.Day(), int(w.Hour), 0, 0, 0, time.UTC)
	for int64(next.Weekday()) != w.Day%7 || next.Before(now) { // 7 is Sunday, which Go counts as 0
		next = next.AddDate(0, 0, 1)
	}
	return next
}

// String is the window as a person says it.
func (w Window) String() string {
	day := Days[(w.Day+6)%7]
	return fmt.Sprintf("%s %02d:00 UTC", strings.ToUpper(day[:1])+day[1:], w.Hour)
}

// HourRanges writes hours of a day short: 3-6, 22.
func HourRanges(hours []int64) string {
	var parts []string
	for n := 0; n < len(hours); n++ {
		first := n
		for n+1 < len(hours) && hours[n+1] == hours[n]+1 {
			n++
		}
		if first == n {
			parts = append(parts, fmt.Sprint(hours[n]))
			continue
		}
		parts = append(parts, fmt.Sprintf("%d to %d", hours[first], hours[n]))
	}
	return strings.Join(slices.Compact(parts), ", ")
}

package cloudsql

import (
	"strings"
	"testing"
	"time"
)

func TestDenyPeriodDays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		start, end string
		days       int
		problem    string
	}{
		"within a year":        {"2026-11-20", "2026-12-31", 41, ""},
		"over New Year":        {"2026-12-15", "2027-01-10", 26, ""},
		"every year":           {"11-20", "12-31", 41, ""},
		"every year, over it":  {"12-15", "01-10", 26, ""},
		"over a leap day":      {"2028-02-01", "2028-03-01", 29, ""},
		"from a leap day":      {"02-29", "03-10", 10, ""},
		"ninety":               {"2026-01-01", "2026-04-01", 90, ""},
		"longer":               {"2026-01-01", "2026-06-01", 151, ""},
		"longer, over it":      {"06-01", "05-01", 334, ""},
		"none":                 {"2026-11-20", "2026-11-20", 0, "a day at least"},
		"backwards":            {"2026-11-20", "2026-11-19", 0, "before it starts"},
		"half a year's number": {"2026-11-20", "11-30", 0, "give both one, or neither"},
		"no date":              {"2026-02-30", "2026-03-01", 0, "no date"},
		"no such form":         {"20.11.", "11-30", 0, "no date"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			days, err := DenyPeriod{Start: c.start, End: c.end}.Days()
			if days != c.days || (err == nil) != (c.problem == "") || err != nil && !strings.Contains(err.Error(), c.problem) {
				t.Errorf("%d, %v", days, err)
			}
		})
	}
}

func TestDenyPeriodActive(t *testing.T) {
	t.Parallel()
	once := DenyPeriod{"2026-11-20", "2026-12-01", "06:00:00"}
	yearly := DenyPeriod{"12-15", "01-10", "00:00:00"}
	for at, want := range map[string][2]bool{
		"2026-11-20T05:59:59Z": {false, false},
		"2026-11-20T06:00:00Z": {true, false},
		"2026-12-01T05:59:59Z": {true, false},
		"2026-12-01T06:00:00Z": {false, false},
		"2027-11-25T00:00:00Z": {false, false},
		"2026-12-15T00:00:00Z": {false, true},
		"2027-01-09T23:59:59Z": {false, true},
		"2027-01-10T00:00:00Z": {false, false},
		"2031-12-31T23:59:59Z": {false, true},
	} {
		moment, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]bool{once.Active(moment), yearly.Active(moment)}; got != want {
			t.Errorf("at %s: %v, want %v", at, got, want)
		}
	}
	if (DenyPeriod{"soon", "later", "00:00:00"}).Active(time.Now()) {
		t.Error("a period that makes no sense denies nothing")
	}
	if later := time.Date(2026, 12, 3, 0, 0, 0, 0, time.UTC); !once.Over(later) || yearly.Over(later) {
		t.Error("only a period with years is over for good")
	}
}

func TestHoursOutside(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	hours := func(from, to int, zone string) Hours {
		location, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		return Hours{time.Duration(from) * time.Minute, time.Duration(to) * time.Minute, location}
	}
	for name, c := range map[string]struct {
		hours  Hours
		window Window
		first  string // when it is open outside of the hours first; empty: never
	}{
		"inside":                      {hours(0, 300, "America/Chicago"), Window{Day: 7, Hour: 8}, ""},
		"inside, over midnight":       {hours(22*60, 6*60, "UTC"), Window{Day: 1, Hour: 23}, ""},
		"to the last minute":          {hours(8*60, 9*60, "UTC"), Window{Day: 3, Hour: 8}, ""},
		"a minute short":              {hours(8*60, 9*60-1, "UTC"), Window{Day: 3, Hour: 8}, "2026-12-02T08:00:00Z"},
		"the middle of the day":       {hours(0, 300, "America/Chicago"), Window{Day: 7, Hour: 18}, "2026-11-29T18:00:00Z"},
		"inside in winter only":       {hours(0, 180, "America/Chicago"), Window{Day: 7, Hour: 8}, "2027-03-14T08:00:00Z"},
		"inside in summer only":       {hours(180, 300, "America/Chicago"), Window{Day: 7, Hour: 8}, "2026-11-29T08:00:00Z"},
		"a zone of half an hour":      {hours(120, 180, "Asia/Kolkata"), Window{Day: 2, Hour: 21}, "2026-12-01T21:00:00Z"},
		"a zone without clock change": {hours(60, 180, "America/Phoenix"), Window{Day: 7, Hour: 8}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			open, outside := c.hours.Outside(c.window, now)
			got := ""
			if outside {
				got = open.Format(time.RFC3339)
			}
			if got != c.first {
				t.Errorf("outside at %q, want %q", got, c.first)
			}
		})
	}
	if got := HourRanges(hours(0, 300, "America/Chicago").Fitting(7, now)); got != "6 to 9" {
		t.Errorf("fitting: %s", got)
	}
	if got := HourRanges(hours(22*60, 120, "UTC").Fitting(1, now)); got != "0 to 1, 22 to 23" {
		t.Errorf("fitting over midnight: %s", got)
	}
}

func TestWindowNext(t *testing.T) {
	t.Parallel()
	wednesday := time.Date(2026, 11, 25, 12, 30, 0, 0, time.UTC)
	for window, want := range map[Window]string{
		{Day: 3, Hour: 13}: "2026-11-25T13:00:00Z",
		{Day: 3, Hour: 12}: "2026-12-02T12:00:00Z",
		{Day: 7, Hour: 0}:  "2026-11-29T00:00:00Z",
		{Day: 1, Hour: 23}: "2026-11-30T23:00:00Z",
	} {
		if got := window.Next(wednesday).Format(time.RFC3339); got != want {
			t.Errorf("%s: %s, want %s", window, got, want)
		}
	}
}

package labs

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// at is hours into a day; 0 is no time at all.
func at(hour int) time.Time {
	if hour == 0 {
		return time.Time{}
	}
	return time.Date(2026, 3, 4, hour, 0, 0, 0, time.UTC)
}

func TestCurrent(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		rows []Version
		want int64 // id; 0: none
	}{
		"none":                                  {nil, 0},
		"one":                                   {[]Version{{1, Final, at(9), false}}, 1},
		"newer by time":                         {[]Version{{2, Final, at(9), false}, {1, Final, at(10), false}}, 1},
		"newer by id at one time":               {[]Version{{1, Final, at(9), false}, {2, Final, at(9), false}}, 2},
		"time not known":                        {[]Version{{1, Final, at(9), false}, {2, Final, at(0), false}}, 1},
		"no times at all":                       {[]Version{{1, Final, at(0), false}, {2, Final, at(0), false}}, 2},
		"final after preliminary":               {[]Version{{1, Preliminary, at(9), false}, {2, Final, at(10), false}}, 2},
		"preliminary after final":               {[]Version{{1, Final, at(9), false}, {2, Preliminary, at(10), false}}, 1},
		"pending hides nothing":                 {[]Version{{1, Preliminary, at(9), false}, {2, Pending, at(10), false}}, 1},
		"only pending":                          {[]Version{{1, Pending, at(9), false}, {2, Pending, at(10), false}}, 2},
		"unknown status is not final":           {[]Version{{1, Final, at(9), false}, {2, "Z", at(10), false}}, 1},
		"unknown status alone":                  {[]Version{{1, Pending, at(9), false}, {2, "", at(0), false}}, 2},
		"correction, newer":                     {[]Version{{1, Final, at(9), false}, {2, Correction, at(10), false}}, 2},
		"correction of a preliminary":           {[]Version{{1, Preliminary, at(9), false}, {2, Correction, at(10), false}}, 2},
		"correction at the time it corrects":    {[]Version{{1, Final, at(9), false}, {2, Correction, at(9), false}}, 2},
		"correction of lower id, at one time":   {[]Version{{2, Final, at(9), false}, {1, Correction, at(9), false}}, 1},
		"correction with an earlier time":       {[]Version{{1, Final, at(9), false}, {2, Correction, at(8), false}}, 2},
		"correction without a time":             {[]Version{{1, Final, at(9), false}, {2, Correction, at(0), false}}, 2},
		"final after a correction":              {[]Version{{1, Final, at(9), false}, {2, Correction, at(10), false}, {3, Final, at(11), false}}, 3},
		"preliminary after a correction":        {[]Version{{1, Correction, at(9), false}, {2, Preliminary, at(10), false}}, 1},
		"two corrections":                       {[]Version{{1, Final, at(9), false}, {3, Correction, at(11), false}, {2, Correction, at(10), false}}, 3},
		"cancelled after final":                 {[]Version{{1, Final, at(9), false}, {2, Cancelled, at(10), false}}, 2},
		"cancelled before final":                {[]Version{{1, Cancelled, at(9), false}, {2, Final, at(10), false}}, 2},
		"cancelled before a preliminary":        {[]Version{{1, Cancelled, at(9), false}, {2, Preliminary, at(10), false}}, 2},
		"cancelled without a time":              {[]Version{{1, Final, at(9), false}, {2, Cancelled, at(0), false}}, 1},
		"cancelled after a correction":          {[]Version{{1, Final, at(9), false}, {2, Correction, at(9), false}, {3, Cancelled, at(9), false}}, 3},
		"only cancelled":                        {[]Version{{2, Cancelled, at(9), false}, {1, Cancelled, at(9), false}}, 2},
		"critical, final, corrected, no time":   {[]Version{{2, Preliminary, at(9), true}, {3, Final, at(9), false}, {4, Correction, at(0), false}}, 4},
		"critical, corrected at a time before":  {[]Version{{1, Preliminary, at(10), true}, {2, Correction, at(9), false}}, 2},
		"cancelled critical row without a time": {[]Version{{1, Final, at(9), false}, {2, Cancelled, at(0), true}}, 1},
		"critical, corrected without a time":    {[]Version{{1, Preliminary, at(9), true}, {2, Correction, at(0), false}}, 2},
		"critical, without a time, after final": {[]Version{{1, Final, at(9), false}, {2, Preliminary, at(0), true}}, 2},
		"critical, without a time, then final":  {[]Version{{1, Preliminary, at(0), true}, {2, Final, at(9), false}}, 2},
		"critical after final":                  {[]Version{{1, Final, at(9), false}, {2, Preliminary, at(10), true}}, 2},
		"critical, pending, after a correction": {[]Version{{1, Correction, at(9), false}, {2, Pending, at(10), true}}, 2},
		"critical at the time of the final":     {[]Version{{1, Final, at(9), false}, {2, Preliminary, at(9), true}}, 1},
		"critical before final":                 {[]Version{{1, Preliminary, at(9), true}, {2, Final, at(10), false}}, 2},
		"critical, then preliminary":            {[]Version{{1, Preliminary, at(9), true}, {2, Preliminary, at(10), false}}, 2},
		"critical after final, cancelled":       {[]Version{{1, Final, at(9), false}, {2, Preliminary, at(10), true}, {3, Cancelled, at(11), true}}, 3},
		"cancelled critical row alone is later": {[]Version{{1, Final, at(9), false}, {2, Cancelled, at(10), true}}, 2},
		"cancelled, then pending":               {[]Version{{1, Cancelled, at(9), false}, {2, Pending, at(10), false}}, 2},
		"preliminary, correction an hour later": {[]Version{{41, Preliminary, at(9), false}, {42, Correction, at(10), false}}, 42},
	} {
		for range len(test.rows) + 1 {
			got := int64(0)
			if i := Current(test.rows); i >= 0 {
				got = test.rows[i].ID
			}
			if got != test.want {
				t.Errorf("%s: %d, want %d", name, got, test.want)
			}
			if len(test.rows) > 0 {
				test.rows = append(test.rows[1:], test.rows[0])
			}
		}
	}
}

// Rows in any order, and any row twice, end in the same one.
func TestCurrent_anyOrder(t *testing.T) {
	t.Parallel()
	statuses := []Status{Preliminary, Pending, Correction, Final, Cancelled, "", "Z"}
	rapid.Check(t, func(t *rapid.T) {
		rows := make([]Version, rapid.IntRange(1, 8).Draw(t, "rows"))
		for i := range rows {
			rows[i] = Version{int64(i + 1), rapid.SampledFrom(statuses).Draw(t, "status"), at(rapid.IntRange(0, 3).Draw(t, "hour")), rapid.Bool().Draw(t, "critical")}
		}
		current := rows[Current(rows)]
		mixed := rapid.Permutation(rows).Draw(t, "order")
		mixed = append(mixed, rapid.SampledFrom(rows).Draw(t, "twice"))
		if again := mixed[Current(mixed)]; again != current {
			t.Fatalf("%+v in one order, %+v in another", current, again)
		}
		for _, r := range rows {
			known := !r.Performed.IsZero() && !current.Performed.IsZero()
			later := current.Performed.After(r.Performed) || !known && current.ID > r.ID
			if r.Status.Reported() && !current.Status.Settled() && (!current.Critical || !later) {
				t.Fatalf("%+v hides %+v", current, r)
			}
		}
		// A critical row after all others is not hidden but by one like it.
		alarm := Version{99, rapid.SampledFrom([]Status{Preliminary, Pending, Final, Correction, "Z"}).Draw(t, "alarm"), at(rapid.SampledFrom([]int{0, 4}).Draw(t, "time")), true}
		if alarm.Performed.IsZero() {
			rows = slices.DeleteFunc(rows, func(r Version) bool { return r.Status == Cancelled && !r.Performed.IsZero() }) // it counts as before them
		}
		with := slices.Concat(rows, []Version{alarm})
		if holds := with[Current(with)]; holds != alarm && (!holds.Critical || holds.Status.Settled()) && !alarm.Status.Settled() {
			t.Fatalf("%+v hides %+v", holds, alarm)
		}
		// What holds, holds without what it supersedes; and older rows change nothing.
		if i := Current([]Version{current}); i != 0 {
			t.Fatal("the current row does not hold alone")
		}
	})
}

func TestKeyOf(t *testing.T) {
	t.Parallel()
	same := KeyOf(1, 7, "2345-7", "Glucose")
	if KeyOf(2, 7, " 2345-7 ", "Glucose, serum") != same {
		t.Error("one code on one test is two observations")
	}
	for _, other := range []Key{KeyOf(2, 8, "2345-7", "Glucose"), KeyOf(2, 7, "2160-0", "Glucose"), KeyOf(2, 7, "", "Glucose"), KeyOf(2, 7, "", "")} {
		if other == same {
			t.Errorf("%+v is the same observation", other)
		}
	}
	if KeyOf(1, 7, "", "Glucose") != KeyOf(2, 7, "", "GLUCOSE") || KeyOf(1, 7, "", "") == KeyOf(2, 7, "", "") {
		t.Error("rows without a code go by their description, or stand alone")
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]struct {
		words             string
		reported, settled bool
	}{
		"P": {"preliminary", false, false}, "I": {"pending", false, false}, "C": {"correction", true, true},
		"F": {"final", true, true}, "X": {"cancelled", false, true}, " f ": {"final", true, true}, "Z": {}, "": {},
	} {
		if s := ParseStatus(raw); s.Words() != want.words || s.Reported() != want.reported || s.Settled() != want.settled {
			t.Errorf("%q is %q, reported %v, settled %v", raw, s.Words(), s.Reported(), s.Settled())
		}
	}
}

package transform

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
)

func TestDaysAreTheCalendar(t *testing.T) {
	t.Parallel()
	for days := int64(-1_000_000); days < 3_000_000; days += 7 {
		d := dateOf(days)
		want := time.Unix(days*86400, 0).UTC()
		if d != (date{int64(want.Year()), int64(want.Month()), int64(want.Day())}) || d.days() != days || !d.valid() {
			t.Fatalf("day %d is %v, want %v", days, d, want)
		}
	}
	for _, d := range []date{{2023, 2, 29}, {2024, 13, 1}, {2024, 0, 1}, {2024, 4, 31}, {2024, 4, 0}, {1900, 2, 29}} {
		if d.valid() {
			t.Errorf("there is no %v", d)
		}
	}
	born := date{1936, 6, 16}
	for on, want := range map[date]int64{{2026, 6, 15}: 89, {2026, 6, 16}: 90, {2026, 12, 1}: 90, {2026, 1, 30}: 89} {
		if got := born.years(on); got != want {
			t.Errorf("on %v the age is %d, want %d", on, got, want)
		}
	}
}

func FuzzDate(f *testing.F) {
	for _, s := range []string{"2024-02-29", "0044-03-15 BC", "12024-01-01 00:00:00", "2024-02-29 10:11:12.5+05:30", "4713-01-01 BC", "2024-2-3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, rest, ok := readDate([]byte(s))
		if !ok {
			return
		}
		// What is read is written back, but for what PostgreSQL does not write: years with zeros before them, BC of no such year.
		if got := string(appendDate(nil, d, rest)); got != s && !strings.HasPrefix(s, "0") {
			t.Errorf("%q comes back as %q", s, got)
		}
	})
}

func shiftBed(t testing.TB, keys *Keys, shift policy.Shift) *bed {
	b := newBed(t, keys)
	b.Policy.Subject = policy.Subject{Table: "a.person", Key: "id"}
	b.Policy.Shift = shift
	b.table("a.person", nil, "id int8", policy.Surrogate, "born date", policy.DateShift, "seen text", policy.DateShift)
	b.table("a.visit", []string{"person"}, "id int8", policy.Surrogate, "person int8", policy.Surrogate, "at timestamp", policy.DateShift, "noted timestamptz", policy.DateShift,
		"days date[]", policy.DateShift, "doc json", policy.Rule{Transformer: policy.JSON, Paths: map[string]policy.Rule{"d": {Transformer: policy.DateShift}}})
	b.refer("a.visit", "person", "a.person", "id")
	return b
}

func days(t testing.TB, from, to string) int64 {
	t.Helper()
	a, rest, ok := readDate([]byte(from))
	b, rest2, ok2 := readDate([]byte(to))
	if !ok || !ok2 || string(rest) != string(rest2) {
		t.Fatalf("%q and %q have not the same clock", from, to)
	}
	return b.days() - a.days()
}

func TestShift(t *testing.T) {
	t.Parallel()
	for _, shift := range []policy.Shift{{Min: -364, Max: -1}, {Min: -3, Max: 3}, {Min: -20, Max: 20, Weeks: true}, {Min: 1, Max: 1}, {Min: 8, Max: 15, Weeks: true}, {Min: 0, Max: 2}} {
		s := shiftBed(t, fixed(t, 1), shift).set(t)
		person, visit := worker(t, s, "a.person"), worker(t, s, "a.visit")
		seen := map[int64]bool{}
		for i := range 500 {
			id := fmt.Sprint(i)
			p := send(t, person, id, "1980-02-29", "02/28/1980", id)
			by := days(t, "1980-02-29", p[1])
			if by == 0 || by < int64(shift.Min) || by > int64(shift.Max) || shift.Weeks && by%7 != 0 {
				t.Fatalf("%+v: the dates of %s move by %d", shift, id, by)
			}
			seen[by] = true
			v := send(t, visit, fmt.Sprint(i*3), id, "2024-02-29 23:59:59.999", "2023-12-31 10:11:12.5+05:30", "{2024-01-01,NULL,infinity}", `{"d":"2024-03-10T08:00:00Z"}`, id)
			second := dateOf(date{2024, 1, 1}.days() + by)
			third := dateOf(date{2024, 3, 10}.days() + by)
			if days(t, "2024-02-29 23:59:59.999", v[2]) != by || days(t, "2023-12-31 10:11:12.5+05:30", v[3]) != by ||
				v[4] != "{"+string(appendDate(nil, second, nil))+",NULL,infinity}" || v[5] != `{"d":"`+string(appendDate(nil, third, []byte("T08:00:00Z")))+`"}` {
				t.Fatalf("the dates of %s move by %d and in visits to %q", id, by, v)
			}
			fourth := dateOf(date{1980, 2, 28}.days() + by)
			if want := fmt.Sprintf("%02d/%02d/%04d", fourth.month, fourth.day, fourth.year); p[2] != want {
				t.Fatalf("the text is %s, want %s", p[2], want)
			}
		}
		o, _ := newOffsets(shift)
		if uint64(len(seen)) != o.count() && o.count() < 50 {
			t.Errorf("%+v: of %d days there are %d", shift, o.count(), len(seen))
		}
	}
	for _, shift := range []policy.Shift{{}, {Min: 5, Max: 1}, {Min: 1, Max: 6, Weeks: true}, {Min: -6, Max: 6, Weeks: true}} {
		if _, err := New(shiftBed(t, fixed(t, 1), shift).Config); err == nil {
			t.Errorf("%+v leaves no day", shift)
		}
	}
}

// Days of subjects that come one after the other are independent and spread evenly. With fixed keys this is no chance: each
// of three keys is judged by chi-square at one in a thousand.
func TestShiftsAreIndependent(t *testing.T) {
	t.Parallel()
	const cells, n = 40, 20_000
	for k := range byte(3) {
		s := shiftBed(t, fixed(t, k), policy.Shift{Min: -20, Max: 20}).set(t)
		w := worker(t, s, "a.person")
		var single [cells]int
		var pairs [cells][cells]int
		last := -1
		for i := range n {
			id := fmt.Sprint(100_000 + i)
			by := days(t, "2000-06-15", send(t, w, id, "2000-06-15", null, id)[1])
			cell := int(by) + 20
			if by > 0 {
				cell--
			}
			single[cell]++
			if last >= 0 {
				pairs[last][cell]++
			}
			last = cell
		}
		chi := func(observed []int, expected float64) (x float64) {
			for _, o := range observed {
				x += (float64(o) - expected) * (float64(o) - expected) / expected
			}
			return x
		}
		var both []int
		for _, p := range pairs {
			both = append(both, p[:]...)
		}
		// The quantile of 0.999 by Wilson and Hilferty.
		limit := func(degrees float64) float64 {
			return degrees * math.Pow(1-2/(9*degrees)+3.09*math.Sqrt(2/(9*degrees)), 3)
		}
		if x := chi(single[:], n/float64(cells)); x > limit(cells-1) {
			t.Errorf("key %d: days are not spread evenly: %.1f > %.1f", k, x, limit(cells-1))
		}
		if x := chi(both, (n-1)/float64(cells*cells)); x > limit(cells*cells-1) {
			t.Errorf("key %d: days follow from those before: %.1f > %.1f", k, x, limit(cells*cells-1))
		}
	}
}

func TestShiftOfRowsWithoutSubject(t *testing.T) {
	t.Parallel()
	w := worker(t, shiftBed(t, fixed(t, 2), policy.Shift{Min: -364, Max: -1}).set(t), "a.visit")
	seen := map[int64]bool{}
	for i := range 50 {
		row := send(t, w, fmt.Sprint(i), null, "2024-01-01 10:00:00", "2024-01-01 10:00:00+00", null, null, null)
		by := days(t, "2024-01-01 10:00:00", row[2])
		if by != days(t, "2024-01-01 10:00:00+00", row[3]) {
			t.Fatalf("within a row dates move apart: %q", row)
		}
		seen[by] = true
	}
	if len(seen) < 30 {
		t.Errorf("50 rows move by %d numbers of days", len(seen))
	}
}

func TestYears(t *testing.T) {
	t.Parallel()
	b := newBed(t, fixed(t, 3))
	b.table("a.t", nil, "id int8", policy.Surrogate, "d date", policy.Year, "t timestamp", policy.Year, "z timestamptz", policy.Year, "x text", policy.Year)
	w := worker(t, b.set(t), "a.t")
	for _, c := range [][2]string{
		{"2024-02-29", "2024-01-01"}, {"1984-12-31", "1984-01-01"}, {"infinity", "infinity"}, {"-infinity", "-infinity"},
		// The as-of day is 2026-06-15: whoever was born on 1936-06-15 or before is 90 or older.
		{"1937-01-01", "1937-01-01"}, {"1936-06-16", "1936-01-01"}, {"1936-06-15", "1936-01-01"}, {"1935-12-31", "1936-01-01"}, {"1900-01-01", "1936-01-01"},
		{"0044-03-15 BC", "1936-01-01"}, {"12024-05-06", "12024-01-01"},
	} {
		moment, zoned := c[0], c[0]
		wantMoment, wantZoned := c[1], c[1]
		if strings.IndexByte(c[0], 'i') < 0 {
			d, bc, _ := strings.Cut(c[0], " ")
			if bc != "" {
				bc = " " + bc
			}
			moment, zoned = d+" 10:11:12.5"+bc, d+" 10:11:12.5-07"+bc
			wantMoment, wantZoned = c[1]+" 00:00:00", c[1]+" 00:00:00+00"
		}
		got := send(t, w, "1", c[0], moment, zoned, null)
		if got[1] != c[1] || got[2] != wantMoment || got[3] != wantZoned {
			t.Errorf("%s becomes %q", c[0], got[1:4])
		}
	}
	for actual, want := range map[string]string{
		"2024-02-29": "2024-01-01", "2024/02/29": "2024/01/01", "02/29/2024": "01/01/2024", "2-9-2024": "01-01-2024", "20240229": "20240101", "2024": "2024", "02/2024": "01/2024",
		"2024-02-29T10:11:12.5Z": "2024-01-01T00:00:00.0Z", "2024-02-29 10:11:12+05:30": "2024-01-01 00:00:00+00:00", "06/15/1930": "01/01/1936", "02/29/2024 10:11": "01/01/2024 00:00", "02/29/2024 10:11 PM": "", "02/2024 10:11:12": "", "20240229 10:11": "", "1921": "1936",
		"": "", "tomorrow": "", "2024-02-30": "", "2024-02-29 Testa": "", "2024-02-29 10:11 Testa": "", "12/25/24": "", "99999999": "", "2024-02-29T10:11:12ZZ": "",
	} {
		if got := send(t, w, "1", null, null, null, actual)[4]; got != want {
			t.Errorf("the text %q becomes %q, want %q", actual, got, want)
		}
	}
	if _, err := trySend(w, "1", "04/05/2024", null, null, null); err == nil || strings.Contains(err.Error(), "2024") || !strings.HasPrefix(err.Error(), "a.t.d: ") {
		t.Errorf("a date that is not ISO: %v", err)
	}
}

// Nobody is shown to be older than 89: not by the birth date alone, nor by how long somebody lived.
func TestOldAge(t *testing.T) {
	t.Parallel()
	for _, transformer := range []string{policy.Year, policy.DateShift} {
		b := newBed(t, fixed(t, 4))
		b.Policy.Subject = policy.Subject{Table: "a.person", Key: "id"}
		b.AsOf = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC) // long ago: death comes after it
		b.table("a.person", nil, "id int8", policy.Surrogate, "born date", transformer, "date_of_death date", transformer, "changed timestamptz", transformer)
		w := worker(t, b.set(t), "a.person")
		for _, c := range []struct {
			born, died, want string
		}{
			{"1929-12-31", null, "1930-01-01"},
			{"1901-07-07", null, "1930-01-01"},
			{"1933-05-05", "2025-05-05", "1935-01-01"}, // 92 at death
			{"1933-05-05", "2023-05-06", "1933-01-01"}, // 90 at death: the year stands for all of them
			{"1920-01-01", "2003-01-01", "1930-01-01"}, // 83 at death, which may be gone from the result
			{"1929-12-31", "infinity", "1930-01-01"},
		} {
			got := send(t, w, append([]string{"1", c.born, c.died, "1920-01-01 10:00:00+00"}, "1")[:4+len(w.table.Hidden)]...)
			if got[1] != c.want {
				t.Errorf("%s: born %s and died %q is born %s, want %s", transformer, c.born, c.died, got[1], c.want)
			}
			if !strings.HasSuffix(got[3], "-01-01 00:00:00+00") {
				t.Errorf("%s: what was 100 years ago is %s", transformer, got[3])
			}
			if c.died == null {
				continue
			}
			died, _, _ := readDate([]byte(got[2]))
			born, _, _ := readDate([]byte(got[1]))
			if c.died != "infinity" && died.year-born.year > 90 {
				t.Errorf("%s: born %s and died %s shows %d years", transformer, got[1], got[2], died.year-born.year)
			}
		}
		// Who is not that old keeps what the transformer leaves.
		for i := range 200 {
			id := fmt.Sprint(i)
			got := send(t, w, append([]string{id, "1932-03-04", "2019-03-04", "2019-03-04 10:00:00+00"}, id)[:4+len(w.table.Hidden)]...)
			if transformer == policy.Year && got[1] != "1932-01-01" || transformer == policy.DateShift && days(t, "1932-03-04", got[1]) != days(t, "2019-03-04", got[2]) {
				t.Fatalf("%s: %q", transformer, got)
			}
		}
	}
}

// Whoever is 90 is so however the date is moved, and nobody becomes it by that.
func TestOldAgeIsNotMoved(t *testing.T) {
	t.Parallel()
	b := shiftBed(t, fixed(t, 4), policy.Shift{Min: -364, Max: 364})
	w := worker(t, b.set(t), "a.person")
	moved := 0
	for i := range 300 {
		id := fmt.Sprint(i)
		if got := send(t, w, id, "1936-06-14", "06/14/1936", id); got[1] != "1936-01-01" || got[2] != "01/01/1936" {
			t.Fatalf("who is 90 was born %q", got[1:])
		}
		got := send(t, w, id, "1936-06-17", null, id)[1]
		if got < "1936-01-01" || got > "1936-01-01" && got < "1936-06-16" {
			t.Fatalf("who is 89 was born %s", got)
		}
		if got > "1936-06-17" {
			moved++
		}
	}
	if moved < 100 {
		t.Errorf("of 300 only %d were moved to later", moved)
	}
}

func TestAges(t *testing.T) {
	t.Parallel()
	b := newBed(t, fixed(t, 5))
	b.table("a.t", nil, "id int8", policy.Surrogate, "i int4", policy.Age, "n numeric", policy.Age, "x text", policy.Age)
	w := worker(t, b.set(t), "a.t")
	for age := range 150 {
		want := fmt.Sprint(min(age, 90))
		got := send(t, w, "1", fmt.Sprint(age), fmt.Sprint(age), fmt.Sprint(age))
		if got[1] != want || got[2] != want || got[3] != want {
			t.Errorf("%d becomes %q", age, got[1:])
		}
	}
	for actual, want := range map[string]string{
		"89.99": "89.99", "90.0": "90", "101.5": "90", "92 years": "90", "7 months": "7 months", "93y": "90", "120 weeks": "120 weeks", "1200 months": "",
		"": "", "Testa, 93": "", "93 and Testa": "", "-5": "",
	} {
		if got := send(t, w, "1", null, null, actual)[3]; got != want {
			t.Errorf("%q becomes %q, want %q", actual, got, want)
		}
	}
	for actual, want := range map[string]string{"-1": "-1", "NaN": "NaN", "1200": "90", "1e+20": "90", "Infinity": "90", "89.999": "89.999"} {
		if got := send(t, w, "1", null, actual, null)[2]; got != want {
			t.Errorf("the number %s becomes %q, want %s", actual, got, want)
		}
	}
}

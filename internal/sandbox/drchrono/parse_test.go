package drchrono

import (
	"net/url"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
)

func FuzzCursor(f *testing.F) {
	f.Add(cursor{page: 2, value: 17, id: 9, sub: "20260301"}.String())
	f.Add(cursor{page: 2, back: true, value: -1, id: 9}.String())
	f.Add("x")
	c := clinic.New(clinic.Size{Patients: 50, Today: time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)}, 1)
	rows := c.Sorted(clinic.Appointments, clinic.ByDate, 0)
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseCursor(s)
		if err != nil {
			return
		}
		if again, err := parseCursor(got.String()); s != "" && (err != nil || again != got) {
			t.Errorf("%q: %+v became %+v, %v", s, got, again, err)
		}
		from, to := got.window(rows, clinic.ByDate, 20)
		if from < 0 || to < from || to > len(rows) || to-from > 20 {
			t.Errorf("%q: window %d to %d of %d", s, from, to, len(rows))
		}
	})
}

func FuzzFilters(f *testing.F) {
	f.Add("since=2026-01-01&doctor=30001")
	f.Add("date_range=2026-01-01%2F2026-02-01&status=Complete&show_archived=1")
	f.Add("since=2026-01-01T00:00:00Z&first_name=te&ignore_virtual=true")
	c := clinic.New(clinic.Size{Patients: 5, Today: time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)}, 1)
	f.Fuzz(func(t *testing.T, query string) {
		q, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		for _, name := range []string{"appointments", "patients", "line_items", "lab_results", "eligibility_checks"} {
			e := endpoints[name]
			rows, bad := e.selected(q, c, DefaultSettings(), e.order, true)
			if bad != nil && (bad.field == "" || bad.message == "") {
				t.Errorf("%s?%s: an empty refusal", name, query)
			}
			if len(rows) > c.Count(e.kind) {
				t.Errorf("%s?%s: more rows than there are", name, query)
			}
		}
	})
}

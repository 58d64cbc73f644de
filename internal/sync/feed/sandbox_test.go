package feed

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
	sandbox "github.com/feel-august/terraform-provider-august/internal/sandbox/drchrono"
	"github.com/feel-august/terraform-provider-august/internal/sync/drchrono"
)

// practice is a small practice, its API, and a client of it.
type practice struct {
	*testing.T
	clinic *clinic.Clinic
	server *sandbox.Server
	client *drchrono.Client
}

func newPractice(t *testing.T) *practice {
	t.Helper()
	p := &practice{T: t, clinic: clinic.New(clinic.Size{Patients: 30}, 1)}
	var err error
	p.server, err = sandbox.New(sandbox.Options{Apps: []sandbox.App{{ClientID: "app", ClientSecret: "secret", Clinic: p.clinic, RefreshToken: "seed", AccessToken: "token"}}})
	if err != nil {
		t.Fatal(err)
	}
	p.server.Set(func(s *sandbox.Settings) {
		s.PerHour, s.PerSecond, s.PageCaps = 0, 0, map[string]int{}
		for _, f := range all { // every list has three pages or four
			s.PageCaps[strings.TrimPrefix(f.list(), "/api/")] = max(1, p.clinic.Count(clinic.Kind(f.Name))/3)
		}
	})
	web := httptest.NewServer(p.server)
	t.Cleanup(web.Close)
	p.client, err = drchrono.New(drchrono.Config{
		BaseURL: web.URL, Credential: drchrono.Credential{ClientID: "app", ClientSecret: "secret", RefreshToken: "seed"},
		Ledger: unlimited{}, Vault: unlimited{}, PerSecond: 100_000, Backoff: time.Millisecond, Poll: time.Microsecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// list is the path that a full sweep reads.
func (f *Feed) list() string {
	if f.Bulk != "" {
		return f.Bulk
	}
	return f.Path
}

// unlimited is a budget without end and a token that stays.
type unlimited struct{}

func (unlimited) Reserve(context.Context, string, drchrono.Class, time.Duration) (drchrono.Slot, error) {
	return drchrono.Slot{At: time.Now()}, nil
}
func (unlimited) Pause(context.Context, string, time.Duration) error { return nil }
func (unlimited) Token(context.Context, string, string) (drchrono.Token, error) {
	return drchrono.Token{Access: "token", Refresh: "seed"}, nil
}

func (unlimited) Refresh(context.Context, string, string, string, func(context.Context, string) (drchrono.Token, error)) (drchrono.Token, error) {
	return drchrono.Token{Access: "token", Refresh: "seed"}, nil
}

// sighting is an object as it came, and its row by column, as COPY writes it.
type sighting struct {
	object string
	row    map[string]string
}

// read is all rows of a feed by key, read as a full sweep does: whole, or in parts where it has to be.
func (p *practice) read(f *Feed, parts ...string) map[string]sighting {
	p.Helper()
	if f.Split != nil && f.Split.Always && parts == nil {
		parts = slices.Sorted(maps.Keys(p.read(&Doctors)))
	}
	out := map[string]sighting{}
	take := func(params url.Values) {
		for n, next := 1, ""; ; n++ {
			var page drchrono.Page
			var err error
			if f.Bulk != "" && next == "" {
				page, err = p.client.Bulk(p.Context(), f.Bulk, params, n)
			} else {
				page, err = p.client.List(p.Context(), f.list(), params, next)
			}
			if err != nil {
				p.Fatalf("%s: %v", f.Name, err)
			}
			for _, object := range page.Rows {
				key, row := p.decoded(f, object)
				if _, twice := out[key]; twice {
					p.Errorf("%s: %s came twice", f.Name, key)
				}
				out[key] = sighting{string(object), row}
			}
			if next = page.Next; next == "" && n >= page.Pages {
				return
			}
		}
	}
	params := url.Values{}
	for name, value := range f.Filters {
		params.Set(name, value)
	}
	if f.SinceAll != "" {
		params.Set("since", f.SinceAll)
	}
	if parts == nil {
		take(params)
	}
	for _, part := range parts {
		params.Set(f.Split.Param, part)
		take(params)
	}
	return out
}

func (p *practice) decoded(f *Feed, object json.RawMessage) (key string, row map[string]string) {
	p.Helper()
	r, err := NewDecoder(f).Decode(object)
	if err != nil {
		p.Fatalf("%s: %v", f.Name, err)
	}
	row = map[string]string{}
	fields := strings.Split(strings.TrimSuffix(string(r.AppendCopy(nil)), "\n"), "\t")
	for i, name := range f.CopyColumns() {
		row[name] = fields[i]
	}
	return r.Key, row
}

// Every feed shows each object of the practice, those too that lists hide unless they are asked for, and shows the
// same ones however the list answers.
func TestFeedsReadTheSameRowsHoweverListsAnswer(t *testing.T) {
	t.Parallel()
	p := newPractice(t)
	hide(t, p.clinic)
	for i := range all {
		f := &all[i]
		plain := p.read(f)
		for _, is := range p.clinic.View(clinic.Kind(f.Name), 0) {
			_, want := p.decoded(f, is.Body)
			for column, value := range want {
				if got, came := plain[is.Key()].row[column]; got != value {
					t.Errorf("%s: %s of %s is %q (came: %v), want %q", f.Name, column, is.Key(), got, came, value)
				}
			}
		}
		if n := p.clinic.Count(clinic.Kind(f.Name)); n < 2 || len(plain) != n {
			t.Errorf("%s: %d rows, the practice has %d", f.Name, len(plain), n)
		}
		for name, way := range map[string]struct {
			set   func(*sandbox.Settings)
			fault *sandbox.Fault
		}{
			"again": {}, // nothing differs from one reading to the next
			"data":  {set: func(s *sandbox.Settings) { s.Envelope = "data" }},
			"moved": {fault: &sandbox.Fault{Kind: sandbox.FaultRedirect}},
			"data, at once": {set: func(s *sandbox.Settings) {
				s.Envelope, s.BulkDirect = "data", []string{strings.TrimPrefix(f.Bulk, "/api/")}
			}},
			"moved, then data": {set: func(s *sandbox.Settings) { s.Envelope = "data" }, fault: &sandbox.Fault{Kind: sandbox.FaultRedirect}},
			"completed":        {set: func(s *sandbox.Settings) { s.BulkCompleted = true }},
		} {
			was := p.server.Settings()
			if way.set != nil {
				p.server.Set(way.set)
			}
			id := 0
			if way.fault != nil {
				id = p.server.AddFault(*way.fault)
			}
			if got := p.read(f); !maps.EqualFunc(got, plain, func(a, b sighting) bool { return maps.Equal(a.row, b.row) }) {
				t.Errorf("%s, %s: %d rows are not the %d of the plain list", f.Name, name, len(got), len(plain))
			}
			if id != 0 && p.server.FaultsStruck()[id] == 0 {
				t.Errorf("%s: nothing moved", f.Name)
			}
			p.server.Set(func(s *sandbox.Settings) { *s = was })
			p.server.ClearFaults()
		}
		if f.Split != nil {
			var parents *Feed
			for i := range all {
				if all[i].Name == f.Split.Parent {
					parents = &all[i]
				}
			}
			parts := p.read(f, slices.Sorted(maps.Keys(p.read(parents)))...)
			if !maps.EqualFunc(parts, plain, func(a, b sighting) bool { return maps.Equal(a.row, b.row) }) {
				t.Errorf("%s: %d rows in parts, %d in the whole list", f.Name, len(parts), len(plain))
			}
		}
	}
}

// hide has objects that lists leave out unless they are asked for.
func hide(t *testing.T, c *clinic.Clinic) {
	t.Helper()
	first := func(k clinic.Kind) string { return c.View(k, 0)[0].Key() }
	gone := first(clinic.Appointments)
	for _, err := range []error{
		c.Delete(clinic.Appointments, gone),
		c.Edit(clinic.Patients, first(clinic.Patients), clinic.Object{"patient_status": "I"}),
		c.Edit(clinic.Offices, first(clinic.Offices), clinic.Object{"archived": true}),
		c.Edit(clinic.Doctors, first(clinic.Doctors), clinic.Object{"is_account_suspended": true}),
		c.Delete(clinic.LineItems, first(clinic.LineItems)),
		c.Delete(clinic.LineItems, first(clinic.LineItems)),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if row, there := c.Find(clinic.Appointments, gone, 0); !there || !row.Deleted {
		t.Fatal("a deleted appointment is not archived")
	}
}

// What a feed makes of an object does not depend on how ids, amounts and times are spelt; members that nobody
// knows change no column. What cannot be read is null, and nothing else.
func TestFeedsReadTheSameRowsHoweverObjectsAreSpelt(t *testing.T) {
	t.Parallel()
	p := newPractice(t)
	struck := map[sandbox.Shape]int{}
	for i := range all {
		f := &all[i]
		plain := p.read(f)
		for _, shape := range []sandbox.Shape{sandbox.ShapeFields, sandbox.ShapeIDs, sandbox.ShapeDecimals, sandbox.ShapeTimes} {
			p.server.Set(func(s *sandbox.Settings) { s.Shapes = []sandbox.Shape{shape} })
			odd := p.read(f)
			p.server.Set(func(s *sandbox.Settings) { s.Shapes = nil })
			if got, want := slices.Sorted(maps.Keys(odd)), slices.Sorted(maps.Keys(plain)); !slices.Equal(got, want) {
				t.Errorf("%s, %s: %v, want %v", f.Name, shape, got, want)
				continue
			}
			for key, one := range plain {
				if odd[key].object != one.object {
					struck[shape]++
				}
				for _, c := range f.Columns {
					if why := c.differs(one, odd[key]); why != "" {
						t.Errorf("%s, %s: %s of %s %s", f.Name, shape, c.Name, key, why)
					}
				}
			}
		}
	}
	for _, shape := range []sandbox.Shape{sandbox.ShapeFields, sandbox.ShapeIDs, sandbox.ShapeDecimals, sandbox.ShapeTimes} {
		if struck[shape] == 0 {
			t.Errorf("no object was spelt in the way of %s", shape)
		}
	}
}

// differs says how a column holds something else than it did when its member was spelt as documented.
func (c Column) differs(plain, odd sighting) string {
	was, is := plain.row[c.Name], odd.row[c.Name]
	same := was == is
	switch c.Kind {
	case Money, Quantity, Text: // an amount that is kept as text is kept as it is spelt
		a, errA := decimal.NewFromString(was)
		b, errB := decimal.NewFromString(is)
		same = same || errA == nil && errB == nil && a.Equal(b)
	case Timestamp: // to the second: fractions are kept where there are any
		same = same || len(is) > 19 && was == is[:19]
	}
	var member map[string]any
	if err := json.Unmarshal([]byte(odd.object), &member); err != nil {
		return err.Error()
	}
	if is == null || is == "" {
		switch v := member[c.Name].(type) {
		case nil:
			same = true
		case string:
			same = same || v == "" || (c.Kind == Timestamp || c.Kind == Date) && slices.Contains(junk, v)
		}
	}
	if same {
		return ""
	}
	return fmt.Sprintf("is %s and was %s; it came as %v", is, was, member[c.Name])
}

// junk is what the sandbox writes in place of times, and no time can be read in.
var junk = []string{"0000-00-00", "not yet", "2026-02-30T25:61:00"}

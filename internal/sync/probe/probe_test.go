package probe_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
)

func TestAProbeIsThereAfterACrash(t *testing.T) {
	r := newRig(t)
	s := r.begin(runtimeapi.ProbeRequest{EveryMS: 5})
	for range 3 {
		s.more(20)
		pgtest.Restart(t)
		s.more(20)
	}
	if err := s.end(); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	result := s.verify()
	failed := 0
	last := int64(0)
	for _, e := range s.all() {
		if e.Number != 0 && e.Number <= last {
			t.Errorf("number %d after %d", e.Number, last)
		}
		last = max(last, e.Number)
		if e.Error == "" {
			continue
		}
		failed++
		if strings.Contains(e.Error, "127.0.0.1") || !strings.HasPrefix(e.Error, "the database") {
			t.Errorf("error %q", e.Error)
		}
	}
	_, n := s.acknowledged()
	if failed == 0 {
		t.Error("no attempt failed over three crashes")
	}
	t.Logf("%d acknowledged, %d there, %d failures told, longest gap %v", n, result.Present, failed, s.gap())
}

func TestAProbeGetsOverABrokenAddress(t *testing.T) {
	for name, c := range map[string]struct {
		off  func(*pgtest.Proxy)
		says string // when it lasts
	}{
		"cut":        {(*pgtest.Proxy).Cut, ""},
		"refused":    {(*pgtest.Proxy).Refuse, "the database refuses connections"},
		"black hole": {(*pgtest.Proxy).BlackHole, "the database does not answer in time"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			s := r.begin(runtimeapi.ProbeRequest{})
			s.more(20)
			c.off(r.proxy)
			if c.says != "" {
				told := func(times int) func() bool {
					return func() bool {
						n := 0
						for _, e := range s.all() {
							if strings.Contains(e.Error, c.says) {
								n++
							}
						}
						return n >= times
					}
				}
				r.until("the failure is told", told(1))
				_, before := s.acknowledged() // what was on its way has arrived: its connection has failed
				r.until("the failure is told again", told(2))
				if _, meanwhile := s.acknowledged(); meanwhile != before {
					t.Errorf("%d rows were acknowledged meanwhile", meanwhile-before)
				}
				r.proxy.Heal()
			}
			s.more(20)
			t.Logf("longest gap %v", s.gap())
			s.verify()
			// Signs of life while nothing is said, and failures told at a bearable pace.
			beats := 0
			var told time.Time
			for _, e := range s.all() {
				if e.Number == 0 {
					beats++
				}
				if e.Error != "" {
					if !told.IsZero() && e.At.Sub(told) < 100*time.Millisecond {
						t.Errorf("a failure told %v after the one before", e.At.Sub(told))
					}
					told = e.At
				}
			}
			if name == "black hole" && beats < 2 { // the first comes with the beginning
				t.Error("no sign of life while an attempt lasts")
			}
			_ = s.end()
			r.until("the connection is given back", func() bool { return r.backends() == 0 })
			r.until("nothing of the stream is left", func() bool { return writers() == 0 })
		})
	}
}

// Whoever hangs up, and however: the writer ends and its connection is free.
func TestAProbeEnds(t *testing.T) {
	for name, end := range map[string]func(*stream){
		"hung up":     func(s *stream) { s.hang() },
		"time over":   func(*stream) {},
		"the runtime": func(s *stream) { close(s.stop) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			s := r.begin(runtimeapi.ProbeRequest{Seconds: 2})
			s.more(5)
			if n := r.backends(); n > 1 { // none when the time is over by now
				t.Errorf("%d connections", n)
			}
			end(s)
			r.until("the stream ends", func() bool { return len(s.done) == 1 })
			r.until("the connection is given back", func() bool { return r.backends() == 0 })
			r.until("nothing of the stream is left", func() bool { return writers() == 0 })
			s.verify()
		})
	}
}

func TestAnInstanceWritesTwoProbesAtMost(t *testing.T) {
	r := newRig(t)
	a, b := r.begin(runtimeapi.ProbeRequest{}), r.begin(runtimeapi.ProbeRequest{ID: "drill-other"})
	a.more(1)
	b.more(1)
	err := r.service.Write(t.Context(), runtimeapi.ProbeRequest{ID: id, First: 1}, func(runtimeapi.ProbeEvent) error { t.Error("an event"); return nil })
	var e *runtimeapi.Error
	if !errors.As(err, &e) || e.Code != runtimeapi.CodeUnavailable {
		t.Errorf("got %v", err)
	}
	_ = a.end()
	r.begin(runtimeapi.ProbeRequest{ID: "drill-third"}).more(1)
}

// The caller lost its stream and began another, and the first has not noticed: both write the same numbers.
func TestAProbeStepsAsideForItsForerunner(t *testing.T) {
	r := newRig(t)
	first := r.begin(runtimeapi.ProbeRequest{})
	first.more(20)
	second := r.begin(runtimeapi.ProbeRequest{First: 10})
	second.more(50)
	for _, e := range second.all() {
		if e.Error != "" {
			t.Errorf("a number in use counts as an outage: %+v", e)
		}
	}
	_, _ = first.end(), second.end()
	first.verify()
	second.verify()
}

// A commit whose wait for the standby was broken off succeeds with a warning. It is no acknowledgement.
func TestACommitWithoutItsStandbyIsInDoubt(t *testing.T) {
	r := newRig(t)
	pgtest.NewStandby(t)
	s := r.begin(runtimeapi.ProbeRequest{})
	s.more(10)
	r.exec(`alter system set synchronous_standby_names = 'nobody'`)
	r.exec(`select pg_reload_conf()`)
	r.until("a commit is in doubt", func() bool {
		r.exec(`set synchronous_commit = local; select pg_cancel_backend(pid) from pg_stat_activity where application_name = 'august-sync probe' and wait_event = 'SyncRep'`)
		for _, e := range s.all() {
			if strings.Contains(e.Error, "with a warning") {
				return true
			}
		}
		return false
	})
	r.exec(`alter system set synchronous_standby_names = 'standby'`)
	r.exec(`select pg_reload_conf()`)
	s.more(10)
	_ = s.end()
	s.verify()
	r.until("no commit is left waiting", func() bool { return r.backends() == 0 })
}

func TestRowsThatNobodyRemovedGoWithTheNextProbe(t *testing.T) {
	r := newRig(t)
	r.exec(`insert into august.probe values ('drill-ancient', 1, now() - interval '25 hours'), ('drill-recent', 1, now() - interval '23 hours')`)
	r.begin(runtimeapi.ProbeRequest{}).more(5)
	highest := func(id string) int64 {
		v, err := r.service.Verify(t.Context(), id, runtimeapi.VerifyRequest{})
		if err != nil {
			t.Fatal(err)
		}
		return v.Highest
	}
	r.until("the old rows are gone", func() bool { return highest("drill-ancient") == 0 })
	if highest("drill-recent") != 1 {
		t.Error("rows of a drill under way are gone")
	}
	for range 2 {
		if err := r.service.Delete(t.Context(), "drill-recent"); err != nil {
			t.Fatal(err)
		}
	}
	if highest("drill-recent") != 0 {
		t.Error("the rows are still there")
	}
}

package pipeline_test

import (
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
	sandbox "github.com/feel-august/terraform-provider-august/internal/sandbox/drchrono"
	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
)

// While parts are read, rows move between them, into parts that nobody knows of yet and out of all parts: few, or more
// than are asked for one by one otherwise. None that the source still has is marked as deleted.
func TestRowsThatMoveBetweenPartsAreNotGone(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 7))
			r, doctor, doctors := eobsOfFour(t)
			s, _ := r.instance()
			r.start(s)
			r.put(s, spec)
			r.ended(s, runtimeapi.RunSucceeded)
			r.equal()

			var mu sync.Mutex
			var moving []string
			r.front = func(w http.ResponseWriter, q *http.Request, api http.Handler) {
				if mu.Lock(); q.URL.Path == "/api/eobs" {
					to := append([]any{nil, doctor()}, doctors...)
					n := min(len(moving), 1+rnd.IntN(60))
					for _, key := range moving[:n] {
						err := r.clinic.Edit(clinic.EOBs, key, clinic.Object{"doctor": to[rnd.IntN(len(to))]})
						if err == nil && rnd.IntN(8) == 0 {
							err = r.clinic.Delete(clinic.EOBs, key)
						}
						if err != nil {
							t.Error(err)
						}
					}
					moving = moving[n:]
				}
				mu.Unlock()
				api.ServeHTTP(w, q)
			}
			for _, moves := range []int{20, 320} {
				rows := r.clinic.View(clinic.EOBs, 0)
				mu.Lock()
				for _, i := range rnd.Perm(len(rows)) {
					if len(moving) < moves && rows[i].Field("doctor") != "" {
						moving = append(moving, rows[i].Key())
					}
				}
				mu.Unlock()
				r.sync(s, rnd.IntN(2) == 0)
				marked, wrong := strings.Split(r.one(`select string_agg(id::text, ',') from drchrono.eobs where deleted_at_source is not null`), ","), 0
				for _, key := range marked {
					if _, there := r.clinic.Find(clinic.EOBs, key, 0); there {
						wrong++
					}
				}
				if wrong > 0 || len(moving) > 0 {
					t.Errorf("of %d moves %d were made; of %d rows that are marked %d are there", moves, moves-len(moving), len(marked), wrong)
				}
				t.Logf("%d moves, %d rows marked", moves, len(marked))
			}
			r.front = nil
			r.sync(s, true)
			r.equal()
		})
	}
}

// eobsOfFour is a practice with 900 checks of payers for four doctors. doctor adds another.
func eobsOfFour(t *testing.T) (r *rig, doctor func() any, doctors []any) {
	r = newRig(t, 5, always(feed.Doctors, feed.EOBs)...)
	r.server.Set(func(s *sandbox.Settings) { s.PageCaps["eobs"] = 50 })
	doctor = func() any {
		id, err := r.clinic.Add(clinic.Doctors, clinic.Object{"npi_number": "9999999999"})
		if err != nil {
			t.Error(err)
		}
		return json.Number(id)
	}
	doctors = []any{doctor(), doctor(), doctor(), doctor()}
	for n := range 900 {
		_, err := r.clinic.Add(clinic.EOBs, clinic.Object{"doctor": doctors[n%4], "total_paid": "10.00"})
		r.edited(err)
	}
	return r, doctor, doctors
}

// What was asked for when the budget ended is not asked for again.
func TestManyRowsMissedInPartsAreAskedForOnce(t *testing.T) {
	r, _, _ := eobsOfFour(t)
	s, _ := r.instance()
	r.start(s)
	r.put(s, spec)
	r.ended(s, runtimeapi.RunSucceeded)
	const n, spent = 150, 120
	for _, row := range r.clinic.View(clinic.EOBs, 0)[:n] {
		r.edited(r.clinic.Delete(clinic.EOBs, row.Key()))
	}
	var asked atomic.Int64
	r.front = func(w http.ResponseWriter, q *http.Request, api http.Handler) {
		if strings.HasPrefix(q.URL.Path, "/api/eobs/") && asked.Add(1) == spent {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = io.WriteString(w, `{"detail":"Request was throttled. Expected available in 700 seconds."}`)
			return
		}
		api.ServeHTTP(w, q)
	}
	if _, err := s.Sync(t.Context(), "billing", runtimeapi.SyncRequest{}); err != nil {
		t.Fatal(err)
	}
	r.ended(s, runtimeapi.RunParked)
	if got := r.one(`select count(*) from drchrono.eobs where deleted_at_source is not null`); got != strconv.Itoa(spent-1) {
		t.Errorf("%s rows are marked while the run waits", got)
	}
	r.exec(`update august.throttle set paused_until = now(), next_at = now()`)
	r.exec(`update august.run set resume_at = now() where state = 'parked'`)
	run := r.ended(s, runtimeapi.RunSucceeded)
	if _, _, deleted := changed(run); deleted != n || asked.Load() != n+1 {
		t.Errorf("%d of %d are gone; %d calls", deleted, n, asked.Load())
	}
	r.equal()
}

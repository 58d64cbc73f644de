package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

func TestReadiness(t *testing.T) {
	t.Parallel()
	receives := false
	r := newReadiness(func() bool { return receives })
	get := func() string {
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
		return fmt.Sprint(w.Code, " ", w.Body)
	}
	if got := get(); !strings.HasPrefix(got, "503") || !strings.Contains(got, "starting") {
		t.Error(got)
	}
	var fails error
	pings := 0
	r.serve(func(context.Context) error { pings++; return fails })
	if got := get(); !strings.HasPrefix(got, "200") || pings != 0 {
		t.Errorf("%s after %d pings", got, pings)
	}
	fails = &pgconn.PgError{Code: "57P01"}
	r.asked = time.Time{}
	for range 3 {
		if got := get(); !strings.HasPrefix(got, "503") || !strings.Contains(got, "stopping") {
			t.Error(got)
		}
	}
	if pings != 1 {
		t.Errorf("%d pings for probes of one second", pings)
	}
	fails, r.asked = nil, time.Time{}
	if got := get(); !strings.HasPrefix(got, "200") {
		t.Errorf("did not come back: %s", got)
	}
	// An outage is none for who brings deliveries, when these can be kept elsewhere; a database that refuses the runtime is.
	receives = true
	for code, want := range map[string]string{"57P01": "200", "25006": "200", "53300": "200", "28000": "503", "3D000": "503", "42501": "503"} {
		fails, r.asked = &pgconn.PgError{Code: code}, time.Time{}
		if got := get(); !strings.HasPrefix(got, want) || !strings.Contains(got, "reason") || strings.Contains(got, `"ready"`) {
			t.Errorf("%s: %s", code, got)
		}
		r.waits(fails)
		if got := get(); !strings.HasPrefix(got, want) {
			t.Errorf("%s from the start: %s", code, got)
		}
		r.why = ""
	}
	for want, err := range map[string]error{"200": syscall.ECONNREFUSED, "503": store.ErrCredentials} {
		fails, r.asked = err, time.Time{}
		if got := get(); !strings.HasPrefix(got, want) {
			t.Errorf("%v: %s", err, got)
		}
	}
	r.set("stopping")
	r.serve(func(context.Context) error { return nil })
	if got := get(); !strings.HasPrefix(got, "503") {
		t.Errorf("ready while stopping: %s", got)
	}
}

// A pool whose connections are all at work is alive as long as they change hands.
func TestSign(t *testing.T) {
	t.Parallel()
	b := setup(t, 10)
	db, err := store.Open(background(), store.Config{Host: b.db.Host, Port: b.db.Port, Database: b.db.Name, User: b.db.User, Password: b.db.Password, MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s := new(sign)
	ask := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		return s.of(db.Pool())(ctx)
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	first, err := db.Pool().Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second, err := db.Pool().Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer second.Release()
	if err := ask(); err != nil {
		t.Errorf("busy is dead: %v", err)
	}
	s.at = time.Now().Add(-stuck)
	if err := ask(); err == nil {
		t.Error("none of the connections has come back, and that is a sign of life")
	}
	first.Release()
	if err := ask(); err != nil {
		t.Errorf("did not come back: %v", err)
	}
}

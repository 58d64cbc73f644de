package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

func TestReadiness(t *testing.T) {
	t.Parallel()
	r := newReadiness()
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
	r.set("stopping")
	r.serve(func(context.Context) error { return nil })
	if got := get(); !strings.HasPrefix(got, "503") {
		t.Errorf("ready while stopping: %s", got)
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

func TestReason(t *testing.T) {
	t.Parallel()
	const host = "10.9.8.7"
	for want, err := range map[string]error{
		"refuses the user":        &pgconn.PgError{Code: "28P01", Message: "password authentication failed for user " + host},
		"does not exist":          &pgconn.PgError{Code: "3D000", Message: host},
		"starting or stopping":    &pgconn.PgError{Code: "57P03", Message: host},
		"no free connection":      &pgconn.PgError{Code: "53300", Message: host},
		"lacks a privilege":       &pgconn.PgError{Code: "42501", Message: host},
		"SQLSTATE XX000":          &pgconn.PgError{Code: "XX000", Message: host},
		"host name":               &net.DNSError{Name: host},
		"refuses connections":     &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED},
		"does not answer in time": context.DeadlineExceeded,
		"cannot be reached":       errors.New(host),
		"has no credentials":      fmt.Errorf("%w: %s", errConnector, host),
	} {
		if got := reason(fmt.Errorf("connect to %s: %w", host, err)); !strings.Contains(got, want) || strings.Contains(got, host) {
			t.Errorf("%v is %q, want %q", err, got, want)
		}
	}
}

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

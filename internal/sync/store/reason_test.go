package store_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

func TestReason(t *testing.T) {
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
		"takes no writes":         pgconn.ErrReadOnlyConnection,
		"a standby":               &pgconn.PgError{Code: "25006", Message: host},
		"all 4 database":          &store.BusyError{Conns: 4},
		"cannot be reached":       errors.New(host),
		"has no credentials":      fmt.Errorf("%w: %s", store.ErrCredentials, host),
	} {
		if got := store.Reason(fmt.Errorf("connect to %s: %w", host, err)); !strings.Contains(got, want) || strings.Contains(got, host) {
			t.Errorf("%v is %q, want %q", err, got, want)
		}
	}
}

func TestMoved(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]bool{
		"cache lookup failed for attribute 1 of relation 16390": true, "could not open relation with OID 16390": true,
		"invalid page in block 3 of relation base/5/16390": false, "": false,
	} {
		if got := store.Moved(fmt.Errorf("read: %w", &pgconn.PgError{Code: "XX000", Message: message})); got != want {
			t.Errorf("%s: %v", message, got)
		}
	}
	if store.Moved(&pgconn.PgError{Code: "42P01", Message: "cache lookup failed for "}) {
		t.Error("with a code that says something else")
	}
}

func TestUnfit(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]bool{
		"22P02": true, "23514": true, "54000": true, "P0001": true, // the data
		"42703": false, "57P01": false, "53100": false, "40P01": false, "XX000": false, "": false, // not the data's fault
	} {
		if got := store.Unfit(fmt.Errorf("merge: %w", &pgconn.PgError{Code: code})); got != want {
			t.Errorf("%s: %v", code, got)
		}
	}
	if store.Unfit(errors.New("another error")) {
		t.Error("an error of another sort")
	}
}

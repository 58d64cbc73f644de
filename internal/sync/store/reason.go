package store

import (
	"context"
	"errors"
	"net"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// ErrCredentials is a dialler's word that it has nothing to sign in with.
var ErrCredentials = errors.New("the Cloud SQL connector cannot be prepared")

// Reason classes why the database is not there, without names, addresses or credentials: /readyz shows
// it to anybody, and a probe's stream to its caller.
func Reason(err error) string {
	var pg *pgconn.PgError
	var dns *net.DNSError
	var busy *BusyError
	switch {
	case errors.As(err, &busy):
		return busy.Error()
	case errors.As(err, &pg):
		return refusal(pg.Code)
	case errors.Is(err, pgconn.ErrReadOnlyConnection):
		return "the database takes no writes: it is a standby, and a failover may be under way"
	case errors.Is(err, ErrCredentials):
		return "the Cloud SQL connector has no credentials: run as a service account, or set AUGUST_DATABASE_HOST"
	case errors.As(err, &dns):
		return "the database's host name is not known"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the database refuses connections"
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return "the database does not answer in time"
	default:
		return "the database cannot be reached"
	}
}

func refusal(code string) string {
	switch code {
	case "57014":
		return "the database does not answer in time"
	case "25006":
		return "the database takes no writes: it is a standby, and a failover may be under way"
	}
	switch code[:min(2, len(code))] {
	case "28":
		return "the database refuses the user"
	case "3D":
		return "the database does not exist"
	case "57", "08":
		return "the database is starting or stopping"
	case "53":
		return "the database has no free connection"
	case "42":
		return "the database user lacks a privilege"
	default:
		return "the database fails with SQLSTATE " + code
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

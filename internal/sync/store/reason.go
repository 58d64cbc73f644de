package store

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
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

// Outage tells a failure of the database's service, which passes, from every other error.
func Outage(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code[:min(2, len(pg.Code))] {
		case "08", "53", "57", "40": // connection, resources, operator intervention (failover), rollback
			return true
		}
		return pg.Code == "25006" // a standby: the failover is under way
	}
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) || pgconn.SafeToRetry(err) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, context.DeadlineExceeded)
}

// Moved tells that a statement met what somebody dropped while it looked at it: PostgreSQL's functions on its catalogue see what is there,
// their rows are of a moment before. It has no code of its own for that.
func Moved(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "XX000" && (strings.HasPrefix(pg.Message, "cache lookup failed for ") || strings.HasPrefix(pg.Message, "could not open relation with OID "))
}

// Unfit tells that the database refused the data that a statement brought: it breaks a type, a constraint, a limit, or a rule
// that a trigger holds. Other data may pass.
func Unfit(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return false
	}
	switch pg.Code[:min(2, len(pg.Code))] {
	case "22", "23", "54", "P0":
		return true
	}
	return false
}

// Refused says which rule a refused statement broke, "" when err is no refusal. PostgreSQL's own message may quote a row's
// values.
func Refused(err error) string {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return ""
	}
	return strings.Join(slices.DeleteFunc([]string{"SQLSTATE " + pg.Code, pg.TableName, pg.ColumnName, pg.ConstraintName}, func(s string) bool { return s == "" }), " ")
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

package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// spoken are the classes of SQLSTATEs whose messages speak of names, connections and resources, and of no row.
var spoken = []string{"08", "0A", "25", "28", "3D", "3F", "40", "42", "53", "54", "55", "57", "58"}

// databaseError is what PostgreSQL said, without what may be a row's: never its detail, hint, context or position, and of classes that
// quote values, such as 22, not even the message.
type databaseError struct{ code, message string }

func (e *databaseError) Error() string {
	if e.message == "" {
		return "PostgreSQL refused (SQLSTATE " + e.code + "; what it said may hold a value and is left out)"
	}
	return "PostgreSQL: " + e.message + " (SQLSTATE " + e.code + ")"
}

// safe is an error without a value of a row in it. All that comes from the database goes through it.
func safe(err error) error {
	var pg *pgconn.PgError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &pg):
		e := &databaseError{code: pg.Code}
		for _, class := range spoken {
			if strings.HasPrefix(pg.Code, class) {
				e.message = pg.Message
			}
		}
		return e
	}
	return err
}

func hasCode(err error, code string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == code
}

// lost tells that a connection ended, or that the database is on its way down: with another connection the same may work.
func lost(err error) bool {
	var e *databaseError
	if errors.As(err, &e) {
		return strings.HasPrefix(e.code, "08") || strings.HasPrefix(e.code, "57P") || strings.HasPrefix(e.code, "53")
	}
	var n net.Error
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.As(err, &n) && !errors.Is(err, context.Canceled)
}

// bucketError is the bucket's: the part may be tried again.
type bucketError struct{ err error }

func (e *bucketError) Error() string { return "write to the bucket: " + e.err.Error() }
func (e *bucketError) Unwrap() error { return e.err }

// tableError says where.
func tableError(table string, err error) error { return fmt.Errorf("%s: %w", table, err) }

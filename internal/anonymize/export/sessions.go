package export

import (
	"context"
	"io"

	"github.com/jackc/pgx/v5"
)

// sessions lends connections on the run's snapshot.
type sessions struct {
	*run
	free chan *pgx.Conn // nil: one may be opened
}

func newSessions(r *run, most int) *sessions {
	s := &sessions{r, make(chan *pgx.Conn, most)}
	for range most {
		s.free <- nil
	}
	return s
}

// with lends one. After an error its transaction is of no use, and it is closed.
func (s *sessions) with(ctx context.Context, do func(*pgx.Conn) error) (err error) {
	var conn *pgx.Conn
	select {
	case conn = <-s.free:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { s.free <- conn }()
	if conn == nil {
		if conn, err = begin(ctx, s.source, s.snapshot.id); err != nil {
			return err
		}
	}
	if err = do(conn); err != nil {
		end(ctx, conn)
		conn = nil
	}
	return safe(err)
}

// copy is a scan.Source.
func (s *sessions) copy(ctx context.Context, query string, to io.Writer) error {
	return s.with(ctx, func(conn *pgx.Conn) error {
		_, err := conn.PgConn().CopyTo(ctx, to, "copy ("+query+") to stdout")
		return err
	})
}

func (s *sessions) close(ctx context.Context) {
	for range cap(s.free) {
		if conn := <-s.free; conn != nil {
			end(ctx, conn)
		}
	}
}

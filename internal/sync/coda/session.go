package coda

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// session is the connection that holds the locks of all tables that are being pushed to: the pool has few to
// give. Its users take turns, a statement each. When it breaks, so do the locks, and every push on it fails
// before it writes anything more.
type session struct {
	users int // counted under Pusher.mu

	mu   sync.Mutex
	conn *pgxpool.Conn
}

// join is a session that works, begun by the first push and left by the last.
func (p *Pusher) join(ctx context.Context) (*session, error) {
	if s := p.joined(nil); s != nil {
		return s, nil
	}
	conn, err := p.cfg.Pool.Acquire(ctx) // waits, perhaps for one that leave gives back
	if err != nil {
		return nil, err
	}
	s := p.joined(conn)
	if s.conn != conn {
		conn.Release()
	}
	return s, nil
}

// joined is the session with one more user; where there is none that works, it is begun on conn, if given.
func (p *Pusher) joined(conn *pgxpool.Conn) *session {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.session == nil || p.session.broken() {
		if conn == nil {
			return nil
		}
		p.session = &session{conn: conn}
	}
	p.session.users++
	return p.session
}

func (p *Pusher) leave(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.users--; s.users > 0 {
		return
	}
	s.conn.Release()
	if p.session == s {
		p.session = nil
	}
}

// broken says whether the connection is known to be gone. One that is in use is not.
func (s *session) broken() bool {
	if !s.mu.TryLock() {
		return false
	}
	defer s.mu.Unlock()
	return s.conn.Conn().IsClosed()
}

// lock takes the table for this session, unless another one has it. It says nothing of other users of this
// session: Pusher.busy does.
func (s *session) lock(ctx context.Context, table string) (mine bool, err error) {
	err = s.QueryRow(ctx, `select pg_try_advisory_lock(hashtextextended($1, 0))`, table).Scan(&mine)
	return mine, err
}

func (s *session) unlock(ctx context.Context, table string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if _, err := s.Exec(ctx, `select pg_advisory_unlock(hashtextextended($1, 0))`, table); err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		_ = s.conn.Conn().Close(ctx) // the locks end with the connection
	}
}

// grace is what is given to statements that are under way, or have to be made, when the runtime stops.
const grace = 2 * time.Second

// statement runs one statement. One that is cut off costs everybody the connection: it may end.
func (s *session) statement(ctx context.Context, run func(context.Context, *pgx.Conn) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	whole, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	defer stop()
	return run(whole, s.conn.Conn())
}

func (s *session) Exec(ctx context.Context, sql string, args ...any) (tag pgconn.CommandTag, err error) {
	err = s.statement(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		tag, err = conn.Exec(ctx, sql, args...)
		return err
	})
	return tag, err
}

// QueryRow prepares a statement that Scan runs.
func (s *session) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return row(func(into ...any) error {
		return s.statement(ctx, func(ctx context.Context, conn *pgx.Conn) error { return conn.QueryRow(ctx, sql, args...).Scan(into...) })
	})
}

type row func(into ...any) error

func (r row) Scan(into ...any) error { return r(into...) }

// collect is all rows of a statement.
func collect[T any](ctx context.Context, s *session, to pgx.RowToFunc[T], sql string, args ...any) (all []T, err error) {
	err = s.statement(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, to)
		return err
	})
	return all, err
}

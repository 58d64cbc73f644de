package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// The pool is small, because every instance of the service has one and Cloud Run makes many at once:
// the connection budget is instances × MaxConns. One connection is kept warm for the next request; what
// a burst needed beyond is given back soon, so that the instances of the next revision find room.
// Connections end at scattered times, and after a failover they are made again at scattered times.
const (
	defaultMaxConns = 4
	warmConns       = 1
	idleTime        = 90 * time.Second
	lifetime        = 30 * time.Minute
	lifetimeScatter = 10 * time.Minute
	healthPeriod    = 15 * time.Second
	retryScatter    = 250 * time.Millisecond // before a connection is made while the database is away
	pingAfter       = time.Second            // a connection that rested longer is asked before it is used
	pingTime        = 1500 * time.Millisecond
	acquireTime     = 3 * time.Second // for a caller that would rather hear no than wait
)

func shapePool(pc *pgxpool.Config, most int) {
	pc.MaxConns = defaultMaxConns
	if most > 0 {
		pc.MaxConns = int32(most) //nolint:gosec // the configuration holds it to 100
	}
	pc.MinIdleConns = min(warmConns, pc.MaxConns)
	pc.MaxConnLifetime, pc.MaxConnLifetimeJitter = lifetime, lifetimeScatter
	pc.MaxConnIdleTime, pc.HealthCheckPeriod = idleTime, healthPeriod
	var away atomic.Bool // the newest dial failed
	dial := pc.ConnConfig.DialFunc
	pc.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		away.Store(err != nil)
		return c, err
	}
	pc.BeforeConnect = func(ctx context.Context, _ *pgx.ConnConfig) error {
		if !away.Load() {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rand.N(retryScatter)): //nolint:gosec // spreads attempts; nothing hangs on its being hard to guess
			return nil
		}
	}
}

// ping tells of a connection that rested whether it is to be asked once more, by the pool. One that
// gives no answer vanished with its server, and so did the others: none of them is asked in turn.
func ping(pool **pgxpool.Pool) func(context.Context, pgxpool.ShouldPingParams) bool {
	return func(ctx context.Context, p pgxpool.ShouldPingParams) bool {
		if p.IdleDuration <= pingAfter {
			return false
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingTime) // a caller that leaves must not break it
		defer cancel()
		if p.Conn.Ping(ctx) == nil {
			return false
		}
		(*pool).Reset()
		return true // the connection is closed by now, and the pool sees that at once
	}
}

// writable accepts a primary only: after a failover the address may lead to a standby for a while.
func writable(ctx context.Context, c *pgconn.PgConn) error {
	switch c.ParameterStatus("in_hot_standby") {
	case "on":
		return pgconn.ErrReadOnlyConnection
	case "off":
		if c.ParameterStatus("default_transaction_read_only") == "on" {
			return pgconn.ErrReadOnlyConnection
		}
		return nil
	default: // before PostgreSQL 14, or behind a pooler that keeps it to itself
		return pgconn.ValidateConnectTargetSessionAttrsReadWrite(ctx, c)
	}
}

// BusyError says that every connection of the pool is at work.
type BusyError struct{ Conns int32 }

func (e *BusyError) Error() string {
	return fmt.Sprintf("all %d database connections of this instance are at work", e.Conns)
}

// Available asks for a sign of life: a free connection to the database, within seconds. Whoever waits
// for an answer does not queue behind a long sync.
func (s *Store) Available(ctx context.Context) error {
	try, cancel := context.WithTimeout(ctx, acquireTime)
	defer cancel()
	conn, err := s.pool.Acquire(try)
	if err == nil {
		conn.Release()
		return nil
	}
	if stat := s.pool.Stat(); ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) && stat.AcquiredConns() >= stat.MaxConns() {
		return &BusyError{stat.MaxConns()}
	}
	return err
}

// Again does what may be done twice, because it only reads or changes nothing the second time: once
// more, when the connection it was given turned out to be broken. The other connections led to the same
// server, so none of them is tried.
func (s *Store) Again(ctx context.Context, do func() error) error {
	err := do()
	if err == nil || ctx.Err() != nil || !Broken(err) {
		return err
	}
	s.pool.Reset()
	return do()
}

// Broken tells that a statement failed because its connection ended. Whether the statement took effect
// is not known.
func Broken(err error) bool {
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		return false // there was none
	}
	return hasCode(err, "57P01", "57P02", "57P03", "08003", "08006") || pgconn.SafeToRetry(err) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ETIMEDOUT)
}

// Settings is how the store connects, for a connection beside the pool.
func (s *Store) Settings() *pgx.ConnConfig { return s.pool.Config().ConnConfig }

// Through gives settings another dialler, as Config.Dial does.
func Through(settings *pgx.ConnConfig, dial pgconn.DialFunc) {
	settings.DialFunc = parting(dial)
}

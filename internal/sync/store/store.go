// Package store keeps the runtime's state and the synced data in PostgreSQL: connections and
// migrations, merges and checkpoints, the shared throttle and the OAuth tokens.
package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/tern/v2/migrate"
)

//go:embed migrations/*.sql
var migrations embed.FS

// versionTable is where tern keeps the number of the newest migration applied.
const versionTable = "august.schema_version"

// migrationLock is the advisory lock that lets one instance at a time migrate.
const migrationLock = int64(0x6175677573740001)

// Config says where the database is.
type Config struct {
	Host     string // ignored by a Dial that knows better
	Port     int    // default 5432
	Database string
	User     string
	Password string // empty with IAM authentication

	// MaxConns bounds the pool; default 4, because every instance of the service has one.
	MaxConns int

	// Dial replaces the TCP dialler: the Cloud SQL Go connector's. It is expected to encrypt, so
	// PostgreSQL's own TLS is left off, and to notice a silent peer as Dial does.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	// Configure sees the pool's settings last; nil changes nothing.
	Configure func(*pgxpool.Config) error
}

// Store is an open database.
type Store struct {
	pool *pgxpool.Pool
}

// Open prepares a pool. It does not connect: an instance must come up while its database fails over.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	// Settings are assigned rather than put into a connection string, which would need quoting.
	pc, err := pgxpool.ParseConfig("")
	if err != nil {
		return nil, fmt.Errorf("prepare database settings: %w", err)
	}
	cc := pc.ConnConfig
	cc.Host, cc.Port, cc.Database, cc.User, cc.Password = cfg.Host, 5432, cfg.Database, cfg.User, cfg.Password
	cc.TLSConfig, cc.Fallbacks = nil, nil
	if cfg.Port != 0 {
		cc.Port = uint16(cfg.Port) //nolint:gosec // the configuration holds it to 65535
	}
	cc.ConnectTimeout = 5 * time.Second
	cc.RuntimeParams = map[string]string{
		"application_name": "august-sync",
		"timezone":         "UTC",
		"datestyle":        "ISO, YMD",
		// A peer that vanished in mid-transaction must not hold its locks for the kernel's two hours, or
		// whoever takes the work over would wait for them: the server looks after its clients as they look
		// after it.
		"idle_in_transaction_session_timeout": "60000",
		"tcp_keepalives_idle":                 "4",
		"tcp_keepalives_interval":             "2",
		"tcp_keepalives_count":                "2",
		"tcp_user_timeout":                    strconv.FormatInt(silence.Milliseconds(), 10),
		"client_connection_check_interval":    "5000",
	}
	cc.ValidateConnect = writable
	cc.DialFunc = parting(Dial)
	if cfg.Dial != nil {
		cc.DialFunc = parting(cfg.Dial)
		cc.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	}
	shapePool(pc, cfg.MaxConns)
	var pool *pgxpool.Pool
	pc.ShouldPing = ping(&pool)
	if cfg.Configure != nil {
		if err := cfg.Configure(pc); err != nil {
			return nil, fmt.Errorf("adapt database settings: %w", err)
		}
	}
	pool, err = pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", net.JoinHostPort(cc.Host, strconv.Itoa(int(cc.Port))), err)
	}
	return &Store{pool: pool}, nil
}

// Pool is the store's connections, for the rooms that bring their own SQL.
func (s *Store) Pool() *pgxpool.Pool { return s.pool }

// Close closes every connection.
func (s *Store) Close() { s.pool.Close() }

// oldest is the first PostgreSQL that has all that the statements use: bit_xor over rows came with it.
const oldest = 14

// newEnough refuses a server that is too old, rather than have a statement fail weeks later.
func newEnough(version string) error {
	major, _, _ := strings.Cut(version, ".")
	if n, err := strconv.Atoi(major); err == nil && n < oldest {
		return fmt.Errorf("the database runs PostgreSQL %s, and the runtime needs %d or newer: upgrade the instance first", version, oldest)
	}
	return nil // "17beta1" is new enough, too
}

// Migrate brings the schema up to this build's. It only ever goes forward, and a schema newer than
// this build is left alone: every migration is safe beside the previous revision.
func (s *Store) Migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	want, err := Schema()
	if err != nil {
		return err
	}
	// The common case, an up-to-date schema, costs one query and no lock.
	if have, err := s.SchemaVersion(ctx); err != nil || have >= want {
		return err
	}
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connect to migrate: %w", err)
	}
	defer conn.Release()
	if err := newEnough(conn.Conn().PgConn().ParameterStatus("server_version")); err != nil {
		return err
	}
	// tern's own lock does not cover the creation of its table.
	if _, err := conn.Exec(ctx, "select pg_advisory_lock($1)", migrationLock); err != nil {
		return fmt.Errorf("wait for other migrations: %w", err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if _, err := conn.Exec(ctx, "select pg_advisory_unlock($1)", migrationLock); err != nil {
			_ = conn.Conn().Close(ctx) // ends the session, and the lock with it
		}
	}()
	if _, err := conn.Exec(ctx, "create schema if not exists august"); err != nil {
		return fmt.Errorf("create schema august: %w", err)
	}
	m, err := migrate.NewMigrator(ctx, conn.Conn(), versionTable)
	if err != nil {
		return fmt.Errorf("prepare migrations: %w", err)
	}
	if err := m.LoadMigrations(files); err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	have, err := m.GetCurrentVersion(ctx)
	if err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	if have >= want {
		return nil
	}
	if err := m.Migrate(ctx); err != nil {
		return fmt.Errorf("migrate from version %d: %w", have, err)
	}
	return nil
}

// Schema is the number of this build's newest migration.
func Schema() (int32, error) {
	names, err := migrations.ReadDir("migrations")
	if err != nil {
		return 0, fmt.Errorf("read migrations: %w", err)
	}
	return int32(len(names)), nil //nolint:gosec // a handful of files
}

// SchemaVersion is the number of the newest migration applied, 0 before the first.
func (s *Store) SchemaVersion(ctx context.Context) (int32, error) {
	var v int32
	err := s.pool.QueryRow(ctx, "select version from "+versionTable).Scan(&v)
	if hasCode(err, "42P01", "3F000") || errors.Is(err, pgx.ErrNoRows) { // no table, or no schema
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read schema version: %w", err)
	}
	return v, nil
}

// hasCode reports whether err is PostgreSQL's with one of the SQLSTATEs.
func hasCode(err error, codes ...string) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return false
	}
	for _, c := range codes {
		if pg.Code == c {
			return true
		}
	}
	return false
}

package export

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
)

// buffer is what is read from a connection at once, and what a part is given at once. PostgreSQL sends a row at a time.
const buffer = 256 << 10

// settings are those of each session. What COPY writes depends on some of them; others keep a long reader alive, or keep it
// from being a burden.
var settings = map[string]string{
	"application_name":                    "august-sync anonymize",
	"client_encoding":                     "UTF8",
	"timezone":                            "UTC",
	"datestyle":                           "ISO, YMD",
	"intervalstyle":                       "postgres",
	"bytea_output":                        "hex",
	"extra_float_digits":                  "1",
	"search_path":                         "",    // names in values of types such as regclass are whole, and nobody's function is called by mistake
	"row_security":                        "off", // rows that a policy hides are an error, not left out
	"jit":                                 "off",
	"max_parallel_workers_per_gather":     "0", // the production database has other things to do
	"work_mem":                            "32MB",
	"statement_timeout":                   "0",
	"idle_in_transaction_session_timeout": "0",
	"lock_timeout":                        "30s",
	"tcp_user_timeout":                    "60000", // a bucket that is slow for a while makes us slow to read
}

// shape makes a source's settings those of a reader. A standby is as good as a primary.
func shape(source *pgx.ConnConfig) *pgx.ConnConfig {
	c := source.Copy()
	c.ValidateConnect = nil
	c.RuntimeParams = maps.Clone(c.RuntimeParams)
	if c.RuntimeParams == nil {
		c.RuntimeParams = map[string]string{}
	}
	maps.Copy(c.RuntimeParams, settings)
	c.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		return pgproto3.NewFrontend(bufio.NewReaderSize(r, buffer), w)
	}
	c.DefaultQueryExecMode = pgx.QueryExecModeExec // nothing is asked twice
	return c
}

// quiet keeps statements that fail out of the server's log where the role may say so: a condition of a policy might name a person.
const quiet = `select set_config(name, 'panic', true) from unnest(array['log_min_error_statement', 'log_min_messages']) name where has_parameter_privilege(name, 'set')`

// begin opens a session with a transaction that reads only, and sees one moment.
func begin(ctx context.Context, source *pgx.ConnConfig, snapshot string) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, source)
	if err != nil {
		return nil, safe(err)
	}
	statements := []string{"begin isolation level repeatable read read only"}
	if snapshot != "" {
		statements = append(statements, "set transaction snapshot '"+snapshot+"'")
	}
	if v, _ := strconv.Atoi(version(conn)); v >= 15 {
		statements = append(statements, quiet)
	}
	for _, s := range statements {
		if _, err := conn.Exec(ctx, s); err != nil {
			end(ctx, conn)
			if hasCode(err, noSnapshot) {
				return nil, ErrHolder
			}
			return nil, safe(err)
		}
	}
	return conn, nil
}

// version is the server's major version.
func version(conn *pgx.Conn) string {
	v := conn.PgConn().ParameterStatus("server_version")
	for i, c := range v {
		if c < '0' || c > '9' {
			return v[:i]
		}
	}
	return v
}

// end closes a session, whatever has become of the context that it was for.
func end(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	_ = conn.Close(ctx) // the transaction has nothing to lose
}

// snapshot is the moment that all rows are of. It lasts as long as the connection that holds it.
type snapshot struct {
	conn *pgx.Conn
	id   string
	at   time.Time
}

// hold begins a snapshot for an export's name. Two runs of one name at a time would remove each other's parts.
func hold(ctx context.Context, source *pgx.ConnConfig, export string) (*snapshot, error) {
	conn, err := begin(ctx, source, "")
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	s := &snapshot{conn: conn}
	err = conn.QueryRow(ctx, "select pg_export_snapshot(), statement_timestamp()").Scan(&s.id, &s.at)
	var alone bool
	// A run that has just ended may have its session for a moment longer than itself.
	for tries := 0; err == nil && !alone && tries < 10; tries++ {
		if tries > 0 {
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
		alone, err = s.lock(ctx, export)
	}
	if err == nil && !alone {
		err = errors.New("another run makes this export now: wait for it, or give this one another name")
	}
	if err != nil {
		end(ctx, conn)
		return nil, fmt.Errorf("begin the snapshot: %w", safe(err))
	}
	return s, nil
}

// lock takes the lock of an export's name for as long as the snapshot is held, and tells whether it was to be had.
func (s *snapshot) lock(ctx context.Context, export string) (alone bool, err error) {
	name := fnv.New64a()
	_, _ = name.Write([]byte("august export " + export))                                                 // never fails
	err = s.conn.QueryRow(ctx, "select pg_try_advisory_xact_lock($1)", int64(name.Sum64())).Scan(&alone) //nolint:gosec // a number of 64 bits, whatever its sign
	return alone, safe(err)
}

// ErrHolder ends a run: another snapshot would be of another moment.
var ErrHolder = errors.New("the connection that holds the snapshot was lost: nothing is published; run the export again, it starts anew")

// noSnapshot is the SQLSTATE of a snapshot that nobody holds any more.
const noSnapshot = "22023"

const beat = 5 * time.Second

// watch looks after the holder until the context ends. Nothing else may use the connection meanwhile.
func (s *snapshot) watch(ctx context.Context, fail context.CancelCauseFunc) {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := s.conn.Ping(ctx); err != nil && ctx.Err() == nil {
				fail(fmt.Errorf("%w (%w)", ErrHolder, safe(err)))
				return
			}
		}
	}
}

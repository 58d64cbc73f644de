package dataset

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/inspect"
)

// lock is the advisory lock that lets one import at a time into a database.
const lock = int64(0x6175677573740016)

// lockPatience is how long the lock is waited for: of an import that was killed, the server takes note within seconds.
const lockPatience = 20 * time.Second

// take takes the lock, for as long as the import lasts.
func (i *importing) take(ctx context.Context) (release func(), err error) {
	pooled, err := i.Pool.Acquire(ctx)
	if err != nil {
		return nil, failed("connect to the target", err)
	}
	conn := pooled.Hijack() // its end is the lock's
	release = func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = conn.Close(ctx)
	}
	for until, pause := time.Now().Add(min(i.Patience, lockPatience)), 10*time.Millisecond; ; pause = min(2*pause, 250*time.Millisecond) {
		taken := false
		if err := conn.QueryRow(ctx, `select pg_try_advisory_lock($1)`, lock).Scan(&taken); err != nil {
			release()
			return nil, failed("take the target's lock", err)
		}
		if taken {
			i.holder = conn
			// To compile questions about the catalogue takes longer than to answer them. A table whose rows a policy hides is not
			// taken for an empty one: to look into it fails.
			if _, err := conn.Exec(ctx, `set jit = off; set row_security = off; set statement_timeout = 0; set standard_conforming_strings = on`); err != nil {
				release()
				return nil, failed("prepare the session", err)
			}
			return release, nil
		}
		if time.Now().After(until) {
			release()
			return nil, refuse("another import into this database is under way: wait until it has ended")
		}
		if err := sleep(ctx, pause); err != nil {
			release()
			return nil, err
		}
	}
}

// refuseProduction refuses what may hold patients' rows. It comes before anything is changed, migrations included.
func (i *importing) refuseProduction(ctx context.Context) error {
	source := i.manifest.Source
	system, err := inspect.System(ctx, i.holder)
	if err != nil {
		return failed("read which database the target is", err)
	}
	if system == source.System {
		return refuse("the target is the database that export %s was made of, or a clone of it, and it is never written over: import into another database", i.Export)
	}
	if i.Instance != "" && i.Instance == source.Instance {
		return refuse("the target is on instance %s, as the database that export %s was made of: staging needs an instance of its own", i.Instance, i.Export)
	}
	for _, table := range i.Live {
		rows, err := i.holds(ctx, table)
		if err != nil {
			return err
		}
		if rows {
			return refuse("%s has rows: a runtime syncs into this database, so that it may hold patients' rows. Import into a database that no pipeline syncs into, or delete its pipelines first", table)
		}
	}
	imported := false
	if known, err := i.has(ctx, "august.dataset"); err != nil {
		return err
	} else if known {
		if err := i.holder.QueryRow(ctx, `select exists (select from august.dataset)`).Scan(&imported); err != nil {
			return failed("read the history of imports", err)
		}
	}
	if imported {
		return nil
	}
	tables := slices.DeleteFunc(slices.Clone(i.manifest.Empty), func(t string) bool { return strings.HasPrefix(t, "august.") })
	for _, t := range i.manifest.Tables {
		tables = append(tables, t.Name)
	}
	for _, table := range tables {
		rows, err := i.holds(ctx, table)
		if err != nil {
			return err
		}
		if rows {
			return refuse("%s has rows, and nothing was ever imported into this database: it may hold patients' rows. Import into an empty database", table)
		}
	}
	return nil
}

// find gives the SQL name of a table, "" when there is none that can hold rows.
func (i *importing) find(ctx context.Context, table string) (name string, err error) {
	err = i.holder.QueryRow(ctx, `select format('%I.%I', n.nspname, c.relname) from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
		where n.nspname || '.' || c.relname = $1 and c.relkind in ('r', 'p')`, table).Scan(&name)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", failed("look for "+table, err)
	}
	return name, nil
}

func (i *importing) has(ctx context.Context, table string) (bool, error) {
	name, err := i.find(ctx, table)
	return name != "", err
}

// holds says whether a table is there and has a row.
func (i *importing) holds(ctx context.Context, table string) (rows bool, err error) {
	name, err := i.find(ctx, table)
	if err != nil || name == "" {
		return false, err
	}
	err = i.holder.QueryRow(ctx, `select exists (select from `+name+`)`).Scan(&rows)
	if err != nil {
		return false, failed("look whether "+table+" has rows", err)
	}
	return rows, nil
}

// isIn says whether the export is what the database serves.
func (i *importing) isIn(ctx context.Context) (in bool, err error) {
	known, err := i.has(ctx, "august.dataset_step")
	if err != nil {
		return false, err
	}
	if !known {
		return false, refuse("the target has no table august.dataset_step, where imports keep what they have done: run august-sync migrate of this version")
	}
	err = i.holder.QueryRow(ctx, `select coalesce((select manifest = $1 from august.dataset order by id desc limit 1), false)`, i.digest).Scan(&in)
	if err != nil {
		return false, failed("read the history of imports", err)
	}
	return in, nil
}

// failed is PostgreSQL's error without its words: they may hold a row's values.
func failed(what string, err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return fmt.Errorf("%s: %w", what, err)
	}
	parts := []string{"SQLSTATE " + pg.Code}
	switch pg.Code[:min(2, len(pg.Code))] {
	case "08", "0A", "25", "28", "2B", "3D", "3F", "40", "42", "53", "55", "57": // of names, states and resources, never of data
		parts = append(parts, pg.Message)
	}
	for _, name := range []string{pg.SchemaName, pg.TableName, pg.ColumnName, pg.ConstraintName, pg.DataTypeName} {
		if name != "" {
			parts = append(parts, name)
		}
	}
	return &databaseError{fmt.Sprintf("%s: %s", what, strings.Join(parts, " ")), pg.Code, err}
}

// databaseError keeps PostgreSQL's error for whoever judges it, and shows only its code.
type databaseError struct {
	text, code string
	err        error
}

func (e *databaseError) Error() string { return e.text }
func (e *databaseError) Unwrap() error { return e.err }

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

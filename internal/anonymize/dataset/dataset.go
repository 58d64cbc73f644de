// Package dataset brings an export into a staging database: it verifies what was published, loads it beside what is served, and
// puts the new tables in place of the old ones in one transaction. Until then, and whatever ends it, the old ones are served.
//
// No DDL comes out of the bucket: tables are made as the target's own are. It needs no more than to own them, and to
// be allowed to create schemas.
package dataset

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
	"github.com/feel-august/terraform-provider-august/internal/bucket"
)

// Config is an import.
type Config struct {
	Pool     *pgxpool.Pool // Workers connections and one
	Bucket   bucket.Bucket
	Export   string
	Trusted  ed25519.PublicKey // whose manifests count
	Instance string            // connection name of the target's instance; empty when there is none
	Runtime  string            // version, for the history
	Workers  int               // that load side by side; 0: one

	// Migrate brings the target's schema up to this build's, once the target is known to be no production database.
	Migrate func(context.Context) error

	// Name says in a transaction, to the target's own record of changes, whose work it is; nil: there is none.
	Name func(context.Context, pgx.Tx) error

	Live []string // tables, rows in which say that the target is in use: it is no staging database
	Keep []string // tables that are the target's own, whatever the manifest says of them

	Patience time.Duration // with those who read or write the old tables, at the swap; 0: ten minutes

	// Away tells the error of a database that went away and comes back, as in a failover, from every other: the import then goes on
	// by itself. nil: it ends.
	Away         func(error) bool
	AwayPatience time.Duration // with a database that is away; 0: five minutes

	Log *slog.Logger
}

// Result is what an import has done.
type Result struct {
	Export     string   `json:"export"`
	Unchanged  bool     `json:"unchanged"` // it was in already
	PolicyHash string   `json:"policy_hash"`
	Method     string   `json:"method"`
	Tables     int      `json:"tables"`
	Rows       int64    `json:"rows"`
	Emptied    []string `json:"emptied"`  // tables that the export leaves out
	Left       []string `json:"left"`     // tables that the export does not know: they are as they were
	Defaults   []string `json:"defaults"` // columns that it does not bring: they have their default, or NULL
}

// RefusedError says why an import does not begin, or cannot be completed, and what to do. Nothing of the target has changed.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return e.Reason }

func refuse(format string, args ...any) error { return &RefusedError{fmt.Sprintf(format, args...)} }

// importing is an import under way, from when it has the target's lock until it ends or loses that.
type importing struct {
	Config
	manifest *evidence.Manifest
	digest   string     // of the signed manifest
	holder   *pgx.Conn  // holds the lock, and swaps: who loses the one does not do the other
	begun    time.Time  //
	locked   time.Time  // when the swap had the old tables to itself
	target   *structure // how the target's tables are made
	load     string     // digest of manifest and target: steps of another are worth nothing
	sent     *Result    // of a swap that was done but for its commit: only the target knows whether that came about
}

// Import brings an export in. An import that ended before it was through goes on where it was when the same export is
// imported again, and by itself when it is the database that went away. Then all is checked anew, as for another import:
// meanwhile that database may have become another.
func Import(ctx context.Context, cfg Config) (*Result, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Patience == 0 {
		cfg.Patience = 10 * time.Minute
	}
	if cfg.AwayPatience == 0 {
		cfg.AwayPatience = defaultAway
	}
	i := &importing{Config: cfg, begun: time.Now()}
	gone := away{patience: cfg.AwayPatience}
	for {
		result, err := i.once(ctx)
		if err == nil || ctx.Err() != nil || !cfg.isAway(err) {
			return result, err
		}
		cfg.Log.Warn("the database went away: the import goes on when it is back", "error", err)
		if enough := gone.wait(ctx, i.holder != nil); enough != nil {
			return nil, fmt.Errorf("%w: %w; import the same export again, and it goes on where it was", enough, err)
		}
		cfg.Pool.Reset() // its connections led to the same server
		i = &importing{Config: cfg, begun: i.begun, sent: i.sent}
	}
}

// once is an import on one connection that holds the lock.
func (i *importing) once(ctx context.Context) (*Result, error) {
	if err := i.open(ctx); err != nil {
		return nil, err
	}
	release, err := i.take(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	if err := i.refuseProduction(ctx); err != nil {
		return nil, err
	}
	if i.Migrate != nil {
		if err := i.Migrate(ctx); err != nil {
			return nil, err
		}
	}
	if in, err := i.isIn(ctx); err != nil {
		return nil, err
	} else if in {
		i.tidy(ctx)
		if i.sent != nil {
			return i.sent, nil
		}
		return i.result(&Result{Unchanged: true, Emptied: []string{}, Left: []string{}, Defaults: []string{}}), nil
	}
	if err := expired(i.manifest, time.Now()); err != nil {
		return nil, err
	}
	if i.target, err = i.inspect(ctx); err != nil {
		return nil, err
	}
	if err := i.clean(ctx); err != nil {
		return nil, err
	}
	if err := i.bringIn(ctx); err != nil {
		var refused *RefusedError
		if errors.As(err, &refused) { // it would be again
			i.discard(ctx)
		}
		return nil, err
	}
	i.tidy(ctx)
	return i.sent, nil
}

func (i *importing) bringIn(ctx context.Context) error {
	for _, part := range []func(context.Context) error{i.makeTwins, i.loadChunks, i.finishTables, i.tie, i.finishViews, i.dress, i.waitForOlder, i.swap} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (i *importing) result(r *Result) *Result {
	r.Export, r.PolicyHash, r.Method, r.Tables = i.manifest.Export, i.manifest.PolicyHash, string(i.manifest.Method), len(i.manifest.Tables)
	for _, t := range i.manifest.Tables {
		r.Rows += t.Rows
	}
	return r
}

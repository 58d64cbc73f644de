package advisor

import (
	"context"
	"log/slog"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

// rig is a migrated database of a test's own, whose statements are counted.
type rig struct {
	testing.TB
	store *store.Store
	*Advisor
}

func newRig(t testing.TB) *rig {
	t.Helper()
	open := func(db pgtest.Database) (*store.Store, error) {
		return store.Open(context.Background(), store.Config{
			Host: db.Host, Port: db.Port, Database: db.Name, User: db.User, Password: db.Password, MaxConns: 1,
			Configure: func(pc *pgxpool.Config) error {
				pc.ConnConfig.RuntimeParams["pg_stat_statements.track"] = "top"
				pc.ConnConfig.RuntimeParams["search_path"] = "public" // the user's own schema is the runtime's
				return nil
			},
		})
	}
	db := pgtest.Copy(t, func(db pgtest.Database) error {
		s, err := open(db)
		if err != nil {
			return err
		}
		defer s.Close()
		if err := s.Migrate(context.Background()); err != nil {
			return err
		}
		_, err = s.Pool().Exec(context.Background(), `create extension pg_stat_statements`)
		return err
	})
	s, err := open(db)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return &rig{TB: t, store: s, Advisor: New(Config{Store: s, Reader: here{}, Log: slog.New(slog.DiscardHandler)})}
}

func (r *rig) exec(sql string, args ...any) {
	r.Helper()
	if _, err := r.store.Pool().Exec(context.Background(), sql, args...); err != nil {
		r.Fatalf("%s: %v", sql, err)
	}
}

// number is the one figure that a query gives.
func (r *rig) number(sql string, args ...any) (n float64) {
	r.Helper()
	if err := r.store.Pool().QueryRow(context.Background(), sql, args...).Scan(&n); err != nil {
		r.Fatalf("%s: %v", sql, err)
	}
	return n
}

// sample looks at the counters, with what has happened so far in them: a session tells of it only now and then.
func (r *rig) sample() {
	r.Helper()
	r.flush()
	if err := Sample(context.Background(), r.store.Pool(), 0); err != nil {
		r.Fatal(err)
	}
}

package indexes

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
)

// An index that is dropped while it is read is not there, and nothing has failed.
func TestLive_droppedMeanwhile(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	connect := func() *pgx.Conn {
		conn, err := pgx.Connect(t.Context(), db.URL())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close(context.Background()) })
		return conn
	}
	mine, other := connect(), connect()
	if _, err := mine.Exec(t.Context(), `create table made_up (id int, name text); create index made_up_name on made_up (lower(name), id) where id > 0`); err != nil {
		t.Fatal(err)
	}
	tx, err := mine.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		t.Fatal(err)
	}
	if i, err := live(t.Context(), tx, "public", "made_up_name"); err != nil || i == nil || len(i.Spec.Columns) != 2 || i.Definition == "" {
		t.Fatalf("before: %+v, %v", i, err)
	}
	if _, err := other.Exec(t.Context(), `set lock_timeout = '1min'`); err != nil {
		t.Fatal(err)
	}
	// Reading the catalogue locks no table: the index can go.
	if _, err := other.Exec(t.Context(), `drop index made_up_name`); err != nil {
		t.Fatal(err)
	}
	if i, err := live(t.Context(), tx, "public", "made_up_name"); err != nil || i != nil {
		t.Errorf("got %+v, %v", i, err)
	}
}

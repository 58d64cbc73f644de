package advisor

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
)

// A table or an index that is dropped while the catalogue is read is no part of the database, and no reason to give no advice: the rows
// are of the transaction's moment, and PostgreSQL's functions know what is there.
func TestInspect_droppedMeanwhile(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.exec(`create table kept (id int primary key, name text check (name in ('a', 'b')))`)
	r.exec(`create index kept_gone on kept (lower(name)) where id > 0`)
	r.exec(`create table gone (id int primary key, kind text check (kind in ('a', 'b')), kept int references kept)`)
	other, err := pgx.ConnectConfig(t.Context(), r.store.Settings())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close(context.Background()) })

	var db *inspected
	err = pgx.BeginTxFunc(t.Context(), r.store.Pool(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) (err error) {
		if _, err := tx.Exec(t.Context(), `select`); err != nil { // the moment
			return err
		}
		if _, err := other.Exec(t.Context(), `drop table gone; drop index kept_gone`); err != nil {
			return err
		}
		db, err = inspect(t.Context(), tx, "2000-01-01")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, there := db.ids["public.gone"]; there {
		t.Error("a table that is gone is told of")
	}
	kept := db.byOID[db.ids["public.kept"]]
	if kept == nil || len(kept.Indexes) != 1 || kept.Indexes[0].Name != "kept_pkey" {
		t.Errorf("got %+v", kept)
	}
}

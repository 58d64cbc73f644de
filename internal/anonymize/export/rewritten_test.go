package export

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
)

// A table that is rewritten between the snapshot and its lock would seem to be empty.
func TestMeasure_rewritten(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	source, err := pgx.ParseConfig(db.URL())
	if err != nil {
		t.Fatal(err)
	}
	other, err := pgx.ConnectConfig(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close(t.Context()) }()
	if _, err := other.Exec(t.Context(), "create table a (n int); insert into a select generate_series(1, 5000); create table b (n int)"); err != nil {
		t.Fatal(err)
	}
	s, err := hold(t.Context(), shape(source), "x")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { end(t.Context(), s.conn) }()
	tables := []*table{{path: "public.b", query: query{table: "public.b", columns: []string{"n"}}}, {path: "public.a", query: query{table: "public.a", columns: []string{"n"}}}}
	if err := s.measure(t.Context(), tables); err != nil || tables[0].path != "public.a" || tables[0].pages < 20 || tables[1].pages != 0 {
		t.Fatalf("%+v %v", tables[0], err)
	}
	if _, err := other.Exec(t.Context(), "set lock_timeout = '50ms'; truncate a"); err == nil {
		t.Error("a table was truncated under the snapshot")
	}
	end(t.Context(), s.conn)

	if s, err = hold(t.Context(), shape(source), "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Exec(t.Context(), "set lock_timeout = 0; alter table a alter n type bigint"); err != nil {
		t.Fatal(err)
	}
	if err := s.measure(t.Context(), tables); err == nil || !strings.Contains(err.Error(), "public.a: was rewritten") {
		t.Errorf("%v", err)
	}
}

package probe_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
)

func TestVerifySaysWhatIsMissing(t *testing.T) {
	r := newRig(t)
	r.exec(`insert into august.probe (probe, number) select $1, n from generate_series(1, 1000) n where n not in (1, 500, 501, 998)`, id)
	r.exec(`insert into august.probe (probe, number) values ('drill-other', 500)`)
	for name, c := range map[string]struct {
		acked                []runtimeapi.ProbeRange
		missing, first, last int64
	}{
		"nothing acknowledged": {nil, 0, 0, 0},
		"all there":            {[]runtimeapi.ProbeRange{{First: 2, Last: 499}, {First: 502, Last: 997}, {First: 999, Last: 1000}}, 0, 0, 0},
		"one at a time":        {[]runtimeapi.ProbeRange{{First: 2, Last: 2}, {First: 500, Last: 500}}, 1, 500, 500},
		"at both ends":         {[]runtimeapi.ProbeRange{{First: 1, Last: 1003}}, 7, 1, 1003},
		"in the middle":        {[]runtimeapi.ProbeRange{{First: 400, Last: 600}}, 2, 500, 501},
		"several ranges":       {[]runtimeapi.ProbeRange{{First: 1, Last: 10}, {First: 498, Last: 500}, {First: 501, Last: 503}, {First: 2000, Last: 2010}}, 14, 1, 2010},
		"beyond reach":         {[]runtimeapi.ProbeRange{{First: 1, Last: runtimeapi.ProbeHighest}}, runtimeapi.ProbeHighest - 996, 1, runtimeapi.ProbeHighest},
	} {
		v, err := r.service.Verify(t.Context(), id, runtimeapi.VerifyRequest{Acknowledged: c.acked})
		if err != nil {
			t.Fatal(err)
		}
		if v.Missing != c.missing || v.FirstMissing != c.first || v.LastMissing != c.last || v.Present != 996 || v.Highest != 1000 || time.Since(v.Clock).Abs() > time.Minute {
			t.Errorf("%s: %+v", name, v)
		}
	}
	r.exec(`drop table august.probe`) // as in a clone of an earlier time
	v, err := r.service.Verify(t.Context(), id, runtimeapi.VerifyRequest{Acknowledged: []runtimeapi.ProbeRange{{First: 3, Last: 5}, {First: 9, Last: 9}}})
	if err != nil || v.Missing != 4 || v.FirstMissing != 3 || v.LastMissing != 9 || v.Present != 0 {
		t.Errorf("%+v, %v", v, err)
	}
}

// digests asks for tables' digests.
func (r *rig) digests(target *runtimeapi.ProbeTarget, tables ...string) []runtimeapi.TableDigest {
	r.Helper()
	v, err := r.service.Verify(r.Context(), id, runtimeapi.VerifyRequest{Digest: tables, Target: target})
	if err != nil {
		r.Fatal(err)
	}
	return v.Tables
}

func TestDigestsTellWhatDiffers(t *testing.T) {
	r := newRig(t)
	r.exec(`create table public.a (n bigint, s text, at timestamptz, j json, b bytea, d double precision)`)
	r.exec(`create table public.b (like public.a)`)
	fill := `insert into public.%s select n, 's' || n, '2026-01-01'::timestamptz + n * interval '1 minute', json_build_object('n', n), int8send(n), n / 7.0 from generate_series(1, 2000) n order by %s`
	r.exec(fmt.Sprintf(fill, "a", "n"))
	r.exec(fmt.Sprintf(fill, "b", "md5(n::text)"))
	hash := func(table string) string {
		t.Helper()
		d := r.digests(nil, "public."+table)
		if len(d) != 1 || d[0].Table != "public."+table || len(d[0].Hash) != 32 {
			t.Fatalf("%+v", d)
		}
		return d[0].Hash
	}
	same := func() bool { // tables of two names have two hashes, so each in turn is called x
		t.Helper()
		var hashes []string
		for _, table := range []string{"a", "b"} {
			r.exec(`alter table public.` + table + ` rename to x`)
			hashes = append(hashes, hash("x"))
			r.exec(`alter table public.x rename to ` + table)
		}
		return hashes[0] == hashes[1]
	}
	if !same() {
		t.Fatal("the order of the rows matters")
	}
	for _, change := range []struct{ do, undo string }{
		{`update public.b set s = '' where n = 7`, `update public.b set s = 's7' where n = 7`},
		{`update public.b set s = null where n = 7`, `update public.b set s = 's7' where n = 7`},
		{`update public.b set n = n + 1 where n = 2000`, `update public.b set n = 2000 where n = 2001`},
		{`insert into public.b select * from public.b where n = 5`, `delete from public.b where ctid = (select max(ctid) from public.b where n = 5)`},
		{`delete from public.b where n = 9`, `insert into public.b select * from public.a where n = 9`},
		{`update public.b set at = at + interval '1 microsecond' where n = 3`, `update public.b set at = at - interval '1 microsecond' where n = 3`},
	} {
		if r.exec(change.do); same() {
			t.Errorf("not seen: %s", change.do)
		}
		if r.exec(change.undo); !same() {
			t.Fatalf("not undone: %s", change.undo)
		}
	}
	r.exec(`update public.a set s = null where n = 1`)
	r.exec(`update public.b set s = '' where n = 1`)
	if same() {
		t.Error("null is the same as empty")
	}
}

func TestDigestsOfAllThatIsSynced(t *testing.T) {
	r := newRig(t)
	r.exec(`create table public.elsewhere (n int)`)
	var names []string
	for _, d := range r.digests(nil, "*") {
		names = append(names, d.Table)
	}
	want := []string{"august.checkpoint", "august.pipeline", "august.schema_version", "billing.claim", "billing.claim_history",
		"billing.daily", "billing.mismatch",
		"drchrono.appointments", "drchrono.doctors", "drchrono.eligibility_checks", "drchrono.eobs", "drchrono.lab_documents", "drchrono.lab_orders",
		"drchrono.lab_results", "drchrono.lab_tests", "drchrono.line_item_deletions", "drchrono.line_items", "drchrono.offices",
		"drchrono.patient_lab_results", "drchrono.patient_payment_log", "drchrono.patient_payments", "drchrono.patients", "drchrono.quarantine",
		"drchrono.sublabs", "drchrono.transactions", "labs.acknowledgement", "labs.order_progress", "labs.review"}
	if !slices.Equal(names, want) {
		t.Errorf("got %v", names)
	}
	if n := len(r.digests(nil, "*", "public.elsewhere", "billing.claim")); n != len(want)+1 {
		t.Errorf("%d tables", n)
	}
	for _, name := range []string{"public.nowhere", "pg_catalog.pg_authid", "information_schema.sql_features", "drchrono.x"} {
		_, err := r.service.Verify(t.Context(), id, runtimeapi.VerifyRequest{Digest: []string{"billing.claim", name}})
		var e *runtimeapi.Error
		if !errors.As(err, &e) || e.Code != runtimeapi.CodeNotFound || !strings.Contains(e.Message, name) || strings.Contains(e.Message, "claim") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A clone is a physical copy; a restored dump is a logical one. Both have the digests of what they copy.
func TestCopiesHaveTheDigestsOfTheirOriginal(t *testing.T) {
	r := newRig(t)
	r.exec(`insert into drchrono.quarantine (feed, key, reason, raw, observed_at) select 'doctors', n::text, 'reason', '{"n": ' || n || '}', now() from generate_series(1, 5000) n`)
	original := r.digests(nil, "*")

	logical := newRig(t)
	var rows bytes.Buffer
	for _, to := range []pgtest.Database{r.db, logical.db} {
		conn, err := pgx.Connect(t.Context(), to.URL())
		if err != nil {
			t.Fatal(err)
		}
		if to == r.db {
			_, err = conn.PgConn().CopyTo(t.Context(), &rows, `copy (select * from drchrono.quarantine order by md5(key)) to stdout`)
		} else {
			_, err = conn.PgConn().CopyFrom(t.Context(), &rows, `copy drchrono.quarantine from stdin`)
		}
		_ = conn.Close(t.Context())
		if err != nil {
			t.Fatal(err)
		}
	}
	if got := logical.digests(nil, "*"); !slices.Equal(got, original) {
		t.Errorf("got %+v\nwant %+v", got, original)
	}

	const clone = own + "-drill-a1"
	port := r.proxy.Database().Port
	standby := pgtest.NewStandby(t)
	pgtest.NewProxyAt(t, "127.0.0.3", port, standby.Database(r.db))
	physical := &runtimeapi.ProbeTarget{Instance: clone, Address: "127.0.0.3"}
	if got := r.digests(physical, "*"); !slices.Equal(got, original) { // in recovery
		t.Errorf("got %+v\nwant %+v", got, original)
	}
	standby.Promote()
	r.exec(`set synchronous_commit = local; update drchrono.quarantine set reason = 'other' where key = '77'`)
	got := r.digests(physical, "*")
	if !slices.Equal(got, original) {
		t.Errorf("got %+v\nwant %+v", got, original)
	}
	changed := r.digests(nil, "*")
	for i, d := range changed {
		if (d == original[i]) == (d.Table == "drchrono.quarantine") {
			t.Errorf("%+v was %+v", d, original[i])
		}
	}
}

// BenchmarkDigest reads rows of a visit's size, beside a count of them.
func BenchmarkDigest(b *testing.B) {
	r := newRig(b)
	r.exec(`create table public.big as select n, md5(n::text) as s, now() as at, json_build_object('a', repeat(md5(n::text), 40)) as raw from generate_series(1, 100000) n`)
	r.exec(`create table public.empty (n int)`)
	began := time.Now()
	r.exec(`select count(*) from public.big where length(raw::text) > 0`)
	floor := time.Since(began)
	for b.Loop() {
		if d := r.digests(nil, "public.big"); d[0].Rows != 100_000 {
			b.Fatalf("%+v", d)
		}
	}
	b.ReportMetric(float64(floor.Milliseconds()), "ms-to-read")
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/100k-rows")
}

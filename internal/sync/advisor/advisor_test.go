package advisor

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/advise/index"
	"github.com/feel-august/terraform-provider-august/internal/advise/statement/parser"
	"github.com/feel-august/terraform-provider-august/internal/advise/workload"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// here reads statements in the test's own process.
type here struct{}

func (h here) Statements(ctx context.Context, texts []string) ([]Parsed, error) {
	return h.StatementsWithLiterals(ctx, texts)
}

func (here) StatementsWithLiterals(_ context.Context, texts []string) (all []Parsed, err error) {
	for _, text := range texts {
		var p Parsed
		if p.Shape, p.Values, p.Err = parser.Literals(text); p.Err == nil {
			p.Fingerprint, p.Err = parser.Fingerprint(text)
		}
		all = append(all, p)
	}
	return all, nil
}

func (here) Expressions(_ context.Context, texts []string) (all []string, err error) {
	for _, text := range texts {
		e, err := parser.Expression(text)
		if err != nil {
			e = ""
		}
		all = append(all, e)
	}
	return all, nil
}

// madeUpWork is a workload that lacks an index on (practice, at), and one on the foreign key.
func (r *rig) madeUpWork() {
	r.Helper()
	r.exec(skewed)
	r.exec(`create table made_up_line (id bigint primary key, made_up bigint references made_up, note text)`)
	r.exec(`insert into made_up_line select n, 1 + n % 20000, 'Mxyzptlk' from generate_series(1, 20000) n`)
	r.exec(`create index made_up_practice on made_up (practice); create index made_up_practice_2 on made_up (practice)`)
	r.exec(`analyze made_up_line`)
	r.sample()
	for i := range 30 {
		r.exec(`select id, name from made_up where practice = $1 and at >= $2`, i%10, "2026-12-01")
		r.exec(`select note from made_up_line where made_up = $1`, i)
		r.exec(`update made_up set status = $2 where id = $1`, i, "rare")
		r.exec(`select count(*) from august.run`)
	}
	r.exec(`select id from made_up where name = 'Mxyzptlk literal' /* Mxyzptlk comment */`)
	r.exec(`set search_path = public`)
	r.exec(`create table made_up_gone (id int)`)
	r.exec(`select id from made_up_gone`)
	r.exec(`drop table made_up_gone`)
	r.sample()
}

func (r *rig) advice(req runtimeapi.IndexAdviceRequest) *index.Advice {
	r.Helper()
	advice, err := r.Indexes(context.Background(), req)
	if err != nil {
		r.Fatal(err)
	}
	text, err := json.Marshal(advice)
	if err != nil {
		r.Fatal(err)
	}
	if strings.Contains(string(text), marker) || strings.Contains(string(text), "literal") && strings.Contains(string(text), "comment") {
		r.Errorf("the advice holds a value or a literal: %s", text)
	}
	return advice
}

func proposal(a *index.Advice, table string, columns ...string) *index.Proposal {
	for i, p := range a.Proposals {
		var keys []string
		for _, k := range p.Definition.Keys {
			keys = append(keys, k.Column)
		}
		if p.Definition.Table == table && slices.Equal(keys, columns) {
			return &a.Proposals[i]
		}
	}
	return nil
}

func TestAdviceOnAWorkload(t *testing.T) {
	t.Parallel()
	for _, hypo := range []bool{true, false} {
		r := newRig(t)
		if hypo {
			r.hasHypo()
		}
		r.madeUpWork()
		before := r.number(`select count(*) from pg_class where relkind in ('r', 'i')`)
		a := r.advice(runtimeapi.IndexAdviceRequest{})
		if want := map[bool]string{true: index.ProofHypoPG, false: index.ProofArithmetic}[hypo]; a.Proof != want {
			t.Errorf("proved by %s, not %s", a.Proof, want)
		}
		for _, want := range []*index.Proposal{proposal(a, "made_up", "practice", "at"), proposal(a, "made_up_line", "made_up")} {
			if want == nil {
				t.Errorf("%s: an index is not proposed: %+v", a.Proof, a.Proposals)
				continue
			}
			if want.Saved <= 0 || len(want.Evidence) == 0 || hypo && want.Evidence[0].Literals != draws {
				t.Errorf("%s: without evidence: %+v", a.Proof, want)
			}
			r.exec(strings.Replace(want.Statement, "CONCURRENTLY", "", 1))
		}
		if len(a.Proposals) > 3 { // one for the text that was asked for once may be worth it
			t.Errorf("%s: %d proposals: %+v", a.Proof, len(a.Proposals), a.Proposals)
		}
		if !slices.ContainsFunc(a.Useless, func(u index.Useless) bool {
			return u.Kind == index.Duplicate && strings.HasPrefix(u.Index, "made_up_practice")
		}) {
			t.Errorf("%s: a duplicate is not found: %+v", a.Proof, a.Useless)
		}
		if got := r.number(`select count(*) from pg_class where relkind in ('r', 'i')`); got != before+2 {
			t.Errorf("%s: there are %v tables and indexes after %v and two", a.Proof, got, before)
		}
		if !slices.ContainsFunc(a.Notes, func(n string) bool { return strings.Contains(n, "watched for 0 minutes only") }) {
			t.Errorf("a workload of a second is taken for one of a week: %q", a.Notes)
		}
	}
}

// Whatever the plain role of a runtime may not see is said, and fails nothing.
func TestAPlainRoleIsToldWhatItLacks(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.madeUpWork()
	r.exec(`create role plain_advised; grant all on schema august to plain_advised; grant all on all tables in schema august to plain_advised`)
	r.exec(`set role plain_advised`)
	a := r.advice(runtimeapi.IndexAdviceRequest{})
	r.exec(`reset role; drop owned by plain_advised; drop role plain_advised`)
	for _, want := range []string{"pg_read_all_stats", "grant it SELECT"} {
		if !slices.ContainsFunc(a.Notes, func(n string) bool { return strings.Contains(n, want) }) {
			t.Errorf("nothing of %s: %q", want, a.Notes)
		}
	}
}

func TestNamesAreLookedForWhereTheirRoleDoes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.exec(`create schema elsewhere; create table elsewhere.made_up_away (id int); create table made_up (id int, other text)`)
	r.exec(`alter database ` + r.store.Pool().Config().ConnConfig.Database + ` set search_path = elsewhere, "gone", public`)
	conn, err := r.store.Pool().Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(t.Context()) //nolint:errcheck // nothing was written
	p, err := searchPaths(t.Context(), tx)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.of("anybody"); !slices.Equal(got, []string{"elsewhere", "public"}) {
		t.Errorf("%q", got)
	}
	db, err := inspect(t.Context(), tx, "2000-01-01")
	if err != nil {
		t.Fatal(err)
	}
	s := &workload.Statement{SearchPath: []string{"public"}, Rows: 3}
	shape, err := parser.Parse(`update made_up_away set id = 1`)
	if err != nil {
		t.Fatal(err)
	}
	db.widen(s, shape)
	db.touch(s, shape)
	if !slices.Equal(s.SearchPath, []string{"public", "elsewhere"}) || db.byOID[db.ids["elsewhere.made_up_away"]].UpdatedColumns["id"] != 3 {
		t.Errorf("%q %+v", s.SearchPath, db.Tables)
	}
}

// Somebody who changes a table is waited for briefly, and is no failure of the runtime's.
func TestAdviceBesideALockedTable(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.exec(`create table made_up (id int primary key)`)
	other, err := pgx.ConnectConfig(t.Context(), r.store.Settings())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(context.Background()) //nolint:errcheck // the test is over
	if _, err := other.Exec(t.Context(), `begin; lock table made_up in access exclusive mode`); err != nil {
		t.Fatal(err)
	}
	_, err = r.Indexes(t.Context(), runtimeapi.IndexAdviceRequest{})
	if e, ok := err.(*runtimeapi.Error); !ok || e.Code != runtimeapi.CodeUnavailable || !strings.Contains(e.Message, "locked") {
		t.Errorf("%v", err)
	}
	if _, err := other.Exec(t.Context(), `rollback`); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Indexes(t.Context(), runtimeapi.IndexAdviceRequest{}); err != nil {
		t.Error(err)
	}
}

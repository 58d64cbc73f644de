package advisor

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/advise/index"
	"github.com/feel-august/terraform-provider-august/internal/advise/slowlog"
	"github.com/feel-august/terraform-provider-august/internal/advise/statement/parser"
	"github.com/feel-august/terraform-provider-august/internal/advise/workload"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
)

const skewed = `
	create table made_up (id bigint primary key, practice int, status text, name text, at date);
	insert into made_up select n, n % 10, case when n % 1000 = 0 then 'rare' else 'Mxyzptlk' end, 'Mxyzptlk ' || md5(n::text), date '2026-01-01' + n * 7919 % 401 from generate_series(1, 20000) n;
	create table made_up_part (id bigint, at date not null) partition by range (at);
	create table made_up_part_1 partition of made_up_part for values from ('2026-01-01') to ('2026-02-01');
	create table made_up_part_2 partition of made_up_part for values from ('2026-02-01') to ('2026-03-01');
	insert into made_up_part select n, date '2026-01-01' + n % 50 from generate_series(1, 20000) n;
	analyze made_up; analyze made_up_part;`

func statementOf(t testing.TB, text string) *index.Statement {
	t.Helper()
	shape, err := parser.Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return &index.Statement{Statement: workload.Statement{SearchPath: []string{"public"}, Calls: 1, Rows: 10}, Shape: shape}
}

// hasHypo says whether the machine has HypoPG; without it nothing is planned that is not there.
func (r *rig) hasHypo() {
	r.Helper()
	if r.number(`select count(*)::float8 from pg_available_extensions where name = 'hypopg'`) == 0 {
		r.Skip("HypoPG is not installed for this PostgreSQL; `august-local setup` installs it where the package manager has it")
	}
	r.exec(`create extension hypopg`)
}

// planning lets do plan, as a session without any right would that it need not have.
func (r *rig) planning(do func(ctx context.Context, p *planner)) (notes []string) {
	r.Helper()
	ctx := context.Background()
	err := pgx.BeginTxFunc(ctx, r.store.Pool(), pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		db, err := inspect(ctx, tx, "2000-01-01")
		if err != nil {
			return err
		}
		var p *planner
		if p, notes, err = newPlanner(ctx, tx, db); err != nil {
			return err
		}
		if p == nil {
			return errors.New("there is no planner")
		}
		do(ctx, p)
		return p.close(ctx)
	})
	if err != nil {
		r.Fatal(err)
	}
	return notes
}

func onMadeUp(columns ...string) index.Definition {
	d := index.Definition{Name: "made_up_idx", Schema: "public", Table: "made_up", Method: "btree"}
	for _, c := range columns {
		d.Keys = append(d.Keys, workload.Key{Column: c})
	}
	return d
}

// mean is the cost for values as the statistics have them.
func mean(p index.Plan) (cost float64) {
	for _, l := range p.Literal {
		cost += l.Weight * l.Cost
	}
	return cost
}

func TestAStatementIsPlannedAsIfAnIndexWereThere(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.hasHypo()
	r.exec(skewed)
	r.planning(func(ctx context.Context, p *planner) {
		for text, d := range map[string]index.Definition{
			`select id from made_up where at = $1`:                                                 onMadeUp("at"),
			`select id from made_up where name like $1`:                                            {Name: "made_up_idx", Schema: "public", Table: "made_up", Method: "btree", Keys: []workload.Key{{Column: "name", Class: "text_pattern_ops"}}},
			`update made_up set status = $1 where at between $2 and $3`:                            onMadeUp("at"),
			`select id from made_up where at = any($1) and practice = $2`:                          onMadeUp("at", "practice"),
			`select id from made_up where practice = $1 order by at desc limit $2`:                 onMadeUp("practice", "at"),
			`select count(*) from made_up where status = 'rare' and at > now() - interval '1 day'`: onMadeUp("at"),
			`select id from made_up_part where id = $1`:                                            {Name: "made_up_idx", Schema: "public", Table: "made_up_part", Method: "btree", Keys: []workload.Key{{Column: "id"}}},
			`select id from made_up_part where at = $1 and id = $2`:                                {Name: "made_up_idx", Schema: "public", Table: "made_up_part", Method: "btree", Keys: []workload.Key{{Column: "id"}}},
			`select id from made_up where at >= $1 and at < $1 + $2`:                               onMadeUp("at"),
			`select id from made_up where at = current_date - $1`:                                  onMadeUp("at"),
			`delete from made_up where at < $1 and lower(name) = $2`:                               {Name: "made_up_idx", Schema: "public", Table: "made_up", Method: "btree", Keys: []workload.Key{{Expression: "lower(name)"}}},
		} {
			s := statementOf(t, text)
			before, err := p.Plan(ctx, s, nil)
			if err != nil {
				t.Errorf("%s: %v", text, err)
				continue
			}
			after, err := p.Plan(ctx, s, []index.Definition{d})
			if err != nil {
				t.Errorf("%s: %v", text, err)
				continue
			}
			if constant := strings.Contains(text, "current_date") || s.Shape.Params == 0; !constant && (len(before.Literal) != draws || len(after.Literal) != draws) {
				t.Errorf("%s: planned for %d and %d draws of values", text, len(before.Literal), len(after.Literal))
			}
			like := strings.Contains(text, "like") // without a value, PostgreSQL cannot use an index for it
			if !like && after.Generic >= before.Generic*.85 || like && after.Generic != before.Generic {
				t.Errorf("%s: costs %.0f, and %.0f with the index, for unknown values", text, before.Generic, after.Generic)
			}
			if len(before.Literal) > 0 && mean(after) >= mean(before)*.85 {
				t.Errorf("%s: costs %.0f, and %.0f with the index, for values", text, mean(before), mean(after))
			}
			if !slices.Contains(after.Uses, "made_up_idx") || slices.Contains(before.Uses, "made_up_idx") {
				t.Errorf("%s: uses %q before, and %q after", text, before.Uses, after.Uses)
			}
			again, err := p.Plan(ctx, s, nil)
			if err != nil || again.Generic != before.Generic {
				t.Errorf("%s: costs %.0f once nothing is supposed any more, and %.0f before (%v)", text, again.Generic, before.Generic, err)
			}
		}
	})
	if n := r.number(`select count(*) from hypopg()`); n != 0 {
		t.Errorf("the session still supposes %v indexes", n)
	}
	if n := r.number(`select count(*) from pg_prepared_statements where name like 'august%'`); n != 0 {
		t.Errorf("%v statements stay prepared", n)
	}
}

// A common value costs another plan than a rare one. What is asked for as often as it is there decides.
func TestValuesAreDrawnAsOftenAsTheyAre(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.hasHypo()
	r.exec(skewed)
	r.planning(func(ctx context.Context, p *planner) {
		s := statementOf(t, `select name from made_up where status = $1`)
		after, err := p.Plan(ctx, s, []index.Definition{onMadeUp("status")})
		if err != nil {
			t.Fatal(err)
		}
		before, err := p.Plan(ctx, s, nil)
		if err != nil {
			t.Fatal(err)
		}
		if mean(after) < mean(before)*.9 {
			t.Errorf("an index on a column with one value almost everywhere costs %.0f instead of %.0f", mean(after), mean(before))
		}
	})
}

// Values that a statement cannot be planned for leave the plan for unknown ones.
func TestAStatementIsReadAlsoIfItsValuesCannotBePlanned(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.hasHypo()
	r.exec(skewed)
	s := statementOf(t, `select id from made_up where at = $1`)
	log := slowlog.New(slowlog.Options{Prefix: "[%p] "})
	for _, value := range []string{"2026-01-01", "nothing", "2026-01-02"} {
		log.Entry(time.Time{}, "[77] LOG:  duration: 900.500 ms  execute s1: select id from made_up where at = $1\n[77] DETAIL:  parameters: $1 = '"+value+"'")
	}
	ran, _, err := log.Statements(t.Context(), here{})
	if err != nil || len(ran) != 1 || len(ran[0].Draws) != 3 {
		t.Fatalf("%+v, %v", ran, err)
	}
	r.planning(func(ctx context.Context, p *planner) {
		p.db.draws = map[string][]slowlog.Draw{s.Text: ran[0].Draws}
		before, err := p.Plan(ctx, s, nil)
		if err != nil || before.Generic == 0 || len(before.Literal) != 0 {
			t.Errorf("%+v, %v", before, err)
		}
		after, err := p.Plan(ctx, s, []index.Definition{onMadeUp("at")})
		if err != nil || after.Generic >= before.Generic || len(after.Literal) != 0 || !slices.Contains(after.Uses, "made_up_idx") {
			t.Errorf("%+v, %v", after, err)
		}
	})
}

func TestWhyAStatementCannotBePlannedIsSaidWithoutAValue(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.hasHypo()
	r.exec(skewed)
	r.planning(func(ctx context.Context, p *planner) {
		for text, want := range map[string]string{
			`select id from gone where id = $1`:         "search_path",
			`select nothing from made_up where id = $1`: "a column of it is gone",
			`select id from made_up where id ~ $1`:      "does not fit",
		} {
			s := statementOf(t, text)
			_, err := p.Plan(ctx, s, nil)
			if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
				t.Errorf("%s: %v", text, err)
			}
		}
		if _, err := p.Plan(ctx, statementOf(t, `select id from made_up where at = $1`), []index.Definition{{Name: "g", Schema: "public", Table: "made_up", Method: "gin", Keys: []workload.Key{{Column: "name"}}}}); !errors.Is(err, index.ErrUnsupported) {
			t.Errorf("GIN: %v", err)
		}
		refused := index.Definition{Name: "r", Schema: "public", Table: "made_up", Method: "btree", Keys: []workload.Key{{Expression: "random()"}}}
		if _, err := p.Plan(ctx, statementOf(t, `select id from made_up where at = $1`), []index.Definition{refused}); err == nil || errors.Is(err, index.ErrUnsupported) {
			t.Errorf("an index that cannot be: %v", err)
		}
		if plan, err := p.Plan(ctx, statementOf(t, `select id from made_up where at = $1`), []index.Definition{onMadeUp("at")}); err != nil || len(plan.Uses) != 1 {
			t.Errorf("after all that: %+v %v", plan, err)
		}
	})
}

// Values are bound, and the server does not log them; where it would, there are none.
func TestNoValueGetsIntoTheServersLog(t *testing.T) {
	r := newRig(t)
	r.hasHypo()
	r.exec(skewed)
	plan := func() (notes []string, literals int) {
		notes = r.planning(func(ctx context.Context, p *planner) {
			plan, err := p.Plan(ctx, statementOf(t, `select id from made_up where name = $1 and status = $2`), []index.Definition{onMadeUp("name")})
			if err != nil {
				t.Fatal(err)
			}
			literals = len(plan.Literal)
		})
		return notes, literals
	}
	before := strings.Count(pgtest.Log(t), marker)
	r.exec(`set log_statement = 'all'; set log_min_duration_statement = 0`)
	if notes, literals := plan(); literals != draws || len(notes) != 0 {
		t.Errorf("a superuser's parameters are not logged, and still: %d draws, %q", literals, notes)
	}
	r.exec(`create role plain in role pg_read_all_data; grant all on schema august to plain; set role plain`)
	if notes, literals := plan(); literals != 0 || len(notes) != 1 {
		t.Errorf("parameters of a plain role are logged, and still: %d draws, %q", literals, notes)
	}
	r.exec(`reset role; set log_statement = none; set log_min_duration_statement = 4000; set role plain`)
	if notes, literals := plan(); literals != draws || len(notes) != 0 {
		t.Errorf("what takes four seconds is logged: %d draws, %q", literals, notes)
	}
	r.exec(`reset role; reset log_statement; reset log_min_duration_statement; drop owned by plain; drop role plain`)
	if after := strings.Count(pgtest.Log(t), marker); after != before {
		t.Errorf("the server's log has %d more values", after-before)
	}
	if n := r.number(`select count(*) from pg_stat_statements where query like '%Mxyzptlk%' and query ilike 'explain%'`); n != 0 {
		t.Errorf("pg_stat_statements has %v of ours with values", n)
	}
}

// What the planner is asked is none of the workload: it is not counted where the role may say so, and left out where it may not.
func TestQuestionsAreNoWorkload(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.hasHypo()
	r.exec(skewed)
	const counted = `select count(*)::float8 from pg_stat_statements where dbid = (select oid from pg_database where datname = current_database()) and query like 'explain (format json%'`
	ask := func() {
		r.planning(func(ctx context.Context, p *planner) {
			if _, err := p.Plan(ctx, statementOf(t, `select id from made_up where at = $1`), nil); err != nil {
				t.Error(err)
			}
		})
	}
	r.sample()
	ask()
	if n := r.number(counted); n != 0 {
		t.Errorf("%v questions are counted as statements", n)
	}
	role := "plain_" + r.store.Pool().Config().ConnConfig.Database
	r.exec(`create role "` + role + `" in role pg_read_all_data, pg_read_all_stats`)
	r.exec(`set role "` + role + `"`)
	ask()
	r.exec(`reset role`)
	r.sample()
	n := r.number(counted)
	known := r.number(`select count(*)::float8 from august.workload_statement w join pg_stat_statements s using (queryid) where s.query like 'explain (format json%'`)
	r.exec(`drop owned by "` + role + `"; drop role "` + role + `"`)
	if n == 0 || known != 0 {
		t.Errorf("%v questions are counted, %v of them as the workload's", n, known)
	}
}

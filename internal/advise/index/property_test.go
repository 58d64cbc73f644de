package index

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/advise/statement"
	"github.com/feel-august/terraform-provider-august/internal/advise/workload"
)

// chance makes up databases and workloads: tables with any indexes, guarded or not, and statements with any conditions.
type chance struct{ *rand.Rand }

func (r chance) pick(of ...string) string { return of[r.IntN(len(of))] }

func (r chance) columns(t *workload.Table, most int) []string {
	var all []string
	for _, i := range r.Perm(len(t.Columns))[:1+r.IntN(most)] {
		all = append(all, t.Columns[i].Name)
	}
	return all
}

func (r chance) database() workload.Database {
	db := workload.Database{Version: 150000 + 10000*r.IntN(4)}
	for i := range 3 {
		rows := float64(r.IntN(500000))
		t := workload.Table{Schema: "public", Name: fmt.Sprintf("t%d", i), Rows: rows, Pages: rows / float64(10+r.IntN(90)), Analyzed: true,
			Inserted: float64(r.IntN(100000)), Updated: float64(r.IntN(100000)), Deleted: float64(r.IntN(1000)), UpdatedColumns: map[string]float64{}}
		t.HotUpdated = t.Updated * r.Float64()
		for j := range 7 {
			c := col(fmt.Sprintf("c%d", j), r.pick("int4", "int8", "text", "date", "timestamptz", "bool", "jsonb", "_text"), float64(4+r.IntN(40)), 1+float64(r.IntN(int(rows)+1)), 0, r.Float64()*2-1)
			if r.IntN(3) == 0 {
				c.NullShare, c.NotNull = r.Float64(), false
			}
			if r.IntN(2) == 0 {
				c.Common = []float64{0.5 * (1 - c.NullShare), 0.1 * (1 - c.NullShare)}
			}
			t.Columns = append(t.Columns, c)
			if r.IntN(3) == 0 {
				t.UpdatedColumns[c.Name] = t.Updated * r.Float64()
			}
		}
		for j := range r.IntN(8) {
			x := there(fmt.Sprintf("t%d_%d", i, j), r.columns(&t, 3)...)
			x.Keys[0].Descending = r.IntN(6) == 0
			x.Keys[0].NullsFirst = x.Keys[0].Descending
			x.Unique, x.Valid = r.IntN(5) == 0, r.IntN(6) != 0
			x.Primary, x.ReferredTo, x.Identity, x.Extension = r.IntN(9) == 0, r.IntN(9) == 0, r.IntN(9) == 0, r.IntN(9) == 0
			x.Building = !x.Valid && r.IntN(2) == 0
			if r.IntN(9) == 0 {
				x.Constraint = x.Name
			}
			if r.IntN(5) == 0 {
				x.Where = "(" + r.columns(&t, 1)[0] + " IS NOT NULL)"
			}
			if r.IntN(2) == 0 {
				x.Scans, x.SinceScans = 0, 0
			}
			x.Bytes = int64(8192 * (1 + r.IntN(2000)))
			x.Definition = fmt.Sprintf("CREATE INDEX %s ON t%d USING btree (%v) %s", x.Name, i, x.Keys, x.Where)
			t.Indexes = append(t.Indexes, x)
			if r.IntN(4) == 0 { // another one like it, or that begins with it
				y := x
				y.Name += "_too"
				y.Keys = slices.Clone(x.Keys)
				if c := r.columns(&t, 1)[0]; r.IntN(2) == 0 && !slices.ContainsFunc(y.Keys, isColumn(c)) {
					y.Keys = append(y.Keys, workload.Key{Column: c})
				}
				y.Definition = fmt.Sprintf("CREATE INDEX %s ON t%d USING btree (%v) %s", y.Name, i, y.Keys, y.Where)
				t.Indexes = append(t.Indexes, y)
			}
		}
		if i > 0 && r.IntN(2) == 0 {
			t.Keys = []workload.ForeignKey{{Name: "fk", Columns: r.columns(&t, 2), Table: "public.t0", Touched: float64(r.IntN(5))}}
		}
		db.Tables = append(db.Tables, t)
	}
	return db
}

func (r chance) statements(db *workload.Database) []Statement {
	var all []Statement
	for i := range 12 {
		t := &db.Tables[r.IntN(len(db.Tables))]
		sc := statement.Scope{Parent: -1, Refs: []statement.Ref{{Name: t.Name}}, Limit: r.IntN(3) == 0}
		for _, c := range r.columns(t, 3) {
			class := []statement.Class{statement.Equal, statement.Equal, statement.In, statement.Range, statement.Null, statement.NotNull, statement.True, statement.Like, statement.Contains}[r.IntN(9)]
			sc.Predicates = append(sc.Predicates, is(class, c))
		}
		if r.IntN(3) == 0 {
			for _, c := range r.columns(t, 2) {
				sc.Order = append(sc.Order, statement.Order{Of: of(c), Descending: r.IntN(2) == 0})
			}
		}
		if other := &db.Tables[r.IntN(len(db.Tables))]; other != t && r.IntN(3) == 0 {
			sc.Refs = append(sc.Refs, statement.Ref{Name: other.Name, Outer: r.IntN(3) == 0})
			a, b := of(r.columns(t, 1)[0]), of(r.columns(other, 1)[0])
			b.Ref = 1
			sc.Predicates = append(sc.Predicates, statement.Predicate{Class: statement.Equal, Of: a, With: &b}, statement.Predicate{Class: statement.Equal, Of: b, With: &a})
		}
		for _, c := range r.columns(t, 2) {
			sc.Outputs = append(sc.Outputs, of(c))
		}
		s := ran(fmt.Sprint(i), sc)
		s.Calls, s.Seconds, s.Rows, s.Blocks = float64(1+r.IntN(10000)), 1000*r.Float64(), float64(r.IntN(100000)), 0
		if r.IntN(5) == 0 {
			s.Shape.Kind = statement.Update
			s.Shape.Scopes[0].Refs[0].Target = true
			s.Shape.Scopes[0].Set = r.columns(t, 2)
		}
		all = append(all, s)
	}
	return all
}

// TestWhateverTheWorkload: what holds of any advice.
func TestWhateverTheWorkload(t *testing.T) {
	t.Parallel()
	kinds := map[string]int{}
	proposed := 0
	for seed := range uint64(40) {
		r := chance{rand.New(rand.NewPCG(seed, 8))}
		in := Input{Window: month(), Database: r.database()}
		in.Statements = r.statements(&in.Database)
		advice, err := Advise(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		bad := func(format string, args ...any) {
			t.Helper()
			t.Errorf("seed %d: %s", seed, fmt.Sprintf(format, args...))
		}

		names, share := map[string]bool{}, 0.0
		for i, p := range advice.Proposals {
			proposed++
			d := p.Definition
			share += p.SavedPercent
			if names[d.Name] || len(d.Name) > nameBytes {
				bad("the name %s is taken, or too long", d.Name)
			}
			names[d.Name] = true
			if p.Saved < worthKeeping*p.Written*0.999 {
				bad("%s saves %g and costs %g", p.Statement, p.Saved, p.Written)
			}
			if len(p.Evidence) == 0 || p.Bytes <= 0 || p.Reason == "" {
				bad("%s: evidence %v, %d bytes, reason %q", p.Statement, p.Evidence, p.Bytes, p.Reason)
			}
			for j, o := range advice.Proposals {
				if i != j && d.prefixOf(&o.Definition, equivalent) {
					bad("%s is the first part of %s", p.Statement, o.Statement)
				}
			}
			for _, table := range in.Database.Tables {
				for k := range table.Indexes {
					if x := definition(&table, &table.Indexes[k]); table.Indexes[k].Valid && d.within(&x, equivalent) {
						bad("%s is there: %s", p.Statement, table.Indexes[k].Definition)
					}
				}
			}
		}
		if share > 100.0001 {
			bad("saves %g %% in all", share)
		}
		gone := map[string]Useless{}
		for _, u := range advice.Useless {
			kinds[u.Kind]++
			if u.Kind != MissingKey {
				gone[u.Index] = u
			}
		}
		for _, table := range in.Database.Tables {
			for k := range table.Indexes {
				x := &table.Indexes[k]
				u, dropped := gone[x.Name]
				if !dropped {
					continue
				}
				if x.Primary || x.Constraint != "" || x.ReferredTo || x.Identity || x.Extension || x.Building || (x.Unique && x.Valid && u.Kind != Duplicate) {
					bad("drops %+v as %s", *x, u.Kind)
				}
				if u.Kind == Unused && x.Scans > 0 {
					bad("drops %s, which was scanned", x.Name)
				}
				if u.Kind == Duplicate || u.Kind == Redundant {
					n := definition(&table, x)
					if !slices.ContainsFunc(table.Indexes, func(o workload.Index) bool {
						w := definition(&table, &o)
						left, also := gone[o.Name]
						return o.Name != x.Name && o.Valid && n.within(&w, identical) && (!also || (left.Kind == Unused && x.Scans == 0))
					}) {
						bad("drops %s as %s, and nothing stays that stands in for it", x.Name, u.Kind)
					}
				}
			}
		}

		other := in
		other.Statements = slices.Clone(in.Statements)
		r.Shuffle(len(other.Statements), func(i, j int) { other.Statements[i], other.Statements[j] = other.Statements[j], other.Statements[i] })
		other.Database.Tables = slices.Clone(in.Database.Tables)
		r.Shuffle(len(other.Database.Tables), func(i, j int) {
			a := other.Database.Tables
			a[i], a[j] = a[j], a[i]
		})
		for i := range other.Database.Tables {
			table := &other.Database.Tables[i]
			table.Indexes = slices.Clone(table.Indexes)
			r.Shuffle(len(table.Indexes), func(i, j int) { table.Indexes[i], table.Indexes[j] = table.Indexes[j], table.Indexes[i] })
		}
		again, err := Advise(t.Context(), other)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := text(t, advice), text(t, again); a != b {
			bad("another order, other advice:\n%s\n%s", a, b)
		}
	}
	for _, k := range []string{Unused, Duplicate, Redundant, Invalid, MissingKey} {
		if kinds[k] < 5 {
			t.Errorf("%s was found %d times: these workloads try nothing", k, kinds[k])
		}
	}
	if proposed < 60 {
		t.Errorf("%d proposals: these workloads try nothing", proposed)
	}
}

func text(t *testing.T, a *Advice) string {
	t.Helper()
	b, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

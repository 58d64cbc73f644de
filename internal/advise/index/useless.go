package index

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/advise/workload"
)

// atMost is how much larger the wider index may be for the narrower one to be called redundant: whoever reads the narrower one, reads so
// much more then.
const atMost = 2.0

// dropper finds indexes that are in the way.
type dropper struct {
	in        *Input
	chooser   *chooser
	proposals []Proposal
	used      map[string]bool // by a statement of the workload, says the planner
}

func (d *dropper) useless() []Useless {
	d.used = map[string]bool{}
	for _, o := range d.chooser.base {
		for _, name := range o.uses {
			d.used[name] = true
		}
	}
	all := []Useless{}
	for i := range d.in.Database.Tables {
		t := &d.in.Database.Tables[i]
		if len(d.in.Options.Schemas) > 0 && !slices.Contains(d.in.Options.Schemas, t.Schema) {
			continue
		}
		all = append(all, d.of(t)...)
		all = append(all, d.missing(t)...)
	}
	rank := []string{Invalid, Duplicate, Redundant, Unused, MissingKey}
	slices.SortStableFunc(all, func(a, b Useless) int {
		return cmp.Or(cmp.Compare(slices.Index(rank, a.Kind), slices.Index(rank, b.Kind)), -cmp.Compare(a.Written, b.Written), -cmp.Compare(a.Bytes, b.Bytes),
			strings.Compare(a.Statement, b.Statement))
	})
	return all
}

// of is a table's: what answers nothing, then what another one is equal to, then what a wider one begins with, then what nobody reads.
func (d *dropper) of(t *workload.Table) []Useless {
	r := &review{dropper: d, table: t, gone: map[*workload.Index]bool{}, needs: map[*workload.Index]bool{}}
	r.invalid()
	r.duplicate()
	r.redundant()
	r.unused()
	return r.found
}

// review is a table's indexes while they are gone through.
type review struct {
	*dropper
	table *workload.Table
	live  []*workload.Index
	gone  map[*workload.Index]bool
	needs map[*workload.Index]bool // stands in for one that was read
	found []Useless
}

func (r *review) drop(x *workload.Index, kind, reason string, evidence, warnings []string) {
	r.gone[x] = true
	r.found = append(r.found, r.say(r.table, x, kind, reason, evidence, warnings))
}

func (r *review) invalid() {
	for i := range r.table.Indexes {
		x := &r.table.Indexes[i]
		switch {
		case x.Valid && x.Ready:
			r.live = append(r.live, x)
		case x.Valid || x.Building || needed(x) || r.parent(x):
		default:
			r.drop(x, Invalid, "it is not valid: no statement reads it, and every write keeps it; CREATE INDEX CONCURRENTLY or REINDEX CONCURRENTLY ended half way",
				nil, []string{"nothing may be building it now: pg_stat_progress_create_index"})
		}
	}
}

func (r *review) duplicate() {
	// Those worth keeping first, so that of two equal ones the second goes.
	slices.SortStableFunc(r.live, func(a, b *workload.Index) int {
		return cmp.Or(cmp.Compare(worthless(a), worthless(b)), -cmp.Compare(a.Scans, b.Scans), strings.Compare(a.Name, b.Name))
	})
	for i, x := range r.live {
		if needed(x) || r.parent(x) {
			continue
		}
		for _, o := range r.live[:i] {
			if !r.gone[o] && equal(r.table, x, o) {
				r.standIn(o, x)
				r.drop(x, Duplicate, "it is the same as "+path(o.Schema, o.Name)+", to the letter", scans(x, o), nil)
				break
			}
		}
	}
}

func (r *review) redundant() {
	slices.SortStableFunc(r.live, func(a, b *workload.Index) int {
		return cmp.Or(-cmp.Compare(len(a.Keys)+len(a.Include), len(b.Keys)+len(b.Include)), strings.Compare(a.Name, b.Name))
	})
	for _, x := range r.live {
		if r.gone[x] || guarded(x) || r.parent(x) {
			continue
		}
		for _, o := range r.live {
			if o != x && !r.gone[o] && covers(r.table, o, x) {
				r.standIn(o, x)
				larger := fmt.Sprintf("%s is %.1f times as large", o.Name, float64(o.Bytes)/math.Max(1, float64(x.Bytes)))
				r.drop(x, Redundant, path(o.Schema, o.Name)+" begins with all of it", append(scans(x, o), larger), nil)
				break
			}
		}
	}
}

// standIn notes that o is read for x from now on.
func (r *review) standIn(o, x *workload.Index) {
	r.needs[o] = r.needs[o] || r.needs[x] || r.used[x.Name] || x.Scans+x.SinceScans > 0
}

func (r *review) unused() {
	for _, x := range r.live {
		if r.gone[x] || r.needs[x] {
			continue
		}
		if days, ok := r.unread(r.table, x, r.live, r.gone); ok {
			r.drop(x, Unused, fmt.Sprintf("no statement read it in %.0f days", days), scans(x), r.unusedWarnings(x))
		}
	}
}

// guarded tells that an index is there for more than to be read: it must not be dropped, used or not.
func guarded(x *workload.Index) bool {
	return x.Unique || needed(x)
}

// needed is the same but for uniqueness: what an index that is not valid enforces, nobody can rely on; and what another one like it does,
// that one goes on to enforce.
func needed(x *workload.Index) bool {
	return x.Primary || x.Constraint != "" || x.ReferredTo || x.Identity || x.Extension || x.Parent != ""
}

// parent tells that the index is that of a partitioned table: it is not valid until each partition has one, and cannot be dropped concurrently.
func (d *dropper) parent(x *workload.Index) bool {
	return d.chooser.prover.arithmetic.parents[x.Schema+"."+x.Name]
}

func worthless(x *workload.Index) int {
	for i, is := range []bool{x.Primary, x.Constraint != "", x.ReferredTo, x.Identity, x.Extension || x.Parent != "", x.Unique} {
		if is {
			return i
		}
	}
	return 9
}

// equal tells that two indexes are the same to the letter: keys, classes, collations, directions, what is included, which rows.
func equal(t *workload.Table, a, b *workload.Index) bool {
	x, y := definition(t, a), definition(t, b)
	if x.Unique && (!y.Unique || afterUsing(a.Definition) != afterUsing(b.Definition)) { // NULLS NOT DISTINCT is in the definition alone
		return false
	}
	if x.Method != y.Method || len(x.Keys) != len(y.Keys) || x.Where != y.Where || !slices.Equal(x.Keys, y.Keys) {
		return false
	}
	return slices.Equal(slices.Sorted(slices.Values(x.Include)), slices.Sorted(slices.Values(y.Include)))
}

// covers tells that whoever reads the narrow one can read the wide one as well, at not much more.
func covers(t *workload.Table, wide, narrow *workload.Index) bool {
	if wide.Method != BTree || wide.Bytes > int64(atMost*float64(narrow.Bytes)) {
		return false
	}
	n, w := definition(t, narrow), definition(t, wide)
	return n.within(&w, identical)
}

// unread tells that an index was watched for long enough and that nobody read it, and nothing else is known that needs it.
func (d *dropper) unread(t *workload.Table, x *workload.Index, live []*workload.Index, gone map[*workload.Index]bool) (days float64, ok bool) {
	if guarded(x) || t.Pages < smallest || d.in.Database.Replicas > 0 || x.Scans > 0 || x.SinceScans > 0 || x.Since.IsZero() || (d.used[x.Name] && x.Method != BRIN) || d.parent(x) {
		return 0, false
	}
	days = d.in.Window.To.Sub(x.Since).Hours() / 24
	if days < d.in.Options.UnusedDays {
		return days, false
	}
	for i := range t.Keys { // a foreign key needs it, whether or not anybody deleted anything
		if leads(x, &t.Keys[i]) && !slices.ContainsFunc(live, func(o *workload.Index) bool { return o != x && !gone[o] && leads(o, &t.Keys[i]) }) {
			return days, false
		}
	}
	return days, true
}

// leads tells that the index finds the rows of a foreign key: its first keys are the columns, in any order.
func leads(x *workload.Index, k *workload.ForeignKey) bool {
	if !x.Valid || !x.Ready || (x.Method != BTree && x.Method != hash) || len(x.Keys) < len(k.Columns) {
		return false
	}
	for _, a := range atoms(x.Where) {
		if !slices.ContainsFunc(k.Columns, func(c string) bool { return same(a) == same(c+" IS NOT NULL") }) {
			return false
		}
	}
	for _, key := range x.Keys[:len(k.Columns)] {
		if key.Column == "" || !slices.Contains(k.Columns, key.Column) {
			return false
		}
	}
	return true
}

func (d *dropper) unusedWarnings(x *workload.Index) []string {
	var all []string
	for _, k := range x.Keys {
		if k.Column == "" {
			all = append(all, "the planner has its statistics of the expression from this index: plans may change that never read it")
			break
		}
	}
	if d.in.Window.Gaps {
		all = append(all, "counters were reset within the window: a scan in the last minutes before is not counted")
	}
	return append(all, "what runs once a quarter or a year is not seen in so many days")
}

func scans(of ...*workload.Index) []string {
	var all []string
	for _, x := range of {
		all = append(all, fmt.Sprintf("%s: %s scans, %s", x.Name, count(x.Scans), bytesOf(x.Bytes)))
	}
	return all
}

func bytesOf(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%d kB", n>>10)
}

func (d *dropper) say(t *workload.Table, x *workload.Index, kind, reason string, evidence, warnings []string) Useless {
	def := definition(t, x)
	s := measure(t, &def)
	if x.Bytes > 0 {
		s.pages = float64(x.Bytes) / pageBytes
	}
	days := max(1, d.in.Window.Seconds()) / daySeconds
	u := Useless{Kind: kind, Schema: t.Schema, Table: t.Name, Index: x.Name, Statement: "DROP INDEX CONCURRENTLY " + path(x.Schema, x.Name) + ";",
		Reason: reason, Bytes: x.Bytes, Written: d.chooser.writes.keep(t, &def, s).units * d.chooser.unit / days, Evidence: evidence, Warnings: warnings}
	if u.Evidence == nil {
		u.Evidence = []string{}
	}
	if u.Warnings == nil {
		u.Warnings = []string{}
	}
	return u
}

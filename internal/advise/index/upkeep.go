package index

import (
	"math"
	"slices"

	"github.com/feel-august/terraform-provider-august/internal/advise/statement"
	"github.com/feel-august/terraform-provider-august/internal/advise/workload"
)

// checkpoint is how often a page that changes is written anew, and logged as a whole: checkpoint_timeout, in seconds.
const checkpoint = 300

// upkeep is what keeping an index costs in the window, in the planner's unit.
type upkeep struct {
	units float64
	lost  float64 // updates that no longer can be HOT
	by    string  // the column that is to blame
}

// writes tells what is written to tables.
type writes struct {
	window  float64 // seconds
	costs   workload.Costs
	version int
	own     map[*workload.Table][]*tree
	updated map[*workload.Table]map[string]float64
}

func newWrites(in *Input, a *Arithmetic, qs []*query) *writes {
	w := &writes{window: max(1, in.Window.Seconds()), costs: a.costs, version: in.Database.Version, own: a.own, updated: map[*workload.Table]map[string]float64{}}
	for i := range in.Database.Tables {
		t := &in.Database.Tables[i]
		w.updated[t] = t.UpdatedColumns
	}
	for _, q := range qs { // of tables of which nobody counted them
		if q.Shape == nil || q.Shape.Kind != statement.Update || len(q.scopes) == 0 {
			continue
		}
		for i, sc := range q.scopes {
			for j, r := range sc.reads {
				if r.table == nil || !q.Shape.Scopes[i].Refs[j].Target || r.table.UpdatedColumns != nil {
					continue
				}
				if w.updated[r.table] == nil {
					w.updated[r.table] = map[string]float64{}
				}
				for _, c := range q.Shape.Scopes[i].Set {
					w.updated[r.table][c] += q.Rows
				}
			}
		}
	}
	return w
}

// keep is what a table's writes have to do for one more index.
func (w *writes) keep(t *workload.Table, d *Definition, s size) upkeep {
	portion := d.portion(t)
	if d.Method == BRIN {
		portion = 1.0 / brinRange
	}
	var u upkeep
	u.lost, u.by = w.hotLost(t, d)
	fresh := (t.Inserted + max(0, t.Updated-t.HotUpdated) + u.lost) * portion
	u.units = fresh * w.entry(t, d, s, fresh)
	for _, x := range w.own[t] { // an update that is not HOT has a new entry in each of the others, too
		o := Definition{Method: x.method, Keys: x.keys}
		u.units += u.lost * w.entry(t, &o, x.size, t.Inserted+t.Updated)
	}
	dead := t.Deleted + max(0, t.Updated-t.HotUpdated) + u.lost
	vacuums := dead / (50 + 0.2*t.Rows)
	u.units += vacuums*s.pages*w.costs.SeqPage + dead*portion*w.costs.CPUIndexTuple
	return u
}

// hotLost is how many updates were HOT and would not be with the index: those that set a column of it that no index has yet.
func (w *writes) hotLost(t *workload.Table, d *Definition) (lost float64, by string) {
	if t.Updated <= 0 || t.HotUpdated <= 0 || (d.Method == BRIN && w.version >= 160000) {
		return 0, ""
	}
	for _, c := range sortedKeys(columnsOf(t, d)) {
		if w.indexed(t, c) {
			continue
		}
		n := min(t.HotUpdated, w.updated[t][c]*t.HotUpdated/t.Updated)
		if n > lost {
			lost, by = n, c
		}
	}
	return lost, by
}

func (w *writes) indexed(t *workload.Table, column string) bool {
	for i := range t.Indexes {
		x := &t.Indexes[i]
		if x.Method == BRIN && w.version >= 160000 {
			continue
		}
		d := definition(t, x)
		if columnsOf(t, &d)[column] {
			return true
		}
	}
	return false
}

// columnsOf is all that an index looks at: keys, what is included, what its expressions and its predicate read.
func columnsOf(t *workload.Table, d *Definition) map[string]bool {
	m := map[string]bool{}
	text := d.Where
	for _, k := range d.Keys {
		if k.Column != "" {
			m[k.Column] = true
		}
		text += " " + k.Expression
	}
	for _, c := range d.Include {
		m[c] = true
	}
	names := namesIn(text)
	for i := range t.Columns {
		if slices.Contains(names, t.Columns[i].Name) {
			m[t.Columns[i].Name] = true
		}
	}
	return m
}

// entry is what one more entry costs: to find its place, to put it there, to log it, and to write the page back; a page that takes
// many entries between two checkpoints is written once.
func (w *writes) entry(t *workload.Table, d *Definition, s size, fresh float64) float64 {
	find := math.Ceil(math.Log2(max(2, s.rows)))*w.costs.CPUOperator + (s.height+1)*50*w.costs.CPUOperator
	each := s.entry / pageBytes * 2 * w.costs.SeqPage
	between := max(1, fresh*min(1, checkpoint/w.window))
	pages := touched(between, s.pages, math.Inf(1)) / between
	if len(d.Keys) > 0 && d.Method == BTree {
		if c := column(t, d.Keys[0].Column); c != nil && math.Abs(c.Correlation) > appended && c.Distinct > t.Rows/2 {
			pages = min(pages, s.entry/pageBytes+1/between)
		}
	}
	elements := 1.0
	if d.Method == GIN {
		elements = max(1, s.entry/16)
	}
	return elements*(find+w.costs.CPUIndexTuple+min(1, pages)*2*w.costs.SeqPage) + each
}

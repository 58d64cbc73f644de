package index

import (
	"fmt"
	"slices"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/advise/workload"
)

// missing is a table's foreign keys whose rows only a scan of the whole table finds. PostgreSQL makes no index for them; deleting a row
// that they may refer to looks for them.
func (d *dropper) missing(t *workload.Table) []Useless {
	if t.Pages < smallest || t.Rows < fewestRows {
		return nil
	}
	var all []Useless
	for i := range t.Keys {
		k := &t.Keys[i]
		if len(k.Columns) == 0 || d.served(t, k, all) {
			continue
		}
		c := d.chooser.candidate(keyIndex(t, k))
		distinctNames(d.chooser.prover.arithmetic, []*candidate{c})
		days := max(1, d.in.Window.Seconds()) / daySeconds
		u := Useless{Kind: MissingKey, Schema: t.Schema, Table: t.Name, Index: c.Name, Statement: c.SQL(), Bytes: c.size.bytes(), Written: c.written / days,
			Reason:   fmt.Sprintf("the foreign key %s to %s has no index that begins with %s", k.Name, k.Table, listed(k.Columns, 5)),
			Evidence: []string{}, Warnings: []string{}}
		if k.Touched > 0 {
			costs := d.chooser.prover.arithmetic.costs
			each := (t.Pages*costs.SeqPage + t.Rows*(costs.CPUTuple+costs.CPUOperator)) * d.chooser.unit
			u.Evidence = append(u.Evidence, fmt.Sprintf("%s rows of %s a day were deleted or got another key, each with a scan of %s pages here: about %.3g s a day",
				count(k.Touched/days), k.Table, count(t.Pages), k.Touched*each/days))
		} else {
			u.Warnings = append(u.Warnings, "no row of "+k.Table+" was deleted or got another key in the window: the index pays off only when some are")
		}
		if k.Cascades {
			u.Evidence = append(u.Evidence, "it cascades: each such delete changes rows here, too")
		}
		u.Warnings = append(u.Warnings, d.chooser.prover.arithmetic.warnings(t, c, days)...)
		all = append(all, u)
	}
	return all
}

// served tells that an index is there, or is proposed, that finds the rows.
func (d *dropper) served(t *workload.Table, k *workload.ForeignKey, also []Useless) bool {
	if slices.ContainsFunc(t.Indexes, func(x workload.Index) bool { return leads(&x, k) || x.Building && leads(ready(x), k) }) {
		return true
	}
	for i := range d.proposals {
		p := &d.proposals[i].Definition
		x := workload.Index{Valid: true, Ready: true, Method: p.Method, Keys: p.Keys, Where: p.Where}
		if p.Schema == t.Schema && p.Table == t.Name && leads(&x, k) {
			return true
		}
	}
	own := keyIndex(t, k)
	return slices.ContainsFunc(also, func(u Useless) bool { return strings.HasSuffix(u.Statement, afterUsing(own.SQL())) })
}

func ready(x workload.Index) *workload.Index {
	x.Valid, x.Ready = true, true
	return &x
}

func afterUsing(sql string) string {
	_, after, _ := strings.Cut(sql, " USING ")
	return after
}

// keyIndex is the index that a foreign key wants: of those rows alone that refer to something, when those are few.
func keyIndex(t *workload.Table, k *workload.ForeignKey) Definition {
	d := Definition{Schema: t.Schema, Table: t.Name, Method: BTree}
	for _, name := range k.Columns {
		d.Keys = append(d.Keys, workload.Key{Column: name})
		if c := column(t, name); c != nil && c.NullShare > rare && d.Where == "" {
			d.Where = ident(name) + " IS NOT NULL"
		}
	}
	d.called()
	return d
}

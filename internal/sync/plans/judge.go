package plans

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Sizes is the rows of the tables that have grown, by name: no two schemas have the same. A partition is a table.
type Sizes map[string]float64

// A Mark is what a plan does that must have a reason.
type Mark struct {
	What     string // Whole, Sort or Spill
	Relation string // of Whole
}

// Kinds of marks.
const (
	Whole = "whole" // reads a growing table from end to end, or a large share of it
	Sort  = "sort"  // sorts as many rows as such a table has
	Spill = "spill" // does so on disk
)

func (m Mark) String() string { return strings.TrimSpace(m.What + " " + m.Relation) }

// partition names a part of the audit trail, which is told as the whole.
var partition = regexp.MustCompile(`^(audit)_(\d{4}_\d{2}|default)$`)

// share of a growing table is too much to read, or to sort, for a result that does not grow.
const share = 4

// Judge finds what is remarkable about a plan. A sequential scan is remarkable even when it stopped early: where it stops is luck.
func Judge(plan *Node, sizes Sizes) []Mark {
	found := map[Mark]bool{}
	read := map[string]float64{}
	least := 0.0
	plan.Walk(func(n *Node) {
		name, size := n.Relation, sizes[n.Relation]
		if size == 0 || n.Type == "ModifyTable" {
			return
		}
		if least == 0 || size < least {
			least = size
		}
		read[name] += (n.Rows + n.Filtered + n.Rechecked) * n.Loops
		if n.Type == "Seq Scan" && n.Loops > 0 || read[name]*share >= size {
			found[Mark{Whole, partition.ReplaceAllString(name, "$1")}] = true
		}
	})
	plan.Walk(func(n *Node) {
		large := least > 0 && n.Loops > 0 && n.Rows*share >= least
		if large && (n.Type == "Sort" || n.Type == "Incremental Sort") {
			found[Mark{What: Sort}] = true
		}
		if least > 0 && (n.Disk == "Disk" || n.Batches > 1 || n.AggBatches > 1) {
			found[Mark{What: Spill}] = true
		}
	})
	return slices.SortedFunc(maps.Keys(found), func(a, b Mark) int { return strings.Compare(a.String(), b.String()) })
}

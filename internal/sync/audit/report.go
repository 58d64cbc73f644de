package audit

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Kinds of damage.
const (
	EntryChanged   = "entry changed"
	EntryMissing   = "entry missing"
	EntryAdded     = "entry added"
	EntryOutside   = "entry outside of any block"
	EntryUnsealed  = "entry not sealed"
	BlockChanged   = "block changed"
	BlockMissing   = "block missing"
	HeadDiffers    = "head differs"
	ChainShort     = "chain shorter than its heads"
	BadRetirement  = "retirement before its time"
	ExportChanged  = "export changed"
	TriggerMissing = "trigger missing"
)

// Finding is one sign of tampering.
type Finding struct {
	Block int64 // that it shows at; 0: at none
	Kind  string
	Text  string
}

func (f Finding) String() string {
	if f.Block == 0 {
		return f.Kind + ": " + f.Text
	}
	return fmt.Sprintf("block %d: %s: %s", f.Block, f.Kind, f.Text)
}

// mostFindings are kept: one that changed everything need not be told a million times.
const mostFindings = 100

// Report is what a verification has looked at, and found.
type Report struct {
	Blocks      int64        // that were computed anew
	Entries     int64        // of these
	Retired     int64        // entries that were removed past their retention, of blocks that still hold
	Heads       int64        // that were compared
	Unsealed    int64        // entries that wait to be sealed
	Last        Block        // the newest block
	Retirements []Retirement // that account for the entries that were removed
	Findings    []Finding    // the first comes first
	More        int64        // findings beyond those
}

// Good tells that nothing was found.
func (r *Report) Good() bool { return len(r.Findings) == 0 }

// add notes a finding; of one block the first one counts.
func (r *Report) add(block int64, kind, format string, args ...any) {
	if block != 0 && slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Block == block }) {
		return
	}
	f := Finding{block, kind, fmt.Sprintf(format, args...)}
	if len(r.Findings) < mostFindings {
		r.Findings = append(r.Findings, f)
		return
	}
	r.More++
	// The first ones are kept, and the heads and entries are looked at one after the other.
	if last := slices.IndexFunc(r.Findings, func(o Finding) bool { return o.Block > block }); block != 0 && last >= 0 {
		r.Findings[last] = f
	}
}

// order puts the findings at blocks first, by block.
func (r *Report) order() {
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(min(1, b.Block), min(1, a.Block)), cmp.Compare(a.Block, b.Block))
	})
}

// chain holds blocks against each other, in the order of their numbers.
type chain struct {
	report *Report
	last   *Block           // nil: none yet
	ends   map[int64]uint64 // by cluster
	heads  *headReader      // nil: there are none
}

func newChain(r *Report, last *Block, heads *headReader) *chain {
	return &chain{report: r, last: last, ends: map[int64]uint64{}, heads: heads}
}

func (c *chain) add(b Block) error {
	r := c.report
	switch sum := b.Sum(); {
	case c.last != nil && b.Number != c.last.Number+1:
		r.add(c.last.Number+1, BlockMissing, "after block %d comes block %d", c.last.Number, b.Number)
	case !slices.Equal(sum, b.Hash):
		r.add(b.Number, BlockChanged, "its hash is not that of its columns")
	case c.last != nil && !slices.Equal(b.Previous, c.last.Hash):
		r.add(b.Number, BlockChanged, "it does not follow on block %d: one of the two was made anew", c.last.Number)
	}
	if end, ok := c.ends[b.Cluster]; ok && end != b.From && (c.last == nil || b.Number == c.last.Number+1) {
		r.add(b.Number, BlockChanged, "its window begins at transaction %d, and the one before ended at %d", b.From, end)
	}
	c.ends[b.Cluster] = b.To
	if c.heads != nil {
		if err := c.heads.hold(r, b); err != nil {
			return err
		}
	}
	r.Blocks++
	c.last, r.Last = &b, b
	return nil
}

// tally holds entries against a block that they should be all of.
type tally struct {
	block  Block
	root   *root
	edges  []edge // digests of retired entries, in order
	found  int64
	within bool // a retirement took entries of the block
}

func newTally(b Block, retired []Retirement) *tally {
	t := &tally{block: b, root: newRoot()}
	for _, r := range retired {
		t.within = t.within || r.First <= b.Number && b.Number <= r.Last
		for _, e := range r.edges {
			if b.holds(r.Cluster, e.TxID) {
				t.edges = append(t.edges, e)
			}
		}
	}
	slices.SortFunc(t.edges, edge.compare)
	return t
}

func (t *tally) add(e *Entry) {
	t.fill(edge{TxID: e.TxID, ID: e.ID})
	t.root.add(e.Digest())
	t.found++
}

// fill adds what was retired before a place.
func (t *tally) fill(before edge) {
	for len(t.edges) > 0 && t.edges[0].compare(before) < 0 {
		t.root.add(t.edges[0].digest)
		t.edges = t.edges[1:]
	}
}

func (t *tally) end(r *Report) {
	for _, e := range t.edges {
		t.root.add(e.digest)
	}
	r.Entries += t.found
	b := t.block
	switch n := t.root.entries; {
	case n == b.Entries && slices.Equal(t.root.sum(), b.Root):
		r.Retired += n - t.found
	case t.within && n == 0:
		r.Retired += b.Entries
	case n < b.Entries:
		r.add(b.Number, EntryMissing, "%d of its %d entries are not there", b.Entries-n, b.Entries)
	case n > b.Entries:
		r.add(b.Number, EntryAdded, "%d entries were there when it was sealed, and %d are now", b.Entries, n)
	default:
		r.add(b.Number, EntryChanged, "one or more of its %d entries are not what they were when it was sealed", b.Entries)
	}
}

// span is a time for people.
func span(d time.Duration) string { return d.Round(time.Second).String() }

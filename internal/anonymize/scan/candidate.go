package scan

import (
	"errors"
	"hash/maphash"
	"sync"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/identify"
)

// fingerprint stands for an identifier: a hash by keys of this process, of a length at which two are not the same by chance.
type fingerprint struct {
	kind identify.Kind
	a, b uint64
}

var seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

func fingerprintOf(k identify.Kind, normal []byte) fingerprint {
	return fingerprint{k, maphash.Bytes(seeds[0], normal), maphash.Bytes(seeds[1], normal)}
}

// maxCandidates bounds what is remembered until the second look: some 15 MB.
const maxCandidates = 1 << 17

// errFull ends the reading: there is more than can be remembered, and the second look decides what it is.
var errFull = errors.New("too many candidates")

// candidates are what the filter has taken for identifiers, and where.
type candidates struct {
	mu     sync.Mutex
	known  map[fingerprint]uint32 // index into real
	real   []bool                 // whether the source holds it
	counts map[sighting]int64
	most   int
	total  int64
}

type sighting struct {
	candidate uint32
	column    int32
}

func newCandidates(most int) *candidates {
	return &candidates{known: map[fingerprint]uint32{}, counts: map[sighting]int64{}, most: most}
}

// add counts a candidate in a column, and says whether there is room.
func (c *candidates) add(f fingerprint, column int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total++
	i, ok := c.known[f]
	if !ok {
		if len(c.real) >= c.most {
			return false
		}
		i = uint32(len(c.real)) //nolint:gosec // bounded by most
		c.known[f] = i
		c.real = append(c.real, false)
	}
	at := sighting{i, int32(column)} //nolint:gosec // columns of a database
	if _, ok := c.counts[at]; !ok && len(c.counts) >= c.most {
		return false
	}
	c.counts[at]++
	return true
}

// kinds are those that there are candidates of.
func (c *candidates) kinds() (w want) {
	for f := range c.known {
		w |= 1 << f.kind
	}
	return
}

// confirm is told of everything that the source holds.
func (c *candidates) confirm(k identify.Kind, normal []byte) {
	// known does not change any more; a truth may be written twice.
	i, ok := c.known[fingerprintOf(k, normal)]
	if !ok {
		return
	}
	c.mu.Lock()
	c.real[i] = true
	c.mu.Unlock()
}

// cells counts what is found by column and kind.
type cells map[cellKind]int64

type cellKind struct {
	table, column string
	kind          identify.Kind
}

// atLeast counts what may have been counted already.
func (c cells) atLeast(at cellKind, n int64) {
	if n > c[at] {
		c[at] = n
	}
}

func (c cells) findings() []evidence.Finding {
	out := []evidence.Finding{}
	for at, n := range c {
		out = append(out, evidence.Finding{Table: at.table, Column: at.column, Kind: at.kind.String(), Count: n})
	}
	return out
}

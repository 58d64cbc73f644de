package scan

import (
	"hash/maphash"
	"slices"
	"sync/atomic"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/copytext"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/identify"
)

// tally is what a guard has seen, by column.
type tally struct {
	counts []map[identify.Kind]int64 // certain
	maps   []mapping
	shares []share
	hits   map[wordAt]int64 // names of the row's person among what is kept, by the column's place in the table
	full   map[int]int64    // hits that found no room
}

// mapping is whether a column's values stand for others.
type mapping struct {
	rows, own int64 // own: that are their own image
	same, all few
}

// share is how many of the values that are kept are the row's own person's.
type share struct {
	rows, own int64
	kind      identify.Kind
}

// few remembers some different values, by their hash.
type few struct {
	n    int
	seen [enough + 1]uint64
}

// Bounds of what is judged by how often it occurs. Of a mapping drawn by chance one value is its own image on average, and
// twelve with a chance of one in a billion.
const (
	enough   = 12
	allOf    = 5       // a mapping of so few values at least, each of which is its own image
	suspects = 1 << 12 // words of a table that are remembered
	distinct = 5       // words of a column, so many at least, that occur where somebody bears them
)

func (f *few) add(h uint64) {
	if f.n < len(f.seen) && !slices.Contains(f.seen[:f.n], h) {
		f.seen[f.n] = h
		f.n++
	}
}

func (f *few) merge(o *few) {
	for _, h := range o.seen[:o.n] {
		f.add(h)
	}
}

func (t *tally) reset(columns int) {
	if t.counts == nil {
		*t = tally{counts: make([]map[identify.Kind]int64, columns), maps: make([]mapping, columns), shares: make([]share, columns)}
	}
	clear(t.counts)
	clear(t.maps)
	clear(t.shares)
	t.hits, t.full = map[wordAt]int64{}, map[int]int64{}
}

func (t *tally) count(column int, k identify.Kind) {
	if t.counts[column] == nil {
		t.counts[column] = map[identify.Kind]int64{}
	}
	t.counts[column][k]++
}

func (t *tally) hit(column int, word uint64) { t.hitBy(wordAt{column, word}, 1) }

func (t *tally) hitBy(at wordAt, n int64) {
	if _, ok := t.hits[at]; !ok && len(t.hits) >= suspects {
		t.full[at.column] += n
		return
	}
	t.hits[at] += n
}

// see compares a field with what it was made from.
func (m *mapping) see(from, to []byte, how image) {
	if len(from) == 0 || copytext.IsNull(from) || how == invented && len(from) < 4 {
		return
	}
	m.rows++
	same := string(from) == string(to)
	if same {
		m.own++
	}
	if how != drawn && (m.all.n <= enough || same && m.same.n <= enough) {
		h := maphash.Bytes(seeds[0], from)
		m.all.add(h)
		if same {
			m.same.add(h)
		}
	}
}

func (t *tally) add(o *tally) {
	for i := range t.counts {
		for k, n := range o.counts[i] {
			if t.counts[i] == nil {
				t.counts[i] = map[identify.Kind]int64{}
			}
			t.counts[i][k] += n
		}
		t.maps[i].rows += o.maps[i].rows
		t.maps[i].own += o.maps[i].own
		t.maps[i].same.merge(&o.maps[i].same)
		t.maps[i].all.merge(&o.maps[i].all)
		t.shares[i].rows += o.shares[i].rows
		if o.shares[i].own > 0 {
			t.shares[i].own += o.shares[i].own
			t.shares[i].kind = o.shares[i].kind
		}
	}
	for at, n := range o.hits {
		t.hitBy(at, n)
	}
	for column, n := range o.full {
		t.full[column] += n
	}
}

// failed says whether a mapping does not map.
func (m *mapping) failed(how image) bool {
	if how == drawn {
		return m.rows >= allOf && m.own*2 > m.rows
	}
	return m.same.n >= enough || m.same.n >= allOf && m.same.n == m.all.n
}

// failed says whether a column that is kept is one of the person's.
func (s *share) failed() bool {
	return s.own >= enough && s.own*100 > s.rows || s.rows >= allOf && s.own*2 > s.rows
}

// suspects are the words that guards have seen in rows of who bears them, for Run to count how often they occur at all.
func (s *Scanner) suspects() map[wordAt]*atomic.Int64 {
	all := map[wordAt]*atomic.Int64{}
	for _, g := range s.guards {
		for at := range g.tally.hits {
			all[wordAt{g.columns[at.column].place.id, at.word}] = new(atomic.Int64)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

// guarded adds what the guards have found. A name of the row's person in a value that is kept counts where at least five such
// words do not occur much more often beside others: somebody is called White, and many are.
func (s *Scanner) guarded(in *search, found cells) {
	for _, g := range s.guards {
		t := &g.tally
		words, hits := map[int]int{}, map[int]int64{}
		for at, n := range t.hits {
			if total := in.hits[wordAt{g.columns[at.column].place.id, at.word}]; total != nil && n*4 >= total.Load() {
				words[at.column]++
				hits[at.column] += n
			}
		}
		for i, col := range g.columns {
			at := cellKind{g.table, col.place.column, identify.Name}
			for k, n := range t.counts[i] {
				at.kind = k
				found.atLeast(at, n)
			}
			at.kind = identify.Name
			if words[i] >= distinct || t.full[i] > 0 && words[i] > 0 {
				found.atLeast(at, hits[i]+t.full[i])
			}
			at.kind = s.kind(g.table, col.place.column)
			if t.maps[i].failed(col.image) {
				found.atLeast(at, t.maps[i].own)
			}
			if t.shares[i].failed() {
				at.kind = t.shares[i].kind
				found.atLeast(at, t.shares[i].own)
			}
		}
	}
}

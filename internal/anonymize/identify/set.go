package identify

import (
	"hash/maphash"
	"math"
	"math/bits"
	"sync/atomic"
)

// Set remembers identifiers of a source. It has the size that it was made with, however many it is given: the more, the
// more strangers it takes for one. It never forgets one. Many may add and ask at once.
//
// It is a split-block Bloom filter: an identifier sets eight bits of one block, which a processor fetches at once. Which
// ones is known to this process only, so that nobody can make up words that it takes for names.
type Set struct {
	words, rest []block // names are apart, so that masses of record numbers do not make free text read as names
	seeds       [kinds]maphash.Seed
	counts      [kinds]atomic.Int64
	lengths     [kinds]lengths
}

// lengths is how long the identifiers are that begin with a byte: most strangers are told by it, without a look into memory
// that is far away.
type lengths [128]atomic.Uint64

func (l *lengths) of(normal []byte) (*atomic.Uint64, uint64) {
	if len(normal) == 0 {
		return &l[0], 1
	}
	return &l[normal[0]&127], 1 << min(len(normal), 63)
}

type block [8]uint32

const blockBytes = 32

// salts choose a bit of each of a block's words; odd numbers, as in Apache Parquet's filter.
var salts = [8]uint32{0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d, 0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31}

// New makes a set of so many bytes; two bytes an identifier leave about one stranger in a thousand.
func New(bytes int) *Set {
	n := max(bytes/blockBytes, 16)
	s := &Set{words: make([]block, n/8), rest: make([]block, n-n/8)}
	for k := range s.seeds {
		s.seeds[k] = maphash.MakeSeed()
	}
	return s
}

func (s *Set) find(k Kind, normal []byte) (*block, uint32) {
	h := maphash.Bytes(s.seeds[k], normal)
	in := s.rest
	if k == Name {
		in = s.words
	}
	i, _ := bits.Mul64(h, uint64(len(in)))
	return &in[i], uint32(h) //nolint:gosec // the low half, which has not chosen the block
}

// Add remembers an identifier, as Normalize and its neighbours write it, and says whether it was new.
func (s *Set) Add(k Kind, normal []byte) bool {
	if l, bit := s.lengths[k].of(normal); l.Load()&bit == 0 {
		l.Or(bit)
	}
	b, h := s.find(k, normal)
	fresh := false
	for i := range b {
		bit := uint32(1) << (h * salts[i] >> 27)
		if atomic.LoadUint32(&b[i])&bit == 0 && atomic.OrUint32(&b[i], bit)&bit == 0 {
			fresh = true
		}
	}
	if fresh {
		s.counts[k].Add(1)
	}
	return fresh
}

// Has says whether an identifier may have been added; a no is certain.
func (s *Set) Has(k Kind, normal []byte) bool {
	if l, bit := s.lengths[k].of(normal); l.Load()&bit == 0 {
		return false
	}
	b, h := s.find(k, normal)
	for i := range b {
		if atomic.LoadUint32(&b[i])>>(h*salts[i]>>27)&1 == 0 {
			return false
		}
	}
	return true
}

// Count is how many different identifiers of a kind were added; a few too little when the set is full.
func (s *Set) Count(k Kind) int64 { return s.counts[k].Load() }

// Strangers is the share of identifiers that were never added for which Has says yes.
func (s *Set) Strangers(k Kind) float64 {
	in := s.rest
	if k == Name {
		in = s.words
	}
	sum := 0.0
	for i := range in {
		p := 1.0
		for j := range in[i] {
			p *= float64(bits.OnesCount32(atomic.LoadUint32(&in[i][j]))) / 32
		}
		sum += p
	}
	return math.Min(sum/float64(len(in)), 1)
}

package transform

import (
	"math/bits"
	"math/rand/v2"
	"sync"
)

// crosswalk remembers which code each id has been given, in 8 bytes an id that is a number of four bytes, 12 for a longer
// one and 16 for any other, and about a third more that is free. It is gone with the process. Many may use it at once.
type crosswalk struct {
	words  int // of a key: 1 or 2 are a number, 3 a fingerprint of 96 bits
	salt   [2]uint64
	shards [shards]shard
}

const shards = 64

// shard is a table with open addresses: per entry the words of a key, then its code and one; 0 is a free entry.
type shard struct {
	sync.Mutex
	entries []uint32
	used    int
	_       [64]byte // so that shards share no line of the cache
}

// maxCode is the highest code that a crosswalk can remember.
const maxCode = 1<<32 - 2

func newCrosswalk(words int) *crosswalk {
	return &crosswalk{words: words, salt: [2]uint64{rand.Uint64(), rand.Uint64() | 1}} //nolint:gosec // it only spreads entries
}

type crosswalkKey [3]uint32

func numberKey(v uint64) crosswalkKey { return crosswalkKey{uint32(v), uint32(v >> 32)} } //nolint:gosec // both halves

func fingerprint(hi, lo uint64) crosswalkKey {
	return crosswalkKey{uint32(lo), uint32(lo >> 32), uint32(hi)} //nolint:gosec // 96 of its 128 bits
}

func (x *crosswalk) hash(k crosswalkKey) uint64 {
	hi, lo := bits.Mul64(uint64(k[1])<<32|uint64(k[0])^x.salt[0], x.salt[1]^uint64(k[2])<<20)
	return hi ^ lo
}

// code is that of an id; one that is new is given what fresh says.
func (x *crosswalk) code(k crosswalkKey, fresh func() (uint32, error)) (uint32, error) {
	h := x.hash(k)
	s := &x.shards[h%shards]
	s.Lock()
	defer s.Unlock()
	if i := s.find(x.words, h, k); i >= 0 && s.entries[i+x.words] != 0 {
		return s.entries[i+x.words] - 1, nil
	}
	code, err := fresh()
	if err != nil {
		return 0, err
	}
	width := x.words + 1
	if (s.used+1)*width*5 > len(s.entries)*4 {
		x.grow(s)
	}
	i := s.find(x.words, h, k)
	copy(s.entries[i:i+x.words], k[:])
	s.entries[i+x.words] = code + 1
	s.used++
	return code, nil
}

// find is where the key is, or would be; -1 in a table of no size.
func (s *shard) find(words int, h uint64, k crosswalkKey) int {
	width := words + 1
	n := len(s.entries) / width
	if n == 0 {
		return -1
	}
	slot, _ := bits.Mul64(h, uint64(n)) //nolint:gosec // not negative
	for i := int(slot) * width; ; {     //nolint:gosec // below n
		e := s.entries[i : i+width : i+width]
		if e[words] == 0 || e[0] == k[0] && (words < 2 || e[1] == k[1]) && (words < 3 || e[2] == k[2]) {
			return i
		}
		if i += width; i == len(s.entries) {
			i = 0
		}
	}
}

// grow makes room: a quarter more, since each byte is there once for every id of a clinic.
func (x *crosswalk) grow(s *shard) {
	width := x.words + 1
	old := s.entries
	n := len(old) / width
	s.entries = make([]uint32, max(16, n+n/4)*width)
	for i := 0; i < len(old); i += width {
		if old[i+x.words] == 0 {
			continue
		}
		var k crosswalkKey
		copy(k[:], old[i:i+x.words])
		copy(s.entries[s.find(x.words, x.hash(k), k):], old[i:i+width])
	}
}

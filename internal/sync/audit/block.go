package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"time"
)

// Block seals the entries of one window of transactions, as august.audit_block has it.
type Block struct {
	Number   int64     `json:"number"`
	Cluster  int64     `json:"cluster,string"`
	From     uint64    `json:"from_xid,string"`
	To       uint64    `json:"to_xid,string"`
	Entries  int64     `json:"entries"`
	Root     []byte    `json:"root"`
	Previous []byte    `json:"previous"`
	SealedAt time.Time `json:"sealed_at"`
	Hash     []byte    `json:"hash"`
}

const blockColumns = `number, cluster, from_xid, to_xid, entries, root, previous, sealed_at, hash`

func (b *Block) fields() []any {
	return []any{&b.Number, &b.Cluster, &b.From, &b.To, &b.Entries, &b.Root, &b.Previous, &b.SealedAt, &b.Hash}
}

// genesis is what the first block follows on.
var genesis [sha256.Size]byte

// Sum is the hash that the block must have.
func (b *Block) Sum() []byte {
	w := newWriter("august/audit/block/1")
	w.number(uint64(b.Number))  //nolint:gosec // two's complement
	w.number(uint64(b.Cluster)) //nolint:gosec // two's complement
	w.number(b.From)
	w.number(b.To)
	w.number(uint64(b.Entries)) //nolint:gosec // two's complement
	w.bytes(b.Root)
	w.bytes(b.Previous)
	w.number(uint64(b.SealedAt.UnixMicro()))
	return w.sum(nil)
}

func (b *Block) head() string { return hex.EncodeToString(b.Hash) }

// holds tells that an entry of the transaction belongs to the block.
func (b *Block) holds(cluster int64, txid uint64) bool {
	return b.Cluster == cluster && b.From <= txid && txid < b.To
}

// root adds up entries in the order of (txid, id).
type root struct {
	hash    hash.Hash
	entries int64
}

func newRoot() *root {
	w := newWriter("august/audit/root/1")
	_, _ = w.hash.Write(w.buf)
	return &root{hash: w.hash}
}

func (r *root) add(digest [sha256.Size]byte) {
	_, _ = r.hash.Write(digest[:])
	r.entries++
}

func (r *root) sum() []byte { return r.hash.Sum(nil) }

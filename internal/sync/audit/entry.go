// Package audit is the audit trail: who or what changed which rows, when, and proof that the record of it was not
// touched since. Triggers write an entry for every statement that changed rows, in its transaction, so that no path in
// the code can go around them (migration 014). A Keeper seals entries into blocks, each of which bears the hash of the
// one before, and exports the newest block's hash, the head, to a bucket that the database's owner cannot write over.
// Verify computes everything anew.
//
// # What it proves
//
// An entry that was changed, added or removed after it was sealed no longer fits its block; a block that was changed or
// removed no longer fits the next. Whoever may write everything in the database can compute the whole chain anew: then
// it no longer fits the heads in the bucket. What happens before the seal, within seconds, and what a superuser does with
// the triggers off leaves no trace here. Verify does say when a table's triggers are missing or off.
//
// # Windows
//
// A block has every entry of the transactions of one window [from, to) of transaction ids. "to" is the oldest id that
// still ran when the block was sealed, so everything in the window has ended: nothing can be added to it later without
// showing. Windows of a cluster follow on each other without gaps. Another cluster, such as one that a dump was restored
// into, counts its transactions anew and may use a number again: entries bear the system identifier of the cluster that
// wrote them, and each cluster has windows of its own in the one chain. A clone to a point in time keeps identifier and
// ids, and goes on with the chain as it was at that point.
//
// # Digests, version 1
//
// A field is its length as 8 bytes, most significant first, and its bytes. Text is UTF-8. A number is 8 bytes, most
// significant first, in two's complement where it has a sign; a moment is the number of its microseconds since
// 1970-01-01 UTC. An absent field is the length 2^64-1 and nothing else. An array is its count as a number, not as a
// field, and its elements as fields; an absent array the count 2^64-1.
//
// The digest of an entry is the SHA-256 of the fields: the text "august/audit/entry/1", then id, at, txid, cluster, actor,
// source, source_id, relation, operation; the array keys; the fields before, after, flags; the array deliveries.
//
// The root of a block is the SHA-256 of the field "august/audit/root/1" and the digests, 32 bytes each, of its entries in
// the order of (txid, id). Its hash is the SHA-256 of the fields: the text "august/audit/block/1", then number, cluster,
// from_xid, to_xid, entries, root, previous, sealed_at. The first block's previous hash is 32 zero bytes.
//
// This stays as it is for ever. Another encoding would be another version under another name, for blocks from then on.
package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"time"
)

// Entry is one statement's changes of one table, as august.audit has it.
type Entry struct {
	ID         int64     `json:"id"`
	At         time.Time `json:"at"`
	TxID       uint64    `json:"txid,string"`
	Cluster    int64     `json:"cluster,string"`
	Actor      string    `json:"actor"`
	Source     string    `json:"source"`
	SourceID   string    `json:"source_id"`
	Relation   string    `json:"relation"`
	Operation  string    `json:"operation"`
	Keys       []string  `json:"keys"`
	Before     []byte    `json:"before"`
	After      []byte    `json:"after"`
	Flags      *string   `json:"flags"`
	Deliveries []*string `json:"deliveries"`
}

// entryColumns are an Entry's, in the order of its fields.
const entryColumns = `id, at, txid, cluster, actor, source, source_id, relation, operation, keys, before, after, flags, deliveries`

// fields are where a row of entryColumns goes.
func (e *Entry) fields() []any {
	return []any{&e.ID, &e.At, &e.TxID, &e.Cluster, &e.Actor, &e.Source, &e.SourceID, &e.Relation, &e.Operation, &e.Keys, &e.Before, &e.After, &e.Flags, &e.Deliveries}
}

// Digest is the entry's.
func (e *Entry) Digest() (d [sha256.Size]byte) {
	w := newWriter("august/audit/entry/1")
	w.number(uint64(e.ID)) //nolint:gosec // two's complement
	w.number(uint64(e.At.UnixMicro()))
	w.number(e.TxID)
	w.number(uint64(e.Cluster)) //nolint:gosec // two's complement
	w.text(e.Actor)
	w.text(e.Source)
	w.text(e.SourceID)
	w.text(e.Relation)
	w.text(e.Operation)
	w.count(len(e.Keys), e.Keys == nil)
	for _, k := range e.Keys {
		w.text(k)
	}
	w.bytes(e.Before)
	w.bytes(e.After)
	w.optional(e.Flags)
	w.count(len(e.Deliveries), e.Deliveries == nil)
	for _, d := range e.Deliveries {
		w.optional(d)
	}
	w.sum(d[:0])
	return d
}

// writer feeds a hash with what the package comment calls fields.
type writer struct {
	hash hash.Hash
	buf  []byte
}

const absent = ^uint64(0)

func newWriter(version string) *writer {
	w := &writer{hash: sha256.New()}
	w.text(version)
	return w
}

func (w *writer) raw(n uint64) { w.buf = binary.BigEndian.AppendUint64(w.buf, n) }

func (w *writer) number(n uint64) {
	w.raw(8)
	w.raw(n)
}

func (w *writer) text(s string) {
	w.raw(uint64(len(s)))
	w.buf = append(w.buf, s...)
}

func (w *writer) bytes(b []byte) {
	if b == nil {
		w.raw(absent)
		return
	}
	w.raw(uint64(len(b)))
	w.buf = append(w.buf, b...)
}

func (w *writer) optional(s *string) {
	if s == nil {
		w.raw(absent)
		return
	}
	w.text(*s)
}

func (w *writer) count(n int, none bool) {
	if none {
		w.raw(absent)
		return
	}
	w.raw(uint64(n)) //nolint:gosec // a length
}

func (w *writer) sum(into []byte) []byte {
	_, _ = w.hash.Write(w.buf)
	return w.hash.Sum(into)
}

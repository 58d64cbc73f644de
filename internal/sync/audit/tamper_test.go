package audit_test

import (
	"context"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/bucket"
	"github.com/feel-august/terraform-provider-august/internal/sync/audit"
)

func TestVerifyUntouched(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if report := r.good(audit.Verification{}); report.Blocks != 0 {
		t.Errorf("an empty trail has %d blocks", report.Blocks)
	}
	r.blocks(5)
	r.write(2)
	b, address := newBucket(t)
	r.head(b, address)
	report := r.good(audit.Verification{Heads: b})
	if report.Blocks != 5 || report.Entries != 15 || report.Heads != 1 || report.Unsealed != 2 || report.Last.Number != 5 {
		t.Errorf("looked at %+v", report)
	}
	if report = r.good(audit.Verification{From: 4, Heads: b}); report.Blocks != 2 || report.Entries != 6 {
		t.Errorf("from block 4 looked at %+v", report)
	}
	r.settle()
	r.finds(audit.Verification{MaxUnsealed: soon}, 0, audit.EntryUnsealed)
	r.seal()
	r.good(audit.Verification{MaxUnsealed: soon})
}

// Whatever is changed of a sealed entry or of a block, by whom ever, is found and named.
func TestVerifyFindsTampering(t *testing.T) {
	t.Parallel()
	const third = ` where id = (select id from august.audit a, august.audit_block b where b.number = 3 and a.txid >= b.from_xid and a.txid < b.to_xid order by id offset 1 limit 1)`
	cases := map[string]struct {
		sql   string
		block int64
		kinds []string
	}{
		"entry deleted":           {`delete from august.audit` + third, 3, []string{audit.EntryMissing}},
		"a block's entries gone":  {`delete from august.audit a using august.audit_block b where b.number = 3 and a.txid >= b.from_xid and a.txid < b.to_xid`, 3, []string{audit.EntryMissing}},
		"entry put in":            {`insert into august.audit (id, at, txid, cluster, actor, source, source_id, relation, operation, keys) overriding system value select id + 1000, at, txid, cluster, actor, source, source_id, relation, operation, keys from august.audit` + third, 3, []string{audit.EntryAdded}},
		"entry deleted and put":   {`with d as (delete from august.audit` + third + ` returning *) insert into august.audit overriding system value select id + 1000, at, txid, cluster, actor, source, source_id, relation, operation, keys, before, after, flags, deliveries from d`, 3, []string{audit.EntryChanged}},
		"entries swapped":         {`update august.audit a set keys = o.keys, after = o.after from august.audit o, august.audit_block b where b.number = 3 and a.txid >= b.from_xid and a.txid < b.to_xid and o.txid >= b.from_xid and o.txid < b.to_xid and a.id <> o.id`, 3, []string{audit.EntryChanged}},
		"entry of an old window":  {`insert into august.audit (id, at, txid, cluster, actor, source, source_id, relation, operation, keys) overriding system value select id + 1000, at, '0'::xid8, cluster, actor, source, source_id, relation, operation, keys from august.audit` + third, 1, []string{audit.EntryAdded}},
		"block gone":              {`delete from august.audit_block where number = 3`, 3, []string{audit.BlockMissing}},
		"first block gone":        {`delete from august.audit_block where number = 1`, 1, []string{audit.BlockMissing}},
		"blocks renumbered":       {`update august.audit_block set number = case number when 3 then 33 else number - 1 end where number >= 3`, 3, []string{audit.BlockChanged}},
		"trigger of a table off":  {`alter table drchrono.offices disable trigger audit_update`, 0, []string{audit.TriggerMissing}},
		"trigger of a table gone": {`drop trigger audit_delete on billing.claim`, 0, []string{audit.TriggerMissing}},
		"trail made writable":     {`alter table august.audit_block disable trigger all`, 0, []string{audit.TriggerMissing}},
	}
	for column, value := range map[string]string{
		"at": "at + interval '1 microsecond'", "txid": "(select from_xid from august.audit_block where number = 5)", "cluster": "cluster + 1", "actor": "'nobody'",
		"source": "'webhook'", "source_id": "'7'", "relation": "'drchrono.patients'", "operation": "'update'", "keys": "'{1}'",
		"before": "after", "after": "null", "flags": "'20'", "deliveries": "'{a,null}'",
	} {
		kinds := []string{audit.EntryChanged}
		if column == "txid" || column == "cluster" { // it is somewhere else now
			kinds = []string{audit.EntryMissing}
		}
		cases["entry's "+column] = struct {
			sql   string
			block int64
			kinds []string
		}{fmt.Sprintf(`update august.audit set %s = %s`, column, value) + third, 3, kinds}
	}
	for column, value := range map[string]string{
		"cluster": "cluster + 1", "from_xid": "'7'", "to_xid": "(to_xid::text::bigint + 1)::text::xid8", "entries": "entries + 1", "root": "sha256('a')", "previous": "sha256('a')",
		"sealed_at": "sealed_at - interval '1 second'", "hash": "sha256('a')",
	} {
		cases["block's "+column] = struct {
			sql   string
			block int64
			kinds []string
		}{fmt.Sprintf(`update august.audit_block set %s = %s where number = 3`, column, value), 3, []string{audit.BlockChanged}}
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.blocks(5)
			r.good(audit.Verification{})
			r.tamper(c.sql)
			r.finds(audit.Verification{}, c.block, c.kinds...)
		})
	}
}

// What is consistent in itself is found by the heads alone.
func TestVerifyHoldsTheChainAgainstItsHeads(t *testing.T) {
	t.Parallel()
	t.Run("cut off", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		b, address := newBucket(t)
		r.blocks(5)
		r.head(b, address)
		r.tamper(`delete from august.audit a using august.audit_block b where b.number > 3 and a.txid >= b.from_xid`)
		r.tamper(`delete from august.audit_block where number > 3`)
		r.good(audit.Verification{})
		r.finds(audit.Verification{Heads: b}, 5, audit.ChainShort)
	})
	t.Run("only blocks cut off", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		b, address := newBucket(t)
		r.blocks(5)
		r.head(b, address)
		r.tamper(`delete from august.audit_block where number > 3`)
		r.finds(audit.Verification{MaxUnsealed: soon}, 0, audit.EntryUnsealed)
		r.seal() // as the runtime does: there are heads of another chain now
		r.good(audit.Verification{})
		r.finds(audit.Verification{Heads: b}, 5, audit.ChainShort)
	})
	t.Run("made anew", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		b, address := newBucket(t)
		for range 5 {
			r.blocks(1)
			r.head(b, address)
		}
		if report := r.good(audit.Verification{Heads: b}); report.Heads != 5 {
			t.Errorf("%d heads", report.Heads)
		}
		r.tamper(`update august.audit set actor = 'nobody' where id = (select max(id) from august.audit a, august.audit_block b where b.number = 2 and a.txid < b.to_xid)`)
		r.remake(2)
		r.good(audit.Verification{})
		r.finds(audit.Verification{Heads: b}, 2, audit.HeadDiffers)
	})
}

// remake computes the chain anew from a block on, as somebody would who knows how.
func (r *rig) remake(from int64) {
	r.Helper()
	r.tamper(`delete from august.audit_block where number >= $1`, from)
	r.seal()
}

// A block that was made anew with a hash that fits no longer fits the one behind it.
func TestVerifyHoldsBlocksAgainstEachOther(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.blocks(5)
	var b audit.Block
	if err := r.pool.QueryRow(t.Context(), `select number, cluster, from_xid, to_xid, entries, root, previous, sealed_at from august.audit_block where number = 3`).
		Scan(&b.Number, &b.Cluster, &b.From, &b.To, &b.Entries, &b.Root, &b.Previous, &b.SealedAt); err != nil {
		t.Fatal(err)
	}
	b.SealedAt = b.SealedAt.Add(-time.Hour)
	r.tamper(`update august.audit_block set sealed_at = $1, hash = $2 where number = 3`, b.SealedAt, b.Sum())
	r.finds(audit.Verification{}, 4, audit.BlockChanged)
}

// The entries of a block that is gone are in no other.
func TestVerifyNamesEntriesOutsideOfBlocks(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.blocks(5)
	r.tamper(`delete from august.audit_block where number = 3`)
	report := r.verify(audit.Verification{})
	if len(report.Findings) != 2 || report.Findings[0].Kind != audit.BlockMissing || report.Findings[1].Block != 4 || report.Findings[1].Kind != audit.EntryOutside || report.Entries != 12 {
		t.Errorf("found %v in %d entries", report.Findings, report.Entries)
	}
}

// A runtime that seals and exports while it is verified is no tampering.
func TestVerifyBesideTheKeeper(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b, address := newBucket(t)
	r.blocks(3)
	r.head(b, address)
	grown := false
	report := r.good(audit.Verification{Heads: growing{b, func() {
		if !grown {
			grown = true
			r.blocks(1)
			r.head(b, address)
		}
	}}})
	if !grown || report.Heads != 2 || report.Blocks != 3 {
		t.Errorf("%+v", report)
	}
}

// growing is a bucket that something happens to before the end of a list.
type growing struct {
	bucket.Bucket
	happens func()
}

func (g growing) List(ctx context.Context, folder, from string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		last := ""
		for name, err := range g.Bucket.List(ctx, folder, from) {
			if last = name; !yield(name, err) {
				return
			}
		}
		g.happens()
		for name, err := range g.Bucket.List(ctx, folder, last+"~") {
			if !yield(name, err) {
				return
			}
		}
	}
}

func TestVerifySaysWhenThereIsNoTrail(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.exec(`drop table august.audit, august.audit_block cascade`)
	if _, err := audit.Verify(t.Context(), audit.Verification{Pool: r.pool}); err == nil || err.Error() != audit.ErrNoTrail.Error() {
		t.Errorf("%v", err)
	}
}

package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"regexp"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/feel-august/terraform-provider-august/internal/bucket"
)

// Head is what an object of the bucket says of the chain. A bucket that is locked, or that belongs to somebody else than the
// database, keeps whoever can write everything in the database from computing the chain anew.
//
// An object's name says all that is compared, so to list them is enough: its block's number, by which names sort, and hash.
type Head struct {
	Version   int       `json:"version"`
	Number    int64     `json:"number"`
	Hash      string    `json:"hash"`
	Cluster   int64     `json:"cluster,string"`
	From      uint64    `json:"from_xid,string"`
	To        uint64    `json:"to_xid,string"`
	SealedAt  time.Time `json:"sealed_at"`
	WrittenAt time.Time `json:"written_at"`
}

const headFolder = "heads"

func headName(number int64, hash string) string { return fmt.Sprintf("%016d-%s.json", number, hash) }

var headForm = regexp.MustCompile(`^([0-9]{16})-([0-9a-f]{64})\.json$`)

// headEvery is the time from one head to the next. A head proves all blocks before it, too.
const headEvery = time.Minute

// ExportHead writes the head of the newest block, unless it is there or the last one is younger than headEvery.
func ExportHead(ctx context.Context, pool *pgxpool.Pool, to bucket.Bucket, address string) error {
	var b Block
	var now time.Time
	err := pool.QueryRow(ctx, `
		select b.number, b.cluster, b.from_xid, b.to_xid, b.entries, b.root, b.previous, b.sealed_at, b.hash, clock_timestamp()
		from august.audit_block b left join august.audit_head h on h.bucket = $1
		where b.number = (select max(number) from august.audit_block) and b.number > coalesce(h.number, 0)
			and coalesce(h.written_at < clock_timestamp() - $2::interval, true)`, address, headEvery).
		Scan(append(b.fields(), &now)...)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	body, err := json.Marshal(Head{1, b.Number, b.head(), b.Cluster, b.From, b.To, b.SealedAt.UTC(), now.UTC()})
	if err != nil {
		return err
	}
	if err := to.Create(ctx, headFolder+"/"+headName(b.Number, b.head()), append(body, '\n')); err != nil {
		return fmt.Errorf("write the head of block %d: %w", b.Number, err)
	}
	_, err = pool.Exec(ctx, `insert into august.audit_head as h (bucket, number, written_at) values ($1, $2, $3)
		on conflict (bucket) do update set number = greatest(h.number, excluded.number), written_at = greatest(h.written_at, excluded.written_at)`, address, b.Number, now)
	return err
}

// headReader goes through the heads of a bucket beside the blocks.
type headReader struct {
	pull   func() (string, error, bool)
	stop   func()
	number int64 // of the next head
	hash   string
	ended  bool
}

// readHeads begins at a block; without a bucket it returns nil.
func readHeads(ctx context.Context, heads bucket.Bucket, from int64) (*headReader, error) {
	if heads == nil {
		return nil, nil
	}
	h := &headReader{}
	h.pull, h.stop = iter.Pull2(heads.List(ctx, headFolder, fmt.Sprintf("%016d", from)))
	return h, h.next()
}

func (h *headReader) close() {
	if h != nil {
		h.stop()
	}
}

func (h *headReader) next() error {
	for {
		name, err, ok := h.pull()
		if !ok {
			h.ended = true
			h.stop()
			return nil
		}
		if err != nil {
			h.stop()
			return fmt.Errorf("list the heads: %w", err)
		}
		if m := headForm.FindStringSubmatch(name); m != nil {
			h.hash = m[2]
			h.number, err = strconv.ParseInt(m[1], 10, 64)
			return err
		}
	}
}

// hold compares the block with its heads, and passes by those of blocks that are missing.
func (h *headReader) hold(r *Report, b Block) error {
	for !h.ended && h.number <= b.Number {
		r.Heads++
		switch {
		case h.number < b.Number:
			r.add(h.number, BlockMissing, "there is a head of it in the bucket, and no block")
		case h.hash != b.head():
			r.add(h.number, HeadDiffers, "the bucket's head has the hash %s, and the block %s: it, or one before it, was made anew", h.hash, b.head())
		}
		if err := h.next(); err != nil {
			return err
		}
	}
	return nil
}

// rest are the heads of blocks beyond the chain's end: they were either made while the chain was looked at, or are gone.
func (h *headReader) rest(ctx context.Context, q querier, r *Report) error {
	for h != nil && !h.ended {
		r.Heads++
		b := Block{}
		err := q.QueryRow(ctx, `select hash from august.audit_block where number = $1`, h.number).Scan(&b.Hash)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			r.add(h.number, ChainShort, "there is a head of it in the bucket, and the chain ends at block %d", r.Last.Number)
		case err != nil:
			return err
		case h.hash != b.head():
			r.add(h.number, HeadDiffers, "the bucket's head has the hash %s, and the block %s", h.hash, b.head())
		}
		if err := h.next(); err != nil {
			return err
		}
	}
	return nil
}

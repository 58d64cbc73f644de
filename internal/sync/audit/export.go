package audit

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/feel-august/terraform-provider-august/internal/bucket"
)

// An export is two objects: exportData holds a line of JSON for each block, followed by one for each of its entries;
// exportManifest says what is in it and is written last, so that there is no half of an export.
const (
	exportData     = "audit.ndjson.gz"
	exportManifest = "manifest.json"
)

// Manifest is what an export says of itself.
type Manifest struct {
	Version  int       `json:"version"`
	First    int64     `json:"first_block"`
	Last     int64     `json:"last_block"`
	Hash     string    `json:"last_hash"`
	Previous string    `json:"previous_hash"` // that the first block follows on
	Blocks   int64     `json:"blocks"`
	Entries  int64     `json:"entries"`
	SHA256   string    `json:"sha256"` // of the data as it lies there
	Written  time.Time `json:"written_at"`

	Retirements []*Entry `json:"retirements"` // that account for entries which are not there
}

// line is one of an export's.
type line struct {
	Block *Block `json:"block,omitempty"`
	Entry *Entry `json:"entry,omitempty"`
}

// Exported are the blocks that were sealed in a span of time, zero meaning open.
type Exported struct {
	Pool        *pgxpool.Pool
	To          bucket.Bucket
	From, Until time.Time
}

// Export writes whole blocks, which prove the entries in them. It verifies nothing: whoever reads it does.
func Export(ctx context.Context, x Exported) (Manifest, error) {
	m := Manifest{Version: 1}
	data, err := x.To.Write(ctx, exportData)
	if err != nil {
		return m, fmt.Errorf("begin the export: %w", err)
	}
	sum := sha256.New()
	zipped := gzip.NewWriter(io.MultiWriter(data, sum))
	err = pgx.BeginTxFunc(ctx, x.Pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		return x.write(ctx, tx, json.NewEncoder(zipped), &m)
	})
	if err != nil {
		bucket.Abandon(data)
		return m, fmt.Errorf("export the audit trail: %w", err)
	}
	if err := errors.Join(zipped.Close(), data.Close()); err != nil {
		return m, fmt.Errorf("write the export: %w", err)
	}
	m.SHA256, m.Written = hex.EncodeToString(sum.Sum(nil)), time.Now().UTC()
	body, err := json.MarshalIndent(m, "", "  ")
	if err == nil {
		err = x.To.Create(ctx, exportManifest, append(body, '\n'))
	}
	if err != nil {
		return m, fmt.Errorf("write the export's manifest: %w", err)
	}
	return m, nil
}

func (x *Exported) write(ctx context.Context, tx pgx.Tx, out *json.Encoder, m *Manifest) error {
	rows, _ := tx.Query(ctx, `select `+entryColumns+` from august.audit where operation = 'retire' order by id`)
	var err error
	if m.Retirements, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (*Entry, error) {
		e := new(Entry)
		return e, row.Scan(e.fields()...)
	}); err != nil {
		return err
	}
	blocks, err := openCursor(ctx, tx, "audit_blocks", 500, (*Block).fields, `
		select `+blockColumns+` from august.audit_block where ($1::timestamptz is null or sealed_at >= $1) and ($2::timestamptz is null or sealed_at < $2) order by number`,
		moment(x.From), moment(x.Until))
	if err != nil {
		return err
	}
	for {
		b, err := blocks.next(ctx)
		if err != nil {
			return err
		}
		if b == nil {
			break
		}
		if m.Blocks == 0 {
			m.First, m.Previous = b.Number, hex.EncodeToString(b.Previous)
		}
		m.Last, m.Hash = b.Number, b.head()
		m.Blocks++
		if err := out.Encode(line{Block: b}); err != nil {
			return err
		}
		if err := x.entries(ctx, tx, b, out, m); err != nil {
			return err
		}
	}
	if m.Blocks == 0 {
		return errors.New("there is no block of that time")
	}
	return nil
}

func (x *Exported) entries(ctx context.Context, tx pgx.Tx, b *Block, out *json.Encoder, m *Manifest) error {
	rows, _ := tx.Query(ctx, `select `+entryColumns+` from august.audit where cluster = $1 and txid >= $2 and txid < $3 order by txid, id`, b.Cluster, b.From, b.To)
	defer rows.Close()
	for rows.Next() {
		var e Entry
		if err := rows.Scan(e.fields()...); err != nil {
			return err
		}
		e.At = e.At.UTC()
		m.Entries++
		if err := out.Encode(line{Entry: &e}); err != nil {
			return err
		}
	}
	return rows.Err()
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// VerifyExport computes an export's chain anew, and holds it against the heads unless they are nil. It needs no database.
func VerifyExport(ctx context.Context, from, heads bucket.Bucket) (Report, error) {
	var r Report
	m, err := readManifest(ctx, from)
	if err != nil {
		return r, err
	}
	for _, e := range m.Retirements {
		t, err := parseRetirement(e)
		if err != nil {
			return r, err
		}
		r.Retirements = append(r.Retirements, t)
	}
	// Whole first: of data that was touched, half of the lines are of no use.
	sum := sha256.New()
	if err := read(ctx, from, func(data io.Reader) error { _, err := io.Copy(sum, data); return err }); err != nil {
		return r, err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != m.SHA256 {
		r.add(0, ExportChanged, "%s has the SHA-256 %s, and its manifest says %s", exportData, got, m.SHA256)
		return r, nil
	}
	h, err := readHeads(ctx, heads, m.First)
	if err != nil {
		return r, err
	}
	defer h.close()
	err = read(ctx, from, func(data io.Reader) error { return verifyLines(&r, data, m, h) })
	r.order()
	return r, err
}

// read reads an export's data.
func read(ctx context.Context, from bucket.Bucket, do func(io.Reader) error) error {
	data, err := from.Open(ctx, exportData)
	if err == nil {
		err = errors.Join(do(data), data.Close())
	}
	if err != nil {
		return fmt.Errorf("read the export: %w", err)
	}
	return nil
}

func readManifest(ctx context.Context, from bucket.Bucket) (m Manifest, err error) {
	file, err := from.Open(ctx, exportManifest)
	if err != nil {
		return m, fmt.Errorf("read the export's manifest: %w", err)
	}
	defer func() { _ = file.Close() }()
	if err := json.NewDecoder(file).Decode(&m); err != nil {
		return m, fmt.Errorf("read the export's manifest: %w", err)
	}
	if m.Version != 1 {
		return m, fmt.Errorf("the export has version %d, and this build reads version 1: use a newer one", m.Version)
	}
	return m, nil
}

func verifyLines(r *Report, data io.Reader, m Manifest, heads *headReader) error {
	zipped, err := gzip.NewReader(data)
	if err != nil {
		return err
	}
	previous, err := hex.DecodeString(m.Previous)
	if err != nil {
		return fmt.Errorf("read the export's manifest: %w", err)
	}
	c := newChain(r, &Block{Number: m.First - 1, Hash: previous}, heads)
	if m.First == 1 && !bytes.Equal(previous, genesis[:]) {
		r.add(1, BlockChanged, "the first block follows on another")
	}
	var t *tally
	lines := json.NewDecoder(zipped)
	for {
		var l line
		if err := lines.Decode(&l); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		switch {
		case l.Block != nil:
			if t != nil {
				t.end(r)
			}
			if err := c.add(*l.Block); err != nil {
				return err
			}
			t = newTally(*l.Block, r.Retirements)
		case l.Entry == nil:
		case t == nil || !t.block.holds(l.Entry.Cluster, l.Entry.TxID):
			r.add(0, EntryOutside, "entry %d lies outside of the block that it follows", l.Entry.ID)
		default:
			t.add(l.Entry)
		}
	}
	if t != nil {
		t.end(r)
	}
	if r.Last.Number != m.Last || r.Last.head() != m.Hash {
		r.add(0, ExportChanged, "it ends with block %d, and its manifest says %d", r.Last.Number, m.Last)
	}
	return nil
}

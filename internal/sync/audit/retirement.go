package audit

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Retirement is the removal of entries that were kept for long enough, as the entry about it tells. Blocks stay, and
// so does the chain. A block of which only some entries were removed can still be computed: the entry about the removal
// keeps the digests of those.
type Retirement struct {
	At        time.Time `json:"-"`
	Actor     string    `json:"-"`
	Partition string    `json:"partition"`
	Lower     time.Time `json:"lower"` // the entries' moments
	Upper     time.Time `json:"upper"`
	Days      int       `json:"days"`           // for which entries were to be kept
	Cluster   int64     `json:"cluster,string"` // of the edges
	First     int64     `json:"first"`          // blocks that lost entries
	Last      int64     `json:"last"`
	Entries   int64     `json:"entries"`
	Edges     []edge    `json:"edges"` // entries whose blocks have others elsewhere; their digests are the entry's "after"
	edges     []edge
}

// edge is a place in the order of entries, and the digest there.
type edge struct {
	TxID   uint64 `json:"txid,string"`
	ID     int64  `json:"id"`
	digest [sha256.Size]byte
}

func (e edge) compare(o edge) int {
	return cmp.Or(cmp.Compare(e.TxID, o.TxID), cmp.Compare(e.ID, o.ID))
}

// due tells that the entries were old enough.
func (r *Retirement) due() bool { return r.Days > 0 && !r.Upper.AddDate(0, 0, r.Days).After(r.At) }

func parseRetirement(e *Entry) (Retirement, error) {
	r := Retirement{At: e.At, Actor: e.Actor}
	if len(e.Keys) != 1 {
		return r, fmt.Errorf("entry %d is no record of a retirement", e.ID)
	}
	if err := json.Unmarshal([]byte(e.Keys[0]), &r); err != nil {
		return r, fmt.Errorf("entry %d is no record of a retirement: %w", e.ID, err)
	}
	if len(e.After) != len(r.Edges)*sha256.Size {
		return r, fmt.Errorf("entry %d has %d bytes of digests for %d entries", e.ID, len(e.After), len(r.Edges))
	}
	for i, edge := range r.Edges {
		copy(edge.digest[:], e.After[i*sha256.Size:])
		r.edges = append(r.edges, edge)
	}
	return r, nil
}

// retirements reads all of them.
func retirements(ctx context.Context, q querier) ([]Retirement, error) {
	rows, _ := q.Query(ctx, `select `+entryColumns+` from august.audit where operation = 'retire' order by id`)
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (Retirement, error) {
		var e Entry
		if err := row.Scan(e.fields()...); err != nil {
			return Retirement{}, err
		}
		return parseRetirement(&e)
	})
}

// Package coda brings rows to Coda: an outbox that keeps what each row should be, a client of the
// few calls that are needed, and a pusher that works the outbox off at Coda's pace.
package coda

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// Row is what one row of a view should be.
type Row struct {
	Key     string
	Payload []byte // JSON object of the view's fields
}

// Enqueue makes rows the wanted content of the view. Only what differs is written: rows that
// changed wait to be sent, rows that are missing wait to be deleted.
func Enqueue(ctx context.Context, tx pgx.Tx, pipeline, view string, rows []Row, withheld int64) error {
	keys, payloads, hashes := make([]string, len(rows)), make([]string, len(rows)), make([][]byte, len(rows))
	for i, row := range rows {
		sum := sha256.Sum256(row.Payload)
		keys[i], payloads[i], hashes[i] = row.Key, string(row.Payload), sum[:]
	}
	if _, err := tx.Exec(ctx, `
		insert into august.outbox as o (pipeline, view, key, payload, hash)
		select $1, $2, key, payload::jsonb, hash from unnest($3::text[], $4::text[], $5::bytea[]) as n (key, payload, hash)
		on conflict (pipeline, view, key) do update set payload = excluded.payload, hash = excluded.hash, changed_at = now()
		where o.payload is null or o.hash is distinct from excluded.hash`,
		pipeline, view, keys, payloads, hashes); err != nil {
		return fmt.Errorf("enqueue rows of %s: %w", view, err)
	}
	if _, err := tx.Exec(ctx, `
		update august.outbox set payload = null, hash = '', changed_at = now()
		where pipeline = $1 and view = $2 and payload is not null and key <> all($3)`, pipeline, view, keys); err != nil {
		return fmt.Errorf("enqueue deletions of %s: %w", view, err)
	}
	if _, err := tx.Exec(ctx, `
		insert into august.coda_view as v (pipeline, view, withheld) values ($1, $2, $3)
		on conflict (pipeline, view) do update set withheld = excluded.withheld
		where v.withheld <> excluded.withheld`, pipeline, view, withheld); err != nil {
		return fmt.Errorf("note what %s withholds: %w", view, err)
	}
	return nil
}

// Forget drops the outbox of views that the pipeline no longer has. What is in Coda stays there.
func Forget(ctx context.Context, tx pgx.Tx, pipeline string, keep []string) error {
	if keep == nil {
		keep = []string{}
	}
	for _, table := range []string{"august.outbox", "august.coda_view"} {
		if _, err := tx.Exec(ctx, `delete from `+table+` where pipeline = $1 and view <> all($2)`, pipeline, keep); err != nil {
			return fmt.Errorf("forget views of %s: %w", pipeline, err)
		}
	}
	return nil
}

// Status says how far each Coda view of the pipeline has got.
func Status(ctx context.Context, pool *pgxpool.Pool, pipeline string, spec runtimeapi.PipelineSpec) ([]runtimeapi.CodaStatus, error) {
	var out []runtimeapi.CodaStatus
	for _, view := range spec.CodaViews {
		s := runtimeapi.CodaStatus{View: view.View}
		var first, why string
		if err := pool.QueryRow(ctx, `
			select count(*) filter (where sent is not null),
				count(*) filter (where `+waiting+`),
				count(*) filter (where `+refused+`),
				coalesce((select error from august.coda_view where pipeline = $1 and view = $2), ''),
				coalesce((array_agg(left(encode(sha256(convert_to(key, 'UTF8')), 'hex'), 12) order by retry_at) filter (where `+refused+`))[1], ''),
				coalesce((array_agg(refused_as order by retry_at) filter (where `+refused+`))[1], '')
			from august.outbox where pipeline = $1 and view = $2`,
			pipeline, view.View, destination(view)).Scan(&s.Rows, &s.Pending, &s.Refused, &s.Error, &first, &why); err != nil {
			return nil, fmt.Errorf("read how %s stands: %w", view.View, err)
		}
		if s.Error == "" && s.Refused > 0 {
			s.Error = fmt.Sprintf("%d rows are left out, all others are sent; row %s: %s. A row is tried again when it changes, and once a day", s.Refused, first, why)
		}
		out = append(out, s)
	}
	return out, nil
}

// refused is true for a row whose wanted content the destination $3 did not take, and that is not to be
// tried again yet.
const refused = `(payload is not null and refused is not distinct from hash || $3::bytea and retry_at > clock_timestamp())`

// waiting is true for a row of the outbox whose wanted content Coda has not confirmed at the
// destination $3, and that may be sent.
const waiting = `((payload is null or sent is distinct from hash || $3::bytea) and not ` + refused + `)`

// destination identifies the table and columns that a view goes to. A row sent to another table, or
// to other columns of the same, has to be sent again. What the view allows makes no difference.
func destination(view runtimeapi.CodaView) []byte {
	view.PHIColumns = nil
	// Map keys are sorted by the encoder.
	encoded, err := json.Marshal(view)
	if err != nil {
		panic(err) // strings only
	}
	sum := sha256.Sum256(encoded)
	return sum[:]
}

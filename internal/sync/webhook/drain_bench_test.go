package webhook

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

const benchBacklog = 20_000

// benchLineItem is a line item as the source writes it, about 600 bytes.
func benchLineItem(i int) Delivery {
	return delivery(fmt.Sprint("b", i), "LINE_ITEM_MODIFY", fmt.Sprintf(`{"id":%d,"appointment":%d,"patient":%d,"doctor":30001,"code":"99213","procedure_type":"C","description":"OFFICE VISIT EST LOW","modifiers":["25","","",""],"diagnosis_pointers":["1","2","",""],"quantity":"1.00","units":"UN","price":"150.00","billed":"150.00","allowed":"98.40","adjustment":"51.60","ins1_paid":"78.40","ins2_paid":"0.00","ins3_paid":"0.00","ins_total":"78.40","pt_paid":"0.00","paid_total":"78.40","balance_ins":"0.00","balance_pt":"20.00","balance_total":"20.00","billing_status":"ERA Received","denied_flag":false,"service_date":"2026-03-04","posted_date":"2026-03-05","updated_at":"2026-03-21T06:00:09"}`,
		9_100_000+i, 7_000_000+i/3, 5_000_000+i/12))
}

// BenchmarkDrain empties an inbox that is full. "floor" is the least that one connection can do: a transaction for 500
// deliveries that reads them, writes their rows by one guarded merge, and marks them as done.
func BenchmarkDrain(b *testing.B) {
	var list []Delivery
	for i := range benchBacklog {
		list = append(list, benchLineItem(i))
	}
	var bare float64
	for _, way := range []struct {
		name string
		work func(*drainRig, *Drain)
	}{
		{"floor", func(r *drainRig, _ *Drain) { r.byHand() }},
		{"inbox", func(r *drainRig, d *Drain) {
			for n := -1; n != 0; {
				var err error
				if n, err = d.pass(r.Context()); err != nil {
					r.Fatal(err)
				}
			}
		}},
	} {
		b.Run(way.name, func(b *testing.B) {
			r := newDrainRig(b)
			d := r.drain(r.db)
			var spent time.Duration
			for b.Loop() {
				b.StopTimer()
				r.exec(`truncate august.inbox, drchrono.line_items`)
				r.arrive(list...)
				r.exec(`analyze august.inbox`)
				r.exec(`checkpoint`)
				b.StartTimer()
				began := time.Now()
				way.work(r, d)
				spent += time.Since(began)
			}
			r.is("rows", fmt.Sprint(benchBacklog), `select count(*) from drchrono.line_items`)
			rate := float64(benchBacklog) * float64(b.N) / spent.Seconds()
			b.ReportMetric(rate, "deliveries/s")
			if way.name == "floor" {
				bare = rate
			} else if bare > 0 {
				b.ReportMetric(100*rate/bare, "%floor")
			}
		})
	}
}

// byHand is what a person would write.
func (r *drainRig) byHand() {
	r.Helper()
	ctx := r.Context()
	conn, err := r.store.Pool().Acquire(ctx)
	if err != nil {
		r.Fatal(err)
	}
	defer conn.Release()
	decoder := feed.NewDecoder(&feed.LineItems)
	for n := mostRows; n == mostRows; {
		if err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, `select id, object from august.inbox where state = 'pending' order by id limit $1 for update skip locked`, mostRows)
			if err != nil {
				return err
			}
			var ids []int64
			var keys, raws []string
			var hashes [][]byte
			var id int64
			var object []byte
			if _, err := pgx.ForEachRow(rows, []any{&id, &object}, func() error {
				row, err := decoder.Decode(object)
				ids, keys, raws, hashes = append(ids, id), append(keys, row.Key), append(raws, string(object)), append(hashes, row.Hash[:])
				return err
			}); err != nil {
				return err
			}
			n = len(ids)
			if _, err := tx.Exec(ctx, `
				insert into drchrono.line_items as t (id, appointment, patient, doctor, code, billed, updated_at, raw, content_hash, observed_at)
				select key::bigint, raw::json->>'appointment', (raw::json->>'patient')::bigint, (raw::json->>'doctor')::bigint, raw::json->>'code', (raw::json->>'billed')::numeric, (raw::json->>'updated_at')::timestamp, raw::json, hash, now()
				from unnest($1::text[], $2::text[], $3::bytea[]) u(key, raw, hash)
				on conflict (id) do update set billed = excluded.billed, raw = excluded.raw, updated_at = excluded.updated_at where t.updated_at < excluded.updated_at`, keys, raws, hashes); err != nil {
				return err
			}
			_, err = tx.Exec(ctx, `update august.inbox set state = 'applied', object = null, settled_at = now() where id = any($1)`, ids)
			return err
		}); err != nil {
			r.Fatal(store.Refused(err), err)
		}
	}
}

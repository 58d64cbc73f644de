package webhook

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	pubsub "cloud.google.com/go/pubsub/v2"
)

// gather is how long the first message of a batch waits for others.
const gather = 15 * time.Millisecond

// pull applies what Pub/Sub holds, and acknowledges a message when what it brought is committed. While the database is away
// messages are held, and their deadlines extended by the client: to give one back would only count against it.
func (d *Drain) pull(ctx context.Context) {
	trouble := d.trouble("Pub/Sub is not drained")
	messages := make(chan *pubsub.Message) // without a buffer: what waits is counted by the client's limits
	s := d.cfg.Subscriber
	s.ReceiveSettings.MaxOutstandingMessages, s.ReceiveSettings.MaxOutstandingBytes = 2*mostRows, 4*mostBytes
	s.ReceiveSettings.MaxDurationPerAckExtension = 10 * time.Second // what a killed instance held comes again so soon
	s.ReceiveSettings.ShutdownOptions = &pubsub.ShutdownOptions{Behavior: pubsub.ShutdownBehaviorWaitForProcessing, Timeout: 3 * time.Second}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.commit(ctx, messages)
	}()
	for ctx.Err() == nil {
		// A key's next message comes when the last one was handed over, so their order stays.
		err := s.Receive(ctx, func(ctx context.Context, m *pubsub.Message) {
			select {
			case messages <- m:
			case <-ctx.Done():
				m.Nack()
			}
		})
		trouble.note(ctx, err)
	}
	<-ended
}

// commit applies messages in batches.
func (d *Drain) commit(ctx context.Context, messages <-chan *pubsub.Message) {
	trouble := d.trouble("deliveries of Pub/Sub are held")
	for {
		batch := collect(ctx, messages)
		for ctx.Err() == nil && len(batch) > 0 {
			if err := d.batch(ctx, batch); trouble.note(ctx, err) {
				continue
			}
			for _, m := range batch {
				m.Ack()
			}
			batch = nil
		}
		if ctx.Err() != nil {
			for _, m := range batch {
				m.Nack()
			}
			return
		}
	}
}

// collect waits for a message and takes those that come with it.
func collect(ctx context.Context, messages <-chan *pubsub.Message) []*pubsub.Message {
	var batch []*pubsub.Message
	var full <-chan time.Time
	for size := 0; len(batch) < mostRows && size < mostBytes; {
		select {
		case m := <-messages:
			if batch = append(batch, m); full == nil {
				full = time.After(gather)
			}
			size += len(m.Data)
		case <-full:
			return batch
		case <-ctx.Done():
			return batch
		}
	}
	return batch
}

// batch applies messages in one transaction. Those that were applied before are left out.
func (d *Drain) batch(ctx context.Context, messages []*pubsub.Message) error {
	d.turn.Lock()
	defer d.turn.Unlock()
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, batchTime)
	defer cancel()
	var fresh []*task
	var kept time.Time
	err := d.inTransaction(ctx, func(tx pgx.Tx, isolate bool) error {
		all := make([]*task, len(messages))
		for i, m := range messages {
			all[i] = &task{Delivery: decode(m.Data, m.Attributes, m.PublishTime)}
		}
		w, err := d.wishes(ctx, tx)
		if err != nil {
			return err
		}
		d.judge(all, w)
		if fresh, err = d.keep(ctx, tx, all); err != nil {
			return err
		}
		kept = time.Now()
		if err := d.merge(ctx, tx, fresh, w, isolate); err != nil {
			return err
		}
		if !isolate {
			return nil
		}
		return d.park(ctx, tx, fresh)
	})
	if err != nil {
		return err
	}
	d.cfg.Batch("pubsub", len(messages), time.Since(began))
	d.measure(ctx, fresh, "pubsub", time.Since(kept))
	d.repeated(ctx, len(messages)-len(fresh))
	return nil
}

func (d *Drain) wishes(ctx context.Context, tx pgx.Tx) (wishes, error) {
	rows, _ := tx.Query(ctx, qSpecs)
	specs, err := scanSpecs(rows)
	if err != nil {
		return wishes{}, fmt.Errorf("read the pipelines: %w", err)
	}
	return d.wishesOf(specs), nil
}

// keep notes deliveries in the inbox with what becomes of them, and answers those that were not there, in their order.
func (d *Drain) keep(ctx context.Context, tx pgx.Tx, list []*task) ([]*task, error) {
	// Two instances that were given the same messages wait for each other in one order.
	sorted := slices.SortedStableFunc(slices.Values(list), func(a, b *task) int {
		return strings.Compare(a.ID+string(a.Digest), b.ID+string(b.Digest))
	})
	var ids, events, kinds, keys, states, reasons []string
	var digests, objects [][]byte
	var lanes []int16
	var practices []int64
	var received []time.Time
	for _, t := range sorted {
		ids, events, kinds, keys = append(ids, t.ID), append(events, t.Event), append(kinds, t.Subject.Kind), append(keys, t.Subject.Key)
		states, reasons, digests = append(states, t.state), append(reasons, t.reason), append(digests, t.Digest)
		lanes, practices, received = append(lanes, t.Subject.Lane()), append(practices, t.Practice), append(received, t.Received)
		var object []byte // of others there is no more use
		if t.state == parked || t.state == unknown {
			object = t.Object
		}
		objects = append(objects, object)
	}
	rows, _ := tx.Query(ctx, `
		insert into august.inbox (delivery, digest, event, kind, key, lane, practice, object, via, received_at, state, reason, attempts, settled_at)
		select delivery, digest, event, kind, key, lane, practice, object, 'pubsub',
			least(received, clock_timestamp()), state, reason, 1, clock_timestamp()
		from unnest($1::text[], $2::bytea[], $3::text[], $4::text[], $5::text[], $6::smallint[], $7::bigint[], $8::bytea[], $9::timestamptz[], $10::text[], $11::text[])
			u(delivery, digest, event, kind, key, lane, practice, object, received, state, reason)
		on conflict (delivery, digest) do nothing
		returning id, delivery, digest, received_at, settled_at`, ids, digests, events, kinds, keys, lanes, practices, objects, received, states, reasons)
	type name struct{ id, digest string }
	type place struct {
		row               int64
		received, settled time.Time
	}
	places := map[name]place{}
	var n name
	var p place
	var digest []byte
	if _, err := pgx.ForEachRow(rows, []any{&p.row, &n.id, &digest, &p.received, &p.settled}, func() error {
		n.digest = string(digest)
		places[n] = p
		return nil
	}); err != nil {
		return nil, fmt.Errorf("note deliveries: %w", err)
	}
	var fresh []*task
	for _, t := range list {
		key := name{t.ID, string(t.Digest)}
		if p, ok := places[key]; ok {
			delete(places, key) // the same one may be in the batch twice
			t.row, t.Received, t.settled = p.row, p.received, p.settled
			fresh = append(fresh, t)
		}
	}
	return fresh, nil
}

// park notes of deliveries that were to be applied that the database refused them.
func (d *Drain) park(ctx context.Context, tx pgx.Tx, list []*task) error {
	b := &pgx.Batch{}
	for _, t := range list {
		if t.state == parked {
			b.Queue(`update august.inbox set state = 'parked', reason = $2, object = $3 where id = $1`, t.row, t.reason, []byte(t.Object))
		}
	}
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("park deliveries: %w", err)
	}
	return nil
}

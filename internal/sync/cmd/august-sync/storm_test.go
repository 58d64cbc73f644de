package main

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/pubsub"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/storm"
)

// Deliveries come at a steady rate, doubled and in disorder, while instances are killed, the database fails over,
// Pub/Sub drops out and the inbox is full: each that got a 200 is in the tables, once, and each row is as the newest of
// its deliveries says.
func TestStorm(t *testing.T) {
	length, seed := storm.Soak(t, 20*time.Second)
	p := newPlatform(t, 2)
	p.declare()

	counts := tally{}
	ctx, calm := context.WithCancel(t.Context())
	defer calm()
	go func() {
		defer calm()
		p.weather(rand.New(rand.NewPCG(seed, 2)), counts, time.Now().Add(length))
	}()
	sent := storm.Blow(ctx, storm.Config{
		URL: p.address, Secret: webhookSecret, Rate: 250, For: length + 10*time.Minute,
		Objects: 400, Fresh: 0.3, Double: 0.1, Late: 300 * time.Millisecond, Timeout: 20 * time.Second, Seed: seed,
	})
	t.Logf("%d deliveries, answers %v, p50 %v, p99 %v; %v", len(sent), storm.Statuses(sent), storm.Percentile(sent, 50), storm.Percentile(sent, 99), counts)
	if storm.Statuses(sent)[http.StatusServiceUnavailable] == 0 {
		t.Error("the inbox was never full")
	}
	p.survived(sent)
	p.audited(sent)
}

// weather brings one thing after the other, each as often as the others, until the end at least.
func (p *platform) weather(rnd *rand.Rand, counts tally, end time.Time) {
	type event struct {
		what string
		do   func()
	}
	events := []event{
		{"kills", func() { p.kill(rnd.IntN(len(p.instances))) }},
		{"kills of all instances at once", func() {
			for n := range p.instances {
				p.kill(n)
			}
		}},
		{"failovers", p.failover},
		{"full inboxes", func() {
			defer p.broken(pubsub.Fault{Kind: pubsub.FaultDown})()
			p.jam()
		}},
	}
	for _, fault := range []pubsub.Fault{
		{Kind: pubsub.FaultDown}, {Kind: pubsub.FaultPublishUnavailable}, {Kind: pubsub.FaultPublishUnanswered, Chance: 0.3}, {Kind: pubsub.FaultStreamCut, Chance: 0.3},
		{Kind: pubsub.FaultPublishSlow, DelayMillis: 1500, Chance: 0.3}, {Kind: pubsub.FaultDouble, Chance: 0.3}, {Kind: pubsub.FaultReorder, Chance: 0.3},
		{Kind: pubsub.FaultAckLost, Chance: 0.3},
	} {
		events = append(events, event{"times Pub/Sub " + string(fault.Kind), func() {
			defer p.broken(fault)()
			time.Sleep(time.Second)
		}})
	}
	for time.Now().Before(end) {
		rnd.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
		for _, e := range events {
			e.do()
			counts.note(e.what)
			time.Sleep(time.Duration(100+rnd.IntN(900)) * time.Millisecond)
		}
	}
}

// broken switches a fault of Pub/Sub on.
func (p *platform) broken(fault pubsub.Fault) (mend func()) {
	p.t.Helper()
	body, err := json.Marshal(fault)
	if err != nil {
		p.t.Fatal(err)
	}
	ask := func(method string, want int) {
		req, err := http.NewRequestWithContext(background(), method, strings.TrimSuffix(p.cloud.Endpoints.PubSub, "/")+pubsub.FaultRoot+"/faults", bytes.NewReader(body))
		if err != nil {
			p.t.Error(err)
			return
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			p.t.Error(err)
			return
		}
		_ = res.Body.Close()
		if res.StatusCode != want {
			p.t.Errorf("%s of a fault: %d", method, res.StatusCode)
		}
	}
	ask(http.MethodPost, http.StatusCreated)
	return func() { ask(http.MethodDelete, http.StatusNoContent) }
}

// jam keeps the drain from writing line items until the inbox holds as much as it may, and a delivery is refused for it.
func (p *platform) jam() {
	ctx, cancel := context.WithTimeout(background(), 2*time.Minute)
	defer cancel()
	err := pgx.BeginFunc(ctx, p.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "lock table drchrono.line_items in exclusive mode"); err != nil {
			return err
		}
		for before := p.refused(); p.refused() == before && ctx.Err() == nil; {
			time.Sleep(200 * time.Millisecond)
		}
		return ctx.Err()
	})
	if err != nil {
		p.t.Errorf("jam the drain: %v", err)
	}
}

var refusals = regexp.MustCompile(`(?m)^august_webhook_deliveries_total\{.*outcome="unavailable".*\} (\d+)`)

// refused is how many deliveries the instances say that they have answered with 503.
func (p *platform) refused() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, i := range p.instances {
		_, metrics := i.get("/metrics")
		for _, line := range refusals.FindAllStringSubmatch(metrics, -1) {
			count, _ := strconv.Atoi(line[1])
			n += count
		}
	}
	return n
}

// kept is a delivery as the inbox shows it.
type kept struct {
	Delivery string
	State    string
	Via      string
	Rows     int
}

// survived waits until everything is applied, and holds inbox and table against what was sent.
func (p *platform) survived(sent []storm.Sent) {
	t := p.t
	t.Helper()
	taken := 0
	for _, s := range sent {
		if s.Taken() {
			taken++
		}
	}
	if taken < len(sent)/4 {
		t.Errorf("only %d of %d deliveries were taken: the storm shows little", taken, len(sent))
	}
	inbox := map[string]kept{}
	p.eventually("every delivery that was taken to be applied", func() bool {
		clear(inbox)
		for _, k := range query(p, pgx.RowToStructByPos[kept], "select delivery, min(state), min(via), count(*)::int from august.inbox group by 1") {
			inbox[k.Delivery] = k
		}
		for _, s := range sent {
			if s.Taken() && inbox[s.ID].State != "applied" {
				return false
			}
		}
		for _, k := range inbox {
			if k.State == "pending" {
				return false
			}
		}
		return true
	})
	via := map[string]int{}
	known := 0
	for _, s := range sent {
		k, ok := inbox[s.ID]
		if !ok {
			continue
		}
		known++
		via[k.Via]++
		if k.Rows != 1 || k.State != "applied" {
			t.Errorf("delivery %s: %d times in the inbox, %s", s.ID, k.Rows, k.State)
		}
	}
	if known != len(inbox) {
		t.Errorf("the inbox holds %d deliveries, %d of which were sent", len(inbox), known)
	}
	t.Logf("%d of %d deliveries got a 200, %d are applied: %v", taken, len(sent), known, via)

	// What was stored without a 200 counts, too: its answer got lost.
	want := storm.Newest(sent, func(s storm.Sent) bool { _, ok := inbox[s.ID]; return ok })
	type row struct{ Key, Billed string }
	rows := query(p, pgx.RowToStructByPos[row], "select id::text, billed::text from drchrono.line_items where id >= 8000000000 and deleted_at_source is null")
	if len(rows) != len(want) {
		t.Errorf("%d rows, want %d", len(rows), len(want))
	}
	for _, r := range rows {
		if version, err := strconv.Atoi(strings.Replace(r.Billed, ".", "", 1)); err != nil || version != want[r.Key] {
			t.Errorf("line item %s shows %s, want version %d", r.Key, r.Billed, want[r.Key])
		}
	}
	for status := range storm.Statuses(sent) {
		switch status {
		case http.StatusOK, http.StatusServiceUnavailable, http.StatusInternalServerError, 0: // 0: the instance was killed
		default:
			t.Errorf("an answer of %d", status)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, i := range p.instances {
		if strings.Contains(i.log(), webhookSecret) {
			t.Error("the log holds the webhook's secret")
		}
	}
}

// audited insists that the audit trail tells of each new line item which delivery brought it, that its chain holds, and
// that a change of any one entry shows.
func (p *platform) audited(sent []storm.Sent) {
	t := p.t
	t.Helper()
	type origin struct{ Key, Delivery string }
	brought := map[string][]string{}
	for _, o := range query(p, pgx.RowToStructByPos[origin], `
		select key, coalesce(delivery, '') from august.audit, unnest(keys, deliveries) u(key, delivery)
		where relation = 'drchrono.line_items' and operation = 'insert' and source = 'webhook'`) {
		brought[o.Key] = append(brought[o.Key], o.Delivery)
	}
	for _, s := range sent {
		if s.Taken() && s.Event == "LINE_ITEM_CREATE" && !slices.Equal(brought[s.Key], []string{s.ID}) {
			t.Errorf("line item %s was brought by %q, says the audit trail, and not by %s", s.Key, brought[s.Key], s.ID)
		}
	}
	p.eventually("everything to be sealed", func() bool {
		return query(p, pgx.RowTo[bool], `select not exists (select from august.audit where txid >= coalesce((select max(to_xid::text::bigint) from august.audit_block), 0)::text::xid8)`)[0]
	})
	if code := p.verify(); code != 0 {
		t.Fatalf("audit verify: exit code %d", code)
	}
	p.forge()
	if code := p.verify(); code != 3 {
		t.Errorf("audit verify of a forged entry: exit code %d", code)
	}
}

// verify runs the command and answers its exit code. What it says goes where the test's own words go.
func (p *platform) verify() int {
	p.t.Helper()
	v := p.start("audit", "verify")
	<-v.done
	return v.cmd.ProcessState.ExitCode()
}

// forge changes an entry of the past. Whoever owns the tables can take away what refuses it.
func (p *platform) forge() {
	p.t.Helper()
	var part string
	var id int64
	err := pgx.BeginFunc(background(), p.pool, func(tx pgx.Tx) error {
		if err := tx.QueryRow(background(), "select tableoid::regclass::text, id from august.audit order by random() limit 1").Scan(&part, &id); err != nil {
			return err
		}
		_, err := tx.Exec(background(), "alter table "+part+" disable trigger user; grant update on "+part+" to current_user")
		if err == nil {
			_, err = tx.Exec(background(), "update "+part+" set source_id = source_id || '0' where id = $1", id)
		}
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Logf("entry %d of %s was forged", id, part)
}

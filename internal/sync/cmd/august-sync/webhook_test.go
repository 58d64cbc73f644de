package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// deliver posts a delivery as DrChrono does, and answers the status; 0 when there was no answer.
func (p *process) deliver(id, event, object string) int {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.url+"/webhooks/drchrono", strings.NewReader(`{"receiver":{},"object":`+object+`}`))
	if err != nil {
		p.t.Fatal(err)
	}
	for name, value := range map[string]string{"X-drchrono-event": event, "X-drchrono-delivery": id, "X-drchrono-signature": webhookSecret} {
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// query reads one value as text.
func (b *bundle) query(sql string, args ...any) string {
	b.t.Helper()
	conn, err := pgx.Connect(background(), b.db.URL())
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = conn.Close(background()) }()
	var text string
	if err := conn.QueryRow(background(), "select coalesce(("+sql+")::text, 'null')", args...).Scan(&text); err != nil {
		b.t.Fatalf("%s: %v", sql, err)
	}
	return text
}

// A delivery changes a line item, and with it the claim, the outbox and Coda, without a sync.
func TestServe_webhookToCoda(t *testing.T) {
	t.Parallel()
	b := setup(t, 80)
	p := b.start("serve").ready()
	spec := billing()
	spec.Schedule, spec.WebhookEvents = "0 0 29 2 *", []string{"LINE_ITEM_MODIFY"}
	c := b.client(p)
	if _, err := c.PutPipeline(t.Context(), "billing", spec); err != nil {
		t.Fatal(err)
	}
	p.until("a sync that is in Coda", func() bool {
		s, err := c.Status(t.Context(), "billing")
		return err == nil && s.LastFull != nil && s.LastRun.State == runtimeapi.RunSucceeded && len(s.Coda) == 1 && s.Coda[0].Pending == 0 && s.Coda[0].Rows > 0
	})
	// A line item of a group that the summary shows whole.
	raw := b.query(`select l.raw from drchrono.line_items l join (
			select appointment, level, counts, count(*) over (partition by to_char(service_date, 'YYYY-MM'), status, counts) as many from billing.claim
		) c on c.appointment = l.appointment and c.counts and c.level = 1
		where l.deleted_at_source is null and l.billed > 0 order by many desc, l.id limit 1`)
	var object map[string]any
	if err := json.Unmarshal([]byte(raw), &object); err != nil {
		t.Fatal(err)
	}
	const billed = `select sum(billed) from billing.claim`
	const outbox = `select string_agg(encode(hash, 'hex'), ',' order by key) from august.outbox`
	was, sent := b.query(billed), b.query(outbox)
	object["billed"], object["updated_at"] = "4321.00", time.Now().UTC().Format("2006-01-02T15:04:05")
	changed, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	if code := p.deliver("d1", "LINE_ITEM_MODIFY", string(changed)); code != http.StatusOK {
		t.Fatalf("answered %d", code)
	}
	p.until("the claim", func() bool { return b.query(billed) != was })
	p.until("the outbox", func() bool { return b.query(outbox) != sent })
	p.until("Coda", func() bool {
		return b.query(`select count(*) from august.outbox where sent is distinct from null and sent_at >= changed_at`) == b.query(`select count(*) from august.outbox`)
	})
	if kinds := b.query(`select string_agg(kind, ',' order by id) from august.run`); kinds != "sync,derive" {
		t.Errorf("runs: %s", kinds)
	}
	if source := b.query(`select distinct source || ' ' || operation from august.audit where relation like '%line_items' and source <> 'run'`); source != "webhook update" {
		t.Errorf("audited as %s", source)
	}
	b.clean("the log", p.log())
	p.stop()
}

// A runtime that is killed again and again applies each delivery that it has answered with 200, exactly once.
func TestServe_webhookKilled(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	b := setup(t, 5)
	p := b.start("serve").ready()
	spec, err := json.Marshal(runtimeapi.PipelineSpec{Dataset: "billing", WebhookEvents: []string{"LINE_ITEM_MODIFY"}})
	if err != nil {
		t.Fatal(err)
	}
	b.exec(`insert into august.pipeline (name, spec) values ('billing', '` + string(spec) + `')`)
	var mu sync.Mutex
	acknowledged := map[string]bool{}
	newest := map[int]int{} // of each line item, the newest version that was acknowledged
	version := 0
	for round := range 5 {
		if round > 0 {
			p = b.start("serve").ready()
		}
		stop := make(chan struct{})
		var senders sync.WaitGroup
		for range 8 {
			senders.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					mu.Lock()
					version++
					v := version
					mu.Unlock()
					item := 1 + v%50
					id := fmt.Sprint("d", v)
					object := fmt.Sprintf(`{"id":%d,"appointment":1,"billed":"%d.00","updated_at":%q}`, item, v, time.Date(2026, 3, 4, 0, 0, v, 0, time.UTC).Format("2006-01-02T15:04:05"))
					if p.deliver(id, "LINE_ITEM_MODIFY", object) == http.StatusOK {
						mu.Lock()
						acknowledged[id] = true
						newest[item] = max(newest[item], v)
						mu.Unlock()
					}
				}
			})
		}
		before := len(acknowledged)
		p.until("deliveries", func() bool { mu.Lock(); defer mu.Unlock(); return len(acknowledged) > before+20+rnd.IntN(100) })
		_ = p.cmd.Process.Kill()
		<-p.done
		close(stop)
		senders.Wait()
	}
	p = b.start("serve").ready()
	p.until("an empty inbox", func() bool { return b.query(`select count(*) from august.inbox where state = 'pending'`) == "0" })
	t.Logf("%d deliveries acknowledged of %d", len(acknowledged), version)
	ids := make([]string, 0, len(acknowledged))
	for id := range acknowledged {
		ids = append(ids, id)
	}
	if n := b.query(`select count(*) from august.inbox where state = 'applied' and delivery = any($1)`, ids); n != fmt.Sprint(len(ids)) {
		t.Errorf("%s of them are applied", n)
	}
	if n := b.query(`select count(*) from august.inbox where state <> 'applied' or attempts <> 1`); n != "0" {
		t.Errorf("%s deliveries were not applied exactly once", n)
	}
	for item, v := range newest {
		// A newer one may have been committed whose answer was lost.
		if got := b.query(`select coalesce(max((billed >= $2::integer)::text), 'gone') from drchrono.line_items where id = $1`, item, v); got != "true" {
			t.Errorf("line item %d has not reached version %d: %s", item, v, got)
		}
	}
	p.stop()
}

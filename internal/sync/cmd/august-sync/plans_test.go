package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
	codabox "github.com/feel-august/terraform-provider-august/internal/sandbox/coda"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
	"github.com/feel-august/terraform-provider-august/internal/sync/plans"
)

// planned is a runtime at work on tables that have grown, each of whose statements leaves its plan in the server's log.
type planned struct {
	*bundle
	rows int
}

// explained is the database user of that runtime; the tests' own statements are another's.
const explained = "august_explained"

func newPlanned(t testing.TB, rows int) *planned {
	t.Helper()
	b := &planned{bare(t, 24), rows}
	b.env["AUGUST_DATABASE_USER"], b.env["AUGUST_DATABASE_PASSWORD"] = explained, "synthetic"
	b.env["AUGUST_AUDIT_BUCKET"], b.env["AUGUST_AUDIT_RETENTION_DAYS"] = "file://"+t.TempDir()+"/trail", "365"
	b.env["AUGUST_DATABASE_POOL_MAX"] = "6"
	b.exec("create role "+explained+" login password 'synthetic'", "alter database "+b.db.Name+" owner to "+explained)
	return b
}

// wait polls for something that may take long when there are many rows.
func (b *planned) wait(p *process, what string, is func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(2*time.Minute + time.Duration(b.rows)*time.Millisecond); !is(); time.Sleep(20 * time.Millisecond) {
		select {
		case <-p.done:
			b.t.Fatalf("exited (%v) before: %s\n%s", p.err, what, p.log())
		default:
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("never came: %s\n%s", what, p.log())
		}
	}
}

// run asks for a run, and waits for its end.
func (b *planned) run(p *process, pipeline string, ask func(*runtimeapi.Client) (runtimeapi.Run, error)) runtimeapi.Run {
	b.t.Helper()
	c := b.client(p)
	run, err := ask(c)
	for id := run.ID; err == nil && run.State != runtimeapi.RunSucceeded && run.State != runtimeapi.RunFailed; {
		b.wait(p, "the end of a run of "+pipeline, func() bool {
			run, err = c.GetRun(b.t.Context(), pipeline, id)
			return err != nil || run.State == runtimeapi.RunSucceeded || run.State == runtimeapi.RunFailed
		})
	}
	if err != nil {
		b.t.Fatalf("%s: %v", pipeline, err)
	}
	return run
}

func (b *planned) sync(p *process, pipeline string, full bool) runtimeapi.Run {
	b.t.Helper()
	return b.run(p, pipeline, func(c *runtimeapi.Client) (runtimeapi.Run, error) {
		return c.Sync(b.t.Context(), pipeline, runtimeapi.SyncRequest{Full: full})
	})
}

// everything is the pipelines of all datasets, with all views.
func everything() map[string]runtimeapi.PipelineSpec {
	view := func(view, table string, fields ...string) runtimeapi.CodaView {
		columns := map[string]string{}
		for _, f := range fields {
			columns[f] = "c-" + strings.ReplaceAll(f, "_", "-")
		}
		return runtimeapi.CodaView{View: view, DocID: codabox.ProductionDoc, TableID: table, KeyColumn: "c-key", Columns: columns}
	}
	specs := map[string]runtimeapi.PipelineSpec{}
	for _, dataset := range []string{"billing", "labs", "appointments", "patients"} {
		specs[dataset] = runtimeapi.PipelineSpec{Dataset: dataset}
	}
	specs["billing"] = runtimeapi.PipelineSpec{Dataset: "billing", WebhookEvents: []string{"LINE_ITEM_MODIFY", "LINE_ITEM_DELETE", "APPOINTMENT_MODIFY"},
		CodaViews: []runtimeapi.CodaView{
			view(runtimeapi.ViewBillingSummary, codabox.BillingSummary, "month", "status", "payer", "claims"),
			view(runtimeapi.ViewBillingDay, codabox.BillingDay, "day", "status", "payer", "claims"),
			view(runtimeapi.ViewBillingMismatches, codabox.BillingMismatches, "month", "reason", "severity", "mismatches"),
		}}
	specs["labs"] = runtimeapi.PipelineSpec{Dataset: "labs",
		CodaViews: []runtimeapi.CodaView{view(runtimeapi.ViewAbnormalResults, codabox.AbnormalResults, "severity", "basis", "review")}}
	return specs
}

// grow lets every pipeline sync a small practice, and then fills the tables.
func (b *planned) grow() {
	b.t.Helper()
	p := b.start("serve").ready()
	for name, spec := range everything() {
		if _, err := b.client(p).PutPipeline(b.t.Context(), name, spec); err != nil {
			b.t.Fatal(err)
		}
	}
	for name := range everything() {
		if run := b.sync(p, name, false); run.State != runtimeapi.RunSucceeded {
			b.t.Fatalf("%s: %+v", name, run)
		}
	}
	p.stop()
	began := time.Now()
	b.hand(func(conn *pgx.Conn) error { return plans.Fill(b.t.Context(), conn, b.rows) })
	b.t.Logf("%d rows a table after %v", b.rows, time.Since(began).Round(time.Millisecond))
	b.exec(plans.Preload(explained)...)
	b.exec("delete from august.audit_head") // a young one would put the next off, and with it the end of old entries
	if b.rows < plans.Many {                // to read all of a small table may be right: whether an index could serve does not depend on that
		b.exec("alter role "+explained+" set seq_page_cost = 50", "alter role "+explained+" set random_page_cost = 0.5")
	}
}

// hand does something on a connection of the tests' own.
func (b *planned) hand(do func(*pgx.Conn) error) {
	b.t.Helper()
	conn, err := pgx.Connect(b.t.Context(), b.db.URL())
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = conn.Close(background()) }()
	if err := do(conn); err != nil {
		b.t.Fatal(err)
	}
}

// exercise has the runtime do all that it is there for.
func (b *planned) exercise() {
	b.t.Helper()
	ctx := b.t.Context()
	p := b.start("serve").ready()
	c := b.client(p)
	took := func(what string, do func()) {
		began := time.Now()
		do()
		b.t.Logf("%6.1f s  %s", time.Since(began).Seconds(), what)
	}
	b.drift()
	for name := range everything() {
		took(name+" by change", func() { b.succeeded(b.sync(p, name, false)) })
	}
	took("deliveries through the inbox", func() { b.deliveries(p, "inbox") })
	took("what follows from them", func() {
		b.wait(p, "a derivation", func() bool {
			return b.query(`select count(*) > 0 and bool_and(state = 'succeeded') from august.run where kind = 'derive' and requested_at > now() - interval '1 hour' and started_at > requested_at - interval '1 second'`) == "true"
		})
	})
	for name := range everything() {
		took(name+" in full", func() {
			// Of orders and documents the practice shows none of those that were made up, which is past believing.
			if run := b.sync(p, name, true); run.State != runtimeapi.RunSucceeded && !strings.Contains(run.Error, "too many to believe") {
				b.t.Fatalf("%s: %+v\n%s", name, run, p.log())
			}
		})
	}
	b.exec(damage...)
	for _, name := range []string{"billing", "labs"} {
		took(name+" compared", func() {
			b.succeeded(b.run(p, name, func(c *runtimeapi.Client) (runtimeapi.Run, error) {
				return c.Reconcile(ctx, name, runtimeapi.ReconcileRequest{Repair: true})
			}))
		})
	}
	took("patients compared by the command", func() {
		if _, code, logs := b.reconcile("patients").ended(); code != 0 {
			b.t.Errorf("exit code %d\n%s", code, logs)
		}
	})
	took("questions", func() { b.questions(p, c) })
	took("a probe", func() { b.probe(c) })
	took("an empty outbox", func() {
		b.wait(p, "rows in Coda", func() bool {
			s, err := c.Status(ctx, "billing")
			return err == nil && len(s.Coda) == 3 && s.Coda[0].Pending+s.Coda[1].Pending+s.Coda[2].Pending == 0
		})
	})
	took("the trail sealed", func() {
		b.wait(p, "the trail is sealed and the old part of it removed", func() bool {
			return b.query(`select count(*) from august.audit where operation = 'retire'`) != "0"
		})
	})
	b.trail()
	p.stop()
	took("deliveries through Pub/Sub", func() { b.published() })
}

func (b *planned) succeeded(run runtimeapi.Run) {
	b.t.Helper()
	if run.State != runtimeapi.RunSucceeded {
		b.t.Fatalf("%+v", run)
	}
}

// drift changes the practice: a row that is edited, one that is gone, one that cannot be decoded.
func (b *planned) drift() {
	b.t.Helper()
	items := b.clinic.View(clinic.LineItems, 0)
	for _, err := range []error{
		b.clinic.Touch(clinic.LineItems, items[0].Key()),
		b.clinic.Delete(clinic.LineItems, items[1].Key()),
		b.clinic.Delete(clinic.Transactions, b.clinic.View(clinic.Transactions, 0)[0].Key()),
		b.clinic.Edit(clinic.LineItems, items[2].Key(), clinic.Object{"billed": "made up"}),
		b.clinic.Touch(clinic.LabOrders, b.clinic.View(clinic.LabOrders, 0)[0].Key()),
	} {
		if err != nil {
			b.t.Fatal(err)
		}
	}
}

// deliveries come that are applied, ignored and parked: by what they say, and because the database refuses them.
func (b *planned) deliveries(p *process, way string) {
	b.t.Helper()
	items := b.clinic.View(clinic.LineItems, 0)
	object := func(n int, billed string) string {
		return fmt.Sprintf(`{"id":%s,"appointment":1,"billed":%q,"updated_at":%q}`, items[n].Key(), billed, time.Now().UTC().Format("2006-01-02T15:04:05"))
	}
	for i, d := range []struct{ event, object string }{
		{"LINE_ITEM_MODIFY", object(5, "12.00")}, {"LINE_ITEM_DELETE", object(6, "12.00")}, {"LINE_ITEM_MODIFY", object(7, "99999999999.00")},
		{"LINE_ITEM_MODIFY", `{"id":1,"billed":"made up"}`}, {"PATIENT_MODIFY", `{"id":1}`}, {"TASK_CREATE", `{"id":1}`}, {"MADE_UP", `{"id":1}`},
	} {
		if code := p.deliver(fmt.Sprint(way, i), d.event, d.object); code != http.StatusOK {
			b.t.Fatalf("a delivery is answered %d", code)
		}
	}
	b.wait(p, "deliveries are settled", func() bool {
		return b.query(`select count(*) from august.inbox where delivery like $1 and state <> 'pending'`, way+"%") == "7"
	})
	if got := b.query(`select count(*) from august.inbox where delivery like $1 and state = 'parked'`, way+"%"); got != "2" {
		b.t.Errorf("%s of them are parked", got)
	}
}

// questions are what Terraform, people and Cloud Monitoring ask.
func (b *planned) questions(p *process, c *runtimeapi.Client) {
	b.t.Helper()
	ctx := b.t.Context()
	var errs []error
	note := func(err error) { errs = append(errs, err) }
	for name, spec := range everything() {
		_, err := c.Status(ctx, name)
		note(err)
		_, err = c.Check(ctx, name, spec)
		note(err)
		spec.Schedule, spec.Reconcile = "0 3 * * *", &runtimeapi.ReconcileSpec{Schedule: "0 5 * * 0"}
		_, err = c.PutPipeline(ctx, name, spec)
		note(err)
	}
	_, err := c.Info(ctx)
	note(err)
	_, err = c.ListPipelines(ctx)
	note(err)
	_, err = c.Catalog(ctx)
	note(err)
	_, err = c.SelfTest(ctx)
	note(err)
	parked, err := c.Parked(ctx, runtimeapi.ParkedSelection{Kind: "line_items"}, 0)
	note(err)
	if len(parked.Deliveries) < 2 {
		b.t.Fatalf("%d deliveries are parked", len(parked.Deliveries))
	}
	_, err = c.Replay(ctx, runtimeapi.ParkedSelection{IDs: []int64{parked.Deliveries[0].ID}})
	note(err)
	_, err = c.Discard(ctx, runtimeapi.ParkedSelection{Kind: "line_items", Key: parked.Deliveries[1].Key, Reason: "made up"})
	note(err)
	_, err = c.Measures(ctx, 24*time.Hour)
	note(err)
	for _, err := range errs {
		if err != nil {
			b.t.Error(err)
		}
	}
	p.get("/metrics")
	b.declare(p, c)
}

// declare has an index made and dropped.
func (b *planned) declare(p *process, c *runtimeapi.Client) {
	b.t.Helper()
	ctx := b.t.Context()
	const schema, name = "drchrono", "patients_made_up"
	if _, err := c.CreateIndex(ctx, schema, name, runtimeapi.IndexSpec{Table: "patients", Method: "btree", Columns: []runtimeapi.IndexColumn{{Column: "doctor"}}}); err != nil {
		b.t.Fatal(err)
	}
	var made runtimeapi.Index
	b.wait(p, "the index is made", func() bool {
		var err error
		made, err = c.GetIndex(ctx, schema, name)
		return err == nil && made.State == runtimeapi.IndexValid
	})
	if _, err := c.DeleteIndex(ctx, schema, name, made.Definition); err != nil {
		b.t.Fatal(err)
	}
	b.wait(p, "the index is dropped", func() bool {
		_, err := c.GetIndex(ctx, schema, name)
		return runtimeapi.IsNotFound(err)
	})
}

// probe writes a drill's rows, looks which are there, and removes them.
func (b *planned) probe(c *runtimeapi.Client) {
	b.t.Helper()
	w := &witness{next: 1}
	const id = "plans-at-size"
	enough := fmt.Errorf("enough")
	_ = c.Probe(b.t.Context(), runtimeapi.ProbeRequest{ID: id, First: 1}, func(e runtimeapi.ProbeEvent) error {
		if err := w.note(e); err != nil || w.count() < 20 {
			return err
		}
		return enough
	})
	if v, err := c.Verify(b.t.Context(), id, runtimeapi.VerifyRequest{Acknowledged: w.acked, Digest: []string{"billing.claim"}}); err != nil || v.Missing > 0 {
		b.t.Errorf("%+v, %v", v, err)
	}
	if err := c.DeleteProbe(b.t.Context(), id); err != nil {
		b.t.Error(err)
	}
}

// trail has the commands look at the audit trail. The blocks that were made up do not hold, which they say.
func (b *planned) trail() {
	b.t.Helper()
	for _, args := range [][]string{{"verify"}, {"verify", "--from", fmt.Sprint(b.rows + 2)}} {
		if _, code, logs := b.errand(append([]string{"audit"}, args...)...).ended(); code != 3 && code != 0 {
			b.t.Errorf("audit %v: exit code %d\n%s", args, code, logs)
		}
	}
	to, from := "file://"+b.t.TempDir()+"/export", time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	if _, code, logs := b.errand("audit", "export", "--to", to, "--from", from).ended(); code != 0 {
		b.t.Errorf("exit code %d\n%s", code, logs)
	}
}

// published lets deliveries come through Pub/Sub, and deletes a pipeline.
func (b *planned) published() {
	b.t.Helper()
	b.broker()
	p := b.start("serve").ready()
	b.deliveries(p, "pubsub")
	if err := b.client(p).DeletePipeline(b.t.Context(), "patients"); err != nil {
		b.t.Error(err)
	}
	p.stop()
}

// updatePlans adds what was seen to the list of statements.
var updatePlans = flag.Bool("update-plans", false, "write internal/sync/plans/testdata/statements.txt")

// TestPlans has the runtime do everything on grown tables. Each statement that it issues is in the list, and no plan reads
// or sorts all of such a table without a reason; what the code has beside them has an excuse. AUGUST_PLANS_ROWS is how many
// rows the tables have.
func TestPlans(t *testing.T) {
	rows := 4000
	if n, err := strconv.Atoi(os.Getenv("AUGUST_PLANS_ROWS")); err == nil {
		rows = n
	}
	t.Parallel()
	b := newPlanned(t, rows)
	b.grow()
	b.exercise()
	var sizes plans.Sizes
	b.hand(func(conn *pgx.Conn) (err error) { sizes, err = plans.Measure(t.Context(), conn, rows/6); return err })
	sites, err := plans.Sites("../..", "pgtest", "plans")
	if err != nil {
		t.Fatal(err)
	}
	log := pgtest.Log(t)
	if path := os.Getenv("AUGUST_PLANS_LOG"); path != "" {
		if err := os.WriteFile(path, []byte(log), 0o600); err != nil {
			t.Error(err)
		}
	}
	seen, used, err := plans.Look(log, sites, sizes)
	if err != nil {
		t.Fatal(err)
	}
	var idle []string
	b.hand(func(conn *pgx.Conn) (err error) { idle, err = plans.Idle(t.Context(), conn, used); return err })
	if len(idle) > 0 {
		t.Errorf("indexes that nothing used: %v. Drop them, or say in kept what they are for", idle)
	}
	t.Logf("%d statements; grown tables: %v", len(seen), sizes)
	if *updatePlans {
		if err := seen.Save("../../plans/testdata/statements.txt", sites); err != nil {
			t.Fatal(err)
		}
		return
	}
	for _, problem := range seen.Check(sites, rows) {
		t.Error(problem)
	}
}

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
	codabox "github.com/feel-august/terraform-provider-august/internal/sandbox/coda"
)

func billing() runtimeapi.PipelineSpec {
	return runtimeapi.PipelineSpec{
		Dataset: "billing", Schedule: "*/15 * * * *", WebhookEvents: []string{"APPOINTMENT_MODIFY"},
		StatusOverrides: map[string]string{"Sent to Test Attorney": "on_hold"},
		CodaViews: []runtimeapi.CodaView{{
			View: "billing_summary", DocID: codabox.ProductionDoc, TableID: codabox.BillingSummary, KeyColumn: "c-key",
			Columns: map[string]string{
				"month": "c-month", "status": "c-status", "payer": "c-payer", "claims": "c-claims", "billed": "c-billed",
				"insurance_paid": "c-insurance-paid", "patient_paid": "c-patient-paid", "balance": "c-balance",
			},
		}},
	}
}

// From an empty database to rows in Coda, through the process as it ships.
func TestServe_endToEnd(t *testing.T) {
	t.Parallel()
	b := bare(t, 200)
	p := b.start("serve").ready()
	c := b.client(p)
	ctx := t.Context()

	info, err := c.Info(ctx)
	if err != nil || info.Version != "1.2.3-test" || info.Revision != "august-sync-00001-abc" || info.SchemaVersion < 4 {
		t.Fatalf("info is %+v, %v", info, err)
	}
	if _, err := c.PutPipeline(ctx, "billing", billing()); err != nil {
		t.Fatal(err)
	}
	if again, err := c.PutPipeline(ctx, "billing", billing()); err != nil || again.Generation != 1 {
		t.Errorf("the same spec again is generation %d, %v", again.Generation, err)
	}
	var status runtimeapi.Status
	p.until("a full sync in Coda", func() bool {
		if status, err = c.Status(ctx, "billing"); err != nil {
			t.Fatal(err)
		}
		if status.LastRun != nil && status.LastRun.State == runtimeapi.RunFailed {
			t.Fatalf("the run failed: %s\n%s", status.LastRun.Error, p.log())
		}
		return status.LastFull != nil && len(status.Coda) == 1 && status.Coda[0].Rows > 0 && status.Coda[0].Pending == 0
	})
	if status.Coda[0].Error != "" || status.Rows["appointments"] == 0 || status.Claims["paid"] == 0 || status.Claims["denied"] == 0 || status.NextRun == nil {
		t.Errorf("status is %+v", status)
	}
	rows := b.coda.Rows(codabox.ProductionDoc, codabox.BillingSummary)
	if int64(len(rows)) != status.Coda[0].Rows {
		t.Errorf("Coda holds %d rows, the status says %d", len(rows), status.Coda[0].Rows)
	}
	for _, row := range rows {
		if n, err := strconv.Atoi(fmt.Sprint(row["c-claims"])); err != nil || n < 11 {
			t.Errorf("a small group is in Coda: %v", row)
		}
	}

	_, metrics := p.get("/metrics")
	for _, name := range []string{"august_pool_max", "august_sync_rows_total", "august_coda_rows_total", "http_server_request_duration_seconds", "go_goroutines"} {
		if !strings.Contains(metrics, name) {
			t.Errorf("/metrics lacks %s", name)
		}
	}
	answered, _ := json.Marshal(status)
	inCoda, _ := json.Marshal(rows)
	arguments, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.cmd.Process.Pid))
	p.stop()
	b.clean("the log", p.log())
	b.clean("the status", string(answered))
	b.clean("Coda", string(inCoda))
	b.clean("/metrics", metrics)
	b.clean("the process list", string(arguments))
	for line := range strings.SplitSeq(strings.TrimSpace(p.log()), "\n") {
		var entry struct{ Severity, Message, Time string }
		if json.Unmarshal([]byte(line), &entry) != nil || entry.Severity == "" || entry.Message == "" || entry.Time == "" {
			t.Errorf("Cloud Logging would not understand %q", line)
		}
	}
}

// The datasets beside billing, through the process as it ships. Those that share a feed do not fight.
func TestServe_everyDataset(t *testing.T) {
	t.Parallel()
	b := setup(t, 100)
	p := b.start("serve").ready()
	c := b.client(p)
	ctx := t.Context()
	specs := map[string]runtimeapi.PipelineSpec{"billing": billing()}
	for _, dataset := range []string{"labs", "appointments", "patients"} {
		specs[dataset] = runtimeapi.PipelineSpec{Dataset: dataset, Schedule: "0 * * * *"}
	}
	for name, spec := range specs {
		if _, err := c.PutPipeline(ctx, name, spec); err != nil {
			t.Fatal(err)
		}
	}
	statuses := map[string]runtimeapi.Status{}
	for name := range specs {
		p.until("a full sync of "+name, func() bool {
			status, err := c.Status(ctx, name)
			if err != nil || status.LastRun != nil && status.LastRun.State == runtimeapi.RunFailed {
				t.Fatalf("%s: %+v, %v\n%s", name, status.LastRun, err, p.log())
			}
			statuses[name] = status
			return status.LastFull != nil
		})
	}
	for name, kinds := range map[string][]clinic.Kind{
		"billing":      {clinic.EOBs, clinic.EligibilityChecks, clinic.PatientPaymentLog, clinic.LineItems},
		"labs":         {clinic.Sublabs, clinic.LabOrders, clinic.LabTests, clinic.LabDocuments, clinic.LabResults, clinic.PatientLabResults},
		"appointments": {clinic.Doctors, clinic.Offices},
		"patients":     {clinic.Doctors, clinic.Patients}, // those too who are inactive
	} {
		for _, kind := range kinds {
			if got, want := statuses[name].Rows[string(kind)], int64(b.clinic.Count(kind)); got != want || want == 0 {
				t.Errorf("%s: %d rows of %s, the practice has %d", name, got, kind, want)
			}
		}
	}
	if labs := statuses["labs"]; labs.Orders["results_received"] == 0 || labs.Reviews["open"] == 0 || labs.Claims != nil {
		t.Errorf("labs: %+v", labs)
	}
	answered, _ := json.Marshal(statuses)
	p.stop()
	b.clean("the log", p.log())
	b.clean("the statuses", string(answered))

	// What must never be stored is not in the database.
	conn, err := pgx.Connect(t.Context(), b.db.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(background()) }()
	for _, never := range []string{`"social_security_number"`, `"primary_insurance"`, `"hl7"`, `"scanned_eob"`, "PID|1|", "files.example.test/lab", "900-"} {
		for _, table := range []string{"patients", "lab_documents", "eobs", "eligibility_checks", "patient_lab_results"} {
			var n int
			if err := conn.QueryRow(t.Context(), "select count(*) from drchrono."+table+" t where strpos(t::text, $1) > 0", never).Scan(&n); err != nil || n > 0 {
				t.Errorf("%d rows of %s hold %s, %v", n, table, never, err)
			}
		}
	}
}

func TestServe_waitsForItsDatabase(t *testing.T) {
	t.Parallel()
	b := setup(t, 10)
	b.env["AUGUST_DATABASE_NAME"] = b.db.Name + "_later"
	p := b.start() // serve is the default
	p.until("liveness", func() bool { code, _ := p.get("/livez"); return code == http.StatusOK })
	p.until("the reason", func() bool { _, body := p.get("/readyz"); return strings.Contains(body, "the database does not exist") })
	if code, body := p.get("/readyz"); code != http.StatusServiceUnavailable || strings.Contains(body, b.db.Name) {
		t.Errorf("not ready is %d %s", code, body)
	}
	if _, err := b.client(p).WithPatience(0).Info(t.Context()); !runtimeapi.IsUnavailable(err) {
		t.Errorf("the control API says %v", err)
	}
	conn, err := pgx.Connect(t.Context(), b.db.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(background()) }()
	if _, err := conn.Exec(t.Context(), "create database "+b.db.Name+"_later"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn, err := pgx.Connect(background(), b.db.URL())
		if err == nil {
			_, err = conn.Exec(background(), "drop database "+b.db.Name+"_later with (force)")
			_ = conn.Close(background())
		}
		if err != nil {
			t.Error(err)
		}
	})
	p.ready()
	p.stop()
	b.clean("the log", p.log())
}

// Without a host the runtime goes through the Cloud SQL connector, which needs credentials.
func TestServe_connectorWithoutCredentials(t *testing.T) {
	t.Parallel()
	b := setup(t, 10)
	delete(b.env, "AUGUST_DATABASE_HOST")
	delete(b.env, "AUGUST_DATABASE_PASSWORD")
	b.env["GOOGLE_APPLICATION_CREDENTIALS"] = "/nonexistent/credentials.json"
	p := b.start("serve")
	p.until("the reason", func() bool { _, body := p.get("/readyz"); return strings.Contains(body, "no credentials") })
	if code, _ := p.get("/livez"); code != http.StatusOK {
		t.Errorf("not alive: %d", code)
	}
	// It listens where it is told to. On Linux the whole of 127/8 is this machine.
	if resp, err := http.Get(strings.Replace(p.url, "127.0.0.1", "127.0.0.2", 1) + "/livez"); err == nil {
		_ = resp.Body.Close()
		t.Error("it listens on every address")
	}
	p.stop()
}

func TestServe_refusedCallers(t *testing.T) {
	t.Parallel()
	b := setup(t, 10)
	b.env["AUGUST_CONTROL_CALLERS"] = "somebody-else@example.test"
	p := b.start("serve").ready()
	if _, err := b.client(p).Info(t.Context()); err == nil || !strings.Contains(err.Error(), runtimeapi.CodeDenied) {
		t.Errorf("got %v", err)
	}
	if code, body := p.get("/v1/info?token=" + b.token); code != http.StatusUnauthorized {
		t.Errorf("without a header: %d %s", code, body)
	}
	p.stop()
	b.clean("the log", p.log())
}

func TestServe_endsQuicklyWithWorkInHand(t *testing.T) {
	t.Parallel()
	b := setup(t, 200)
	p := b.start("serve").ready()
	if _, err := b.client(p).PutPipeline(t.Context(), "billing", billing()); err != nil {
		t.Fatal(err)
	}
	p.until("a run under way", func() bool {
		s, err := b.client(p).Status(t.Context(), "billing")
		return err == nil && s.LastRun != nil && s.LastRun.State == runtimeapi.RunRunning
	})
	// A client that never finishes its request must not hold the process up.
	slow, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = slow.Close() }()
	_, _ = fmt.Fprintf(slow, "PUT /v1/pipelines/billing HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n")
	p.stop()
	conn, err := pgx.Connect(t.Context(), b.db.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(background()) }()
	var held int
	if err := conn.QueryRow(t.Context(), `select count(*) from august.run where lease_until > now()`).Scan(&held); err != nil || held != 0 {
		t.Errorf("%d leases are still held, %v", held, err)
	}
	// The next instance takes the run on and finishes it.
	p = b.start("serve").ready()
	p.until("the run's end", func() bool {
		s, err := b.client(p).Status(t.Context(), "billing")
		return err == nil && s.LastRun != nil && s.LastRun.State == runtimeapi.RunSucceeded
	})
	p.stop()
}

func TestServe_secondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t, 10)
	p := b.start("serve").ready()
	// A request under way keeps the first signal waiting.
	slow, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = slow.Close() }()
	_, _ = fmt.Fprintf(slow, "PUT /v1/pipelines/billing HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 100\r\n\r\n{", b.token)
	p.until("the request's arrival", func() bool {
		_, metrics := p.get("/metrics")
		return strings.Contains(metrics, "http_server_requests_active 2") // that one and this
	})
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	p.until("the first signal is heard", func() bool { return strings.Contains(p.log(), `"stopping"`) })
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	<-p.done
	if code := p.cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("exit code %d", code)
	}
}

func TestServe_badConfiguration(t *testing.T) {
	t.Parallel()
	b := setup(t, 10)
	b.env["AUGUST_DATABASE_PORT"] = "secret-canary-client"
	b.env["AUGUST_CODA_URL"] = "nonsense"
	p := b.start("serve")
	<-p.done
	if code := p.cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(p.log(), "AUGUST_DATABASE_PORT") || !strings.Contains(p.log(), "AUGUST_CODA_URL") {
		t.Errorf("exit code %d: %s", code, p.log())
	}
	b.clean("the log", p.log())
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	b := bare(t, 10)
	for range 2 {
		p := b.start("migrate")
		<-p.done
		if p.err != nil || !strings.Contains(p.log(), `"migrated"`) {
			t.Fatalf("%v: %s", p.err, p.log())
		}
	}
	p := b.start("frobnicate")
	<-p.done
	if p.cmd.ProcessState.ExitCode() != 1 || !strings.Contains(p.log(), "unknown command") {
		t.Errorf("an unknown command: %s", p.log())
	}
}

// BenchmarkStart measures process start to ready on a migrated database, and the idle process.
func BenchmarkStart(bench *testing.B) {
	b := setup(bench, 10)
	p := b.start("serve").ready()
	p.stop()
	var rss int
	for bench.Loop() {
		began := time.Now()
		p := b.start("serve").ready()
		bench.ReportMetric(float64(time.Since(began).Milliseconds()), "ms-to-ready")
		file, err := os.Open(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
		if err == nil {
			for lines := bufio.NewScanner(file); lines.Scan(); {
				if value, ok := strings.CutPrefix(lines.Text(), "VmRSS:"); ok {
					rss, _ = strconv.Atoi(strings.Fields(value)[0])
				}
			}
			_ = file.Close()
		}
		p.stop()
	}
	bench.ReportMetric(float64(rss)/1024, "MB-RSS")
}

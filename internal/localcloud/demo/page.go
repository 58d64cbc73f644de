package demo

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/localcloud"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// progress tells how the first syncs get on: a line that is rewritten on a terminal, a line every
// few seconds elsewhere.
type progress struct {
	mu    sync.Mutex
	out   io.Writer
	live  bool
	lines map[string]string
	last  time.Time
	begin time.Time
}

func newProgress(out io.Writer) *progress {
	live := false
	if f, ok := out.(*os.File); ok {
		info, err := f.Stat()
		live = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return &progress{out: out, live: live, lines: map[string]string{}, begin: time.Now()}
}

func (p *progress) tell(workspace string, s runtimeapi.Status) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var rows, coda, pending int64
	state := "pending"
	if s.LastRun != nil {
		state = s.LastRun.State
		for _, f := range s.LastRun.Feeds {
			rows += f.Read
		}
	}
	for _, c := range s.Coda {
		coda, pending = coda+c.Rows, pending+c.Pending
	}
	p.lines[workspace] = fmt.Sprintf("%s: %s, %s rows read, Coda %d of %d rows", workspace, state, group(rows), coda, coda+pending)
	every := 3 * time.Second
	if p.live {
		every = 0
	}
	if time.Since(p.last) < every {
		return
	}
	p.last = time.Now()
	text := fmt.Sprintf("    %3.0fs  %s", time.Since(p.begin).Seconds(), strings.Join(slices.Sorted(maps.Values(p.lines)), " | "))
	if p.live {
		_, _ = fmt.Fprintf(p.out, "\r\033[K%s", text)
		return
	}
	_, _ = fmt.Fprintln(p.out, text)
}

func (p *progress) done() {
	if p.live {
		_, _ = fmt.Fprintln(p.out)
	}
}

// printPage prints what the demo leads up to.
func printPage(out io.Writer, reports []report, took time.Duration) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(cells ...string) { _, _ = fmt.Fprintln(w, strings.Join(cells, "\t")) }
	for _, r := range reports {
		row()
		row(strings.ToUpper(r.environment.Workspace), r.environment.Project)
		i := r.instance
		row("  Database", i.ConnectionName, i.DatabaseVersion)
		row("    zones", fmt.Sprintf("%s, standby in %s", i.GceZone, i.SecondaryGceZone), i.Settings.AvailabilityType)
		row("    recovery window", fmt.Sprintf("%s to %s", r.recovery.EarliestRecoveryTime, r.recovery.LatestRecoveryTime),
			fmt.Sprintf("kept %d days", i.Settings.BackupConfiguration.TransactionLogRetentionDays))
		row("  Runtime", short(r.service.LatestReadyRevision), r.outputs.Runtime.Value.URI)
		_, digest, _ := strings.Cut(r.outputs.Image.Value, "@")
		row("    digest", digest)
		row("  Synced", "rows held", "rows read", "changed", "rows/s")
		if r.status.LastRun != nil {
			for _, f := range r.status.LastRun.Feeds {
				row("    "+f.Feed, group(r.status.Rows[f.Feed]), group(f.Read), group(f.Changed), rate(f))
			}
		}
		row("  Claims")
		for _, status := range slices.Sorted(maps.Keys(r.status.Claims)) {
			row("    "+status, group(r.status.Claims[status]))
		}
		row("  Coda", fmt.Sprintf("%s rows in %s", group(r.codaRows), r.environment.CodaDoc))
		verdict := "No changes. The infrastructure matches the configuration."
		if !r.unchanged {
			verdict = "CHANGES: see the log"
		}
		row("  Second plan", verdict)
	}
	_ = w.Flush()
	_, _ = fmt.Fprintf(out, "\nDone in %s.\n", took.Round(time.Second))
}

// printTour says how to look around in what was kept.
func printTour(out io.Writer, o Options, cloud localcloud.Description, tf *terraform, reports []report) {
	address := reports[0].instance.IpAddresses[0].IpAddress
	_, _ = fmt.Fprintf(out, `
Everything keeps running. To look around:

  eval "$(bin/august-local env --dir %[1]s)"     # endpoints, and where Terraform finds the provider
  bin/august-local status --dir %[1]s
  PGPASSWORD="$(curl -s %[2]sv1/projects/%[3]s/secrets/august-db-password/versions/latest:access | jq -r .payload.data | base64 -d)" \
    psql -h %[4]s -U august-sync august -c 'select status, count(*) from billing.claim group by 1'
  curl -s %[5]s/readyz
  cd %[6]s && TF_WORKSPACE=production %[7]s console

To stop and remove it: make clean, or bin/august-local demo --clean
`, o.Dir, cloud.Endpoints.Google, reports[0].environment.Project, address, reports[0].outputs.Runtime.Value.URI, tf.dir, tf.bin)
}

func rate(f runtimeapi.FeedRun) string {
	if f.Elapsed <= 0 {
		return ""
	}
	return group(int64(float64(f.Read) / f.Elapsed.Seconds()))
}

// short is the last part of a resource name.
func short(name string) string { return name[strings.LastIndex(name, "/")+1:] }

// group writes a number with its thousands apart.
func group(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

package main

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	drbox "github.com/feel-august/terraform-provider-august/internal/sandbox/drchrono"
)

// How long scheduled work rests when the instance that does it is killed and another one is there.
func BenchmarkTakeover(bench *testing.B) {
	b := setup(bench, 40)
	b.drchrono.Set(func(s *drbox.Settings) { s.PageCaps = map[string]int{"appointments_list": 10, "line_items_list": 10} })
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(300 * time.Millisecond) // so that the run is under way for long
		b.drchrono.ServeHTTP(w, r)
	})
	b.env["AUGUST_DRCHRONO_URL"] = serve2(bench, slow)
	conn, err := pgx.Connect(bench.Context(), b.db.URL())
	if err != nil {
		bench.Fatal(err)
	}
	defer func() { _ = conn.Close(background()) }()
	instances := []*process{b.start("serve").ready(), b.start("serve").ready()}
	if _, err := b.client(instances[0]).PutPipeline(bench.Context(), "billing", billing()); err != nil {
		bench.Fatal(err)
	}
	var worst time.Duration
	for bench.Loop() {
		for range 3 {
			if _, err := b.client(instances[0]).Sync(bench.Context(), "billing", runtimeapi.SyncRequest{Full: true}); err != nil {
				bench.Fatal(err)
			}
			owner := ""
			holder := func() string {
				var o string
				_ = conn.QueryRow(bench.Context(), "select coalesce(lease_owner, '') from august.run where state = 'running' order by id desc limit 1").Scan(&o) // none: ""
				return o
			}
			instances[0].until("a run", func() bool { owner = holder(); return owner != "" })
			for n, i := range instances {
				if !strings.Contains(owner, "/"+strconv.Itoa(i.cmd.Process.Pid)+"/") {
					continue
				}
				began := time.Now()
				_ = i.cmd.Process.Kill()
				<-i.done
				instances[1-n].until("a takeover", func() bool { now := holder(); return now != "" && now != owner })
				worst = max(worst, time.Since(began))
				instances[n] = b.start("serve").ready()
				break
			}
		}
	}
	bench.ReportMetric(worst.Seconds(), "s-worst")
	for _, i := range instances {
		i.stop()
	}
}

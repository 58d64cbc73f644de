package webhook

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/feel-august/terraform-provider-august/internal/sandbox/storm"
	"github.com/feel-august/terraform-provider-august/internal/sync/telemetry"
)

const (
	benchDeliveries = 60_000
	benchSenders    = 64
)

// BenchmarkReceive sends deliveries of 800 bytes over 64 connections, each when the one before is answered, and tells
// how many a second became durable. "floor" is the least that can do it over HTTP: compare, read, hash, and commit on
// one connection what has queued meanwhile, into a table with one index, knowing nothing of failures.
func BenchmarkReceive(b *testing.B) {
	for _, way := range []struct {
		name  string
		serve func(*testing.B, *rig) http.Handler
		table string
	}{{"floor", bareInbox, storm.BareTable}, {"inbox", wholeInbox, "august.inbox"}} {
		b.Run(way.name, func(b *testing.B) {
			g := simpleRig(b, func(c *Config) { c.Log = telemetry.NewLogger(io.Discard, slog.LevelInfo, "") })
			server := httptest.NewServer(way.serve(b, g))
			defer server.Close()
			runs := 0
			var spent time.Duration
			for b.Loop() {
				b.StopTimer()
				g.exec("truncate " + way.table)
				g.exec("checkpoint")
				b.StartTimer()
				runs++
				began := time.Now()
				load(b, server.Listener.Addr().String(), runs)
				spent += time.Since(began)
				var rows int
				if err := g.admin.QueryRow(context.Background(), "select count(*) from "+way.table).Scan(&rows); err != nil || rows != benchDeliveries {
					b.Fatalf("%d rows of %d, %v", rows, benchDeliveries, err)
				}
			}
			b.ReportMetric(float64(benchDeliveries)*float64(runs)/spent.Seconds(), "deliveries/s")
		})
	}
}

// wholeInbox is the receiver as the runtime serves it.
func wholeInbox(b *testing.B, g *rig) http.Handler {
	handler, err := g.metrics.Requests(telemetry.NewLogger(io.Discard, slog.LevelInfo, ""), g.mux)
	if err != nil {
		b.Fatal(err)
	}
	return handler
}

// bareInbox is the floor.
func bareInbox(b *testing.B, g *rig) http.Handler { return storm.Bare(b, g.db.URL(), secretNow) }

// load sends the deliveries of a run. The sender costs as little as it can, for it has the same processors.
func load(b *testing.B, address string, run int) {
	var next atomic.Int64
	pad := strings.Repeat("x", 640)
	var senders errgroup.Group
	for range benchSenders {
		senders.Go(func() error {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				return err
			}
			defer func() { _ = conn.Close() }()
			answers := bufio.NewReader(conn)
			for {
				n := next.Add(1)
				if n > benchDeliveries {
					return nil
				}
				body := fmt.Sprintf(`{"receiver":{"id":1,"callback_url":"https://sync.example.test/webhooks/drchrono"},"object":{"id":%d,"notes":%q},"practice_group_id":7}`, n, pad)
				if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nX-Drchrono-Signature: %s\r\nX-Drchrono-Event: LINE_ITEM_MODIFY\r\nX-Drchrono-Delivery: %d-%032d\r\nContent-Length: %d\r\n\r\n%s",
					Path, secretNow, run, n, len(body), body); err != nil {
					return err
				}
				first, err := answers.ReadString('\n')
				if err != nil || !strings.HasPrefix(first, "HTTP/1.1 200") {
					return fmt.Errorf("answered %q, %v", first, err)
				}
				for line := first; line != "\r\n"; {
					if line, err = answers.ReadString('\n'); err != nil {
						return err
					}
				}
			}
		})
	}
	if err := senders.Wait(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkPublish sends deliveries one after the other through Pub/Sub, each beside the same message published by hand,
// and tells the 99th percentile of both and of what the receiver adds.
func BenchmarkPublish(b *testing.B) {
	broker := newBroker(b)
	g := simpleRig(b, func(c *Config) {
		broker.configure(c)
		c.Log = telemetry.NewLogger(io.Discard, slog.LevelInfo, "")
	})
	server := httptest.NewServer(wholeInbox(b, g))
	defer server.Close()
	var whole, bare, added []time.Duration
	for b.Loop() {
		for n := range 2000 {
			body := object(n)
			d := Parse(fmt.Sprintf("bare-%d", n), "LINE_ITEM_MODIFY", []byte(body), time.Now())
			began := time.Now()
			if err := g.r.pubsub.publish(context.Background(), d, false); err != nil {
				b.Fatal(err)
			}
			floor := time.Since(began)
			req := request(secretNow, "LINE_ITEM_MODIFY", fmt.Sprintf("whole-%d", n), body)
			req.RequestURI, req.URL.Scheme, req.URL.Host = "", "http", server.Listener.Addr().String()
			began = time.Now()
			res, err := http.DefaultClient.Do(req)
			took := time.Since(began)
			if err != nil || res.StatusCode != http.StatusOK {
				b.Fatal(res, err)
			}
			_ = res.Body.Close()
			whole, bare, added = append(whole, took), append(bare, floor), append(added, took-floor)
		}
	}
	if n := g.stored("true"); n > 0 {
		b.Fatalf("%d deliveries went to the inbox", n)
	}
	for unit, took := range map[string][]time.Duration{"p99-ms": whole, "floor-p99-ms": bare, "added-p99-ms": added} {
		slices.Sort(took)
		b.ReportMetric(took[len(took)*99/100].Seconds()*1000, unit)
	}
}

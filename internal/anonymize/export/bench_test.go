package export_test

import (
	"bufio"
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/export"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/export/exporttest"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
	"github.com/feel-august/terraform-provider-august/internal/bucket"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
)

// BenchmarkExport anonymises a clinic by a full policy, and, in the same breath, copies it from database to database as it is: two
// streams each. Rounds take turns, and the median of each counts.
func BenchmarkExport(b *testing.B) {
	const patients, rounds = 20_000, 3
	db := pgtest.New(b)
	conn := connectTo(b, db)
	if _, err := conn.Exec(b.Context(), exporttest.SQL(patients)+"; analyze"); err != nil {
		b.Fatal(err)
	}
	var bare, data, whole []time.Duration
	var rows, bytes int64
	for range rounds {
		bare = append(bare, copyAll(b, db))
		m, took := exportAll(b, db, policy.Surrogate)
		data, whole = append(data, took.data), append(whole, took.whole)
		rows, bytes = 0, 0
		for _, t := range m.Tables {
			rows, bytes = rows+t.Rows, bytes+t.Bytes
		}
	}
	for name, took := range map[string][]time.Duration{"floor": bare, "anonymised": data, "whole": whole} {
		b.Run(name, func(b *testing.B) {
			slices.Sort(took)
			s := took[len(took)/2].Seconds()
			b.ReportMetric(float64(rows)/s, "rows/s")
			b.ReportMetric(float64(bytes)/1e6/s, "MB/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func connectTo(b *testing.B, db pgtest.Database) *pgx.Conn {
	b.Helper()
	conn, err := pgx.Connect(b.Context(), db.URL())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

var clinicTables = []string{"line_items", "lab_results", "transactions", "appointments", "claims", "patients", "lab_orders", "messages"} // the largest first

// copyAll copies the clinic into an empty database, the way that is hardest to beat: text, no index, two tables at a time.
func copyAll(b *testing.B, from pgtest.Database) time.Duration {
	b.Helper()
	to := pgtest.New(b)
	if _, err := connectTo(b, to).Exec(b.Context(), exporttest.Bare()); err != nil {
		b.Fatal(err)
	}
	queue := make(chan string, len(clinicTables))
	for _, t := range clinicTables {
		queue <- t
	}
	close(queue)
	began := time.Now()
	group, ctx := errgroup.WithContext(b.Context())
	for range 2 {
		source, target := connectTo(b, from).PgConn(), connectTo(b, to).PgConn()
		group.Go(func() error {
			for t := range queue {
				r, w := io.Pipe()
				done := make(chan error, 1)
				go func() {
					buffered := bufio.NewWriterSize(w, 256<<10) // without it twice as slow
					_, err := source.CopyTo(ctx, buffered, "copy clinic."+t+" to stdout")
					done <- errors.Join(err, buffered.Flush(), w.Close())
				}()
				_, err := target.CopyFrom(ctx, r, "copy clinic."+t+" from stdin")
				if err := errors.Join(err, <-done); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
	return time.Since(began)
}

// took is how long an export took: from the first row read to the last part written, and from beginning to end, with the
// identifiers read before and looked for after.
type took struct{ data, whole time.Duration }

func exportAll(b *testing.B, db pgtest.Database, ids string) (*evidence.Manifest, took) {
	b.Helper()
	source, err := pgx.ParseConfig(db.URL())
	if err != nil {
		b.Fatal(err)
	}
	to, err := bucket.Open(b.Context(), "file://"+b.TempDir(), bucket.Options{})
	if err != nil {
		b.Fatal(err)
	}
	_, sign, err := ed25519.GenerateKey(nil)
	if err != nil {
		b.Fatal(err)
	}
	watch := &stopwatch{}
	began := time.Now()
	m, err := export.Run(b.Context(), export.Config{Source: source, Bucket: to, Export: "bench", Policy: exporttest.Policy(ids), Sign: sign, Log: slog.New(watch)})
	if err != nil {
		b.Fatal(err)
	}
	return m, took{cmp.Or(watch.data, -1), time.Since(began)}
}

// stopwatch reads out of the log how long the data took.
type stopwatch struct {
	slog.Handler
	data time.Duration
}

func (w *stopwatch) Enabled(context.Context, slog.Level) bool { return true }

func (w *stopwatch) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "anonymised" {
		r.Attrs(func(a slog.Attr) bool {
			if a.Key == "took" {
				w.data = a.Value.Duration()
			}
			return true
		})
	}
	return nil
}

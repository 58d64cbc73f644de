package storm

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"io"
	"net/http"
	"testing"

	"github.com/jackc/pgx/v5"
)

// BareTable is where a bare receiver keeps deliveries.
const BareTable = "bare"

// bareQueue is more than any benchmark has under way at once.
const bareQueue = 1024

// Bare is the floor of a receiver: it compares the secret, hashes the body, and commits on one connection whatever has
// queued meanwhile, into a table with one index, before it answers. It knows nothing of failures. The database is a
// connection string; the receiver ends with the benchmark.
func Bare(b testing.TB, database, secret string) http.Handler {
	b.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, database)
	if err == nil {
		_, err = conn.Exec(ctx, "create table "+BareTable+" (id bigint generated always as identity primary key, delivery text not null unique, digest bytea not null, body bytea not null)")
	}
	if err != nil {
		b.Fatal(err)
	}
	queue, ended := make(chan bareRow, bareQueue), make(chan struct{})
	go func() {
		defer close(ended)
		for first := range queue {
			commit(ctx, conn, waiting(first, queue))
		}
	}()
	b.Cleanup(func() {
		close(queue)
		<-ended
		_ = conn.Close(ctx)
	})
	want := sha256.Sum256([]byte(secret))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		signature := sha256.Sum256([]byte(r.Header.Get("X-drchrono-signature")))
		body, err := io.ReadAll(r.Body)
		if err != nil || subtle.ConstantTimeCompare(signature[:], want[:]) != 1 {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		digest := sha256.Sum256(body)
		done := make(chan error, 1)
		queue <- bareRow{r.Header.Get("X-drchrono-delivery"), digest[:], body, done}
		if <-done != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
}

type bareRow struct {
	delivery     string
	digest, body []byte
	done         chan error
}

// waiting is a row and those that queue behind it.
func waiting(first bareRow, queue <-chan bareRow) []bareRow {
	batch := []bareRow{first}
	for {
		select {
		case next, ok := <-queue:
			if !ok {
				return batch
			}
			batch = append(batch, next)
		default:
			return batch
		}
	}
}

func commit(ctx context.Context, conn *pgx.Conn, batch []bareRow) {
	var ids []string
	var digests, bodies [][]byte
	for _, r := range batch {
		ids, digests, bodies = append(ids, r.delivery), append(digests, r.digest), append(bodies, r.body)
	}
	_, err := conn.Exec(ctx, "insert into "+BareTable+" (delivery, digest, body) select * from unnest($1::text[], $2::bytea[], $3::bytea[]) on conflict do nothing", ids, digests, bodies)
	for _, r := range batch {
		r.done <- err
	}
}

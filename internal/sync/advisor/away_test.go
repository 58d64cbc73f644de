package advisor

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

func TestTold(t *testing.T) {
	t.Parallel()
	for code, again := range map[string]bool{"55P03": true, "57014": true, "57P01": true, "XX000": true, "42501": false, "XX001": false} {
		var answer *runtimeapi.Error
		err := told(fmt.Errorf("read: %w", &pgconn.PgError{Code: code, Message: "cache lookup failed for relation 16390"}))
		if got := errors.As(err, &answer) && answer.Code == runtimeapi.CodeUnavailable; got != again {
			t.Errorf("%s: %v", code, err)
		}
		if again && strings.Contains(err.Error(), "16390") {
			t.Errorf("%s: %v", code, err)
		}
	}
}

// While the database is away, as in a failover, the advice is to be asked for again, and nothing of the runtime has failed.
func TestIndexes_databaseAway(t *testing.T) {
	t.Parallel()
	s, err := store.Open(t.Context(), store.Config{Host: t.TempDir(), Database: "august", User: "august"}) // a folder without a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	a := New(Config{Store: s, Reader: here{}, Log: slog.New(slog.DiscardHandler)})
	var told *runtimeapi.Error
	if _, err := a.Indexes(t.Context(), runtimeapi.IndexAdviceRequest{}); !errors.As(err, &told) || told.Code != runtimeapi.CodeUnavailable {
		t.Errorf("got %v", err)
	}
}

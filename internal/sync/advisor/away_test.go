package advisor

import (
	"errors"
	"log/slog"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

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

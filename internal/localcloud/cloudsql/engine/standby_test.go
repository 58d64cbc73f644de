package engine

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/toolchain"
)

// A replica whose primary cannot be reached keeps what it has: it may be the only copy left.
func TestCopyFromNowhere(t *testing.T) {
	t.Parallel()
	pg, err := toolchain.FindPostgres(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := server{bin: Binaries{Dir: pg.Bin}, data: filepath.Join(t.TempDir(), "node-a")}
	if err := s.bin.folder(s.data); err != nil {
		t.Fatal(err)
	}
	if err := s.bin.write(filepath.Join(s.data, "PG_VERSION"), "15\n"); err != nil {
		t.Fatal(err)
	}
	if err := s.copyFrom(t.Context(), Source{Sockets: t.TempDir(), Port: 5432, Slot: "nobody"}); err == nil {
		t.Fatal("a copy of nothing")
	}
	if _, err := os.Stat(filepath.Join(s.data, "PG_VERSION")); err != nil {
		t.Errorf("the data are gone: %v", err)
	}
}

package export

import (
	"slices"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
	"github.com/feel-august/terraform-provider-august/internal/bucket"
)

// What a killed run has left goes once it is certain that the run is dead; what is published, young, or named by somebody stays.
func TestSweep(t *testing.T) {
	t.Parallel()
	ctx, now := t.Context(), time.Now()
	b, err := bucket.Open(ctx, "file://"+t.TempDir()+"/exports", bucket.Options{})
	if err != nil {
		t.Fatal(err)
	}
	killed, published, young := evidence.NewName(now.Add(-longest-time.Hour)), evidence.NewName(now.Add(-longest-time.Hour)), evidence.NewName(now.Add(-longest+time.Hour))
	put := func(name string) {
		t.Helper()
		if err := b.Create(ctx, name, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	for _, export := range []string{killed, published, young, "of-somebody"} {
		put(evidence.DataFolder(export) + "/a-000001.zst")
		put(evidence.DataFolder(export) + "/a-000002.zst")
	}
	put(evidence.ManifestName(published))

	if removed, err := sweep(ctx, b, now); removed != 2 || err != nil {
		t.Errorf("removed %d, %v", removed, err)
	}
	var left []string
	for name, err := range b.List(ctx, "exports", "") {
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, name)
	}
	want := []string{published + "/", young + "/", "of-somebody/"}
	if slices.Sort(want); !slices.Equal(left, want) {
		t.Errorf("left %q, not %q", left, want)
	}
	if removed, err := sweep(ctx, b, now); removed != 0 || err != nil {
		t.Errorf("removed %d again, %v", removed, err)
	}
}

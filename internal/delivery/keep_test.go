package delivery_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/bucket"
	"github.com/feel-august/terraform-provider-august/internal/delivery"
)

// What was approved is applied: the plan that comes back is the one that was kept, or none.
func TestKeep(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	saved, fetched := filepath.Join(dir, "tfplan"), filepath.Join(dir, "fetched")
	if err := os.WriteFile(saved, []byte("a plan"), 0o600); err != nil {
		t.Fatal(err)
	}
	address := "file://" + dir + "/plans/1.tfplan"
	digest, err := delivery.Keep(t.Context(), saved, address, bucket.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := delivery.Fetch(t.Context(), address, digest, fetched, bucket.Options{}); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(fetched); err != nil || string(got) != "a plan" {
		t.Errorf("fetched %q, %v", got, err)
	}

	if _, err := delivery.Keep(t.Context(), saved, address, bucket.Options{}); err == nil {
		t.Error("a plan was kept over another one")
	}
	other := filepath.Join(dir, "other")
	if err := delivery.Fetch(t.Context(), address, "sha256:"+strings.Repeat("0", 64), other, bucket.Options{}); err == nil || !strings.Contains(err.Error(), "not the one that was approved") {
		t.Errorf("another plan: %v", err)
	}
	if _, err := os.Stat(other); err == nil {
		t.Error("a plan that was not approved is there to be applied")
	}
	if err := delivery.Fetch(t.Context(), "file://"+dir+"/plans/2.tfplan", digest, other, bucket.Options{}); err == nil {
		t.Error("a plan that was never kept was fetched")
	}
	for _, place := range []string{"", "plans/1", "gs://bucket", "gs://bucket/", "gs:///x", "s3://b/f/n"} {
		if _, err := delivery.Keep(t.Context(), saved, place, bucket.Options{}); err == nil {
			t.Errorf("a plan was kept at %q", place)
		}
	}
}

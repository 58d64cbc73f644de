package image

import (
	"bytes"
	"compress/gzip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// BenchmarkBuild packs the runtime as it is released and measures what a registry stores of it. The floor is
// the bare binary, compressed as well as the same format can.
func BenchmarkBuild(b *testing.B) {
	out := filepath.Join(b.TempDir(), "august-sync")
	build := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid= -X main.version=0.0.0-bench", "-o", out, "../../sync/cmd/august-sync")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if output, err := build.CombinedOutput(); err != nil {
		b.Fatalf("build the runtime: %v\n%s", err, output)
	}
	binary, err := os.ReadFile(out)
	if err != nil {
		b.Fatal(err)
	}
	var packed *Image
	for b.Loop() {
		if packed, err = Build(binary, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	var bare bytes.Buffer
	w, err := gzip.NewWriterLevel(&bare, gzip.BestCompression)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := w.Write(binary); err != nil {
		b.Fatal(err)
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(packed.Size)/1e6, "image-MB")
	b.ReportMetric(float64(bare.Len())/1e6, "floor-MB")
	b.ReportMetric(float64(len(binary))/1e6, "binary-MB")
}

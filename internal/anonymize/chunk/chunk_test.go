package chunk_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/chunk"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
	"github.com/feel-august/terraform-provider-august/internal/bucket"
)

// A bucket may give whatever it likes: who reads a part to its end knows whether it is the one that was written.
func TestOpen_altered(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	b, err := bucket.Open(t.Context(), "file://"+folder, bucket.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var lines bytes.Buffer
	for n := range 100_000 {
		_, _ = fmt.Fprintf(&lines, "%d\tline\n", n)
	}
	w, err := chunk.Create(t.Context(), b, "exports/x/1.zst")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(lines.Bytes(), 100_000); err != nil {
		t.Fatal(err)
	}
	o, err := w.Close()
	if err != nil || o.Rows != 100_000 || o.Bytes != int64(lines.Len()) {
		t.Fatalf("%+v %v", o, err)
	}
	read := func(o evidence.Object) ([]byte, error) {
		r, err := chunk.Open(t.Context(), b, o)
		if err != nil {
			return nil, err
		}
		defer func() { _ = r.Close() }()
		return io.ReadAll(r)
	}
	if got, err := read(o); err != nil || !bytes.Equal(got, lines.Bytes()) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}

	path := filepath.Join(folder, o.Name)
	written, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	zip := func(text string, options ...zstd.EOption) []byte {
		z, err := zstd.NewWriter(nil, options...)
		if err != nil {
			t.Fatal(err)
		}
		return z.EncodeAll([]byte(text), nil)
	}
	flipped := bytes.Clone(written)
	flipped[len(flipped)/2] ^= 1
	for what, body := range map[string][]byte{
		"nothing": {}, "half": written[:len(written)/2], "all but the checksum": written[:len(written)-4], "a bit": flipped, "no zstd": lines.Bytes(),
		"another":                zip("1\tanother\n"),
		"the same lines anew":    zip(lines.String(), zstd.WithEncoderLevel(zstd.SpeedBestCompression)),
		"one more":               append(bytes.Clone(written), zip("100000\tline\n")...),
		"one more that is empty": append(bytes.Clone(written), zip("", zstd.WithZeroFrames(true))...),
		"a frame to be skipped":  append(bytes.Clone(written), 0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 'x'),
		"a large window":         zip(strings.Repeat("x", 64<<20), zstd.WithWindowSize(64<<20), zstd.WithSingleSegment(true)),
	} {
		if err := os.WriteFile(path, body, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := read(o); err == nil {
			t.Errorf("%s: taken for what was written", what)
		}
	}
	if err := os.WriteFile(path, written, 0o600); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*evidence.Object){
		"size": func(o *evidence.Object) { o.Size++ }, "bytes": func(o *evidence.Object) { o.Bytes-- }, "digest": func(o *evidence.Object) { o.SHA256 = strings.Repeat("0", 64) },
	} {
		other := o
		change(&other)
		if _, err := read(other); !errors.Is(err, chunk.ErrAltered) {
			t.Errorf("another %s: %v", what, err)
		}
	}
}

// A COPY whose connection is lost returns while its sender still reads.
func TestReader_closedBeneath(t *testing.T) {
	t.Parallel()
	b, err := bucket.Open(t.Context(), "file://"+t.TempDir(), bucket.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w, err := chunk.Create(t.Context(), b, "exports/x/1.zst")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(bytes.Repeat([]byte("1\tline\n"), 1_000_000), 1_000_000); err != nil {
		t.Fatal(err)
	}
	o, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	r, err := chunk.Open(t.Context(), b, o)
	if err != nil {
		t.Fatal(err)
	}
	begun, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		_, err := r.Read(make([]byte, 1))
		close(begun)
		for err == nil {
			_, err = r.Read(make([]byte, 1)) // far from the end
		}
		ended <- err
	}()
	<-begun
	for range 2 {
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-ended; !errors.Is(err, fs.ErrClosed) {
		t.Errorf("%v", err)
	}
}

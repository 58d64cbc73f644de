// Package chunk writes and reads the parts of an export: lines of COPY's text format, compressed by zstd, with a digest.
package chunk

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
	"github.com/feel-august/terraform-provider-august/internal/bucket"
)

// window bounds what either side remembers: it is most of the memory that a chunk takes. Twice as much makes parts smaller by a
// hundredth.
const window = 512 << 10

// MaxLine bounds a row, which is in memory as a whole, on either side.
const MaxLine = 64 << 20

// ErrAltered is a part that is not what the manifest says.
var ErrAltered = errors.New("the object is not the one that the manifest names")

// Writer writes a part. It is there once it was closed without an error.
type Writer struct {
	object evidence.Object
	to     io.WriteCloser
	digest hash.Hash
	zip    *zstd.Encoder
}

// Create begins a part. One of the name that is there already is an error.
func Create(ctx context.Context, b bucket.Bucket, name string) (*Writer, error) {
	to, err := b.Write(ctx, name)
	if err != nil {
		return nil, err
	}
	w := &Writer{object: evidence.Object{Name: name}, to: to, digest: sha256.New()}
	w.zip, err = zstd.NewWriter(io.MultiWriter(counter{&w.object.Size}, w.digest, to),
		zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(window)) // with less memory a fifth slower: the window is moved for each block
	if err != nil {
		bucket.Abandon(to)
		return nil, err
	}
	return w, nil
}

// Write writes whole lines, of so many rows.
func (w *Writer) Write(lines []byte, rows int) error {
	w.object.Rows += int64(rows)
	w.object.Bytes += int64(len(lines))
	_, err := w.zip.Write(lines)
	return err
}

// Close makes the part.
func (w *Writer) Close() (evidence.Object, error) {
	if err := w.zip.Close(); err != nil {
		bucket.Abandon(w.to)
		return w.object, err
	}
	w.object.SHA256 = hex.EncodeToString(w.digest.Sum(nil))
	return w.object, w.to.Close()
}

// Abandon ends the part without making it.
func (w *Writer) Abandon() {
	w.zip.Reset(io.Discard)
	bucket.Abandon(w.to)
}

type counter struct{ n *int64 }

func (c counter) Write(p []byte) (int, error) {
	*c.n += int64(len(p))
	return len(p), nil
}

// Open reads a part's lines. Before the end it is found out whether they are what the manifest says: ErrAltered.
func Open(ctx context.Context, b bucket.Bucket, o evidence.Object) (io.ReadCloser, error) {
	from, err := b.Open(ctx, o.Name)
	if err != nil {
		return nil, err
	}
	r := &reader{object: o, from: from, digest: sha256.New()}
	zip, err := zstd.NewReader(io.TeeReader(from, io.MultiWriter(counter{&r.size}, r.digest)),
		zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(8*window))
	if err != nil {
		return nil, errors.Join(err, from.Close())
	}
	r.zip = zip
	return r, nil
}

type reader struct {
	object      evidence.Object
	from        io.ReadCloser
	digest      hash.Hash
	size, bytes int64

	// Whoever copies may go on reading for a moment after it was told to end: a COPY whose connection is lost returns while its sender
	// is still at it.
	mu  sync.Mutex
	zip *zstd.Decoder // nil once closed
}

func (r *reader) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.zip == nil {
		return 0, fs.ErrClosed
	}
	n, err := r.zip.Read(p)
	r.bytes += int64(n)
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		if r.size != r.object.Size || r.bytes != r.object.Bytes || hex.EncodeToString(r.digest.Sum(nil)) != r.object.SHA256 {
			return n, fmt.Errorf("%s: %w", r.object.Name, ErrAltered)
		}
	case !errors.Is(err, context.Canceled):
		err = fmt.Errorf("%s: %w", r.object.Name, err)
	}
	return n, err
}

func (r *reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.zip == nil {
		return nil
	}
	r.zip.Close()
	r.zip = nil
	return r.from.Close()
}

package export_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/chunk"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/export"
	"github.com/feel-august/terraform-provider-august/internal/bucket"
)

// odd is a bucket that behaves otherwise as to manifests.
type odd struct {
	bucket.Bucket
	open  func() error // before one is opened
	close func() error // after one was written
}

func (o odd) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	if strings.HasPrefix(name, evidence.ManifestFolder) {
		if err := o.open(); err != nil {
			return nil, err
		}
	}
	return o.Bucket.Open(ctx, name)
}

func (o odd) Write(ctx context.Context, name string) (io.WriteCloser, error) {
	w, err := o.Bucket.Write(ctx, name)
	if err == nil && strings.HasPrefix(name, evidence.ManifestFolder) {
		w = late{w, o.close}
	}
	return w, err
}

type late struct {
	io.WriteCloser
	after func() error
}

func (l late) Close() error { return errors.Join(l.WriteCloser.Close(), l.after()) }

// A run that waits for the name's lock, or for its connection, while another publishes does not take that one's parts for a dead one's.
func TestRun_publishedMeanwhile(t *testing.T) {
	r := newRig(t)
	other, once := r.Config, false
	r.Bucket = odd{r.bucket, func() error {
		if !once {
			once = true
			_, err := export.Run(t.Context(), other) // whoever of the two it is
			if err == nil {
				return &os.PathError{Op: "open", Path: "manifest", Err: os.ErrNotExist} // the answer is as of before
			}
		}
		return nil
	}, func() error { return nil }}
	_, _ = export.Run(t.Context(), r.Config)
	signed, err := os.ReadFile(filepath.Join(r.folder, evidence.ManifestName(r.Export)))
	if err != nil {
		t.Fatal(err)
	}
	m, err := evidence.Open(signed, r.public)
	if err != nil {
		t.Fatal(err)
	}
	r.copied(m, nil)
}

// Without the snapshot's holder nobody has kept the tables, or the name, from others: what was read and scanned before it was missed is
// not published.
func TestRun_lostAtLast(t *testing.T) {
	r := newRig(t)
	var once sync.Once
	r.Bucket = reading{r.bucket, func() { once.Do(func() { r.kill(r.conn, "at = 1") }) }}
	if err := r.fails("run the export again"); !errors.Is(err, export.ErrHolder) {
		t.Errorf("%v", err)
	}
}

// reading is a bucket whose parts are read back after something else.
type reading struct {
	bucket.Bucket
	before func()
}

func (r reading) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	if strings.HasPrefix(name, "exports/") {
		r.before()
	}
	return r.Bucket.Open(ctx, name)
}

// The answer to the manifest's writing may get lost. The parts go only when it is known that there is no manifest.
func TestRun_answerLost(t *testing.T) {
	r := newRig(t)
	lost := func() error { return errors.New("the answer is lost") }
	r.Bucket = odd{r.bucket, func() error { return nil }, lost}
	r.copied(r.run(), nil)

	r.Export = "20261126-090000"
	var after atomic.Bool
	r.Bucket = odd{r.bucket, func() error {
		if after.Load() {
			return errors.New("nor does it say anything else")
		}
		return nil
	}, func() error { after.Store(true); return lost() }}
	if _, err := export.Run(t.Context(), r.Config); err == nil || !strings.Contains(err.Error(), "whether the export was published is not known") {
		t.Errorf("%v", err)
	}
	after.Store(false)
	signed, err := os.ReadFile(filepath.Join(r.folder, evidence.ManifestName(r.Export)))
	if err != nil {
		t.Fatal(err)
	}
	m, err := evidence.Open(signed, r.public)
	if err != nil {
		t.Fatal(err)
	}
	r.copied(m, nil)
}

// What killed runs of other names have left was never scanned, and does not stay.
func TestRun_sweeps(t *testing.T) {
	r := newRig(t)
	put := func(name string) {
		t.Helper()
		path := filepath.Join(r.folder, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o750), os.WriteFile(path, []byte("x"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	old, young := fmt.Sprintf("%08xabcdabcd", time.Now().Add(-25*time.Hour).Unix()), fmt.Sprintf("%08xabcdabcd", time.Now().Add(-23*time.Hour).Unix())
	put("exports/killed/" + old + "-000001.zst")
	put("exports/killed/" + old + "-000002.zst")
	stay := []string{"exports/young/" + old + "-000001.zst", "exports/young/" + young + "-000002.zst", "exports/published/" + old + "-000001.zst", "manifests/published.json",
		"exports/busy/" + old + "-000001.zst", "exports/other/readme-1.txt"}
	for _, name := range stay {
		put(name)
	}
	lock := fnv.New64a()
	_, _ = lock.Write([]byte("august export busy"))
	r.exec(fmt.Sprintf("select pg_advisory_lock(%d)", int64(lock.Sum64())))
	r.run()
	all := r.objects()
	for _, name := range stay {
		if !slices.Contains(all, name) {
			t.Errorf("%s is gone", name)
		}
	}
	for _, name := range all {
		if strings.HasPrefix(name, "exports/killed/") {
			t.Errorf("%s is there", name)
		}
	}
}

// What no import would take is not exported.
func TestRun_longRow(t *testing.T) {
	r := newRig(t)
	r.exec(fmt.Sprintf(`update clinic.visits set note = repeat(e'\\', %d) where id = 'v1'`, chunk.MaxLine/2+1))
	_ = r.fails("clinic.visits: a row of the result is longer than 64 MB")
}

// Parts that have failed are removed however long that takes, unless the run is stopped.
func TestRun_removesAtLeisure(t *testing.T) {
	r := newRig(t)
	removed, hurried := atomic.Int64{}, atomic.Bool{}
	r.Bucket = deleting{r.bucket, func(ctx context.Context) {
		removed.Add(1)
		if _, limited := ctx.Deadline(); limited {
			hurried.Store(true)
		}
	}}
	_ = r.fails("not again")
	if removed.Load() < 10 || hurried.Load() {
		t.Errorf("removed %d, in a hurry: %t", removed.Load(), hurried.Load())
	}
}

// deleting is a bucket that tells of what is removed, and whose parts cannot be read back.
type deleting struct {
	bucket.Bucket
	before func(context.Context)
}

func (d deleting) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	if strings.HasPrefix(name, "exports/") {
		return nil, errors.New("not again")
	}
	return d.Bucket.Open(ctx, name)
}

func (d deleting) Delete(ctx context.Context, name string) error {
	d.before(ctx)
	return d.Bucket.Delete(ctx, name)
}

package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strconv"

	"github.com/googleapis/gax-go/v2"
)

func (b *storageBucket) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	d := &download{ctx: ctx, bucket: b, name: path.Join(b.prefix, name), pause: pauses()}
	err := insist(ctx, d.open)
	if says(err, http.StatusNotFound) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// download reads one version of an object, and goes on where a line was cut.
type download struct {
	ctx    context.Context // of the call that began it, as a request has one
	bucket *storageBucket
	name   string

	body       io.ReadCloser
	generation int64
	at         int64
	failing    stubborn
	pause      *gax.Backoff
}

// open asks for what is left.
func (d *download) open() error {
	call := d.bucket.objects.Get(d.bucket.bucket, d.name).Context(d.ctx)
	if d.generation != 0 {
		call.Generation(d.generation).Header().Set("Range", fmt.Sprintf("bytes=%d-", d.at))
	}
	answer, err := call.Download()
	if d.at > 0 && says(err, http.StatusRequestedRangeNotSatisfiable) { // the line was cut behind the last byte
		d.body = http.NoBody
		return nil
	}
	if err != nil {
		return err
	}
	if d.generation != 0 && answer.StatusCode != http.StatusPartialContent {
		_ = answer.Body.Close()
		return errors.New("the bucket does not give a part of an object")
	}
	d.body = answer.Body
	d.generation, _ = strconv.ParseInt(answer.Header.Get("X-Goog-Generation"), 10, 64) // who does not say it is not asked again
	return nil
}

func (d *download) Read(p []byte) (int, error) {
	for {
		n, err := d.body.Read(p)
		d.at += int64(n)
		if errors.Is(err, io.EOF) {
			return n, err
		}
		if n > 0 || err == nil {
			d.failing, d.pause = stubborn{}, pauses()
			return n, nil // what failed after these bytes fails again
		}
		if d.generation == 0 {
			return 0, err
		}
		if err := d.resume(cutOff{err}); err != nil {
			return 0, err
		}
	}
}

// resume opens what is left after a failure, unless that is for good.
func (d *download) resume(failure error) error {
	for d.failing.again(failure) && gax.Sleep(d.ctx, d.pause.Pause()) == nil {
		_ = d.body.Close()
		if failure = d.open(); failure == nil {
			return nil
		}
	}
	return failure
}

func (d *download) Close() error { return d.body.Close() }

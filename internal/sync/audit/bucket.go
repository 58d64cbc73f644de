package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Bucket is where heads and exports go. Names are relative to its prefix and hold no "..".
type Bucket interface {
	// Create writes an object unless there is one of the name, which stays as it is.
	Create(ctx context.Context, name string, body []byte) error

	// Write opens a new object; it is there once it was closed without an error. One that is there already is an error.
	Write(ctx context.Context, name string) (io.WriteCloser, error)

	Open(ctx context.Context, name string) (io.ReadCloser, error)

	// List gives the names within a folder, in order, from one on.
	List(ctx context.Context, folder, from string) iter.Seq2[string, error]
}

// CheckBucketURL tells whether OpenBucket would take a URL, without opening anything.
func CheckBucketURL(address string) error {
	_, err := parseBucket(address)
	return err
}

var errBucketURL = errors.New("must be gs://bucket/prefix or file:///folder")

func parseBucket(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Opaque != "" || slices.Contains(strings.Split(u.Path, "/"), "..") {
		return nil, errBucketURL
	}
	switch {
	case u.Scheme == "gs" && u.Host != "":
	case u.Scheme == "file" && u.Host == "" && strings.HasPrefix(u.Path, "/") && u.Path != "/":
	default:
		return nil, errBucketURL
	}
	return u, nil
}

// OpenBucket opens gs://bucket/prefix, with the credentials that the rest of the runtime has, or file:///folder.
func OpenBucket(ctx context.Context, address string) (Bucket, error) {
	u, err := parseBucket(address)
	if err != nil {
		return nil, fmt.Errorf("the address of the bucket %w", err)
	}
	if u.Scheme == "gs" {
		return openStorage(ctx, u.Host, strings.Trim(u.Path, "/"))
	}
	return folder(filepath.Clean(u.Path)), nil
}

// folder is a bucket on a disk.
type folder string

func (f folder) path(name string) string { return filepath.Join(string(f), filepath.FromSlash(name)) }

func (f folder) Create(ctx context.Context, name string, body []byte) error {
	w, err := f.Write(ctx, name)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = w.Write(body)
	if err := errors.Join(err, w.Close()); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func (f folder) Write(_ context.Context, name string) (io.WriteCloser, error) {
	path := f.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, err
	}
	if _, err := os.Lstat(path); err == nil {
		return nil, &fs.PathError{Op: "write", Path: path, Err: fs.ErrExist}
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".august-*")
	if err != nil {
		return nil, err
	}
	return &newFile{file, path}, nil
}

// newFile becomes the file of its name when it is closed: a half of one is never seen.
type newFile struct {
	*os.File
	path string
}

func (n *newFile) Close() error {
	defer func() { _ = os.Remove(n.Name()) }()
	if err := errors.Join(n.Sync(), n.File.Close()); err != nil {
		return err
	}
	return os.Link(n.Name(), n.path) // a rename would write over
}

func (n *newFile) abandon() error {
	return errors.Join(n.File.Close(), os.Remove(n.Name()))
}

func (f folder) Open(_ context.Context, name string) (io.ReadCloser, error) {
	return os.Open(f.path(name))
}

func (f folder) List(_ context.Context, in, from string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		files, err := os.ReadDir(f.path(in))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			yield("", err)
			return
		}
		for _, file := range files {
			if name := file.Name(); !strings.HasPrefix(name, ".") && name >= from && !yield(name, nil) {
				return
			}
		}
	}
}

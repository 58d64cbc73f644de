// Package bucket reaches the objects of a Cloud Storage bucket, or of a folder in its place.
package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Bucket holds objects. Names are relative to its prefix and hold no "..".
type Bucket interface {
	// Create writes an object unless there is one of the name, which stays as it is.
	Create(ctx context.Context, name string, body []byte) error

	// Write opens a new object; it is there once it was closed without an error. One that is there already is an error.
	Write(ctx context.Context, name string) (io.WriteCloser, error)

	// Open reads an object; fs.ErrNotExist when there is none.
	Open(ctx context.Context, name string) (io.ReadCloser, error)

	// Delete removes an object, and is content when there is none.
	Delete(ctx context.Context, name string) error

	// List gives the names directly within a folder, in order, from one on. Those of folders end in a slash; "" is the
	// folder of all.
	List(ctx context.Context, folder, from string) iter.Seq2[string, error]
}

// CheckURL tells whether Open would take a URL, without opening anything.
func CheckURL(address string) error {
	_, err := parse(address)
	return err
}

var errURL = errors.New("must be gs://bucket/prefix or file:///folder")

func parse(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Opaque != "" || slices.Contains(strings.Split(u.Path, "/"), "..") {
		return nil, errURL
	}
	switch {
	case u.Scheme == "gs" && u.Host != "":
	case u.Scheme == "file" && u.Host == "" && strings.HasPrefix(u.Path, "/") && u.Path != "/":
	default:
		return nil, errURL
	}
	return u, nil
}

// Options say how Cloud Storage is reached; the zero value is as Google's own clients would.
type Options struct {
	Endpoint string       // https://host or, without credentials, http://host:port; empty: STORAGE_EMULATOR_HOST, else Google's
	Client   *http.Client // makes the calls, with what credentials it has; nil: one with the default credentials
}

// Open opens gs://bucket/prefix or file:///folder. Nothing is dialled before the first call.
func Open(ctx context.Context, address string, o Options) (Bucket, error) {
	u, err := parse(address)
	if err != nil {
		return nil, fmt.Errorf("the address of the bucket %w", err)
	}
	if u.Scheme == "gs" {
		return openStorage(ctx, u.Host, strings.Trim(u.Path, "/"), o)
	}
	return folder(filepath.Clean(u.Path)), nil
}

// Abandon ends an object that Write has opened, without making it.
func Abandon(w io.WriteCloser) {
	if a, ok := w.(interface{ abandon() error }); ok {
		_ = a.abandon() // the reason to abandon it is told instead
	}
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
	if _, err := os.Lstat(path); err == nil {
		return nil, &fs.PathError{Op: "write", Path: path, Err: fs.ErrExist}
	}
	for {
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			return nil, err
		}
		file, err := os.CreateTemp(filepath.Dir(path), ".august-*")
		if err == nil {
			return &newFile{file, path, f}, nil
		}
		if !errors.Is(err, fs.ErrNotExist) { // it was empty, and somebody has pruned it
			return nil, err
		}
	}
}

// newFile becomes the file of its name when it is closed: a half of one is never seen.
type newFile struct {
	*os.File
	path string
	in   folder
}

func (n *newFile) Close() error {
	defer func() { _ = os.Remove(n.Name()) }()
	if err := errors.Join(n.Sync(), n.File.Close()); err != nil {
		return err
	}
	if err := os.Link(n.Name(), n.path); err != nil { // a rename would write over
		return err
	}
	dir, err := os.Open(filepath.Dir(n.path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func (n *newFile) abandon() error {
	err := errors.Join(n.File.Close(), os.Remove(n.Name()))
	n.in.prune(filepath.Dir(n.path))
	return err
}

func (f folder) Open(_ context.Context, name string) (io.ReadCloser, error) {
	return os.Open(f.path(name))
}

func (f folder) Delete(_ context.Context, name string) error {
	path := f.path(name)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f.prune(filepath.Dir(path))
	return nil
}

// prune takes away folders that nothing is in: those of a bucket are no more than the beginnings of names.
func (f folder) prune(dir string) {
	for strings.HasPrefix(dir, string(f)+string(filepath.Separator)) && os.Remove(dir) == nil {
		dir = filepath.Dir(dir)
	}
}

func (f folder) List(_ context.Context, in, from string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		files, err := os.ReadDir(f.path(in))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			yield("", err)
			return
		}
		var names []string
		for _, file := range files {
			name := file.Name()
			if file.IsDir() {
				name += "/"
			}
			if !strings.HasPrefix(name, ".") && name >= from {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		for _, name := range names {
			if !yield(name, nil) {
				return
			}
		}
	}
}

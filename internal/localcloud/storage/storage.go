// Package storage is Cloud Storage's JSON API (v1) over files.
//
// An object is its content, a file that is written once, and its entry in a small document of all that is known of one
// name. Both are on disk before an upload is answered, and the document is what makes the object: a kill leaves whole
// objects, or none. Of what the API can ask for, buckets, objects, their versions, holds and retention are played, and what
// is not is refused, except for settings that only say what Google does with a bucket later or elsewhere: lifecycle, soft
// deletion, placement, CORS, logging and the like are kept without effect. So are policies, as those of all faces are.
package storage

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"cloud.google.com/go/iam/apiv1/iampb"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/face"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// Options is what the face needs.
type Options struct {
	Dir string // holds the state; made when absent
}

// Face is the local Cloud Storage.
type Face struct {
	dir string

	mu       sync.RWMutex
	buckets  map[string]*bucket
	sessions map[string]*session // by their id
	last     int64               // generation: none is used twice
}

var _ face.Face = (*Face)(nil)

// New opens the face's state, or begins an empty one.
func New(opts Options) (*Face, error) {
	f := &Face{dir: opts.Dir, buckets: map[string]*bucket{}, sessions: map[string]*session{}}
	for _, dir := range []string{f.bucketsDir(), f.uploadsDir()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	if err := f.load(); err != nil {
		return nil, fmt.Errorf("storage: %w", err)
	}
	return f, nil
}

// Name is the face's folder and its name in the status report.
func (f *Face) Name() string { return "storage" }

// Start has nothing to bring back.
func (f *Face) Start(context.Context) error { return nil }

// Close has nothing to stop: every change was on disk before it was answered.
func (f *Face) Close(context.Context) error { return nil }

// Report has a line for each bucket.
func (f *Face) Report() []face.Line {
	f.mu.RLock()
	defer f.mu.RUnlock()
	var lines []face.Line
	for _, name := range sorted(f.buckets) {
		b := f.buckets[name]
		var count int
		var size int64
		for _, versions := range b.objects {
			if o := live(versions); o != nil {
				count++
				size += o.Size
			}
		}
		detail := fmt.Sprintf("%d objects, %d bytes", count, size)
		if r := b.meta.RetentionPolicy; r != nil {
			detail += ", kept for " + (time.Duration(r.RetentionPeriod) * time.Second).String()
			if r.IsLocked {
				detail += ", locked"
			}
		}
		lines = append(lines, face.Line{Kind: "Bucket", Name: b.Project + "/" + name, State: "ACTIVE", Detail: detail})
	}
	slices.SortFunc(lines, func(a, b face.Line) int { return strings.Compare(a.Name, b.Name) })
	return lines
}

// document is what is declared, as it lies on disk; objects have documents of their own.
type document struct {
	Buckets []bucketDocument `json:"buckets"`
}

type bucketDocument struct {
	Project string          `json:"project"`
	Meta    *bucketMeta     `json:"meta"`
	Policy  json.RawMessage `json:"policy,omitempty"`
}

func (f *Face) statePath() string  { return filepath.Join(f.dir, "state.json") }
func (f *Face) bucketsDir() string { return filepath.Join(f.dir, "buckets") }
func (f *Face) uploadsDir() string { return filepath.Join(f.dir, "uploads") }

func (f *Face) load() error {
	var doc document
	if err := gapi.Load(f.statePath(), &doc); err != nil {
		return err
	}
	for _, d := range doc.Buckets {
		b := &bucket{Project: d.Project, meta: d.Meta, policy: &iampb.Policy{}, dir: filepath.Join(f.bucketsDir(), d.Meta.Name), objects: map[string][]*object{}}
		if err := protojson.Unmarshal(d.Policy, b.policy); err != nil {
			return fmt.Errorf("%s is damaged: %w", f.statePath(), err)
		}
		newest, err := b.load()
		if err != nil {
			return err
		}
		f.buckets[d.Meta.Name] = b
		f.last = max(f.last, newest)
	}
	// A bucket is made by the document and unmade by it: folders without are what a kill has left.
	dirs, err := os.ReadDir(f.bucketsDir())
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		if f.buckets[dir.Name()] == nil {
			if err := os.RemoveAll(filepath.Join(f.bucketsDir(), dir.Name())); err != nil {
				return err
			}
		}
	}
	return f.loadSessions()
}

// save writes what is declared; there are a handful of buckets.
func (f *Face) save() error {
	doc := document{}
	for _, name := range sorted(f.buckets) {
		b := f.buckets[name]
		doc.Buckets = append(doc.Buckets, bucketDocument{Project: b.Project, Meta: b.meta, Policy: gapi.RawProto(b.policy)})
	}
	return saveDurably(f.statePath(), doc)
}

func sorted[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (f *Face) bucket(name string) (*bucket, error) {
	if b, ok := f.buckets[name]; ok {
		return b, nil
	}
	return nil, gapi.NotFound("The specified bucket does not exist.")
}

// nextGeneration numbers a version by the microsecond, as Google does.
func (f *Face) nextGeneration() int64 {
	f.last = max(f.last+1, time.Now().UnixMicro())
	return f.last
}

// clock is the time as Cloud Storage tells it.
func clock() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

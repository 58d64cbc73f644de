package storage

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"cloud.google.com/go/iam/apiv1/iampb"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// bucket is a bucket and all that is in it.
type bucket struct {
	Project string
	meta    *bucketMeta // never changed, but replaced: answers are written without the lock
	policy  *iampb.Policy
	dir     string

	objects map[string][]*object // versions by name, oldest first
	names   []string             // in order
}

// entry is what is known of one name, as it lies on disk.
type entry struct {
	Name     string    `json:"name"`
	Versions []*object `json:"versions"`
}

func (b *bucket) entryPath(name string) string {
	sum := sha256.Sum256([]byte(name)) // names are longer than those of files may be, and hold anything
	return filepath.Join(b.dir, "names", hex.EncodeToString(sum[:])+".json")
}

func (b *bucket) makeDirs() error {
	for _, dir := range []string{"names", "data"} {
		if err := os.MkdirAll(filepath.Join(b.dir, dir), 0o700); err != nil {
			return err
		}
	}
	if err := gapi.SyncDir(b.dir); err != nil {
		return err
	}
	return gapi.SyncDir(filepath.Dir(b.dir))
}

// load reads the objects, and removes content that no object has.
func (b *bucket) load() (newest int64, err error) {
	if err := b.makeDirs(); err != nil {
		return 0, err
	}
	files, err := os.ReadDir(filepath.Join(b.dir, "names"))
	if err != nil {
		return 0, err
	}
	used := map[string]bool{}
	for _, file := range files {
		if !strings.HasSuffix(file.Name(), ".json") || strings.HasPrefix(file.Name(), ".") {
			continue // half written, by a kill
		}
		var e entry
		if err := gapi.Load(filepath.Join(b.dir, "names", file.Name()), &e); err != nil {
			return 0, err
		}
		for _, o := range e.Versions {
			used[strconv.FormatInt(o.Generation, 10)] = true
			newest = max(newest, o.Generation)
		}
		b.set(e.Name, e.Versions)
	}
	contents, err := os.ReadDir(filepath.Join(b.dir, "data"))
	if err != nil {
		return 0, err
	}
	for _, file := range contents {
		if !used[file.Name()] {
			if err := os.Remove(filepath.Join(b.dir, "data", file.Name())); err != nil {
				return 0, err
			}
		}
	}
	return newest, nil
}

// set changes what is known of a name.
func (b *bucket) set(name string, versions []*object) {
	_, had := b.objects[name]
	i, _ := slices.BinarySearch(b.names, name)
	switch {
	case len(versions) == 0 && had:
		delete(b.objects, name)
		b.names = slices.Delete(b.names, i, i+1)
	case len(versions) > 0:
		b.objects[name] = versions
		if !had {
			b.names = slices.Insert(b.names, i, name)
		}
	}
}

// put changes what is known of a name on disk and then here, and removes the content of versions that are no more.
func (b *bucket) put(name string, versions []*object) error {
	path := b.entryPath(name)
	if len(versions) > 0 {
		if err := saveDurably(path, entry{name, versions}); err != nil {
			return err
		}
	} else {
		if err := os.Remove(path); err != nil { //nolint:gosec // the name's hash
			return err
		}
		if err := gapi.SyncDir(filepath.Dir(path)); err != nil {
			return err
		}
	}
	for _, old := range b.objects[name] {
		if !slices.ContainsFunc(versions, func(o *object) bool { return o.Generation == old.Generation }) {
			_ = os.Remove(generationFile(b.dir, old.Generation)) // else the next start does
		}
	}
	b.set(name, versions)
	return nil
}

func (f *Face) insertBucket(r *http.Request) (any, error) {
	project := r.URL.Query().Get("project")
	if project == "" {
		return nil, gapi.Errorf(http.StatusBadRequest, "INVALID_ARGUMENT", "required", "Required parameter: project")
	}
	m := &bucketMeta{}
	if err := gapi.ReadJSON(r, m); err != nil {
		return nil, err
	}
	if !validBucket(m.Name) {
		return nil, gapi.Invalid("Invalid bucket name: '%s'", m.Name)
	}
	if flag(r.URL.Query(), "enableObjectRetention") {
		return nil, errRetention
	}
	if err := refuseACL(r.URL.Query()); err != nil {
		return nil, err
	}
	now := clock()
	if err := m.settle(nil, now); err != nil {
		return nil, err
	}
	m.TimeCreated, m.Updated, m.Metageneration = now, now, 1

	f.mu.Lock()
	defer f.mu.Unlock()
	if b, there := f.buckets[m.Name]; there {
		if b.Project == project {
			return nil, conflict("Your previous request to create the named bucket succeeded and you already own it.")
		}
		return nil, conflict("The requested bucket name is not available. The bucket namespace is shared by all users of the system. " +
			"Please select a different name and try again.")
	}
	m.Generation = f.nextGeneration()
	b := &bucket{Project: project, meta: m, policy: firstPolicy(project), dir: filepath.Join(f.bucketsDir(), m.Name), objects: map[string][]*object{}}
	if err := b.makeDirs(); err != nil {
		return nil, err
	}
	f.buckets[m.Name] = b
	if err := f.save(); err != nil {
		delete(f.buckets, m.Name)
		return nil, err
	}
	return b.answer(r), nil
}

func conflict(message string) error {
	return gapi.Errorf(http.StatusConflict, "ALREADY_EXISTS", "conflict", "%s", message)
}

func (f *Face) getBucket(r *http.Request) (any, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	b, err := f.bucket(r.PathValue("bucket"))
	if err != nil {
		return nil, err
	}
	if err := metageneration(r).check(0, b.meta.Metageneration); err != nil {
		return nil, err
	}
	return b.answer(r), nil
}

// getLayout tells clients that there are no folders but in names.
func (f *Face) getLayout(r *http.Request) (any, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	b, err := f.bucket(r.PathValue("bucket"))
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"kind": "storage#storageLayout", "bucket": b.meta.Name, "location": b.meta.Location, "locationType": b.meta.locationType(),
		"hierarchicalNamespace": map[string]any{"enabled": false},
	}, nil
}

// listFolders tells them that nobody manages one.
func (f *Face) listFolders(r *http.Request) (any, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	_, err := f.bucket(r.PathValue("bucket"))
	return map[string]any{"kind": "storage#managedFolders"}, err
}

func (f *Face) listBuckets(r *http.Request) (any, error) {
	q := r.URL.Query()
	if q.Get("project") == "" {
		return nil, gapi.Errorf(http.StatusBadRequest, "INVALID_ARGUMENT", "required", "Required parameter: project")
	}
	size, err := maxResults(r)
	if err != nil {
		return nil, err
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	var all []any
	for _, name := range sorted(f.buckets) {
		if b := f.buckets[name]; b.Project == q.Get("project") && strings.HasPrefix(name, q.Get("prefix")) && !flag(q, "softDeleted") {
			all = append(all, b.answer(r))
		}
	}
	cut, next, err := gapi.Page(all, size, q.Get("pageToken"))
	if err != nil {
		return nil, err
	}
	answer := map[string]any{"kind": "storage#buckets", "items": cut}
	if next != "" {
		answer["nextPageToken"] = next
	}
	return answer, nil
}

// patchBucket changes what is named, updateBucket everything.
func (f *Face) patchBucket(r *http.Request) (any, error)  { return f.changeBucket(r, true) }
func (f *Face) updateBucket(r *http.Request) (any, error) { return f.changeBucket(r, false) }

func (f *Face) changeBucket(r *http.Request, merge bool) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, err := f.bucket(r.PathValue("bucket"))
	if err != nil {
		return nil, err
	}
	if err := metageneration(r).check(0, b.meta.Metageneration); err != nil {
		return nil, err
	}
	want := &bucketMeta{}
	if err := readChange(r, b.meta, want, merge); err != nil {
		return nil, err
	}
	now := clock()
	want.fixed(b.meta)
	if err := want.settle(b.meta, now); err != nil {
		return nil, err
	}
	if err := f.replace(b, want, now); err != nil {
		return nil, err
	}
	return b.answer(r), nil
}

// replace puts other metadata in a bucket's place.
func (f *Face) replace(b *bucket, want *bucketMeta, now time.Time) error {
	before := b.meta
	want.Metageneration, want.Updated = before.Metageneration+1, now
	b.meta = want
	if err := f.save(); err != nil {
		b.meta = before
		return err
	}
	return nil
}

func (f *Face) removeBucket(r *http.Request) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	name := r.PathValue("bucket")
	b, err := f.bucket(name)
	if err != nil {
		return nil, err
	}
	if err := metageneration(r).check(0, b.meta.Metageneration); err != nil {
		return nil, err
	}
	if len(b.names) > 0 {
		return nil, conflict("The bucket you tried to delete is not empty.")
	}
	delete(f.buckets, name)
	if err := f.save(); err != nil {
		f.buckets[name] = b
		return nil, err
	}
	return nil, os.RemoveAll(b.dir)
}

func (f *Face) lockRetention(r *http.Request) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	name := r.PathValue("bucket")
	b, err := f.bucket(name)
	if err != nil {
		return nil, err
	}
	if r.URL.Query().Get("ifMetagenerationMatch") == "" {
		return nil, gapi.Errorf(http.StatusBadRequest, "INVALID_ARGUMENT", "required", "Required parameter: ifMetagenerationMatch")
	}
	if err := metageneration(r).check(0, b.meta.Metageneration); err != nil {
		return nil, err
	}
	if p := b.meta.RetentionPolicy; p == nil || p.IsLocked {
		return nil, gapi.Invalid("Bucket '%s' does not have an unlocked retention policy.", name)
	}
	want := *b.meta
	policy := *want.RetentionPolicy
	policy.IsLocked = true
	want.RetentionPolicy = &policy
	if err := f.replace(b, &want, clock()); err != nil {
		return nil, err
	}
	return b.answer(r), nil
}

// answered is a bucket as the API shows it.
type answered struct {
	Kind          string `json:"kind"`
	ID            string `json:"id"`
	SelfLink      string `json:"selfLink"`
	ProjectNumber string `json:"projectNumber"`
	LocationType  string `json:"locationType"`
	Etag          string `json:"etag"`
	*bucketMeta
}

func (b *bucket) answer(r *http.Request) any {
	return answered{
		Kind: "storage#bucket", ID: b.meta.Name, SelfLink: link(r, "/storage/v1/b/"+b.meta.Name),
		ProjectNumber: gapi.ProjectNumber(b.Project), LocationType: b.meta.locationType(),
		Etag:       etag(b.meta.Metageneration),
		bucketMeta: b.meta,
	}
}

// link is an address of this API, at the host that the request came to.
func link(r *http.Request, path string) string { return fmt.Sprintf("http://%s%s", r.Host, path) }

// etag is of the form of Google's: a message of these numbers.
func etag(numbers ...int64) string {
	var b []byte
	for i, n := range numbers {
		b = binary.AppendUvarint(append(b, byte(i+1)<<3), uint64(n)) //nolint:gosec // positive
	}
	return base64.StdEncoding.EncodeToString(b)
}

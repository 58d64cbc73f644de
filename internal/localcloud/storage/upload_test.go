package storage

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/api/googleapi"
	"google.golang.org/api/storage/v1"
)

// insert uploads an object with Google's client, in pieces when it is larger than one.
func (r *rig) insert(o *storage.Object, body string) (*storage.Object, error) {
	return r.client.Objects.Insert("box", o).Media(strings.NewReader(body), googleapi.ChunkSize(256<<10)).Do()
}

func (r *rig) put(name, body string) *storage.Object {
	r.t.Helper()
	o, err := r.insert(&storage.Object{Name: name}, body)
	if err != nil {
		r.t.Fatal(err)
	}
	return o
}

// reply is an answer whose body was read.
type reply struct {
	Status     string
	StatusCode int
	Header     http.Header
}

// fetch reads an object's content; header may ask for a part.
func (r *rig) fetch(name string, header http.Header) (reply, string) {
	r.t.Helper()
	call := r.client.Objects.Get("box", name)
	for key := range header {
		call.Header().Set(key, header.Get(key))
	}
	answer, err := call.Download()
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return reply{answer.Status, answer.StatusCode, answer.Header}, string(body)
}

// send is a request as no client of Google's would make it.
func (r *rig) send(method, address, body string, header ...string) (reply, string) {
	r.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = r.url + address
	}
	request, err := http.NewRequestWithContext(r.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }} // 308 is none here
	answer, err := client.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	said, err := io.ReadAll(answer.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return reply{answer.Status, answer.StatusCode, answer.Header}, string(said)
}

const (
	helloMD5 = "XUFAKrxLKna5cZ2REBfFkg==" // of "hello"
	helloCRC = "mnG7TA=="
)

// An object's content, its sums and its settings are what was sent, in whichever way; a restart changes nothing.
func TestUploads(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.bucket(&storage.Bucket{Name: "box"})
	long := strings.Repeat("0123456789abcdef", 600<<10/16) // three pieces
	for name, body := range map[string]string{"empty": "", "dir/short": "hello", "long": long, "ümläut /?#%2F&+": "hello"} {
		o, err := r.insert(&storage.Object{Name: name, Metadata: map[string]string{"of": "test"}, ContentType: "text/x"}, body)
		if err != nil {
			t.Fatal(err)
		}
		if o.Size != uint64(len(body)) || o.Metageneration != 1 || o.ContentType != "text/x" || o.Bucket != "box" || o.Name != name || o.StorageClass != "STANDARD" {
			t.Errorf("made %+v", o)
		}
		if body == "hello" && (o.Md5Hash != helloMD5 || o.Crc32c != helloCRC) {
			t.Errorf("sums %s, %s", o.Md5Hash, o.Crc32c)
		}
		r.start()
		again, err := r.client.Objects.Get("box", name).Do()
		if err != nil || again.Etag != o.Etag || again.TimeCreated != o.TimeCreated || again.Metadata["of"] != "test" {
			t.Errorf("%+v, %v; it was %+v", again, err, o)
		}
		if answer, got := r.fetch(name, nil); got != body || answer.Header.Get("X-Goog-Hash") != "crc32c="+o.Crc32c || answer.Header.Get("Content-Type") != "text/x" {
			t.Errorf("%s has %d bytes, with %v", name, len(got), answer.Header)
		}
	}
	answer, _ := r.send("POST", "/upload/storage/v1/b/box/o?uploadType=media&name=simple", "hello", "Content-Type", "text/y", "X-Goog-Hash", "md5="+helloMD5+",crc32c="+helloCRC)
	if got, err := r.client.Objects.Get("box", "simple").Do(); err != nil || answer.StatusCode != http.StatusOK || got.ContentType != "text/y" || got.Size != 5 {
		t.Errorf("%+v, %v", got, err)
	}
}

// What does not fit its sums, or can't be an object, leaves nothing.
func TestBadUploads(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.bucket(&storage.Bucket{Name: "box"})
	for _, o := range []*storage.Object{
		{Name: "a", Md5Hash: "AAAAAAAAAAAAAAAAAAAAAA=="}, {Name: "a", Crc32c: "AAAAAA=="}, {Name: ".."}, {Name: "a\nb"}, {Name: strings.Repeat("x", 1025)},
		{Name: "a", StorageClass: "WARM"}, {Name: "a", KmsKeyName: "projects/p"}, {Name: "a", Acl: []*storage.ObjectAccessControl{{Entity: "allUsers"}}}, {Name: "a", Retention: &storage.ObjectRetention{Mode: "Locked"}},
	} {
		_, err := r.insert(o, "hello")
		r.refused(err, http.StatusBadRequest, "invalid")
		_, err = r.insert(o, strings.Repeat("hello", 100<<10)) // in pieces
		r.refused(err, http.StatusBadRequest, "invalid")
	}
	_, err := r.insert(&storage.Object{}, "hello")
	r.refused(err, http.StatusBadRequest, "required")
	_, err = r.client.Objects.Insert("c", &storage.Object{Name: "a"}).Media(strings.NewReader("hello")).Do()
	r.refused(err, http.StatusNotFound, "notFound")
	_, err = r.client.Objects.Insert("box", &storage.Object{Name: "a"}).PredefinedAcl("publicRead").Media(strings.NewReader("hello")).Do()
	r.refused(err, http.StatusBadRequest, "invalid")
	_, err = r.client.Objects.Insert("box", &storage.Object{Name: "a"}).Do()
	r.refused(err, http.StatusBadRequest, "wrongUrlForUpload")
	for _, header := range [][]string{
		{"X-Goog-Hash", "md5=AAAAAAAAAAAAAAAAAAAAAA=="}, {"X-Goog-Hash", "crc32c=AAAAAA=="}, {"X-Goog-Encryption-Key", "AAAA"},
	} {
		if answer, said := r.send("POST", "/upload/storage/v1/b/box/o?uploadType=media&name=a", "hello", header...); answer.StatusCode != http.StatusBadRequest {
			t.Errorf("%v: %s %s", header, answer.Status, said)
		}
	}
	if list, err := r.client.Objects.List("box").Do(); err != nil || len(list.Items) > 0 {
		t.Errorf("left %+v, %v", list, err)
	}
}

func TestRanges(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.bucket(&storage.Bucket{Name: "box"})
	r.put("digits", "0123456789")
	for header, want := range map[string]string{
		"": "0123456789", "bytes=0-0": "0", "bytes=3-": "3456789", "bytes=2-4": "234", "bytes=8-100": "89", "bytes=-3": "789", "bytes=-30": "0123456789",
		"bytes=4-2": "0123456789", "lines=1-2": "0123456789", "bytes=x": "0123456789",
	} {
		answer, got := r.fetch("digits", http.Header{"Range": {header}})
		status := http.StatusOK
		if strings.HasPrefix(header, "bytes=") && header != "bytes=4-2" && header != "bytes=x" {
			status = http.StatusPartialContent
		}
		if got != want || answer.StatusCode != status {
			t.Errorf("%q gives %s %q, want %q", header, answer.Status, got, want)
		}
	}
	if answer, _ := r.send("GET", "/storage/v1/b/box/o/digits?alt=media", "", "Range", "bytes=10-"); answer.StatusCode != http.StatusRequestedRangeNotSatisfiable ||
		answer.Header.Get("Content-Range") != "bytes */10" {
		t.Errorf("beyond the end: %+v", answer)
	}
}

// Who can't read what is stored compressed gets it plain.
func TestCompressed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.bucket(&storage.Bucket{Name: "box"})
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, _ = io.WriteString(w, "hello")
	_ = w.Close()
	if _, err := r.insert(&storage.Object{Name: "a", ContentEncoding: "gzip"}, zipped.String()); err != nil {
		t.Fatal(err)
	}
	for accept, want := range map[string]string{"gzip": zipped.String(), "identity": "hello"} {
		answer, got := r.send("GET", "/download/storage/v1/b/box/o/a?alt=media", "", "Accept-Encoding", accept)
		if got != want || answer.Header.Get("X-Goog-Stored-Content-Encoding") != "gzip" {
			t.Errorf("who accepts %s gets %q with %v", accept, got, answer.Header)
		}
	}
}

// Copies have the content of what they are made of, and settings of their own if they are told some.
func TestCopies(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.bucket(&storage.Bucket{Name: "box"})
	r.bucket(&storage.Bucket{Name: "other"})
	from, err := r.insert(&storage.Object{Name: "a", ContentType: "text/x", Metadata: map[string]string{"k": "v"}}, "hello")
	if err != nil {
		t.Fatal(err)
	}
	done, err := r.client.Objects.Rewrite("box", "a", "other", "x/y", nil).Do()
	if err != nil || !done.Done || done.Resource.Md5Hash != helloMD5 || done.Resource.ContentType != "text/x" || done.Resource.Metadata["k"] != "v" || done.TotalBytesRewritten != 5 {
		t.Errorf("%+v, %v", done, err)
	}
	o, err := r.client.Objects.Copy("box", "a", "box", "c", &storage.Object{ContentType: "text/y"}).Do()
	if err != nil || o.ContentType != "text/y" || len(o.Metadata) > 0 {
		t.Errorf("%+v, %v", o, err)
	}
	if err := r.client.Objects.Delete("box", "a").Do(); err != nil {
		t.Fatal(err)
	}
	if _, body := r.fetch("c", nil); body != "hello" {
		t.Errorf("the copy holds %q without its source", body)
	}
	_, err = r.client.Objects.Rewrite("box", "a", "box", "d", nil).Do()
	r.refused(err, http.StatusNotFound, "notFound")
	_, err = r.client.Objects.Rewrite("box", "c", "box", "d", nil).IfSourceGenerationMatch(from.Generation).Do()
	r.refused(err, http.StatusPreconditionFailed, "conditionNotMet")
	_, err = r.client.Objects.Rewrite("box", "c", "box", "c", nil).IfGenerationMatch(0).Do()
	r.refused(err, http.StatusPreconditionFailed, "conditionNotMet")

	r.put("d", " world")
	parts := []*storage.ComposeRequestSourceObjects{{Name: "c"}, {Name: "d"}, {Name: "c"}}
	whole, err := r.client.Objects.Compose("box", "e", &storage.ComposeRequest{SourceObjects: parts, Destination: &storage.Object{ContentType: "text/z"}}).Do()
	if err != nil || whole.ComponentCount != 3 || whole.Md5Hash != "" || whole.Size != 16 || whole.ContentType != "text/z" {
		t.Errorf("%+v, %v", whole, err)
	}
	if _, body := r.fetch("e", nil); body != "hello worldhello" {
		t.Errorf("put together: %q", body)
	}
	for _, bad := range [][]*storage.ComposeRequestSourceObjects{nil, slices.Repeat(parts[:1], 33)} {
		_, err = r.client.Objects.Compose("box", "f", &storage.ComposeRequest{SourceObjects: bad}).Do()
		r.refused(err, http.StatusBadRequest, "invalid")
	}
	stale := []*storage.ComposeRequestSourceObjects{{Name: "c", ObjectPreconditions: &storage.ComposeRequestSourceObjectsObjectPreconditions{IfGenerationMatch: 1}}}
	_, err = r.client.Objects.Compose("box", "f", &storage.ComposeRequest{SourceObjects: stale}).Do()
	r.refused(err, http.StatusPreconditionFailed, "conditionNotMet")
}

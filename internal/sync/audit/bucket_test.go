package audit_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/bucket"
	"github.com/feel-august/terraform-provider-august/internal/sync/audit"
)

// storage is what the JSON API of Cloud Storage does with objects, as far as a bucket needs it. Its lists have two objects a page.
type storage struct {
	mu      sync.Mutex
	objects map[string][]byte
	down    bool
	creator bool // the caller may create objects and nothing else
}

func (s *storage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		http.Error(w, `{"error": {"code": 403, "message": "down"}}`, http.StatusForbidden) // which is not retried
		return
	}
	q := r.URL.Query()
	switch name, one := strings.CutPrefix(r.URL.EscapedPath(), "/storage/v1/b/trail/o/"); {
	case r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, "/upload/storage/v1/b/trail/o"):
		_, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
		parts := multipart.NewReader(r.Body, params["boundary"])
		var object struct{ Name string }
		part, err := parts.NextPart()
		if err == nil {
			err = json.NewDecoder(part).Decode(&object)
		}
		var body []byte
		if err == nil {
			if part, err = parts.NextPart(); err == nil {
				body, err = io.ReadAll(part)
			}
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if _, there := s.objects[object.Name]; there && s.creator {
			http.Error(w, `{"error": {"code": 403, "message": "august-sync does not have storage.objects.delete access to the Google Cloud Storage object."}}`, http.StatusForbidden)
			return
		} else if there && q.Get("ifGenerationMatch") == "0" {
			http.Error(w, `{"error": {"code": 412}}`, http.StatusPreconditionFailed)
			return
		}
		s.objects[object.Name] = body
		_, _ = io.WriteString(w, `{}`)
	case one:
		name, _ = url.PathUnescape(name)
		body, there := s.objects[name]
		if !there {
			http.Error(w, `{"error": {"code": 404}}`, http.StatusNotFound)
			return
		}
		_, _ = w.Write(body)
	default:
		type item struct {
			Name string `json:"name"`
		}
		var page struct {
			Items []item `json:"items"`
			Next  string `json:"nextPageToken,omitempty"`
		}
		names := []string{}
		for name := range s.objects {
			if strings.HasPrefix(name, q.Get("prefix")) && name >= q.Get("startOffset") && name > q.Get("pageToken") {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		for i, name := range names {
			if i == 2 {
				page.Next = names[1]
				break
			}
			page.Items = append(page.Items, item{name})
		}
		_ = json.NewEncoder(w).Encode(page)
	}
}

func TestBuckets(t *testing.T) {
	fake := &storage{objects: map[string][]byte{"other/heads/0": nil}}
	server := httptest.NewServer(fake)
	defer server.Close()
	t.Setenv("STORAGE_EMULATOR_HOST", strings.TrimPrefix(server.URL, "http://"))
	for _, address := range []string{"gs://trail/production/audit", "gs://trail", "file://" + filepath.ToSlash(t.TempDir()) + "/new"} {
		b, err := bucket.Open(t.Context(), address, bucket.Options{})
		if err != nil {
			t.Fatal(err)
		}
		ctx := t.Context()
		for _, name := range []string{"c", "a", "e", "b", "d", "a"} {
			if err := b.Create(ctx, "heads/"+name, []byte("first of "+name)); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.Create(ctx, "heads/a", []byte("second")); err != nil {
			t.Errorf("%s: an object that is there already: %v", address, err)
		}
		fake.creator = true
		if err := b.Create(ctx, "heads/a", []byte("third")); err != nil {
			t.Errorf("%s: an object that is there already, of a caller that may create only: %v", address, err)
		}
		fake.creator = false
		var names []string
		for name, err := range b.List(ctx, "heads", "b") {
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, name)
		}
		if strings.Join(names, "") != "bcde" {
			t.Errorf("%s lists %v", address, names)
		}
		for name, err := range b.List(ctx, "nothing", "") {
			t.Errorf("%s lists what is not there: %s, %v", address, name, err)
		}
		r, err := b.Open(ctx, "heads/a")
		if err != nil {
			t.Fatal(err)
		}
		if body, _ := io.ReadAll(r); string(body) != "first of a" {
			t.Errorf("%s holds %q", address, body)
		}
		_ = r.Close()
		if _, err := b.Open(ctx, "heads/z"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", address, err)
		}
		for n, want := range []error{nil, fs.ErrExist} {
			w, err := b.Write(ctx, "data")
			if err == nil {
				_, _ = io.WriteString(w, strings.Repeat("x", 1000))
				err = w.Close()
			}
			if !errors.Is(err, want) {
				t.Errorf("%s: write %d: %v", address, n, err)
			}
		}
	}
	if _, there := fake.objects["production/audit/heads/a"]; !there || len(fake.objects) != 13 {
		t.Errorf("objects %d", len(fake.objects))
	}
	for _, address := range []string{"", "s3://trail", "gs://", "file://host/x", "file:///", "gs://trail/../x", "gs://u@trail", "/srv/trail", "gs://trail?a=b"} {
		if bucket.CheckURL(address) == nil {
			t.Errorf("%q is taken for a bucket", address)
		}
	}
}

// A bucket that is away holds nothing up, and gets the newest head when it is back.
func TestHeadsWaitForTheirBucket(t *testing.T) {
	fake := &storage{objects: map[string][]byte{}, down: true}
	server := httptest.NewServer(fake)
	defer server.Close()
	t.Setenv("STORAGE_EMULATOR_HOST", server.URL)
	r := newRig(t)
	const address = "gs://trail/x"
	b, err := bucket.Open(t.Context(), address, bucket.Options{})
	if err != nil {
		t.Fatal(err)
	}
	export := func() error { return audit.ExportHead(t.Context(), r.pool, b, address) }
	if err := export(); err != nil {
		t.Fatalf("there is nothing to export: %v", err)
	}
	r.blocks(2)
	if export() == nil {
		t.Fatal("the bucket is down")
	}
	if report, err := audit.Verify(t.Context(), audit.Verification{Pool: r.pool, Heads: b}); err == nil {
		t.Errorf("heads could not be looked at, and the report is %+v", report)
	}
	r.blocks(1)
	fake.down = false
	for range 2 {
		if err := export(); err != nil {
			t.Fatal(err)
		}
	}
	r.blocks(1)
	if err := export(); err != nil { // not within a minute of the last
		t.Fatal(err)
	}
	if len(fake.objects) != 1 {
		t.Errorf("%d heads", len(fake.objects))
	}
	r.head(b, address)
	r.exec(`update august.audit_head set number = 0`) // is a hint only
	r.head(b, address)
	if report := r.good(audit.Verification{Heads: b}); report.Heads != 2 || len(fake.objects) != 2 {
		t.Errorf("%d heads of %d", report.Heads, len(fake.objects))
	}
	for name, body := range fake.objects {
		var head audit.Head
		if err := json.Unmarshal(body, &head); err != nil || !strings.HasSuffix(name, head.Hash+".json") || head.Number < 3 || head.SealedAt.IsZero() {
			t.Errorf("%s says %s, %v", name, body, err)
		}
	}
}

func TestExport(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx := t.Context()
	heads, address := newBucket(t)
	r.blocks(2)
	middle := time.Now()
	r.blocks(3)
	r.exec(`update drchrono.doctors set deleted_at_source = now() where id = 3`)
	r.seal()
	r.head(heads, address)
	check := func(b bucket.Bucket, kinds ...string) audit.Report {
		t.Helper()
		report, err := audit.VerifyExport(ctx, b, heads)
		if err != nil {
			t.Fatal(err)
		}
		if len(kinds) == 0 != report.Good() || !report.Good() && !slices.Contains(kinds, report.Findings[0].Kind) {
			t.Errorf("found %v, want %v", report.Findings, kinds)
		}
		return report
	}
	whole, _ := newBucket(t)
	m, err := audit.Export(ctx, audit.Exported{Pool: r.pool, To: whole})
	if err != nil || m.Blocks != 6 || m.Entries != 16 || m.First != 1 || m.Last != 6 {
		t.Fatalf("%+v, %v", m, err)
	}
	if report := check(whole); report.Entries != 16 || report.Heads != 1 {
		t.Errorf("%+v", report)
	}
	if _, err := audit.Export(ctx, audit.Exported{Pool: r.pool, To: whole}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("written over: %v", err)
	}
	part, _ := newBucket(t)
	if m, err = audit.Export(ctx, audit.Exported{Pool: r.pool, To: part, From: middle}); err != nil || m.First != 3 || m.Last != 6 {
		t.Fatalf("%+v, %v", m, err)
	}
	check(part)
	nothing, _ := newBucket(t)
	if _, err := audit.Export(ctx, audit.Exported{Pool: r.pool, To: nothing, Until: middle.AddDate(-1, 0, 0)}); err == nil {
		t.Error("there is nothing of that time")
	}
	for name, err := range nothing.List(ctx, ".", "") {
		t.Errorf("half an export was left: %s, %v", name, err)
	}
	for what, c := range map[string]struct {
		change func(lines []string) []string
		kind   string
	}{
		"an entry changed":   {func(l []string) []string { l[1] = strings.Replace(l[1], "august", "nobody", 1); return l }, audit.EntryChanged},
		"an entry dropped":   {func(l []string) []string { return slices.Delete(l, 2, 3) }, audit.EntryMissing},
		"an entry doubled":   {func(l []string) []string { return slices.Insert(l, 2, l[1]) }, audit.EntryAdded},
		"entries swapped":    {func(l []string) []string { l[1], l[2] = l[2], l[1]; return l }, audit.EntryChanged},
		"a block changed":    {func(l []string) []string { l[4] = strings.Replace(l[4], `"entries":3`, `"entries":2`, 1); return l }, audit.BlockChanged},
		"a block dropped":    {func(l []string) []string { return slices.Delete(l, 4, 8) }, audit.BlockMissing},
		"the end cut off":    {func(l []string) []string { return l[:8] }, audit.ExportChanged},
		"an entry elsewhere": {func(l []string) []string { l[1], l[5] = l[5], l[1]; return l }, audit.EntryMissing},
	} {
		t.Run(what, func(t *testing.T) {
			check(rewritten(t, whole, c.change), c.kind, audit.EntryOutside)
		})
	}
	dir := t.TempDir()
	for name, body := range map[string]string{"manifest.json": slurp(t, whole, "manifest.json"), "audit.ndjson.gz": slurp(t, whole, "audit.ndjson.gz") + "x"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	spoilt, err := bucket.Open(ctx, "file://"+dir, bucket.Options{})
	if err != nil {
		t.Fatal(err)
	}
	check(spoilt, audit.ExportChanged)
}

func slurp(t *testing.T, b bucket.Bucket, name string) string {
	t.Helper()
	r, err := b.Open(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	body, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// rewritten is an export that was changed by somebody who made its manifest fit.
func rewritten(t *testing.T, from bucket.Bucket, change func([]string) []string) bucket.Bucket {
	t.Helper()
	zipped, err := gzip.NewReader(strings.NewReader(slurp(t, from, "audit.ndjson.gz")))
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := io.ReadAll(zipped)
	lines := change(strings.Split(strings.TrimSpace(string(raw)), "\n"))
	var out strings.Builder
	w := gzip.NewWriter(&out)
	_, _ = io.WriteString(w, strings.Join(lines, "\n"))
	_ = w.Close()
	var m map[string]any
	if err := json.Unmarshal([]byte(slurp(t, from, "manifest.json")), &m); err != nil {
		t.Fatal(err)
	}
	m["sha256"] = sha256Hex(out.String())
	manifest, _ := json.Marshal(m)
	to, _ := newBucket(t)
	if err := errors.Join(to.Create(t.Context(), "audit.ndjson.gz", []byte(out.String())), to.Create(t.Context(), "manifest.json", manifest)); err != nil {
		t.Fatal(err)
	}
	return to
}

package storage

import (
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/api/storage/v1"
)

func TestPreconditions(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.bucket(&storage.Bucket{Name: "box"})
	o := r.put("a", "hello")
	const changed = http.StatusPreconditionFailed
	objects := r.client.Objects
	for name, tt := range map[string]struct {
		call   func() error
		status int
	}{
		"written over": {func() error {
			_, err := objects.Insert("box", &storage.Object{Name: "a"}).Media(strings.NewReader("x")).IfGenerationMatch(0).Do()
			return err
		}, changed},
		"another generation":  {func() error { _, err := objects.Get("box", "a").IfGenerationMatch(o.Generation + 1).Do(); return err }, changed},
		"nothing new":         {func() error { _, err := objects.Get("box", "a").IfGenerationNotMatch(o.Generation).Do(); return err }, http.StatusNotModified},
		"other metadata":      {func() error { _, err := objects.Get("box", "a").IfMetagenerationMatch(2).Do(); return err }, changed},
		"no new metadata":     {func() error { _, err := objects.Get("box", "a").IfMetagenerationNotMatch(1).Do(); return err }, http.StatusNotModified},
		"delete another":      {func() error { return objects.Delete("box", "a").IfGenerationMatch(o.Generation + 1).Do() }, changed},
		"delete all but this": {func() error { return objects.Delete("box", "a").IfGenerationNotMatch(o.Generation).Do() }, changed},
		"patch another": {func() error {
			_, err := objects.Patch("box", "a", &storage.Object{}).IfMetagenerationMatch(2).Do()
			return err
		}, changed},
		"a bucket's": {func() error {
			_, err := r.client.Buckets.Patch("box", &storage.Bucket{}).IfMetagenerationMatch(2).Do()
			return err
		}, changed},
		"delete a bucket": {func() error { return r.client.Buckets.Delete("box").IfMetagenerationMatch(2).Do() }, changed},
		"nothing there":   {func() error { _, err := objects.Get("box", "z").IfGenerationMatch(0).Do(); return err }, http.StatusNotFound},
	} {
		err := tt.call()
		if err == nil {
			t.Errorf("%s: went through", name)
			continue
		}
		r.refused(err, tt.status, "")
	}
	if _, err := objects.Patch("box", "a", &storage.Object{ContentType: "text/x"}).IfGenerationMatch(o.Generation).IfMetagenerationMatch(1).Do(); err != nil {
		t.Error(err)
	}
	if _, err := objects.Get("box", "a").IfMetagenerationMatch(2).IfGenerationNotMatch(1).Do(); err != nil {
		t.Error(err)
	}
	answer, _ := r.send("GET", "/storage/v1/b/box/o/a?ifGenerationMatch=x", "")
	if answer.StatusCode != http.StatusBadRequest {
		t.Errorf("a condition that is none: %s", answer.Status)
	}
}

// A patch changes what it names, an update everything.
func TestObjectSettings(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.bucket(&storage.Bucket{Name: "box"})
	if _, err := r.insert(&storage.Object{Name: "a", ContentType: "text/x", CacheControl: "no-store", Metadata: map[string]string{"a": "1", "b": "2"}}, "hello"); err != nil {
		t.Fatal(err)
	}
	o, err := r.client.Objects.Patch("box", "a", &storage.Object{Metadata: map[string]string{"c": "3"}, NullFields: []string{"Metadata.a", "CacheControl"}}).Do()
	if err != nil || len(o.Metadata) != 2 || o.Metadata["b"]+o.Metadata["c"] != "23" || o.CacheControl != "" || o.ContentType != "text/x" || o.Metageneration != 2 {
		t.Errorf("patched: %+v, %v", o, err)
	}
	if o, err = r.client.Objects.Update("box", "a", &storage.Object{Metadata: map[string]string{"d": "4"}}).Do(); err != nil || len(o.Metadata) != 1 || o.ContentType != "" || o.Size != 5 || o.Metageneration != 3 {
		t.Errorf("updated: %+v, %v", o, err)
	}
}

// Of a bucket with versions nothing is lost but what is deleted by its generation.
func TestVersions(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.bucket(&storage.Bucket{Name: "box"})
	gone := r.put("a", "zero")
	one := r.put("a", "one")
	_, err := r.client.Objects.Get("box", "a").Generation(gone.Generation).Do()
	r.refused(err, http.StatusNotFound, "notFound")
	if _, err := r.client.Buckets.Patch("box", &storage.Bucket{Versioning: &storage.BucketVersioning{Enabled: true}}).Do(); err != nil {
		t.Fatal(err)
	}
	two := r.put("a", "two")
	if err := r.client.Objects.Delete("box", "a").Do(); err != nil {
		t.Fatal(err)
	}
	_, err = r.client.Objects.Get("box", "a").Do()
	r.refused(err, http.StatusNotFound, "notFound")
	three := r.put("a", "three")
	r.put("b", "other")
	r.start()
	for o, want := range map[*storage.Object]string{one: "one", two: "two", three: "three"} {
		got, err := r.client.Objects.Get("box", "a").Generation(o.Generation).Do()
		if err != nil || got.Md5Hash != o.Md5Hash || (got.TimeDeleted == "") != (o == three) {
			t.Errorf("%s is %+v, %v", want, got, err)
		}
	}
	count := func(versions bool) (n int) {
		list, err := r.client.Objects.List("box").Versions(versions).Do()
		if err != nil {
			t.Fatal(err)
		}
		return len(list.Items)
	}
	if count(true) != 4 || count(false) != 2 {
		t.Errorf("%d versions of %d objects", count(true), count(false))
	}
	r.refused(r.client.Buckets.Delete("box").Do(), http.StatusConflict, "conflict")
	for _, o := range []*storage.Object{three, one} {
		if err := r.client.Objects.Delete("box", "a").Generation(o.Generation).Do(); err != nil {
			t.Fatal(err)
		}
	}
	if count(true) != 2 || count(false) != 1 {
		t.Errorf("%d versions of %d objects", count(true), count(false))
	}
}

// A bucket's retention policy and holds keep objects from every way of going.
func TestProtection(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	bucket := r.bucket(&storage.Bucket{Name: "box", Versioning: &storage.BucketVersioning{Enabled: true}})
	r.put("from", "x")
	o := r.put("a", "hello")
	ways := func(status int, reason string) {
		t.Helper()
		_, err := r.insert(&storage.Object{Name: "a"}, "other")
		r.refused(err, status, reason)
		_, err = r.client.Objects.Rewrite("box", "from", "box", "a", nil).Do()
		r.refused(err, status, reason)
		_, err = r.client.Objects.Compose("box", "a", &storage.ComposeRequest{SourceObjects: []*storage.ComposeRequestSourceObjects{{Name: "from"}}}).Do()
		r.refused(err, status, reason)
		r.refused(r.client.Objects.Delete("box", "a").Do(), status, reason)
		r.refused(r.client.Objects.Delete("box", "a").Generation(o.Generation).Do(), status, reason)
	}
	patch := func(want *storage.Bucket) error {
		var err error
		if want, err = r.client.Buckets.Patch("box", want).Do(); err == nil {
			bucket = want
		}
		return err
	}
	retain := func(seconds int64) *storage.Bucket {
		return &storage.Bucket{RetentionPolicy: &storage.BucketRetentionPolicy{RetentionPeriod: seconds}}
	}
	hold := func(temporary, event bool) {
		t.Helper()
		if _, err := r.client.Objects.Patch("box", "a", &storage.Object{TemporaryHold: temporary, EventBasedHold: event, ForceSendFields: []string{"TemporaryHold", "EventBasedHold"}}).Do(); err != nil {
			t.Fatal(err)
		}
	}
	hold(true, false)
	ways(http.StatusForbidden, "objectUnderActiveHold")
	hold(false, true)
	ways(http.StatusForbidden, "objectUnderActiveHold")
	if err := patch(retain(3600)); err != nil {
		t.Fatal(err)
	}
	if got, err := r.client.Objects.Get("box", "a").Do(); err != nil || got.RetentionExpirationTime != "" {
		t.Errorf("a held object goes at %s, %v", got.RetentionExpirationTime, err)
	}
	hold(false, false)
	got, err := r.client.Objects.Get("box", "a").Do()
	if err != nil {
		t.Fatal(err)
	}
	created, _ := time.Parse(time.RFC3339, got.TimeCreated)
	if goes, err := time.Parse(time.RFC3339, got.RetentionExpirationTime); err != nil || !goes.After(created.Add(time.Hour)) {
		t.Errorf("made at %s and released later, it goes at %s, %v", got.TimeCreated, got.RetentionExpirationTime, err)
	}
	ways(http.StatusForbidden, "retentionPolicyNotMet")

	if err := patch(retain(1800)); err != nil {
		t.Errorf("an unlocked policy can't be shortened: %v", err)
	}
	r.refused(patch(retain(-1)), http.StatusBadRequest, "invalid")
	_, err = r.client.Buckets.LockRetentionPolicy("box", bucket.Metageneration+1).Do()
	r.refused(err, http.StatusPreconditionFailed, "conditionNotMet")
	if bucket, err = r.client.Buckets.LockRetentionPolicy("box", bucket.Metageneration).Do(); err != nil || !bucket.RetentionPolicy.IsLocked {
		t.Errorf("%+v, %v", bucket, err)
	}
	_, err = r.client.Buckets.LockRetentionPolicy("box", bucket.Metageneration).Do()
	r.refused(err, http.StatusBadRequest, "invalid")
	r.start()
	r.refused(patch(retain(1799)), http.StatusForbidden, "forbidden")
	r.refused(patch(&storage.Bucket{NullFields: []string{"RetentionPolicy"}}), http.StatusForbidden, "forbidden")
	_, err = r.client.Buckets.Update("box", &storage.Bucket{}).Do()
	r.refused(err, http.StatusForbidden, "forbidden")
	if err := patch(retain(3601)); err != nil || !bucket.RetentionPolicy.IsLocked {
		t.Errorf("a locked policy can't be made longer: %+v, %v", bucket, err)
	}
	ways(http.StatusForbidden, "retentionPolicyNotMet")
	if _, body := r.fetch("a", nil); body != "hello" {
		t.Errorf("changed to %q", body)
	}
}

// What has been kept for long enough may go.
func TestRetentionEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.bucket(&storage.Bucket{Name: "box", RetentionPolicy: &storage.BucketRetentionPolicy{RetentionPeriod: 1}, DefaultEventBasedHold: true})
	o := r.put("a", "hello")
	if !o.EventBasedHold {
		t.Errorf("not held from the start: %+v", o)
	}
	if _, err := r.client.Objects.Patch("box", "a", &storage.Object{ForceSendFields: []string{"EventBasedHold"}}).Do(); err != nil {
		t.Fatal(err)
	}
	for {
		err := r.client.Objects.Delete("box", "a").Do()
		if err == nil {
			break
		}
		r.refused(err, http.StatusForbidden, "retentionPolicyNotMet")
		time.Sleep(50 * time.Millisecond)
	}
	if err := r.client.Buckets.Delete("box").Do(); err != nil {
		t.Error(err)
	}
}

// Lists are what a look at every name gives, whatever the page's size.
func TestLists(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.bucket(&storage.Bucket{Name: "box"})
	random := rand.New(rand.NewPCG(1, 2))
	word := func(most int) string {
		var w strings.Builder
		for range random.IntN(most + 1) {
			w.WriteByte("ab/"[random.IntN(3)])
		}
		return w.String()
	}
	var names []string
	for len(names) < 60 {
		if name := word(6); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
			r.put(name, "")
		}
	}
	slices.Sort(names)
	for range 300 {
		prefix, from, to, size := word(2), word(3), word(3), 1+random.IntN(8)
		delimiter, trailing := []string{"", "/"}[random.IntN(2)], random.IntN(2) == 0
		var want []string
		for _, name := range names {
			rest, ok := strings.CutPrefix(name, prefix)
			if !ok || name < from || to != "" && name >= to {
				continue
			}
			if i := strings.Index(rest, "/"); delimiter != "" && i >= 0 {
				folder := prefix + rest[:i+1]
				if !slices.Contains(want, "folder "+folder) {
					want = append(want, "folder "+folder)
				}
				if !trailing || name != folder {
					continue
				}
			}
			want = append(want, "object "+name)
		}
		var got []string
		for token := ""; ; {
			call := r.client.Objects.List("box").Prefix(prefix).StartOffset(from).EndOffset(to).Delimiter(delimiter).IncludeTrailingDelimiter(trailing)
			page, err := call.MaxResults(int64(size)).PageToken(token).Do()
			if err != nil {
				t.Fatal(err)
			}
			if n := len(page.Items) + len(page.Prefixes); n > size+1 || n == 0 && page.NextPageToken != "" {
				t.Errorf("a page of %d has %d", size, n)
			}
			for _, o := range page.Items {
				got = append(got, "object "+o.Name)
			}
			for _, folder := range page.Prefixes {
				got = append(got, "folder "+folder)
			}
			if token = page.NextPageToken; token == "" {
				break
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("prefix %q from %q to %q by %q, trailing %t, %d a page: %q, want %q", prefix, from, to, delimiter, trailing, size, got, want)
		}
	}
	_, err := r.client.Objects.List("box").MatchGlob("**").Do()
	r.refused(err, http.StatusBadRequest, "invalid")
}

// Where the handwritten client reads, and so Terraform's backend, names keep their slashes, and what is no bucket is no method.
func TestObject_byPath(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.bucket(&storage.Bucket{Name: "states"})
	if _, err := r.client.Objects.Insert("states", &storage.Object{Name: "platform/a b.tfstate"}).Media(strings.NewReader("a state")).Do(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		method, path, header string
		status               int
		body                 string
	}{
		{http.MethodGet, "/states/platform/a%20b.tfstate", "", http.StatusOK, "a state"},
		{http.MethodGet, "/states/platform/a%20b.tfstate", "bytes=2-", http.StatusPartialContent, "state"},
		{http.MethodHead, "/states/platform/a%20b.tfstate", "", http.StatusOK, ""},
		{http.MethodGet, "/states/platform/a%20b.tfstate?generation=1", "", http.StatusNotFound, "No such object"},
		{http.MethodGet, "/states/platform/other.tfstate", "", http.StatusNotFound, "No such object"},
		{http.MethodPut, "/states/platform/a%20b.tfstate", "", http.StatusNotFound, "no method PUT"},
		{http.MethodGet, "/v9/projects", "", http.StatusNotFound, "no method GET /v9/projects"},
	} {
		request, err := http.NewRequestWithContext(t.Context(), test.method, r.url+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if test.header != "" {
			request.Header.Set("Range", test.header)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != test.status || !strings.Contains(string(body), test.body) {
			t.Errorf("%s %s: %d %s, want %d %q", test.method, test.path, response.StatusCode, body, test.status, test.body)
		}
	}
}

package storage

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// wanted is what an upload, or a copy, is to become.
type wanted struct {
	object
	when precondition
}

// maxMetadata bounds the metadata of an upload; Google's own limit is 8 KiB of custom metadata.
const maxMetadata = 1 << 20

// upload takes an object in, in one of three ways.
func (f *Face) upload(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if err := errors.Join(refuseACL(q), refuseKeys(r)); err != nil {
		gapi.WriteError(w, err)
		return
	}
	switch q.Get("uploadType") {
	case "media":
		f.answerUpload(w, r, object{objectSettings: objectSettings{ContentType: r.Header.Get("Content-Type")}}, r.Body)
	case "multipart":
		meta, body, err := multipartBody(r)
		if err != nil {
			gapi.WriteError(w, err)
			return
		}
		f.answerUpload(w, r, meta, body)
	case "resumable":
		f.begin(w, r)
	default:
		gapi.WriteError(w, gapi.Invalid("Invalid value for: Unknown uploadType '%s'.", q.Get("uploadType")))
	}
}

// wrongURL is the answer to content that comes to the address of metadata.
func wrongURL(*http.Request) (any, error) {
	return nil, gapi.Errorf(http.StatusBadRequest, "INVALID_ARGUMENT", "wrongUrlForUpload",
		"Upload requests must include an uploadType URL parameter and a URL path beginning with /upload/")
}

// multipartBody is metadata and content of a body that has both.
func multipartBody(r *http.Request) (meta object, body io.Reader, err error) {
	parts := multipart.NewReader(r.Body, boundary(r.Header.Get("Content-Type")))
	part, err := parts.NextRawPart()
	if err != nil {
		return meta, nil, gapi.Invalid("Malformed multipart body.")
	}
	if meta, err = readMetadata(part); err != nil {
		return meta, nil, err
	}
	if part, err = parts.NextRawPart(); err != nil {
		return meta, nil, gapi.Invalid("Malformed multipart body.")
	}
	if meta.ContentType == "" {
		meta.ContentType = part.Header.Get("Content-Type")
	}
	return meta, part, nil
}

// boundary is what a body's parts are told apart by. gcloud puts it in single quotes, as no standard has it.
func boundary(contentType string) string {
	if _, params, err := mime.ParseMediaType(contentType); err == nil {
		return params["boundary"]
	}
	_, quoted, _ := strings.Cut(contentType, "boundary=")
	return strings.Trim(quoted, "'")
}

// readMetadata reads what a client says of an object: its name, sums and settings.
func readMetadata(body io.Reader) (o object, err error) {
	raw, err := io.ReadAll(io.LimitReader(body, maxMetadata))
	if err != nil {
		return o, gapi.Invalid("request body: %v", err)
	}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &o); err != nil {
			return o, gapi.Invalid("request body is not valid JSON for this method: %v", err)
		}
	}
	return object{Name: o.Name, MD5Hash: o.MD5Hash, CRC32C: o.CRC32C, objectSettings: o.objectSettings}, o.check()
}

// want completes what an upload is to become by the request's address.
func (f *Face) want(r *http.Request, o object) (*wanted, error) {
	q := r.URL.Query()
	o.Bucket = r.PathValue("bucket")
	if o.Name == "" {
		o.Name = q.Get("name")
	}
	if v := q.Get("contentEncoding"); v != "" {
		o.ContentEncoding = v
	}
	if err := validObject(o.Name); err != nil {
		return nil, err
	}
	if q.Get("kmsKeyName") != "" {
		return nil, errKMS
	}
	md5Hash, crc32c := headerSums(r)
	if md5Hash != "" {
		o.MD5Hash = md5Hash
	}
	if crc32c != "" {
		o.CRC32C = crc32c
	}
	w := &wanted{o, preconditions(r)}
	f.mu.RLock()
	defer f.mu.RUnlock()
	_, err := f.admit(w, clock())
	return w, err
}

// headerSums are the sums that a client sends beside its content.
func headerSums(r *http.Request) (md5Hash, crc32c string) {
	for _, header := range r.Header.Values("X-Goog-Hash") {
		for sum := range strings.SplitSeq(header, ",") {
			kind, value, _ := strings.Cut(strings.TrimSpace(sum), "=")
			switch kind {
			case "md5":
				md5Hash = value
			case "crc32c":
				crc32c = value
			}
		}
	}
	return md5Hash, crc32c
}

// admit says whether an object may be made as things are; it is asked before the content comes, and again after it.
func (f *Face) admit(w *wanted, now time.Time) (*bucket, error) {
	b, err := f.bucket(w.Bucket)
	if err != nil {
		return nil, err
	}
	if class := w.StorageClass; class != "" && !slices.Contains(storageClasses, class) {
		return nil, gapi.Invalid("Invalid storage class '%s'.", class)
	}
	there := live(b.objects[w.Name])
	if err := w.when.of(there); err != nil {
		return nil, err
	}
	return b, b.mayGo(there, now)
}

func (f *Face) answerUpload(w http.ResponseWriter, r *http.Request, meta object, body io.Reader) {
	gapi.Handler(func(r *http.Request) (any, error) {
		want, err := f.want(r, meta)
		if err != nil {
			return nil, err
		}
		c, err := newContent(filepath.Join(f.uploadsDir(), newID()))
		if err != nil {
			return nil, err
		}
		defer c.discard()
		if err := c.fill(body, -1); err != nil {
			return nil, err
		}
		b, o, err := f.commit(want, c)
		if err != nil {
			return nil, err
		}
		return f.shown(r, b, o), nil
	}).ServeHTTP(w, r)
}

func (f *Face) shown(r *http.Request, b *bucket, o *object) any {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return b.show(r, o)
}

// commit makes an object of content that is complete.
func (f *Face) commit(want *wanted, c *content) (*bucket, *object, error) {
	if err := c.check(want.MD5Hash, want.CRC32C); err != nil {
		return nil, nil, err
	}
	if err := c.file.Sync(); err != nil { // while others go on
		return nil, nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	now := clock()
	b, err := f.admit(want, now)
	if err != nil {
		return nil, nil, err
	}
	o := want.object
	o.Size = c.size
	sum, crc := c.sums()
	o.CRC32C = crc
	if o.ComponentCount == 0 {
		o.MD5Hash = sum
	}
	return b, &o, f.place(b, &o, now, c.keep)
}

// place puts a new version on top of a name's others; keep puts its content where it is told.
func (f *Face) place(b *bucket, o *object, now time.Time, keep func(path string) error) error {
	o.Generation, o.Metageneration = f.nextGeneration(), 1
	o.TimeCreated, o.Updated, o.TimeFinalized, o.ClassSince = now, now, now, now
	if o.StorageClass == "" {
		o.StorageClass = b.meta.StorageClass
	}
	if o.EventBasedHold == nil && b.meta.HeldFromStart {
		held := true
		o.EventBasedHold = &held
	}
	versions := slices.Clone(b.objects[o.Name])
	if before := live(versions); before != nil {
		versions = versions[:len(versions)-1]
		if b.versioned() {
			archived := *before
			archived.TimeDeleted = &now
			versions = append(versions, &archived)
		}
	}
	if err := keep(generationFile(b.dir, o.Generation)); err != nil {
		return err
	}
	return b.put(o.Name, append(versions, o))
}

// newID is what nobody guesses.
func newID() string {
	var b [20]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// refuseACL refuses access control lists: the local cloud keeps none, and Google none of a bucket with uniform access.
func refuseACL(q url.Values) error {
	for _, name := range []string{"predefinedAcl", "destinationPredefinedAcl", "predefinedDefaultObjectAcl"} {
		if q.Get(name) != "" {
			return errACL
		}
	}
	return nil
}

var errACL = gapi.Invalid("Cannot use ACL API to set object policy when object policies are disabled. The local cloud keeps no access control lists: " +
	"use uniform bucket-level access. Read more at https://cloud.google.com/storage/docs/uniform-bucket-level-access")

// refuseKeys refuses keys of the customer's own.
func refuseKeys(r *http.Request) error {
	for _, name := range []string{"X-Goog-Encryption-Key", "X-Goog-Copy-Source-Encryption-Key"} {
		if r.Header.Get(name) != "" {
			return gapi.Invalid("The local cloud encrypts nothing: it takes no customer-supplied encryption keys.")
		}
	}
	return nil
}

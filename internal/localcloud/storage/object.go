package storage

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// object is one version of an object. It is never changed, but replaced.
type object struct {
	Name           string     `json:"name"`
	Bucket         string     `json:"bucket"`
	Generation     int64      `json:"generation,string"`
	Metageneration int64      `json:"metageneration,string"`
	Size           int64      `json:"size,string"`
	MD5Hash        string     `json:"md5Hash,omitempty"`
	CRC32C         string     `json:"crc32c"`
	ComponentCount int        `json:"componentCount,omitempty"`
	TimeCreated    time.Time  `json:"timeCreated"`
	Updated        time.Time  `json:"updated"`
	TimeFinalized  time.Time  `json:"timeFinalized"`
	ClassSince     time.Time  `json:"timeStorageClassUpdated"`
	TimeDeleted    *time.Time `json:"timeDeleted,omitempty"`             // when it ceased to be the live version
	Expiration     *time.Time `json:"retentionExpirationTime,omitempty"` // as the bucket's policy has it; worked out for each answer
	HoldReleased   *time.Time `json:"holdReleased,omitempty"`            // the event that retention counts from
	Session        string     `json:"session,omitempty"`                 // in which it was uploaded, if in pieces

	objectSettings
}

// objectSettings are what a client may change of an object.
type objectSettings struct {
	ContentType        string            `json:"contentType,omitempty"`
	ContentEncoding    string            `json:"contentEncoding,omitempty"`
	ContentDisposition string            `json:"contentDisposition,omitempty"`
	ContentLanguage    string            `json:"contentLanguage,omitempty"`
	CacheControl       string            `json:"cacheControl,omitempty"`
	CustomTime         *time.Time        `json:"customTime,omitempty"`
	Metadata           map[string]string `json:"metadata,omitempty"`
	StorageClass       string            `json:"storageClass"`
	TemporaryHold      bool              `json:"temporaryHold,omitempty"`
	EventBasedHold     *bool             `json:"eventBasedHold,omitempty"` // absent: the bucket's default
	Contexts           json.RawMessage   `json:"contexts,omitempty"`

	// What is refused.
	ACL        json.RawMessage `json:"acl,omitempty"`
	Retention  json.RawMessage `json:"retention,omitempty"`
	KMSKeyName string          `json:"kmsKeyName,omitempty"`
}

func (s *objectSettings) check() error {
	if s.ACL != nil && string(s.ACL) != "null" && string(s.ACL) != "[]" {
		return errACL
	}
	s.ACL = nil
	if s.Retention != nil && string(s.Retention) != "null" {
		return errRetention
	}
	s.Retention = nil
	if s.KMSKeyName != "" {
		return errKMS
	}
	return nil
}

var (
	errRetention = gapi.Invalid("The local cloud has no retention of single objects: use a retention policy of the bucket, or holds.")
	errKMS       = gapi.Invalid("The local cloud has no Cloud KMS to encrypt objects with.")
)

func (o *object) held() bool { return o.EventBasedHold != nil && *o.EventBasedHold }

// live is the version that a name stands for, which may be none.
func live(versions []*object) *object {
	if n := len(versions); n > 0 && versions[n-1].TimeDeleted == nil {
		return versions[n-1]
	}
	return nil
}

// find is the live version, or the one of a generation.
func (b *bucket) find(name string, generation int64) (*object, error) {
	versions := b.objects[name]
	if generation == 0 {
		if o := live(versions); o != nil {
			return o, nil
		}
	} else if i := slices.IndexFunc(versions, func(o *object) bool { return o.Generation == generation }); i >= 0 {
		return versions[i], nil
	}
	return nil, gapi.NotFound("No such object: %s/%s", b.meta.Name, name)
}

func validObject(name string) error {
	switch {
	case name == "":
		return gapi.Errorf(http.StatusBadRequest, "INVALID_ARGUMENT", "required", "Required")
	case len(name) > 1024 || !utf8.ValidString(name) || strings.ContainsAny(name, "\r\n") || name == "." || name == ".." ||
		strings.HasPrefix(name, ".well-known/acme-challenge/"):
		return gapi.Invalid("Invalid object name: '%s'", strings.ToValidUTF8(name, "?"))
	}
	return nil
}

// named is the version that a request is about, if it may have it.
func (f *Face) named(r *http.Request) (*bucket, *object, error) {
	b, err := f.bucket(r.PathValue("bucket"))
	if err != nil {
		return nil, nil, err
	}
	generation, err := number(r, "generation")
	if err != nil {
		return nil, nil, err
	}
	if flag(r.URL.Query(), "softDeleted") {
		return nil, nil, gapi.Invalid("The local cloud keeps no soft-deleted objects.")
	}
	o, err := b.find(r.PathValue("object"), generation)
	if err != nil {
		return nil, nil, err
	}
	return b, o, preconditions(r).of(o)
}

// patchObject changes what is named, updateObject all that can be.
func (f *Face) patchObject(r *http.Request) (any, error)  { return f.changeObject(r, true) }
func (f *Face) updateObject(r *http.Request) (any, error) { return f.changeObject(r, false) }

func (f *Face) changeObject(r *http.Request, merge bool) (any, error) {
	if err := refuseACL(r.URL.Query()); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	b, o, err := f.named(r)
	if err != nil {
		return nil, err
	}
	changed := *o
	changed.objectSettings = objectSettings{}
	if err := readChange(r, o.objectSettings, &changed.objectSettings, merge); err != nil {
		return nil, err
	}
	if err := changed.check(); err != nil {
		return nil, err
	}
	now := clock()
	// A class is changed by writing the object anew.
	changed.StorageClass = o.StorageClass
	if o.held() && !changed.held() {
		changed.HoldReleased = &now
	}
	changed.Metageneration, changed.Updated = o.Metageneration+1, now
	versions := slices.Clone(b.objects[o.Name])
	versions[slices.Index(versions, o)] = &changed
	if err := b.put(o.Name, versions); err != nil {
		return nil, err
	}
	return b.show(r, &changed), nil
}

func (f *Face) removeObject(r *http.Request) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, o, err := f.named(r)
	if err != nil {
		return nil, err
	}
	now := clock()
	if err := b.mayGo(o, now); err != nil {
		return nil, err
	}
	versions := slices.Clone(b.objects[o.Name])
	i := slices.Index(versions, o)
	if b.versioned() && o.TimeDeleted == nil && r.URL.Query().Get("generation") == "" {
		archived := *o
		archived.TimeDeleted = &now
		versions[i] = &archived
	} else {
		versions = slices.Delete(versions, i, i+1)
	}
	return nil, b.put(o.Name, versions)
}

func (b *bucket) versioned() bool { return b.meta.Versioning != nil && b.meta.Versioning.Enabled }

// shown is an object as the API shows it.
type shown struct {
	Kind      string `json:"kind"`
	ID        string `json:"id"`
	SelfLink  string `json:"selfLink"`
	MediaLink string `json:"mediaLink"`
	Etag      string `json:"etag"`
	object
	// What is not shown.
	HoldReleased *struct{} `json:"holdReleased,omitempty"`
	Session      *struct{} `json:"session,omitempty"`
}

func (b *bucket) show(r *http.Request, o *object) any {
	generation := strconv.FormatInt(o.Generation, 10)
	path := "/storage/v1/b/" + o.Bucket + "/o/" + url.PathEscape(o.Name)
	s := shown{
		Kind: "storage#object", ID: o.Bucket + "/" + o.Name + "/" + generation,
		SelfLink: link(r, path), MediaLink: link(r, "/download"+path+"?generation="+generation+"&alt=media"),
		Etag: etag(o.Generation, o.Metageneration), object: *o,
	}
	s.Expiration = b.expiration(o)
	return s
}

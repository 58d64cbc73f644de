package storage

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// session is an upload that comes in pieces. It outlives its connections and the local cloud, for a week.
type session struct {
	path string // of its document; its content lies beside it

	mu      sync.Mutex // held while a piece comes
	doc     sessionDocument
	content *content // once a piece has come, or was asked about
	gone    bool
}

type sessionDocument struct {
	Want    object    `json:"want"`
	Match   *int64    `json:"ifGenerationMatch,omitempty"`
	NoMatch *int64    `json:"ifGenerationNotMatch,omitempty"`
	Meta    *int64    `json:"ifMetagenerationMatch,omitempty"`
	NoMeta  *int64    `json:"ifMetagenerationNotMatch,omitempty"`
	Total   *int64    `json:"total,omitempty"` // as it was announced
	Begun   time.Time `json:"begun"`
}

const (
	sessionLife = 7 * 24 * time.Hour
	answerLife  = time.Hour // after which nobody asks for a lost answer any more
	granule     = 256 << 10 // pieces are of so many bytes, times any number
)

func (f *Face) sessionPath(id string) string { return filepath.Join(f.uploadsDir(), id+".json") }

func (s *session) contentPath() string { return strings.TrimSuffix(s.path, ".json") + ".data" }

// loadSessions brings back the uploads that are not over, and removes what kills have left of others.
func (f *Face) loadSessions() error {
	files, err := os.ReadDir(f.uploadsDir())
	if err != nil {
		return err
	}
	for _, file := range files {
		id, isDocument := strings.CutSuffix(file.Name(), ".json")
		if !isDocument || strings.HasPrefix(id, ".") {
			continue
		}
		s := &session{path: f.sessionPath(id)}
		if err := gapi.Load(s.path, &s.doc); err != nil {
			return err
		}
		if time.Since(s.doc.Begun) < sessionLife {
			f.sessions[id] = s
		}
	}
	for _, file := range files {
		id, _, _ := strings.Cut(file.Name(), ".")
		if f.sessions[id] == nil {
			if err := os.Remove(filepath.Join(f.uploadsDir(), file.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// begin opens a session and answers where its pieces go.
func (f *Face) begin(w http.ResponseWriter, r *http.Request) {
	meta, err := readMetadata(r.Body)
	if err != nil {
		gapi.WriteError(w, err)
		return
	}
	if meta.ContentType == "" {
		meta.ContentType = r.Header.Get("X-Upload-Content-Type")
	}
	want, err := f.want(r, meta)
	if err != nil {
		gapi.WriteError(w, err)
		return
	}
	id := newID()
	want.Session = id
	s := &session{path: f.sessionPath(id), doc: sessionDocument{
		Want: want.object, Begun: clock(),
		Match: want.when.match, NoMatch: want.when.notMatch, Meta: want.when.metaMatch, NoMeta: want.when.metaNotMatch,
	}}
	if n, err := strconv.ParseInt(r.Header.Get("X-Upload-Content-Length"), 10, 64); err == nil {
		s.doc.Total = &n
	}
	if err := saveDurably(s.path, s.doc); err != nil {
		gapi.WriteError(w, err)
		return
	}
	f.mu.Lock()
	f.forget()
	f.sessions[id] = s
	f.mu.Unlock()
	q := r.URL.Query()
	q.Set("upload_id", id)
	w.Header().Set("X-GUploader-UploadID", id)
	w.Header().Set("Location", link(r, r.URL.EscapedPath()+"?"+q.Encode()))
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
}

// made is what has become of a session.
func (f *Face) made(s *session) (*bucket, *object) {
	b := f.buckets[s.doc.Want.Bucket]
	if b == nil {
		return nil, nil
	}
	for _, o := range b.objects[s.doc.Want.Name] {
		if o.Session == s.doc.Want.Session {
			return b, o
		}
	}
	return nil, nil
}

// forget drops sessions whose object was made long ago.
func (f *Face) forget() {
	for id, s := range f.sessions {
		if !s.mu.TryLock() {
			continue
		}
		if _, o := f.made(s); s.gone || o != nil && time.Since(o.TimeCreated) > answerLife {
			_ = os.Remove(s.path) // else it goes when it is a week old
			delete(f.sessions, id)
		}
		s.mu.Unlock()
	}
}

// resume takes a piece of an upload, tells how much of it has come, or gives it up.
func (f *Face) resume(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("upload_id")
	f.mu.RLock()
	s := f.sessions[id]
	f.mu.RUnlock()
	if s == nil || s.doc.Want.Bucket != r.PathValue("bucket") {
		gapi.WriteError(w, gapi.NotFound("Upload session not found."))
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.gone:
		gapi.WriteError(w, errCancelled)
	case r.Method == http.MethodDelete:
		s.cancel()
		gapi.WriteError(w, errCancelled)
	default:
		f.piece(w, r, s)
	}
}

// errCancelled is what Google answers to a cancellation.
var errCancelled = gapi.Errorf(499, "CANCELLED", "cancelled", "The upload was cancelled.")

func (s *session) cancel() {
	s.gone = true
	if s.content != nil {
		_ = s.content.file.Close()
	}
	_ = os.Remove(s.contentPath()) // what is left goes when it is a week old
	_ = os.Remove(s.path)
}

func (f *Face) piece(w http.ResponseWriter, r *http.Request, s *session) {
	f.mu.RLock()
	b, o := f.made(s)
	f.mu.RUnlock()
	if o != nil { // whoever asks has lost the answer
		gapi.WriteJSON(w, http.StatusOK, f.shown(r, b, o))
		return
	}
	p, err := readContentRange(r)
	if err == nil {
		err = s.take(r, p)
	}
	if err != nil {
		gapi.WriteError(w, err)
		return
	}
	if p.total == nil || s.content.size < *p.total {
		s.incomplete(w, r)
		return
	}
	gapi.Handler(func(r *http.Request) (any, error) { return f.finish(r, s) }).ServeHTTP(w, r)
}

// span is what a request's Content-Range says: the bytes of the body, and of the whole.
type span struct {
	from, to int64 // to is the byte after the last; a status query has none
	query    bool
	total    *int64
}

func readContentRange(r *http.Request) (span, error) {
	header := r.Header.Get("Content-Range")
	if header == "" { // all of it at once
		if r.ContentLength < 0 {
			return span{}, gapi.Errorf(http.StatusLengthRequired, "INVALID_ARGUMENT", "lengthRequired", "A Content-Length or a Content-Range is required.")
		}
		return span{to: r.ContentLength, total: &r.ContentLength}, nil
	}
	malformed := gapi.Invalid("Failed to parse Content-Range header.")
	spec, ok := strings.CutPrefix(header, "bytes ")
	part, whole, slash := strings.Cut(spec, "/")
	if !ok || !slash {
		return span{}, malformed
	}
	var p span
	if whole != "*" {
		n, err := strconv.ParseInt(whole, 10, 64)
		if err != nil || n < 0 {
			return p, malformed
		}
		p.total = &n
	}
	if part == "*" {
		p.query = true
		return p, nil
	}
	first, last, _ := strings.Cut(part, "-")
	from, errFrom := strconv.ParseInt(first, 10, 64)
	to := from + r.ContentLength - 1 // of a stream whose end is not known: "bytes 0-*/*"
	var errTo error
	if last != "*" {
		to, errTo = strconv.ParseInt(last, 10, 64)
	} else if r.ContentLength < 0 {
		errTo = errors.New("no length")
	}
	if errFrom != nil || errTo != nil || from < 0 || to+1 < from || p.total != nil && to >= *p.total {
		return p, malformed
	}
	p.from, p.to = from, to+1
	return p, nil
}

// take writes a piece behind those before it. Bytes that came before come a second time when their answer was lost.
func (s *session) take(r *http.Request, p span) error {
	if s.content == nil {
		c, err := newContent(s.contentPath())
		if err != nil {
			return err
		}
		s.content = c
	}
	c := s.content
	if p.query {
		return nil
	}
	if p.from > c.size {
		return gapi.Errorf(http.StatusServiceUnavailable, "UNAVAILABLE", "backendError",
			"Invalid request.  According to the Content-Range header, the upload offset is %d byte(s), which exceeds already uploaded size of %d byte(s).", p.from, c.size)
	}
	if p.total == nil && p.to-p.from < granule {
		return gapi.Invalid("Invalid request. The number of bytes uploaded is required to be equal or greater than %d, except for the final request "+
			"(it's recommended to be the exact multiple of %[1]d). The received request contained %d bytes, which does not meet this requirement.", granule, p.to-p.from)
	}
	if _, err := io.CopyN(io.Discard, r.Body, min(c.size, p.to)-p.from); err != nil {
		return gapi.Invalid("request body: %v", err)
	}
	if p.to > c.size {
		return c.fill(r.Body, p.to-c.size)
	}
	return nil
}

// incomplete says how much has come, once it is on disk.
func (s *session) incomplete(w http.ResponseWriter, r *http.Request) {
	if err := s.content.file.Sync(); err != nil {
		gapi.WriteError(w, err)
		return
	}
	if s.content.size > 0 {
		w.Header().Set("Range", fmt.Sprintf("bytes=0-%d", s.content.size-1))
	}
	w.Header().Set("X-GUploader-UploadID", r.URL.Query().Get("upload_id"))
	w.Header().Set("Content-Length", "0")
	if r.Header.Get("X-GUploader-No-308") == "yes" {
		w.Header().Set("X-Http-Status-Code-Override", "308")
		w.WriteHeader(http.StatusOK)
		return
	}
	w.WriteHeader(http.StatusPermanentRedirect)
}

// finish makes the object.
func (f *Face) finish(r *http.Request, s *session) (any, error) {
	if s.doc.Total != nil && *s.doc.Total != s.content.size {
		return nil, gapi.Invalid("Upload size %d does not match the announced X-Upload-Content-Length %d.", s.content.size, *s.doc.Total)
	}
	want := wanted{s.doc.Want, precondition{match: s.doc.Match, notMatch: s.doc.NoMatch, metaMatch: s.doc.Meta, metaNotMatch: s.doc.NoMeta}}
	md5Hash, crc32c := headerSums(r)
	if md5Hash != "" {
		want.MD5Hash = md5Hash
	}
	if crc32c != "" {
		want.CRC32C = crc32c
	}
	b, o, err := f.commit(&want, s.content)
	if err != nil {
		var refused *gapi.Error
		if errors.As(err, &refused) {
			s.cancel() // which no piece mends
		}
		return nil, err
	}
	return f.shown(r, b, o), nil
}

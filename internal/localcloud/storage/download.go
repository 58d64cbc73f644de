package storage

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// getObject answers what an object is, or what is in it.
func (f *Face) getObject(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("alt") == "media" {
		f.download(w, r)
		return
	}
	gapi.Handler(func(r *http.Request) (any, error) {
		f.mu.RLock()
		defer f.mu.RUnlock()
		b, o, err := f.named(r)
		if err != nil {
			return nil, err
		}
		return b.show(r, o), nil
	}).ServeHTTP(w, r)
}

// getByPath answers what is in an object as the XML API does, at /bucket/object: it is where Google's handwritten Go client reads, and so
// Terraform's own backend. Whatever is at no other route comes here, too.
func (f *Face) getByPath(w http.ResponseWriter, r *http.Request) {
	f.mu.RLock()
	b := f.buckets[r.PathValue("bucket")]
	f.mu.RUnlock()
	if b == nil || r.Method != http.MethodGet && r.Method != http.MethodHead {
		gapi.WriteError(w, gapi.NotFound("The local cloud has no method %s %s.", r.Method, r.URL.Path))
		return
	}
	f.download(w, r)
}

func (f *Face) download(w http.ResponseWriter, r *http.Request) {
	o, file, err := f.open(r)
	if err != nil {
		gapi.WriteError(w, err)
		return
	}
	defer func() { _ = file.Close() }()
	h := w.Header()
	for name, value := range map[string]string{
		"Content-Type": o.ContentType, "Content-Disposition": o.ContentDisposition, "Content-Language": o.ContentLanguage,
		"Cache-Control": o.CacheControl, "ETag": etag(o.Generation, o.Metageneration),
		"X-Goog-Generation": strconv.FormatInt(o.Generation, 10), "X-Goog-Metageneration": strconv.FormatInt(o.Metageneration, 10),
		"X-Goog-Storage-Class": o.StorageClass, "X-Goog-Stored-Content-Length": strconv.FormatInt(o.Size, 10),
		"X-Goog-Stored-Content-Encoding": "identity",
	} {
		if value != "" {
			h.Set(name, value)
		}
	}
	if o.ContentType == "" {
		h.Set("Content-Type", "application/octet-stream")
	}
	h.Add("X-Goog-Hash", "crc32c="+o.CRC32C)
	if o.MD5Hash != "" {
		h.Add("X-Goog-Hash", "md5="+o.MD5Hash)
	}
	if o.ContentEncoding != "" {
		h.Set("X-Goog-Stored-Content-Encoding", o.ContentEncoding)
		if o.ContentEncoding == "gzip" && !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			unzip(w, file)
			return
		}
		h.Set("Content-Encoding", o.ContentEncoding)
	}
	send(w, r, file, o.Size)
}

// open opens an object's content. What is deleted meanwhile is read to its end all the same.
func (f *Face) open(r *http.Request) (*object, *os.File, error) {
	if err := refuseKeys(r); err != nil {
		return nil, nil, err
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	b, o, err := f.named(r)
	if err != nil {
		return nil, nil, err
	}
	file, err := os.Open(generationFile(b.dir, o.Generation))
	return o, file, err
}

// unzip sends what was stored compressed to who can't read that.
func unzip(w http.ResponseWriter, file io.Reader) {
	zip, err := gzip.NewReader(file)
	if err != nil {
		gapi.WriteError(w, gapi.Errorf(http.StatusServiceUnavailable, "UNAVAILABLE", "backendError", "The object's content is not what its Content-Encoding says."))
		return
	}
	_, _ = io.Copy(w, zip) //nolint:gosec // as long as it was stored
}

// send sends the bytes that a request's Range asks for, or all.
func send(w http.ResponseWriter, r *http.Request, file *os.File, size int64) {
	w.Header().Set("Accept-Ranges", "bytes")
	from, to, ranged := byteRange(r.Header.Get("Range"), size)
	if ranged && from >= size {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", size))
		gapi.WriteError(w, gapi.Errorf(http.StatusRequestedRangeNotSatisfiable, "OUT_OF_RANGE", "requestedRangeNotSatisfiable", "Request range not satisfiable"))
		return
	}
	if _, err := file.Seek(from, io.SeekStart); err != nil {
		gapi.WriteError(w, err)
		return
	}
	w.Header().Set("Content-Length", strconv.FormatInt(to-from, 10))
	if ranged {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, size))
		w.WriteHeader(http.StatusPartialContent)
	}
	if r.Method != http.MethodHead {
		_, _ = io.CopyN(w, file, to-from) // the client is gone: nothing to tell it
	}
}

// byteRange reads "bytes=3-7", "bytes=3-" and "bytes=-5"; to is the byte after the last. Any other header is as none.
func byteRange(header string, size int64) (from, to int64, ranged bool) {
	spec, ok := strings.CutPrefix(header, "bytes=")
	first, last, dash := strings.Cut(spec, "-")
	if !ok || !dash || strings.Contains(spec, ",") {
		return 0, size, false
	}
	if first == "" {
		n, err := strconv.ParseInt(last, 10, 64)
		if err != nil || n <= 0 {
			return 0, size, false
		}
		return max(0, size-n), size, true
	}
	from, err := strconv.ParseInt(first, 10, 64)
	if err != nil || from < 0 {
		return 0, size, false
	}
	if last == "" {
		return from, size, true
	}
	to, err = strconv.ParseInt(last, 10, 64)
	if err != nil || to < from {
		return 0, size, false
	}
	return from, min(to, size-1) + 1, true
}

package storage

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"google.golang.org/api/storage/v1"
)

// session begins an upload in pieces and answers its address, without the host: that changes with a restart.
func (r *rig) session(name string, header ...string) string {
	r.t.Helper()
	answer, said := r.send("POST", "/upload/storage/v1/b/box/o?uploadType=resumable&ifGenerationMatch=0", `{"name": "`+name+`"}`, header...)
	at, err := url.Parse(answer.Header.Get("Location"))
	if err != nil || answer.StatusCode != http.StatusOK || at.Host != strings.TrimPrefix(r.url, "http://") {
		r.t.Fatalf("%s at %s: %s, %v", answer.Status, at, said, err)
	}
	return at.RequestURI()
}

// piece sends bytes as a Content-Range says, and wants a status, and so much to have come.
func (r *rig) piece(address, span, body string, status int, have string) string {
	r.t.Helper()
	answer, said := r.send("PUT", address, body, "Content-Range", span)
	if answer.StatusCode != status || answer.Header.Get("Range") != have {
		r.t.Errorf("%s: %s with %q, want %d with %q: %s", span, answer.Status, answer.Header.Get("Range"), status, have, said)
	}
	return said
}

func TestResumable(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.bucket(&storage.Bucket{Name: "box"})
	const k = 256 << 10
	body := strings.Repeat("0123456789abcdef", (3*k+32)/16)
	total := len(body)
	at := func(from, to int, whole string) string { return fmt.Sprintf("bytes %d-%d/%s", from, to-1, whole) }
	have := func(n int) string { return fmt.Sprintf("bytes=0-%d", n-1) }

	address := r.session("a")
	r.piece(address, "bytes */*", "", 308, "")
	r.piece(address, at(0, k, "*"), body[:k], 308, have(k))
	r.piece(address, at(0, k, "*"), body[:k], 308, have(k)) // its answer was lost
	r.piece(address, at(k, k+100, "*"), body[k:k+100], http.StatusBadRequest, "")
	said := r.piece(address, at(3*k, 3*k+32, fmt.Sprint(total)), body[3*k:], http.StatusServiceUnavailable, "")
	if !strings.Contains(said, fmt.Sprintf("the upload offset is %d byte(s), which exceeds already uploaded size of %d byte(s)", 3*k, k)) {
		t.Errorf("a gap: %s", said)
	}
	for _, span := range []string{"bytes", "bytes 0-1", "bytes 5-3/10", "bytes 0-10/5", "bytes x-y/*"} {
		r.piece(address, span, "xx", http.StatusBadRequest, "")
	}
	r.start() // as after a kill
	r.piece(address, "bytes */"+fmt.Sprint(total), "", 308, have(k))
	r.piece(address, at(k-100, 3*k, "*"), body[k-100:3*k], 308, have(3*k)) // what is there already is not looked at
	if answer, _ := r.send("PUT", address, "", "Content-Range", "bytes */*", "X-GUploader-No-308", "yes"); answer.StatusCode != http.StatusOK ||
		answer.Header.Get("X-Http-Status-Code-Override") != "308" || answer.Header.Get("Range") != have(3*k) {
		t.Errorf("without 308: %s %v", answer.Status, answer.Header)
	}
	if list, err := r.client.Objects.List("box").Do(); err != nil || len(list.Items) > 0 {
		t.Errorf("a half is there: %+v, %v", list, err)
	}
	first := r.piece(address, at(3*k, total, fmt.Sprint(total)), body[3*k:], http.StatusOK, "")
	if _, got := r.fetch("a", nil); got != body {
		t.Errorf("%d bytes came, not %d", len(got), total)
	}
	r.start()
	for _, span := range []string{at(3*k, total, fmt.Sprint(total)), "bytes */*"} {
		again := r.piece(address, span, "", http.StatusOK, "") // the last answer was lost
		if o, err := r.client.Objects.Get("box", "a").Do(); err != nil || !strings.Contains(again, fmt.Sprint(o.Generation)) || !strings.Contains(first, fmt.Sprint(o.Generation)) {
			t.Errorf("made twice: %s, %v", again, err)
		}
	}
}

// A session that can't end well ends.
func TestResumableEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.bucket(&storage.Bucket{Name: "box"})
	address := r.session("a")
	for range 2 {
		if answer, _ := r.send("DELETE", address, ""); answer.StatusCode != 499 {
			t.Errorf("cancelled: %s", answer.Status)
		}
	}
	r.piece(address, "bytes */*", "", 499, "")

	address = r.session("b")
	late := r.session("b", "X-Upload-Content-Length", "5")
	r.piece(address, "bytes 0-4/5", "hello", http.StatusOK, "")
	r.piece(late, "bytes 0-4/5", "world", http.StatusPreconditionFailed, "")
	r.piece(late, "bytes */*", "", 499, "")
	if _, got := r.fetch("b", nil); got != "hello" {
		t.Errorf("written over with %q", got)
	}
	if answer, _ := r.send("POST", "/upload/storage/v1/b/box/o?uploadType=resumable&ifGenerationMatch=0", `{"name": "b"}`); answer.StatusCode != http.StatusPreconditionFailed {
		t.Errorf("begun: %s", answer.Status)
	}
	short := r.session("c", "X-Upload-Content-Length", "6")
	r.piece(short, "bytes 0-4/5", "hello", http.StatusBadRequest, "")
	wrong := r.session("d")
	if answer, _ := r.send("PUT", wrong, "hello", "Content-Range", "bytes 0-4/5", "X-Goog-Hash", "crc32c=AAAAAA=="); answer.StatusCode != http.StatusBadRequest {
		t.Errorf("wrong sum: %s", answer.Status)
	}
	r.piece(r.session("e"), "bytes */0", "", http.StatusOK, "")
	if answer, _ := r.send("PUT", r.session("f"), "hello"); answer.StatusCode != http.StatusOK {
		t.Errorf("all at once: %s", answer.Status)
	}
	r.piece(address+"x", "bytes */*", "", http.StatusNotFound, "")
	list, err := r.client.Objects.List("box").Do()
	if err != nil || len(list.Items) != 3 {
		t.Errorf("there is %+v, %v", list, err)
	}
}

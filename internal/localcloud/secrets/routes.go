package secrets

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// Register mounts the API at /v1/projects/{project}/secrets.
func (f *Face) Register(mux *http.ServeMux) {
	const base = "/v1/projects/{project}/secrets"
	mux.Handle("POST "+base, gapi.Handler(f.create))
	mux.Handle("GET "+base, gapi.Handler(f.list))
	mux.Handle("GET "+base+"/{secret}", gapi.Handler(f.getSecret))
	mux.Handle("PATCH "+base+"/{secret}", gapi.Handler(f.update))
	mux.Handle("DELETE "+base+"/{secret}", gapi.Handler(f.remove))
	mux.Handle("POST "+base+"/{secret}", gapi.Handler(f.postSecret))
	mux.Handle("GET "+base+"/{secret}/versions", gapi.Handler(f.listVersions))
	mux.Handle("GET "+base+"/{secret}/versions/{version}", gapi.Handler(f.getVersion))
	mux.Handle("POST "+base+"/{secret}/versions/{version}", gapi.Handler(f.postVersion))
}

// verb splits Google's custom verb off the last segment of a path: "x:addVersion".
func verb(segment string) (name, verb string) {
	name, verb, _ = strings.Cut(segment, ":")
	return name, verb
}

func parent(r *http.Request) string { return "projects/" + r.PathValue("project") }

func secretName(r *http.Request, id string) string { return parent(r) + "/secrets/" + id }

func (f *Face) getSecret(r *http.Request) (any, error) {
	id, v := verb(r.PathValue("secret"))
	switch v {
	case "":
		return f.get(r, secretName(r, id))
	case "getIamPolicy":
		return f.getPolicy(r, secretName(r, id))
	}
	return nil, noMethod(r)
}

func (f *Face) postSecret(r *http.Request) (any, error) {
	id, v := verb(r.PathValue("secret"))
	switch v {
	case "addVersion":
		return f.addVersion(r, secretName(r, id))
	case "setIamPolicy":
		return f.setPolicy(r, secretName(r, id))
	case "testIamPermissions":
		return f.testPermissions(r, secretName(r, id))
	}
	return nil, noMethod(r)
}

func (f *Face) getVersion(r *http.Request) (any, error) {
	name := secretName(r, r.PathValue("secret"))
	number, v := verb(r.PathValue("version"))
	switch v {
	case "":
		return f.describeVersion(r, name, number)
	case "access":
		return f.access(r, name, number)
	}
	return nil, noMethod(r)
}

func (f *Face) postVersion(r *http.Request) (any, error) {
	name := secretName(r, r.PathValue("secret"))
	number, v := verb(r.PathValue("version"))
	switch v {
	case "enable", "disable", "destroy":
		return f.setState(r, name, number, v)
	}
	return nil, noMethod(r)
}

func noMethod(r *http.Request) error {
	return gapi.NotFound("Secret Manager has no method %s %s.", r.Method, r.URL.Path)
}

// read decodes a request's body into m. What the message does not know is left out, as fields
// newer than the client library would be.
func read(r *http.Request, m proto.Message) error {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, 1<<20))
	if tooLong := (*http.MaxBytesError)(nil); errors.As(err, &tooLong) {
		return gapi.Invalid("Request body is longer than %d bytes.", tooLong.Limit)
	} else if err != nil {
		return gapi.Invalid("Request body: %v", err)
	}
	if len(body) == 0 {
		return nil
	}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(body, m); err != nil {
		// Not the parser's words: they may quote a payload.
		return gapi.Invalid("Request body is not a valid %s.", m.ProtoReflect().Descriptor().Name())
	}
	return nil
}

// answer encodes m as the request wants it: the official client asks for enums as numbers.
func answer(r *http.Request, m proto.Message) (any, error) {
	opts := protojson.MarshalOptions{UseEnumNumbers: strings.Contains(r.URL.Query().Get("$alt"), "enum-encoding=int")}
	out, err := opts.Marshal(m)
	return json.RawMessage(out), err
}

// page cuts a list as pageSize and pageToken say; the token is the offset to go on from.
func page[T any](r *http.Request, all []T) (cut []T, next string, err error) {
	q := r.URL.Query()
	size, from := len(all), 0
	if s := q.Get("pageSize"); s != "" && s != "0" {
		if size, err = strconv.Atoi(s); err != nil || size < 0 {
			return nil, "", gapi.Invalid("pageSize %q is not a count.", s)
		}
	}
	if s := q.Get("pageToken"); s != "" {
		if from, err = strconv.Atoi(s); err != nil || from < 0 || from > len(all) {
			return nil, "", gapi.Invalid("pageToken is not valid.")
		}
	}
	to := min(from+size, len(all))
	if to < len(all) {
		next = strconv.Itoa(to)
	}
	return all[from:to], next, nil
}

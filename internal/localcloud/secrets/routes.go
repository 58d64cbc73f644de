package secrets

import (
	"net/http"

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

func parent(r *http.Request) string { return "projects/" + r.PathValue("project") }

func secretName(r *http.Request, id string) string { return parent(r) + "/secrets/" + id }

func (f *Face) getSecret(r *http.Request) (any, error) {
	id, v := gapi.Verb(r.PathValue("secret"))
	switch v {
	case "":
		return f.get(r, secretName(r, id))
	case "getIamPolicy":
		return f.getPolicy(r, secretName(r, id))
	}
	return nil, noMethod(r)
}

func (f *Face) postSecret(r *http.Request) (any, error) {
	id, v := gapi.Verb(r.PathValue("secret"))
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
	number, v := gapi.Verb(r.PathValue("version"))
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
	number, v := gapi.Verb(r.PathValue("version"))
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
	return gapi.ReadProto(r, m, protojson.UnmarshalOptions{DiscardUnknown: true})
}

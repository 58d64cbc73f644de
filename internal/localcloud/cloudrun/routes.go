package cloudrun

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"sort"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// Register mounts the v2 API, and what gcloud uses of the v1 API.
func (f *Face) Register(mux *http.ServeMux) {
	const at = "/v2/projects/{project}/locations/{location}"
	handle := func(pattern string, h gapi.Handler) { mux.Handle(pattern, h) }
	handle("POST "+at+"/services", f.createService)
	handle("GET "+at+"/services", f.listServices)
	handle("GET "+at+"/services/{service}", f.getService)
	handle("POST "+at+"/services/{service}", f.postService)
	handle("PATCH "+at+"/services/{service}", f.patchService)
	handle("DELETE "+at+"/services/{service}", f.deleteService)
	handle("GET "+at+"/services/{service}/revisions", f.listRevisions)
	handle("GET "+at+"/services/{service}/revisions/{revision}", f.getRevision)
	handle("DELETE "+at+"/services/{service}/revisions/{revision}", f.deleteRevision)
	handle("GET "+at+"/operations", f.listOperations)
	handle("GET "+at+"/operations/{operation}", f.getOperation)
	handle("POST "+at+"/operations/{operation}", f.waitOperation)
	handle("DELETE "+at+"/operations/{operation}", f.deleteOperation)
	f.registerJobs(handle)
	f.registerKnative(handle)
}

// find is the service that the request's path names, without a ":verb". f.mu is held.
func (f *Face) find(r *http.Request) (*service, error) {
	id, _, _ := strings.Cut(r.PathValue("service"), ":")
	name := location(r.PathValue("project"), r.PathValue("location")) + "/services/" + id
	if s := f.services[name]; s != nil && !s.gone {
		return s, nil
	}
	return nil, gapi.NotFound("Resource '%s' of kind 'SERVICE' in region '%s' in project '%s' does not exist.", id, r.PathValue("location"), r.PathValue("project"))
}

func (f *Face) getService(r *http.Request) (any, error) {
	if strings.HasSuffix(r.PathValue("service"), ":getIamPolicy") {
		return f.getPolicy(r)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := f.find(r)
	if err != nil {
		return nil, err
	}
	return s.render(), nil
}

func (f *Face) postService(r *http.Request) (any, error) {
	switch _, verb, _ := strings.Cut(r.PathValue("service"), ":"); verb {
	case "setIamPolicy":
		return f.setPolicy(r)
	case "testIamPermissions":
		return f.testPermissions(r)
	case "getIamPolicy":
		return f.getPolicy(r)
	default:
		return nil, gapi.NotFound("no such method: POST %s", r.URL.Path)
	}
}

func (f *Face) listServices(r *http.Request) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return page(r, "services", f.of(r.PathValue("project"), r.PathValue("location")), func(s *service) tree { return s.render() })
}

// of lists a project's services in one location, or in all with "-". f.mu is held.
func (f *Face) of(project, loc string) []*service {
	var all []*service
	for _, s := range f.services {
		if !s.gone && s.Project == project && (s.Location == loc || loc == "-") {
			all = append(all, s)
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].name() < all[j].name() })
	return all
}

func (f *Face) createService(r *http.Request) (any, error) {
	project, loc, id := r.PathValue("project"), r.PathValue("location"), r.URL.Query().Get("serviceId")
	spec, _, err := readService(r)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.create(project, loc, id, spec, caller(r), validateOnly(r))
}

func (f *Face) patchService(r *http.Request) (any, error) {
	change, etag, err := readService(r)
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	paths, err := mask(q.Get("updateMask"))
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := f.find(r)
	if err != nil {
		if q.Get("allowMissing") == "true" {
			return f.create(r.PathValue("project"), r.PathValue("location"), r.PathValue("service"), change, caller(r), validateOnly(r))
		}
		return nil, err
	}
	if err := checkEtag(s.name(), etag, s.Etag); err != nil {
		return nil, err
	}
	spec := change
	if paths != nil {
		spec = merge(s.Spec, change, paths)
	}
	return f.update(s, spec, caller(r), q.Get("forceNewRevision") == "true", validateOnly(r))
}

func (f *Face) deleteService(r *http.Request) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := f.find(r)
	if err != nil {
		return nil, err
	}
	if err := checkEtag(s.name(), r.URL.Query().Get("etag"), s.Etag); err != nil {
		return nil, err
	}
	return f.remove(s, validateOnly(r)).render(), nil
}

func (f *Face) listRevisions(r *http.Request) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.PathValue("service") == "-" {
		var out []any
		for _, s := range f.of(r.PathValue("project"), r.PathValue("location")) {
			for _, rev := range s.newestFirst() {
				out = append(out, f.renderRevision(s, rev))
			}
		}
		return page(r, "revisions", out, func(v any) tree { return v.(tree) })
	}
	s, err := f.find(r)
	if err != nil {
		return nil, err
	}
	return page(r, "revisions", s.newestFirst(), func(rev *revision) tree { return f.renderRevision(s, rev) })
}

func (s *service) newestFirst() []*revision {
	var all []*revision
	for _, rev := range s.Revisions {
		all = append(all, rev)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Created.After(all[j].Created) })
	return all
}

func (f *Face) findRevision(r *http.Request) (*service, *revision, error) {
	s, err := f.find(r)
	if err != nil {
		return nil, nil, err
	}
	rev := s.Revisions[r.PathValue("revision")]
	if rev == nil {
		return nil, nil, gapi.NotFound("Resource '%s' of kind 'REVISION' in region '%s' in project '%s' does not exist.", r.PathValue("revision"), s.Location, s.Project)
	}
	return s, rev, nil
}

func (f *Face) getRevision(r *http.Request) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, rev, err := f.findRevision(r)
	if err != nil {
		return nil, err
	}
	return f.renderRevision(s, rev), nil
}

func (f *Face) deleteRevision(r *http.Request) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, rev, err := f.findRevision(r)
	if err != nil {
		return nil, err
	}
	if err := checkEtag(rev.Name, r.URL.Query().Get("etag"), rev.Etag); err != nil {
		return nil, err
	}
	return f.removeRevision(s, rev, validateOnly(r))
}

func readService(r *http.Request) (tree, string, error) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, 10<<20))
	if err != nil {
		return nil, "", gapi.Invalid("request body: %v", err)
	}
	return parseService(body)
}

func validateOnly(r *http.Request) bool { return r.URL.Query().Get("validateOnly") == "true" }

func checkEtag(what, given, current string) error {
	if given == "" || strings.Trim(given, `"`) == strings.Trim(current, `"`) {
		return nil
	}
	return gapi.Errorf(http.StatusConflict, "ABORTED", "aborted", "Conflict for resource '%s': version '%s' was specified but current version is '%s'.", what, given, current)
}

// caller names who sent the request: the e-mail in its token when it is one of the local issuer's.
func caller(r *http.Request) string {
	_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if parts := strings.Split(token, "."); len(parts) == 3 {
		var claims struct{ Email string }
		body, err := base64.RawURLEncoding.DecodeString(parts[1])
		if err == nil && json.Unmarshal(body, &claims) == nil && claims.Email != "" {
			return claims.Email
		}
	}
	return "developer@example.test"
}

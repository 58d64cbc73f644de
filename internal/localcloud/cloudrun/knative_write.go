package cloudrun

import (
	"io"
	"net/http"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

func readKnative(r *http.Request) (*knativeObject, error) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, 10<<20))
	if err != nil {
		return nil, gapi.Invalid("request body: %v", err)
	}
	o := &knativeObject{}
	if err := decode(body, o); err != nil {
		return nil, gapi.Invalid("Invalid JSON payload received: %v", err)
	}
	return o, nil
}

func (f *Face) knativeCreate(r *http.Request) (any, error) {
	o, err := readKnative(r)
	if err != nil {
		return nil, err
	}
	region := o.Metadata.Labels["cloud.googleapis.com/location"]
	if region == "" {
		region = knativeRegion(r)
	}
	if region == "-" {
		return nil, gapi.Invalid("the region is neither in the host name nor in the label cloud.googleapis.com/location")
	}
	spec, err := o.apply(tree{})
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	dry := r.URL.Query().Get("dryRun") == "all"
	if _, err := f.create(r.PathValue("project"), region, o.Metadata.Name, spec, caller(r), dry); err != nil || dry {
		return o, err
	}
	return f.knative(f.services[location(r.PathValue("project"), region)+"/services/"+o.Metadata.Name]), nil
}

func (f *Face) knativeReplace(r *http.Request) (any, error) {
	o, err := readKnative(r)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := f.knativeFind(r)
	if err != nil {
		return nil, err
	}
	if err := checkEtag(s.name(), o.Metadata.ResourceVersion, s.Etag); err != nil {
		return nil, err
	}
	spec, err := o.apply(s.Spec)
	if err != nil {
		return nil, err
	}
	if _, err := f.update(s, spec, caller(r), false, r.URL.Query().Get("dryRun") == "all"); err != nil {
		return nil, err
	}
	return f.knative(s), nil
}

// knativeDelete answers when nothing is left of the service: v1 has no operation that could be waited for.
func (f *Face) knativeDelete(r *http.Request) (any, error) {
	f.mu.Lock()
	s, err := f.knativeFind(r)
	if err != nil {
		f.mu.Unlock()
		return nil, err
	}
	op := f.remove(s, false)
	f.mu.Unlock()
	select {
	case <-op.done:
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	return tree{"kind": "Status", "status": "Success"}, nil
}

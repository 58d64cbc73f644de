package cloudrun

import "github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"

func (f *Face) registerKnative(handle func(string, gapi.Handler)) {
	const at = "/v1/projects/{project}/locations/{location}"
	handle("GET "+at+"/services/{service}", f.getService)
	handle("POST "+at+"/services/{service}", f.postService)
}

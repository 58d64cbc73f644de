package storage

import (
	"encoding/json"
	"net/http"

	"cloud.google.com/go/iam/apiv1/iampb"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// firstPolicy is who may do what with a new bucket: those who have roles in its project.
func firstPolicy(project string) *iampb.Policy {
	owners := []string{"projectEditor:" + project, "projectOwner:" + project}
	return &iampb.Policy{Version: 1, Etag: []byte{0x08, 0x01}, Bindings: []*iampb.Binding{
		{Role: "roles/storage.legacyBucketOwner", Members: owners},
		{Role: "roles/storage.legacyBucketReader", Members: []string{"projectViewer:" + project}},
	}}
}

// answerPolicy is a policy as this API shows it: with a kind, and the bucket that it is of.
func answerPolicy(bucket string, p *iampb.Policy) (any, error) {
	body, err := protojson.Marshal(p)
	if err != nil {
		return nil, err
	}
	answer := map[string]json.RawMessage{}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, err
	}
	answer["kind"] = json.RawMessage(`"storage#policy"`)
	if answer["resourceId"], err = json.Marshal("projects/_/buckets/" + bucket); err != nil {
		return nil, err
	}
	return answer, nil
}

func (f *Face) getPolicy(r *http.Request) (any, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	name := r.PathValue("bucket")
	b, err := f.bucket(name)
	if err != nil {
		return nil, err
	}
	return answerPolicy(name, b.policy)
}

func (f *Face) setPolicy(r *http.Request) (any, error) {
	want := &iampb.Policy{}
	// A policy here has a kind and a resource, which the messages of other APIs do not know.
	if err := gapi.ReadProto(r, want, protojson.UnmarshalOptions{DiscardUnknown: true}); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	name := r.PathValue("bucket")
	b, err := f.bucket(name)
	if err != nil {
		return nil, err
	}
	for _, binding := range want.GetBindings() {
		if binding.GetCondition() != nil && !b.meta.IAMConfiguration.Uniform.Enabled {
			return nil, gapi.Invalid("IAM conditions need a bucket with uniform bucket-level access.")
		}
		for _, member := range binding.GetMembers() {
			if (member == "allUsers" || member == "allAuthenticatedUsers") && b.meta.IAMConfiguration.PublicAccessPrevention == "enforced" {
				return nil, gapi.Errorf(http.StatusPreconditionFailed, "FAILED_PRECONDITION", "conditionNotMet",
					"The member bindings allUsers and allAuthenticatedUsers are not allowed since public access prevention is enforced.")
			}
		}
	}
	next, err := gapi.NextPolicy(b.policy, want)
	if err != nil {
		return nil, err
	}
	before := b.policy
	b.policy = next
	if err := f.save(); err != nil {
		b.policy = before
		return nil, err
	}
	return answerPolicy(name, next)
}

func (f *Face) testPermissions(r *http.Request) (any, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if _, err := f.bucket(r.PathValue("bucket")); err != nil {
		return nil, err
	}
	return map[string]any{"kind": "storage#testIamPermissionsResponse", "permissions": r.URL.Query()["permissions"]}, nil
}

package pubsub

import (
	"context"
	"strings"

	"cloud.google.com/go/iam/apiv1/iampb"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// policyOf is where the policy of a topic or subscription is kept.
func (f *Face) policyOf(resource string) (**iampb.Policy, error) {
	if strings.Contains(resource, "/topics/") {
		t, err := f.topic(resource)
		if err != nil {
			return nil, err
		}
		return &t.policy, nil
	}
	s, err := f.subscription(resource)
	if err != nil {
		return nil, err
	}
	return &s.policy, nil
}

// GetIamPolicy answers who may do what.
func (f *Face) GetIamPolicy(_ context.Context, req *iampb.GetIamPolicyRequest) (*iampb.Policy, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, err := f.policyOf(req.GetResource())
	if err != nil {
		return nil, err
	}
	return gapi.CurrentPolicy(*p), nil
}

// SetIamPolicy stores who may do what; the local cloud has no other users whom it would keep out.
func (f *Face) SetIamPolicy(_ context.Context, req *iampb.SetIamPolicyRequest) (*iampb.Policy, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, err := f.policyOf(req.GetResource())
	if err != nil {
		return nil, err
	}
	next, err := gapi.NextPolicy(*p, req.GetPolicy())
	if err != nil {
		return nil, err
	}
	*p = next
	return next, f.save()
}

// TestIamPermissions grants all that is asked.
func (f *Face) TestIamPermissions(_ context.Context, req *iampb.TestIamPermissionsRequest) (*iampb.TestIamPermissionsResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.policyOf(req.GetResource()); err != nil {
		return nil, err
	}
	return &iampb.TestIamPermissionsResponse{Permissions: req.GetPermissions()}, nil
}

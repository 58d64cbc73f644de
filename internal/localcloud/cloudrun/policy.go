package cloudrun

import (
	"net/http"
	"regexp"
	"slices"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

const invoker = "roles/run.invoker"

var memberForm = regexp.MustCompile(`^(allUsers|allAuthenticatedUsers|(user|serviceAccount|group|domain|principal|principalSet|deleted|projectOwner|projectEditor|projectViewer):.+)$`)

// public tells whether anybody may call the service.
func (s *service) public() bool {
	bindings, _ := s.Policy["bindings"].([]any)
	for _, b := range bindings {
		b, _ := b.(tree)
		members, _ := b["members"].([]any)
		if b["role"] == invoker && slices.Contains(members, any("allUsers")) {
			return true
		}
	}
	return false
}

// shown is an IAM policy as the API shows it; the etag is base64, as the field is of bytes.
func shown(policy tree) tree {
	if policy == nil {
		return tree{"etag": "ACAB"}
	}
	return clone(policy)
}

func (f *Face) getPolicy(r *http.Request) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := f.find(r)
	if err != nil {
		return nil, err
	}
	return shown(s.Policy), nil
}

func (f *Face) setPolicy(r *http.Request) (any, error) {
	body, err := readPolicy(r)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := f.find(r)
	if err != nil {
		return nil, err
	}
	next, err := body.after(s.Policy)
	if err != nil {
		return nil, err
	}
	s.Policy = next
	if err := f.save(s); err != nil {
		return nil, err
	}
	f.point(s)
	return shown(s.Policy), nil
}

// policyRequest is what setIamPolicy is asked for.
type policyRequest struct {
	Version  int `json:"version"`
	Bindings []struct {
		Role      string   `json:"role"`
		Members   []string `json:"members"`
		Condition tree     `json:"condition"`
	} `json:"bindings"`
	Etag string `json:"etag"`
}

func readPolicy(r *http.Request) (policyRequest, error) {
	var body struct {
		Policy policyRequest `json:"policy"`
	}
	err := gapi.ReadJSON(r, &body)
	return body.Policy, err
}

// after is the policy that follows the current one, unless somebody else came before.
func (p policyRequest) after(current tree) (tree, error) {
	if p.Etag != "" && p.Etag != shown(current)["etag"] {
		return nil, gapi.Errorf(http.StatusConflict, "ABORTED", "aborted", "There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff.")
	}
	bindings := []any{}
	for _, b := range p.Bindings {
		if b.Role == "" {
			return nil, gapi.Invalid("policy.bindings: a binding has no role")
		}
		members := []any{}
		for _, m := range b.Members {
			if !memberForm.MatchString(m) {
				return nil, gapi.Invalid("policy.bindings: member %q has no known type", m)
			}
			members = append(members, m)
		}
		if len(members) == 0 {
			continue // Google drops bindings without members
		}
		binding := tree{"role": b.Role, "members": members}
		if len(b.Condition) > 0 {
			binding["condition"] = b.Condition
		}
		bindings = append(bindings, binding)
	}
	next := tree{"version": number(int64(max(p.Version, 1))), "etag": randomBase64(9)}
	if len(bindings) > 0 {
		next["bindings"] = bindings
	}
	return next, nil
}

// testPermissions grants all that is asked: the local cloud has no other users.
func (f *Face) testPermissions(r *http.Request) (any, error) {
	var body struct {
		Permissions []string `json:"permissions"`
	}
	if err := gapi.ReadJSON(r, &body); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.find(r); err != nil {
		return nil, err
	}
	return tree{"permissions": body.Permissions}, nil
}

package gapi

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"cloud.google.com/go/iam/apiv1/iampb"
)

// CurrentPolicy gives an untouched policy the etag that Google's have: gcloud decodes it as base64.
func CurrentPolicy(p *iampb.Policy) *iampb.Policy {
	if p.GetEtag() == nil {
		return &iampb.Policy{Etag: []byte{0x00, 0x20, 0x01}}
	}
	return p
}

// NextPolicy is the policy that setIamPolicy makes of the current one, unless somebody else came before.
func NextPolicy(current, want *iampb.Policy) (*iampb.Policy, error) {
	if want == nil {
		return nil, Invalid("The policy field is required.")
	}
	if got := want.GetEtag(); len(got) > 0 && string(got) != string(CurrentPolicy(current).GetEtag()) {
		return nil, Errorf(http.StatusConflict, "ABORTED", "aborted",
			"There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff.")
	}
	want.Version = 1 // whatever version the client speaks
	if slices.ContainsFunc(want.GetBindings(), func(b *iampb.Binding) bool { return b.GetCondition() != nil }) {
		want.Version = 3
	}
	want.Etag = fmt.Appendf(nil, "%x", time.Now().UnixNano())
	return want, nil
}

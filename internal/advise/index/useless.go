package index

import (
	"cmp"
	"slices"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/advise/workload"
)

// dropper finds indexes that are in the way.
type dropper struct {
	in        *Input
	chooser   *chooser
	proposals []Proposal
}

func (d *dropper) useless() []Useless {
	all := []Useless{}
	return all
}

// guarded tells that an index is there for more than to be read: it must not be dropped, used or not.
func guarded(x *workload.Index) bool {
	return x.Primary || x.Unique || x.Constraint != "" || x.ReferredTo || x.Identity || x.Extension || x.Parent != ""
}

var _ = cmp.Compare[int]
var _ = slices.Contains[[]int]
var _ = strings.Compare

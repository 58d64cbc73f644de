package cloudrun

import (
	"math"
	"slices"
	"strings"

	"google.golang.org/api/run/v2"
)

// Values of Network.Egress.
const (
	EgressPrivate = "PRIVATE_RANGES_ONLY"
	EgressAll     = "ALL_TRAFFIC"
)

// Unset takes away a utilization that a spec has set before. Zero leaves it as it is.
const Unset = -1

// Network is how instances reach a VPC network: by an interface of their own in it. The zero value takes
// away what is there, which no Network at all leaves as it is.
type Network struct {
	Network, Subnetwork string
	Tags                []string
	Egress              string
}

func (n *Network) none() bool {
	return n.Network == "" && n.Subnetwork == "" && len(n.Tags) == 0 && n.Egress == ""
}

// percent is a share as the API has it, in whole percents.
func percent(share float64) int64 { return int64(math.Round(share * 100)) }

// utilization sets one of the two targets of scaling. Cloud Run has its own default for what is not set.
func (m *merger) utilization(to *float64, what string, want int64) {
	switch {
	case want == 0 || want == Unset && *to == 0 || want == percent(*to):
	case want == Unset:
		m.note("template", what)
		*to = 0
	default:
		m.note("template", what)
		*to = float64(want) / 100
	}
}

func (m *merger) shape(t *run.GoogleCloudRunV2RevisionTemplate, s Spec) {
	if t.Scaling == nil && (s.CPUUtilization > 0 || s.ConcurrencyUtilization > 0) {
		t.Scaling = &run.GoogleCloudRunV2RevisionScaling{}
	}
	if t.Scaling != nil {
		m.utilization(&t.Scaling.CpuUtilization, "CPU utilization", s.CPUUtilization)
		m.utilization(&t.Scaling.ConcurrencyUtilization, "concurrency utilization", s.ConcurrencyUtilization)
	}
	if s.Network == nil || observeNetwork(t.VpcAccess).Is(s.Network) {
		return
	}
	m.note("template", "network")
	if s.Network.none() {
		t.VpcAccess = nil
		return
	}
	t.VpcAccess = &run.GoogleCloudRunV2VpcAccess{Egress: s.Network.Egress, NetworkInterfaces: []*run.GoogleCloudRunV2NetworkInterface{
		{Network: s.Network.Network, Subnetwork: s.Network.Subnetwork, Tags: s.Network.Tags},
	}}
}

// observeNetwork is the interface that a template has, nil for none. A connector is another thing, and
// nobody's here.
func observeNetwork(v *run.GoogleCloudRunV2VpcAccess) *Network {
	if v == nil || len(v.NetworkInterfaces) == 0 {
		return nil
	}
	one := v.NetworkInterfaces[0]
	n := &Network{Network: one.Network, Subnetwork: one.Subnetwork, Tags: slices.Sorted(slices.Values(one.Tags)), Egress: v.Egress}
	if n.Egress == "" || n.Egress == "VPC_EGRESS_UNSPECIFIED" {
		n.Egress = EgressPrivate
	}
	return n
}

// Is tells whether what is seen is what is wanted. Of network and subnetwork the one that is not asked for follows
// from the other, and Cloud Run may fill it in.
func (n *Network) Is(want *Network) bool {
	if n == nil {
		return want == nil || want.none()
	}
	tags := slices.Sorted(slices.Values(want.Tags))
	return SameResource(n.Network, want.Network) && SameResource(n.Subnetwork, want.Subnetwork) && slices.Equal(n.Tags, tags) && n.Egress == want.Egress
}

// SameResource compares a resource's name as it is seen with the one that is wanted, where each may be the
// last part alone. Nothing wanted is whatever there is.
func SameResource(seen, want string) bool {
	if want == "" || seen == want {
		return true
	}
	short := func(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }
	return (!strings.Contains(seen, "/") || !strings.Contains(want, "/")) && short(seen) == short(want)
}

package cloudrun

import (
	"slices"
	"testing"

	"google.golang.org/api/run/v2"
)

// What a spec says nothing about stays; what it has set before goes when it is told to.
func TestMerge_shape(t *testing.T) {
	t.Parallel()
	settled := func(change func(*run.GoogleCloudRunV2RevisionTemplate)) (Spec, *run.GoogleCloudRunV2Service) {
		s := Spec{Project: "here", Name: "n", Image: "i", CPU: "1", Memory: "512Mi", Audience: "a", Max: 3}
		live, _, _, err := s.merge(&run.GoogleCloudRunV2Service{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		change(live.Template)
		return s, live
	}
	vpc := func(n string) *run.GoogleCloudRunV2VpcAccess {
		return &run.GoogleCloudRunV2VpcAccess{NetworkInterfaces: []*run.GoogleCloudRunV2NetworkInterface{{Network: n, Subnetwork: "filled-in", Tags: []string{"b", "a"}}}}
	}
	for name, c := range map[string]struct {
		live  func(*run.GoogleCloudRunV2RevisionTemplate)
		want  func(*Spec)
		words []string
		is    func(*run.GoogleCloudRunV2RevisionTemplate) bool
	}{
		"somebody else's": {
			func(t *run.GoogleCloudRunV2RevisionTemplate) {
				t.Scaling, t.VpcAccess = &run.GoogleCloudRunV2RevisionScaling{MaxInstanceCount: 7, CpuUtilization: 0.7}, vpc("theirs")
			}, func(*Spec) {}, nil,
			func(t *run.GoogleCloudRunV2RevisionTemplate) bool {
				return t.Scaling.CpuUtilization == 0.7 && t.VpcAccess != nil
			},
		},
		"ours go": {
			func(t *run.GoogleCloudRunV2RevisionTemplate) {
				t.Scaling, t.VpcAccess = &run.GoogleCloudRunV2RevisionScaling{MaxInstanceCount: 7, CpuUtilization: 0.7, ConcurrencyUtilization: 0.3}, vpc("ours")
			}, func(s *Spec) { s.CPUUtilization, s.Network = Unset, &Network{} }, []string{"CPU utilization", "network"},
			func(t *run.GoogleCloudRunV2RevisionTemplate) bool {
				return t.Scaling.CpuUtilization == 0 && t.Scaling.ConcurrencyUtilization == 0.3 && t.Scaling.MaxInstanceCount == 7 && t.VpcAccess == nil
			},
		},
		"in other words": {
			func(t *run.GoogleCloudRunV2RevisionTemplate) {
				t.VpcAccess = vpc("projects/here/global/networks/default")
			},
			func(s *Spec) {
				s.Network = &Network{Network: "default", Tags: []string{"a", "b"}, Egress: EgressPrivate}
			}, nil,
			func(t *run.GoogleCloudRunV2RevisionTemplate) bool { return true },
		},
		"instead of a connector": {
			func(t *run.GoogleCloudRunV2RevisionTemplate) {
				t.VpcAccess = &run.GoogleCloudRunV2VpcAccess{Connector: "projects/here/locations/l/connectors/c", Egress: EgressAll}
			},
			func(s *Spec) { s.Network = &Network{Network: "default", Egress: EgressAll} }, []string{"network"},
			func(t *run.GoogleCloudRunV2RevisionTemplate) bool {
				return t.VpcAccess.Connector == "" && t.VpcAccess.NetworkInterfaces[0].Network == "default"
			},
		},
	} {
		s, live := settled(c.live)
		c.want(&s)
		next, _, words, err := s.merge(live, nil)
		if err != nil || !slices.Equal(words, c.words) || !c.is(next.Template) {
			t.Errorf("%s: changes %q, %v; scaling %+v, network %+v", name, words, err, next.Template.Scaling, next.Template.VpcAccess)
		}
	}
}

func TestSameResource(t *testing.T) {
	t.Parallel()
	const full = "projects/here/global/networks/default"
	for _, c := range []struct {
		seen, want string
		same       bool
	}{
		{full, full, true}, {full, "default", true}, {"default", full, true}, {full, "", true}, {"", "default", false},
		{full, "projects/there/global/networks/default", false}, {"default", "other", false},
	} {
		if SameResource(c.seen, c.want) != c.same {
			t.Errorf("%q for %q: %v", c.seen, c.want, !c.same)
		}
	}
}

package cloudrun

import (
	"slices"
	"testing"

	"google.golang.org/api/run/v2"
	"pgregory.net/rapid"

	"github.com/feel-august/terraform-provider-august/internal/gcp/secrets"
)

// anySpec draws a spec that a configuration could ask for.
var anySpec = rapid.Custom(func(t *rapid.T) Spec {
	word := rapid.StringMatching(`[a-z]{1,8}`)
	env := rapid.Custom(func(t *rapid.T) Env {
		e := Env{Name: rapid.StringMatching(`[A-Z]{1,6}`).Draw(t, "name")}
		if rapid.Bool().Draw(t, "secret") {
			e.Secret = &secrets.Ref{
				Project: rapid.SampledFrom([]string{"here", "there"}).Draw(t, "project"), Name: word.Draw(t, "secret"),
				Version: rapid.SampledFrom([]string{"latest", "1", "7"}).Draw(t, "version"),
			}
		} else {
			e.Value = rapid.String().Draw(t, "value")
		}
		return e
	})
	return Spec{
		Project: "here", Location: "us-central1", Name: word.Draw(t, "name"), Image: word.Draw(t, "image"), ServiceAccount: word.Draw(t, "account"),
		Env: rapid.SliceOfNDistinct(env, 0, 6, func(e Env) string { return e.Name }).Draw(t, "env"),
		CPU: rapid.SampledFrom([]string{"1", "2", "4"}).Draw(t, "cpu"), Memory: rapid.SampledFrom([]string{"512Mi", "2Gi"}).Draw(t, "memory"),
		Concurrency: rapid.Int64Range(1, 1000).Draw(t, "concurrency"), Timeout: "300s",
		Min: rapid.Int64Range(0, 3).Draw(t, "min"), Max: rapid.Int64Range(3, 9).Draw(t, "max"),
		Authorized: rapid.Bool().Draw(t, "authorized"),
		Public:     rapid.Bool().Draw(t, "public"), Ingress: rapid.SampledFrom([]string{IngressAll, IngressInternal}).Draw(t, "ingress"),
		Labels: rapid.MapOfN(word, word, 0, 4).Draw(t, "labels"), Audience: word.Draw(t, "audience"),
		CPUUtilization: rapid.SampledFrom([]int64{Unset, 10, 29, 57, 90}).Draw(t, "cpu utilization"), ConcurrencyUtilization: rapid.Int64Range(10, 95).Draw(t, "concurrency utilization"),
		Network: rapid.SampledFrom([]*Network{{}, {Network: "default", Egress: EgressAll}, {Subnetwork: "apps", Tags: []string{"b", "a"}, Egress: EgressPrivate}}).Draw(t, "network"),
	}
})

// What has been merged once needs no second write, and what is observed of it is what was asked for.
func TestMerge_settles(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		spec := anySpec.Draw(t, "spec")
		live, mask, _, err := anySpec.Draw(t, "before").merge(&run.GoogleCloudRunV2Service{}, nil)
		if err != nil || len(mask) == 0 {
			t.Fatalf("a new service: %q, %v", mask, err)
		}
		next, _, _, err := spec.merge(live, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, mask, words, err := spec.merge(next, nil); err != nil || len(mask) > 0 {
			t.Fatalf("second write of %q (%q), %v", mask, words, err)
		}
		seen := Observe(spec.Project, spec.Location, spec.Name, next)
		if words, err := Drift(seen, next); err != nil || len(words) > 0 {
			t.Fatalf("drift %q, %v", words, err)
		}
		if names := differing(seen.Env, spec.Env); len(names) > 0 {
			t.Fatalf("observed another %q", names)
		}
		if max(spec.CPUUtilization, 0) != seen.CPUUtilization || spec.ConcurrencyUtilization != seen.ConcurrencyUtilization || !seen.Network.Is(spec.Network) {
			t.Fatalf("observed %+v, network %+v, of %+v", seen, seen.Network, spec)
		}
		if seen.Image != spec.Image || seen.Min != spec.Min || seen.Max != spec.Max || seen.Public != spec.Public || seen.Authorized != spec.Authorized || seen.CPU != spec.CPU {
			t.Fatalf("observed %+v of %+v", seen, spec)
		}
	})
}

func TestMerge_leavesOthersAlone(t *testing.T) {
	t.Parallel()
	s := Spec{Project: "here", Name: "n", Image: "i", CPU: "1", Memory: "512Mi", Labels: map[string]string{"team": "a"}, Audience: "a"}
	live := &run.GoogleCloudRunV2Service{
		Labels:      map[string]string{"owner": "b", "stage": "c", "goog-x": "d"},
		Annotations: map[string]string{"note": "kept"},
		Template: &run.GoogleCloudRunV2RevisionTemplate{
			Revision: "n-1", Annotations: map[string]string{"t": "kept"},
			VpcAccess: &run.GoogleCloudRunV2VpcAccess{Egress: "ALL_TRAFFIC"},
			Containers: []*run.GoogleCloudRunV2Container{
				{Name: "sidecar", Image: "other"},
				{
					Name: "main", Image: "old", Ports: []*run.GoogleCloudRunV2ContainerPort{{ContainerPort: 8080}},
					VolumeMounts: []*run.GoogleCloudRunV2VolumeMount{{Name: "v", MountPath: "/v"}},
				},
			},
		},
	}
	next, mask, words, err := s.merge(live, []string{"stage"})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(mask, "template") || !slices.Contains(words, "image") {
		t.Errorf("changes %q: %q", mask, words)
	}
	_, stage := next.Labels["stage"]
	c := next.Template.Containers
	if stage || next.Labels["owner"] != "b" || next.Labels["team"] != "a" || next.Annotations["note"] != "kept" || next.Template.Annotations["t"] != "kept" ||
		next.Template.VpcAccess == nil || len(c) != 2 || c[0].Image != "other" || c[1].Image != "i" || len(c[1].VolumeMounts) != 1 {
		t.Errorf("merged to %+v, template %+v", next, next.Template)
	}
	if next.Template.Revision != "" {
		t.Error("a revision's name would be used twice")
	}
	if live.Labels["stage"] != "c" || live.Template.Containers[1].Image != "old" {
		t.Error("the service that was read has been changed")
	}
}

func TestDrift_namesWhatNoAttributeShows(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		change func(*run.GoogleCloudRunV2Service)
		want   string
	}{
		{func(s *run.GoogleCloudRunV2Service) { s.Scaling.ScalingMode = manual }, "the service is stopped: scaling is manual, at no instance"},
		{func(s *run.GoogleCloudRunV2Service) {
			s.Scaling.ScalingMode, s.Scaling.ManualInstanceCount = manual, 2
		}, "scaling is manual, at 2 instances"},
		{func(s *run.GoogleCloudRunV2Service) { s.CustomAudiences = nil }, "custom audiences"},
		{func(s *run.GoogleCloudRunV2Service) { s.Template.Containers[0].LivenessProbe = nil }, "liveness probe"},
		{func(s *run.GoogleCloudRunV2Service) { s.Template.Containers[0].Args = []string{"version"} }, "arguments"},
		{func(s *run.GoogleCloudRunV2Service) { s.Template.Containers[0].Resources.CpuIdle = true }, "processor between requests"},
		{func(s *run.GoogleCloudRunV2Service) { delete(s.Labels, labelKind) }, "labels"},
	} {
		s := Spec{Project: "here", Name: "n", Image: "i", CPU: "1", Memory: "512Mi", Audience: "a", Max: 3}
		live, _, _, err := s.merge(&run.GoogleCloudRunV2Service{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		tt.change(live)
		seen := Observe("here", "", "n", live)
		seen.Audience = "a"
		if words, err := Drift(seen, live); err != nil || !slices.Equal(words, []string{tt.want}) {
			t.Errorf("%q, %v; want %q", words, err, tt.want)
		}
	}
}

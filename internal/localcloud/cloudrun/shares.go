package cloudrun

import (
	"encoding/json"
	"errors"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/cloudrun/runner"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// Shares of an instance that are in use before another one is started, when the template does not say.
const defaultUtilization = 0.6

// localMax bounds how far a revision grows by itself: a hundred instances, Cloud Run's default, are more
// than one machine carries. Who asks for more at least gets them.
const localMax = 8

// bounds is how many instances a revision has when percent of the traffic goes to it. What a service
// asks for is divided among its revisions by traffic, rounded up so that no revision which has some is left
// without; one that only a tag leads to starts on demand.
func (s *service) bounds(r *revision, percent int) runner.Bounds {
	if s.stopped() {
		return runner.Bounds{}
	}
	share := func(n int32) int { return (int(n)*percent + 99) / 100 }
	whole := s.typed().GetScaling()
	if whole.GetScalingMode() == runpb.ServiceScaling_MANUAL {
		n := share(whole.GetManualInstanceCount())
		return runner.Bounds{Min: n, Max: max(n, 1)}
	}
	own := view(r.Template, &runpb.RevisionTemplate{}).GetScaling()
	b := runner.Bounds{Min: max(int(own.GetMinInstanceCount()), share(whole.GetMinInstanceCount())), Max: int(own.GetMaxInstanceCount())}
	if n := whole.GetMaxInstanceCount(); n > 0 {
		b.Max = min(b.Max, max(share(n), 1))
	}
	b.Max = max(min(b.Max, max(localMax, b.Min)), 1)
	b.Min = min(b.Min, b.Max)
	return b
}

// shares sums up what routes give to each revision they lead to.
func shares(routes []routed) map[string]int {
	out := map[string]int{}
	for _, r := range routes {
		if r.Percent > 0 || r.Tag != "" {
			out[r.Revision] += r.Percent
		}
	}
	return out
}

// scaling is what makes a revision grow. Only REST knows the two targets, so that they are read from the tree.
func (f *Face) scaling(t tree) runner.Scaling {
	target := func(field string) float64 {
		v, ok := lookup(t, "scaling."+field)
		if !ok {
			return defaultUtilization
		}
		share, _ := utilization(v) // checked when it was declared
		return share
	}
	limit := int64(1000)
	if list, _ := t["containers"].([]any); len(list) > 0 {
		cpu, _ := lookup(list[0].(tree), "resources.limits.cpu")
		text, _ := cpu.(string)
		if n, err := milliCPU(text); err == nil {
			limit = n
		}
	}
	return runner.Scaling{
		Concurrency: target("concurrencyUtilization"), CPU: target("cpuUtilization"), CPULimit: float64(limit) / 1000,
		Window: f.opt.ScaleWindow, IdleAfter: f.opt.IdleAfter,
	}
}

// utilization reads a share as REST's clients write it.
func utilization(v any) (float64, error) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, errors.New("it is not a number")
	}
	return n.Float64()
}

// checkUtilization refuses what Cloud Run refuses of the two shares: 0 takes one out of account.
func checkUtilization(t tree) error {
	off := 0
	for _, c := range []struct {
		field, name string
		most        float64
	}{{"cpuUtilization", "cpu_utilization", 0.9}, {"concurrencyUtilization", "concurrency_utilization", 0.95}} {
		v, ok := lookup(t, "scaling."+c.field)
		if !ok {
			continue
		}
		share, err := utilization(v)
		if err != nil || share != 0 && (share < 0.1 || share > c.most) {
			return gapi.Invalid("template.scaling.%s: %v is neither 0 nor within 0.1 and %g", c.name, v, c.most)
		}
		if share == 0 {
			off++
		}
	}
	if off == 2 {
		return gapi.Invalid("template.scaling: cpu_utilization and concurrency_utilization cannot both be disabled")
	}
	return nil
}

// rescale gives every pool the bounds of its revision's present share. f.mu is held.
func (f *Face) rescale(s *service) {
	share := shares(s.Statuses)
	for rev, p := range s.pools {
		if r := s.Revisions[rev]; r != nil {
			p.Rescale(s.bounds(r, share[rev]))
		}
	}
}

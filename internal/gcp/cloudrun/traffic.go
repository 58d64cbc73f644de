package cloudrun

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/api/run/v2"
)

// Tag names the address that a new revision has to itself until it has all of the traffic. Cloud Run takes 46 letters of
// it and the service's name together.
const Tag = "candidate"

// split is the percents of a service's traffic, by revision. They sum to 100 when anything is served.
type split map[string]int64

// serving is where a service's requests go now, whatever was asked for.
func serving(live *run.GoogleCloudRunV2Service) split {
	s := split{}
	for _, t := range live.TrafficStatuses {
		if t.Percent > 0 {
			s[target(live, t.Revision)] += t.Percent
		}
	}
	return s
}

// target is the revision that a share of traffic goes to: the one that is named, or else the latest that is ready.
func target(live *run.GoogleCloudRunV2Service, named string) string {
	if named == "" {
		named = live.LatestReadyRevision
	}
	return short(named)
}

// give is the split in which candidate has so many percent. The others divide what is left as they divided theirs before;
// there has to be one, unless candidate gets everything.
func (s split) give(candidate string, percent int64) split {
	others := maps.Clone(s)
	delete(others, candidate)
	var whole int64
	for _, share := range others {
		whole += share
	}
	next := split{}
	if percent > 0 {
		next[candidate] = percent
	}
	rest := 100 - percent
	if whole == 0 || rest == 0 {
		return next
	}
	// The largest remainders are rounded up, so that the sum stays what it is.
	names := slices.SortedFunc(maps.Keys(others), func(a, b string) int {
		if byRemainder := (others[b] * rest % whole) - (others[a] * rest % whole); byRemainder != 0 {
			return int(byRemainder)
		}
		return strings.Compare(a, b)
	})
	left := rest
	for _, name := range names {
		next[name] = others[name] * rest / whole
		left -= next[name]
	}
	for _, name := range names[:left] {
		next[name]++
	}
	maps.DeleteFunc(next, func(_ string, share int64) bool { return share == 0 })
	return next
}

// steps is what a candidate still has to go through.
func (s split) steps(candidate string, all []int64) []int64 {
	return slices.DeleteFunc(slices.Clone(all), func(step int64) bool { return step <= s[candidate] })
}

// targets asks for the split. The revision tagged, if any, gets an address of its own, also without a share.
func (s split) targets(tagged string) []*run.GoogleCloudRunV2TrafficTarget {
	names := slices.Collect(maps.Keys(s))
	if _, shares := s[tagged]; tagged != "" && !shares {
		names = append(names, tagged)
	}
	slices.Sort(names)
	var targets []*run.GoogleCloudRunV2TrafficTarget
	for _, name := range names {
		t := &run.GoogleCloudRunV2TrafficTarget{Type: named, Revision: name, Percent: s[name]}
		if name == tagged {
			t.Tag = Tag
		}
		targets = append(targets, t)
	}
	return targets
}

// String names the revisions that have traffic.
func (s split) String() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(s)) {
		parts = append(parts, fmt.Sprintf("%s (%d %%)", name, s[name]))
	}
	switch {
	case len(parts) == 0:
		return "no revision"
	case len(parts) == 1 && s[firstOf(s)] == 100:
		return firstOf(s)
	}
	return strings.Join(parts, ", ")
}

func firstOf(s split) string {
	for name := range s {
		return name
	}
	return ""
}

// everything asks for whatever revision is the latest to be ready.
func everything() []*run.GoogleCloudRunV2TrafficTarget {
	return []*run.GoogleCloudRunV2TrafficTarget{{Type: latest, Percent: 100}}
}

// sameTargets says that both ask for the same, for a service whose latest revision is ready.
func sameTargets(live *run.GoogleCloudRunV2Service, a, b []*run.GoogleCloudRunV2TrafficTarget) bool {
	return slices.Equal(readTargets(live, a), readTargets(live, b))
}

func readTargets(live *run.GoogleCloudRunV2Service, targets []*run.GoogleCloudRunV2TrafficTarget) []string {
	var all []string
	for _, t := range targets {
		if t.Percent > 0 || t.Tag != "" {
			all = append(all, fmt.Sprintf("%s %d %s", target(live, t.Revision), t.Percent, t.Tag))
		}
	}
	slices.Sort(all)
	return all
}

// Settled says that the latest revision that is ready has all of the traffic, by name or as the latest, and that no tag
// leads past the service's own address.
func Settled(live *run.GoogleCloudRunV2Service) bool { return Astray(live) == "" }

// Astray is how a service's traffic is not settled, empty when it is.
func Astray(live *run.GoogleCloudRunV2Service) string {
	newest := short(live.LatestReadyRevision)
	var tags []string
	asked := split{}
	for _, t := range live.Traffic {
		if t.Tag != "" {
			tags = append(tags, fmt.Sprintf("the tag %q leads to %s", t.Tag, target(live, t.Revision)))
		}
		if t.Percent > 0 {
			asked[target(live, t.Revision)] += t.Percent
		}
	}
	for _, s := range []split{serving(live), asked} {
		if len(s) > 0 && s[newest] != 100 {
			return fmt.Sprintf("traffic goes to %s, and not all of it to %s, the latest revision that is ready", s, newest)
		}
	}
	return strings.Join(tags, "; ")
}

// Revision is the short name of the revision that serves; of several, the one that serves most.
func Revision(live *run.GoogleCloudRunV2Service) string {
	most, s := target(live, ""), serving(live)
	for _, name := range slices.Sorted(maps.Keys(s)) {
		if s[name] > s[most] {
			most = name
		}
	}
	return most
}

// Newest is the short name of the revision that was made last, whether it became ready or not.
func Newest(live *run.GoogleCloudRunV2Service) string { return short(live.LatestCreatedRevision) }

func short(revision string) string { return revision[strings.LastIndexByte(revision, '/')+1:] }

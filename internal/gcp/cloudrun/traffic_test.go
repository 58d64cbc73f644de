package cloudrun

import (
	"fmt"
	"testing"

	"google.golang.org/api/run/v2"
	"pgregory.net/rapid"
)

// anySplit draws a split that a service could have.
var anySplit = rapid.Custom(func(t *rapid.T) split {
	s, left := split{}, int64(100)
	for i := 1; left > 0; i++ {
		share := rapid.Int64Range(1, left).Draw(t, "share")
		s[fmt.Sprintf("n-%d", i)] = share
		left -= share
	}
	return s
})

func TestGive_sharesEverything(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		before := anySplit.Draw(t, "before")
		candidate := rapid.SampledFrom([]string{"n-1", "n-new"}).Draw(t, "candidate")
		percent := rapid.Int64Range(0, 100).Draw(t, "percent")
		if before[candidate] == 100 && percent < 100 {
			percent = 100 // there is nobody to share with
		}
		next := before.give(candidate, percent)
		var sum int64
		for name, share := range next {
			if sum += share; share <= 0 {
				t.Fatalf("%s has a share of %d", name, share)
			}
			if _, had := before[name]; !had && name != candidate {
				t.Fatalf("%s comes from nowhere", name)
			}
		}
		if sum != 100 || next[candidate] != percent {
			t.Fatalf("%v gives %v for %d", before, next, percent)
		}
		for a := range before {
			for b := range before {
				if a != candidate && b != candidate && before[a] > before[b] && next[a] < next[b] {
					t.Fatalf("%v turns into %v: %s had more than %s", before, next, a, b)
				}
			}
		}
		// What a revision has already is nothing to move, and who had nothing loses nothing when it is abandoned.
		if same := before.give(candidate, before[candidate]); same.String() != before.String() {
			t.Fatalf("%v moves to %v by itself", before, same)
		}
		if back := next.give("n-new", 0); candidate == "n-new" && len(before) == 1 && percent < 100 && back.String() != before.String() {
			t.Fatalf("%v is put back to %v", before, back)
		}
		var asked int64
		for _, target := range next.targets(candidate) {
			if asked += target.Percent; (target.Tag == Tag) != (target.Revision == candidate) {
				t.Fatalf("%+v", target)
			}
		}
		if asked != 100 {
			t.Fatalf("%d %% are asked for", asked)
		}
	})
}

func TestSteps(t *testing.T) {
	t.Parallel()
	for has, want := range map[int64]string{0: "[10 50]", 9: "[10 50]", 10: "[50]", 30: "[50]", 50: "[]", 99: "[]"} {
		if got := fmt.Sprint(split{"n-2": has}.steps("n-2", []int64{10, 50})); got != want {
			t.Errorf("with %d %% there is %s to go, want %s", has, got, want)
		}
	}
}

func TestAstray(t *testing.T) {
	t.Parallel()
	type targets = []*run.GoogleCloudRunV2TrafficTarget
	for _, tt := range []struct {
		name    string
		traffic targets
		want    string
	}{
		{"nothing said", nil, ""},
		{"the latest", everything(), ""},
		{"the newest by name", split{"n-2": 100}.targets(""), ""},
		{"the newest in two parts", targets{{Type: latest, Percent: 60}, {Type: named, Revision: "n-2", Percent: 40}}, ""},
		{"an older one", split{"n-1": 100}.targets(""), "traffic goes to n-1, and not all of it to n-2, the latest revision that is ready"},
		{"a part", split{"n-1": 90, "n-2": 10}.targets(""), "traffic goes to n-1 (90 %), n-2 (10 %), and not all of it to n-2, the latest revision that is ready"},
		{"a rollout under way", split{"n-1": 100}.targets("n-2"), "traffic goes to n-1, and not all of it to n-2, the latest revision that is ready"},
		{"a tag", split{"n-2": 100}.targets("n-1"), `the tag "candidate" leads to n-1`},
	} {
		live := &run.GoogleCloudRunV2Service{LatestReadyRevision: "p/revisions/n-2", LatestCreatedRevision: "p/revisions/n-2", Traffic: tt.traffic}
		for _, target := range tt.traffic {
			live.TrafficStatuses = append(live.TrafficStatuses, &run.GoogleCloudRunV2TrafficTargetStatus{
				Type: target.Type, Revision: target.Revision, Percent: target.Percent, Tag: target.Tag,
			})
		}
		if got := Astray(live); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestRevision_servesMost(t *testing.T) {
	t.Parallel()
	live := &run.GoogleCloudRunV2Service{LatestReadyRevision: "p/revisions/n-2"}
	if got := Revision(live); got != "n-2" {
		t.Errorf("%s serves before anybody says so", got)
	}
	live.TrafficStatuses = []*run.GoogleCloudRunV2TrafficTargetStatus{{Revision: "n-1", Percent: 90}, {Type: latest, Percent: 10}}
	if got := Revision(live); got != "n-1" {
		t.Errorf("%s serves most", got)
	}
}

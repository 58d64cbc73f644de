package billing

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestShowMismatches(t *testing.T) {
	t.Parallel()
	shown, withheld := ShowMismatches([]MismatchGroup{
		{"2026-01", Underpaid, Warning, 11},
		{"2026-02", Underpaid, Warning, 6}, // with the next, eleven of other months
		{"2026-03", Underpaid, Warning, 5},
		{"2026-03", PostingDrift, Fault, 10},
		{"2026-03", UnallocatedPayment, Info, 5}, // another severity of the same reason is another row
		{"2026-03", UnallocatedPayment, Warning, 40},
	}, MinClaims)
	want := []MismatchGroup{
		{OtherMonths, Underpaid, Warning, 11},
		{"2026-01", Underpaid, Warning, 11},
		{"2026-03", UnallocatedPayment, Warning, 40},
	}
	if withheld != 15 || !slices.Equal(shown, want) {
		t.Errorf("%d withheld\n got %+v\nwant %+v", withheld, shown, want)
	}
}

// Nothing is lost or made up, no row is small, and no two share a key.
func TestShowMismatches_anyGroups(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var groups []MismatchGroup
		var all int64
		seen := map[string]bool{}
		for range rapid.IntRange(0, 40).Draw(t, "n") {
			g := MismatchGroup{fmt.Sprintf("2026-%02d", rapid.IntRange(1, 12).Draw(t, "month")), rapid.SampledFrom(Reasons).Draw(t, "reason"),
				rapid.SampledFrom([]Severity{Info, Warning, Fault}).Draw(t, "severity"), rapid.Int64Range(1, 30).Draw(t, "count")}
			if !seen[g.ShowKey()] {
				seen[g.ShowKey()] = true
				groups, all = append(groups, g), all+g.Count
			}
		}
		shown, withheld := ShowMismatches(groups, MinClaims)
		keys := map[string]bool{}
		for _, g := range shown {
			if g.Count < MinClaims || keys[g.ShowKey()] || !strings.HasPrefix(g.ShowKey(), KeyPrefix) {
				t.Fatalf("%+v", g)
			}
			keys[g.ShowKey()] = true
			all -= g.Count
		}
		if all != withheld {
			t.Fatalf("%d withheld, %d are missing", withheld, all)
		}
	})
}

func TestDaily_showKey(t *testing.T) {
	t.Parallel()
	a, b := daily("2026-03-02", StatusPaid, "Example Payer", 7, 11), daily("2026-03-03", StatusPaid, "EXAMPLE  payer", 7, 12)
	if a.ShowKey() != b.ShowKey() {
		t.Error("another day is another row")
	}
	for _, other := range []Daily{daily("", StatusDenied, a.Payer, 7, 1), daily("", StatusPaid, "Other", 7, 1), daily("", StatusPaid, a.Payer, 0, 1)} {
		if other.ShowKey() == a.ShowKey() {
			t.Errorf("%+v has the same key", other)
		}
	}
	if !strings.HasPrefix(a.ShowKey(), KeyPrefix) {
		t.Error("the key is not marked as ours")
	}
}

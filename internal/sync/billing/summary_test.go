package billing

import (
	"strings"
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"
)

func TestSummarise(t *testing.T) {
	t.Parallel()
	group := func(month string, status Status, payer string, claims int64) Group {
		return Group{Month: month, Status: status, Payer: payer, Totals: Totals{Claims: claims, Billed: decimal.NewFromInt(claims * 100)}}
	}
	shown, withheld := Summarise([]Group{
		group("2026-03", StatusPaid, "Example Payer", 8),
		group("2026-03", StatusPaid, "EXAMPLE  payer", 4), // the same one
		group("2026-03", StatusPaid, "Small Payer", 6),
		group("2026-03", StatusPaid, "", 5), // with the small one, eleven
		group("2026-03", StatusDenied, "Example Payer", 10),
		group("", StatusPaid, "Example Payer", 11),
	}, MinClaims)
	if withheld != 10 || len(shown) != 3 {
		t.Fatalf("%d withheld, shown %+v", withheld, shown)
	}
	byPayer := map[string]Group{}
	for _, g := range shown {
		byPayer[g.Month+" "+g.Payer] = g
	}
	for name, claims := range map[string]int64{"2026-03 EXAMPLE  payer": 12, "2026-03 " + OtherPayers: 11, "unknown Example Payer": 11} {
		if g := byPayer[name]; g.Claims != claims || !g.Billed.Equal(decimal.NewFromInt(claims*100)) {
			t.Errorf("%s: %+v", name, g)
		}
	}
}

func TestSummarise_properties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		groups := rapid.SliceOf(rapid.Custom(func(t *rapid.T) Group {
			return Group{
				Month:  rapid.SampledFrom([]string{"", "2026-01", "2026-02"}).Draw(t, "month"),
				Status: rapid.SampledFrom(Statuses).Draw(t, "status"),
				Payer:  rapid.SampledFrom([]string{"", "A", "a", "B", "C", OtherPayers}).Draw(t, "payer"),
				Totals: Totals{Claims: rapid.Int64Range(1, 30).Draw(t, "claims"), Billed: decimal.New(rapid.Int64Range(0, 999999).Draw(t, "billed"), -2)},
			}
		})).Draw(t, "groups")
		shown, withheld := Summarise(groups, MinClaims)
		var all, out int64
		for _, g := range groups {
			all += g.Claims
		}
		keys := map[string]bool{}
		for _, g := range shown {
			out += g.Claims
			if g.Claims < MinClaims || keys[g.Key()] || !strings.HasPrefix(g.Key(), KeyPrefix) {
				t.Fatalf("%+v (%s) may not be shown", g, g.Key())
			}
			keys[g.Key()] = true
		}
		if out+withheld != all {
			t.Fatalf("%d claims became %d shown and %d withheld", all, out, withheld)
		}
	})
}

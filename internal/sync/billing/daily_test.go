package billing

import (
	"reflect"
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"
)

func daily(day string, status Status, payer string, doctor, claims int64) Daily {
	return Daily{Day: day, Status: status, Payer: payer, Doctor: doctor, Totals: Totals{Claims: claims, Billed: decimal.NewFromInt(claims * 100)}}
}

func TestDays(t *testing.T) {
	t.Parallel()
	got := Days([]Daily{
		daily("2026-03-03", StatusPaid, "Example Payer", 2, 1),
		daily("2026-03-02", StatusPaid, "example  payer", 1, 2),
		daily("2026-03-02", StatusPaid, "Example Payer", 1, 3), // the same one
		daily("2026-03-02", StatusPaid, " ", 1, 4),
		daily("2026-03-02", StatusDenied, "EXAMPLE PAYER", 0, 5),
	})
	want := []Daily{
		daily("2026-03-02", StatusDenied, "EXAMPLE PAYER", 0, 5),
		daily("2026-03-02", StatusPaid, NoPayer, 1, 4),
		daily("2026-03-02", StatusPaid, "EXAMPLE PAYER", 1, 5),
		daily("2026-03-03", StatusPaid, "EXAMPLE PAYER", 2, 1),
	}
	if !same(got, want) {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
}

func TestShowDay(t *testing.T) {
	t.Parallel()
	shown, withheld := ShowDay(Days([]Daily{
		daily("2026-03-02", StatusPaid, "Large Payer", 1, 11),
		daily("2026-03-02", StatusPaid, "Small Payer", 1, 6), // with the next, eleven of provider 1
		daily("2026-03-02", StatusPaid, "", 1, 5),
		daily("2026-03-02", StatusPaid, "Small Payer", 2, 6), // with the next, twelve of several providers
		daily("2026-03-02", StatusPaid, OtherPayers, 0, 6),
		daily("2026-03-02", StatusDenied, "Large Payer", 1, 10),
	}), MinClaims)
	want := []Daily{
		daily("2026-03-02", StatusPaid, OtherPayers, 0, 12),
		daily("2026-03-02", StatusPaid, OtherPayers, 1, 11),
		daily("2026-03-02", StatusPaid, "Large Payer", 1, 11),
	}
	if withheld != 10 || !same(shown, want) {
		t.Errorf("%d withheld\n got %+v\nwant %+v", withheld, shown, want)
	}
}

// same compares amounts by value.
func same(got, want []Daily) bool {
	if len(got) != len(want) {
		return false
	}
	for i := range got {
		if !got[i].Billed.Equal(want[i].Billed) {
			return false
		}
		got[i].Totals, want[i].Totals = Totals{Claims: got[i].Claims}, Totals{Claims: want[i].Claims}
	}
	return reflect.DeepEqual(got, want)
}

func TestDays_properties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		groups := rapid.SliceOf(rapid.Custom(func(t *rapid.T) Daily {
			g := daily(rapid.SampledFrom([]string{"2026-03-02", "2026-03-03"}).Draw(t, "day"), rapid.SampledFrom([]Status{StatusPaid, StatusDenied}).Draw(t, "status"),
				rapid.SampledFrom([]string{"", "A", "a", "B", "C", OtherPayers, "(OTHER payers)"}).Draw(t, "payer"), rapid.Int64Range(0, 1).Draw(t, "doctor"),
				rapid.Int64Range(1, 15).Draw(t, "claims"))
			g.Billed = decimal.New(rapid.Int64Range(-999, 999999).Draw(t, "billed"), -2)
			return g
		})).Draw(t, "groups")
		days := Days(groups)
		if !same(Days(rapid.Permutation(groups).Draw(t, "order")), Days(groups)) {
			t.Fatal("order matters")
		}
		if !same(Days(days), Days(groups)) {
			t.Fatal("rows change when they are taken again")
		}
		shown, withheld := ShowDay(days, MinClaims)
		count := func(rows []Daily) (claims int64, billed decimal.Decimal) {
			seen := map[Daily]bool{}
			for _, g := range rows {
				claims, billed = claims+g.Claims, billed.Add(g.Billed)
				at := Daily{Day: g.Day, Status: g.Status, Payer: Fold(g.Payer), Doctor: g.Doctor}
				if seen[at] {
					t.Fatalf("%+v is there twice", at)
				}
				seen[at] = true
			}
			return claims, billed
		}
		var all int64
		sum := decimal.Zero
		for _, g := range groups {
			all, sum = all+g.Claims, sum.Add(g.Billed)
		}
		if claims, billed := count(days); claims != all || !billed.Equal(sum) {
			t.Fatalf("%d claims of %s became %d of %s", all, sum, claims, billed)
		}
		if claims, billed := count(shown); claims+withheld != all || withheld == 0 && !billed.Equal(sum) {
			t.Fatalf("%d claims became %d shown and %d withheld", all, claims, withheld)
		}
		for _, g := range shown {
			if g.Claims < MinClaims {
				t.Fatalf("%+v may not be shown", g)
			}
		}
	})
}

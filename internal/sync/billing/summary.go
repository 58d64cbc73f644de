package billing

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/shopspring/decimal"
)

// MinClaims is the fewest claims a group of the summary may show. A smaller one could point at a
// person; eleven is the limit that the CMS cell-size policy sets.
const MinClaims = 11

// OtherPayers stands for all payers of a month and status that are too small to show.
const OtherPayers = "(other payers)"

// NoPayer stands for claims that name no payer.
const NoPayer = "(no payer)"

// Group is claims counted and summed by month of service, status and payer.
type Group struct {
	Month  string // 2026-03; "" when unknown
	Status Status
	Payer  string
	Totals
}

// Totals is claims counted and summed.
type Totals struct {
	Claims        int64
	Billed        decimal.Decimal
	InsurancePaid decimal.Decimal
	PatientPaid   decimal.Decimal
	Balance       decimal.Decimal
}

// Key identifies the group's row, the same one in every run. It starts with KeyPrefix.
func (g Group) Key() string {
	sum := sha256.Sum256([]byte(Fold(g.Payer)))
	return KeyPrefix + g.Month + "/" + string(g.Status) + "/" + hex.EncodeToString(sum[:6])
}

// KeyPrefix marks rows that this summary owns. It starts with coda.Prefix.
const KeyPrefix = "august/billing/"

func (t *Totals) add(other Totals) {
	t.Claims += other.Claims
	t.Billed = t.Billed.Add(other.Billed)
	t.InsurancePaid = t.InsurancePaid.Add(other.InsurancePaid)
	t.PatientPaid = t.PatientPaid.Add(other.PatientPaid)
	t.Balance = t.Balance.Add(other.Balance)
}

// Summarise makes of counted groups those that may be shown: payers are told apart whatever their
// spelling, those below the limit are folded into OtherPayers, and what is still below it is
// withheld. It returns the claims withheld beside the groups, which are in order of key.
func Summarise(groups []Group, least int64) (shown []Group, withheld int64) {
	type cell struct {
		month  string
		status Status
	}
	cells := map[cell]map[string]*Group{}
	for _, g := range groups {
		if g.Month == "" {
			g.Month = "unknown"
		}
		if Fold(g.Payer) == "" {
			g.Payer = NoPayer
		}
		at := cell{g.Month, g.Status}
		if cells[at] == nil {
			cells[at] = map[string]*Group{}
		}
		payer := Fold(g.Payer)
		if have := cells[at][payer]; have != nil {
			have.add(g.Totals)
			have.Payer = min(have.Payer, g.Payer)
		} else {
			cells[at][payer] = &g
		}
	}
	for at, payers := range cells {
		other := Group{Month: at.month, Status: at.status, Payer: OtherPayers}
		for payer, g := range payers {
			if g.Claims >= least && payer != Fold(OtherPayers) {
				shown = append(shown, *g)
			} else {
				other.add(g.Totals)
			}
		}
		if other.Claims >= least {
			shown = append(shown, other)
		} else {
			withheld += other.Claims
		}
	}
	slices.SortFunc(shown, func(a, b Group) int { return cmp.Compare(a.Key(), b.Key()) })
	return shown, withheld
}

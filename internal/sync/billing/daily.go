package billing

import (
	"cmp"
	"slices"
)

// Daily is claims counted and summed by the state in which they were at the end of a practice's day.
//
// The day is the practice's calendar day on which we saw the state, not a day of service: the insurer's
// status comes without a time (6.4, "Dates"), so what was observed by the end of the day is all that is
// known of it. Amounts are those that the lines showed then. A claim is in one row of each day.
type Daily struct {
	Day    string // 2026-03-02
	Status Status
	Payer  string // the primary one; NoPayer without
	Doctor int64  // the visit's; 0: none, or several in rows of ShowDay
	Totals
}

// Days makes of groups as the database counts them those that are kept: payers are told apart whatever
// their spelling, as in Summarise. Nothing is withheld, for it stays where the claims are. The rows are
// in order of day, status, payer and doctor.
func Days(groups []Daily) []Daily {
	type key struct {
		day    string
		status Status
		payer  string
		doctor int64
	}
	merged := map[key]*Daily{}
	spelling := map[string]string{} // one for all rows
	for _, g := range groups {
		if Fold(g.Payer) == "" {
			g.Payer = NoPayer
		}
		payer := Fold(g.Payer)
		if have, ok := spelling[payer]; !ok || g.Payer < have {
			spelling[payer] = g.Payer
		}
		at := key{g.Day, g.Status, payer, g.Doctor}
		if have := merged[at]; have != nil {
			have.add(g.Totals)
		} else {
			merged[at] = &g
		}
	}
	days := make([]Daily, 0, len(merged))
	for at, g := range merged {
		g.Payer = spelling[at.payer]
		days = append(days, *g)
	}
	slices.SortFunc(days, Daily.compare)
	return days
}

func (g Daily) compare(other Daily) int {
	return cmp.Or(cmp.Compare(g.Day, other.Day), cmp.Compare(g.Status, other.Status), cmp.Compare(g.Payer, other.Payer), cmp.Compare(g.Doctor, other.Doctor))
}

// ShowDay makes of the rows of Days those that may leave: what has fewer claims than least is folded into
// OtherPayers of its provider, then into those of all providers, and withheld when that is not enough.
// It returns the claims withheld beside the rows.
//
// It is for the newest day only. Rows of two days one after the other can be subtracted, and what is
// left is the few claims that moved; so a table outside must show one day, not a series.
func ShowDay(days []Daily, least int64) (shown []Daily, withheld int64) {
	for _, step := range []struct {
		named func(Daily) bool // has a name of its own to lose
		fold  func(*Daily)
	}{
		{func(g Daily) bool { return Fold(g.Payer) != Fold(OtherPayers) }, func(g *Daily) { g.Payer = OtherPayers }},
		{func(g Daily) bool { return g.Doctor != 0 }, func(g *Daily) { g.Doctor = 0 }},
	} {
		var small []Daily
		for _, g := range days {
			if step.named(g) && g.Claims >= least {
				shown = append(shown, g)
				continue
			}
			step.fold(&g)
			small = append(small, g)
		}
		days = Days(small)
	}
	for _, g := range days {
		if g.Claims >= least {
			shown = append(shown, g)
		} else {
			withheld += g.Claims
		}
	}
	slices.SortFunc(shown, Daily.compare)
	return shown, withheld
}

package billing

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
)

// What of the days and of the mismatches may leave is in these rows. Their keys start with KeyPrefix.

// ShowKey identifies a row of ShowDay, the same one whatever the day: a table outside holds one day.
func (g Daily) ShowKey() string {
	sum := sha256.Sum256([]byte(Fold(g.Payer)))
	return KeyPrefix + "day/" + string(g.Status) + "/" + strconv.FormatInt(g.Doctor, 10) + "/" + hex.EncodeToString(sum[:6])
}

// OtherMonths stands for all months of a reason and severity that have too few mismatches to show.
const OtherMonths = "(other months)"

// MismatchGroup is open mismatches counted by the month in which they were first seen.
type MismatchGroup struct {
	Month    string // 2026-03
	Reason   Reason
	Severity Severity
	Count    int64
}

// ShowKey identifies the group's row, the same one in every run.
func (g MismatchGroup) ShowKey() string {
	return KeyPrefix + "mismatches/" + g.Month + "/" + string(g.Reason) + "/" + string(g.Severity)
}

// ShowMismatches makes of counted groups those that may leave: months with fewer than least are folded
// into OtherMonths of their reason and severity, and withheld when that is not enough, for a mismatch is
// one visit's. It returns the mismatches withheld beside the groups, which are in order of key.
func ShowMismatches(groups []MismatchGroup, least int64) (shown []MismatchGroup, withheld int64) {
	type kind struct {
		reason   Reason
		severity Severity
	}
	others := map[kind]int64{}
	for _, g := range groups {
		if g.Count >= least && g.Month != OtherMonths {
			shown = append(shown, g)
		} else {
			others[kind{g.Reason, g.Severity}] += g.Count
		}
	}
	for k, n := range others {
		if n >= least {
			shown = append(shown, MismatchGroup{Month: OtherMonths, Reason: k.reason, Severity: k.severity, Count: n})
		} else {
			withheld += n
		}
	}
	slices.SortFunc(shown, func(a, b MismatchGroup) int { return cmp.Compare(a.ShowKey(), b.ShowKey()) })
	return shown, withheld
}

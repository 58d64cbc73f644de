package labs

import (
	"cmp"
	"time"
)

// Version is one row of an observation. A lab corrects itself by changing the row or by adding another
// one on the same test and observation code.
type Version struct {
	ID        int64
	Status    Status
	Performed time.Time // test_performed, which names no zone; zero when not known
	Critical  bool      // its Decision's Severity is
}

// Key says which rows are versions of one observation: those of one test and one code. Rows without a
// code go by their description; a row with neither stands alone.
type Key struct {
	Test        int64
	Observation string // code or description, folded
	Alone       int64  // id of a row that stands alone
}

// KeyOf is the key of a row with this id, lab_test, observation_code and observation_description.
func KeyOf(id, test int64, code, description string) Key {
	k := Key{Test: test, Observation: fold(code)}
	if k.Observation != "" {
		return k
	}
	if k.Observation = fold(description); k.Observation == "" {
		k.Alone = id
	}
	return k
}

// Current finds, among the versions of one observation, the index of the one that holds; it supersedes
// all others. It is -1 when there are none. Rows that are deleted at the source are not to be given.
//
// The newest holds, by time performed, then by id, but:
//   - a correction gives way only to a row that is newer both by time and by id: it may bear the time of
//     what it corrects, or an earlier one;
//   - one that is not yet final never supersedes one that is, for a pending row must not hide a result; but a
//     critical one that is later than all that are does, for a clinician must not see the normal result of before
//     in its place. Where a time is not known, later is the one that came later;
//   - a cancelled row holds only when it is newer than what would hold without it.
//
// The order of the rows does not matter.
func Current(rows []Version) int {
	reported := func(r Version) bool { return r.Status.Reported() }
	best := -1
	if c := newest(rows, func(r Version) bool { return r.Status == Correction }); c >= 0 {
		if best = newest(rows, func(r Version) bool {
			return r.Status == Final && r.ID > rows[c].ID && r.Performed.After(rows[c].Performed)
		}); best < 0 {
			best = c
		}
	}
	if best < 0 {
		best = newest(rows, reported)
	}
	if best < 0 {
		best = newest(rows, func(r Version) bool { return r.Status != Pending && r.Status != Cancelled })
	}
	if best < 0 {
		best = newest(rows, func(r Version) bool { return r.Status == Pending })
	}
	if best >= 0 {
		if c := newest(rows, func(r Version) bool { return r.alarms(rows, rows[best]) }); c >= 0 {
			best = c
		}
	}
	cancelled := newest(rows, func(r Version) bool { return r.Status == Cancelled })
	if best < 0 || cancelled >= 0 && order(rows[cancelled], rows[best]) > 0 {
		return cancelled
	}
	return best
}

// alarms says whether a critical row must be seen in place of what would hold without it.
func (v Version) alarms(rows []Version, holds Version) bool {
	if !v.Critical || v.Status == Cancelled || !v.later(holds) {
		return false
	}
	for _, r := range rows {
		if r.Status.Reported() && !v.later(r) || r.Status == Correction && v.ID < r.ID {
			return false
		}
	}
	return true
}

// later is whether the row was performed after the other one, or came after it where either's time is not known.
func (v Version) later(than Version) bool {
	if v.Performed.IsZero() || than.Performed.IsZero() {
		return v.ID > than.ID
	}
	return v.Performed.After(than.Performed)
}

func newest(rows []Version, among func(Version) bool) int {
	best := -1
	for i, r := range rows {
		if among(r) && (best < 0 || order(r, rows[best]) > 0) {
			best = i
		}
	}
	return best
}

// order is by time performed, then by id. A time that is not known is before all others.
func order(a, b Version) int {
	return cmp.Or(a.Performed.Compare(b.Performed), cmp.Compare(a.ID, b.ID))
}

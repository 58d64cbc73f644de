package labs

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
)

// ReviewState is a result's place in the review queue.
type ReviewState string

// The places.
const (
	ReviewNotNeeded    ReviewState = "not_needed"   // normal, not reported yet, or superseded
	ReviewOpen         ReviewState = "open"         // waits for a clinician
	ReviewAcknowledged ReviewState = "acknowledged" // a clinician has seen it as it is
	ReviewReopened     ReviewState = "reopened"     // it changed after a clinician had seen it
)

// Queued says whether the result waits for a clinician.
func (s ReviewState) Queued() bool { return s == ReviewOpen || s == ReviewReopened }

// Candidate is the version of an observation that holds, see Current.
type Candidate struct {
	ID          int64
	Status      Status
	Decision    Decision
	Fingerprint string // of its content, see Fingerprint
}

// Acknowledgement is what a clinician last saw of an observation, whichever version held then.
type Acknowledgement struct {
	ID          int64
	Status      Status
	Fingerprint string
}

// Fingerprint is a digest of what a clinician reads of a result: value, unit, range, flag, is_abnormal
// and the lab's comments, as received.
func Fingerprint(o Observation, comments string) string {
	var stack [512]byte // enough for most
	all := stack[:0]
	for _, s := range [...]string{o.Value, o.Unit, o.Range, o.RangeUnit, o.Flag, o.IsAbnormal, comments} {
		s = clean(s)
		all = append(append(strconv.AppendInt(all, int64(len(s)), 10), ':'), s...)
	}
	sum := sha256.Sum256(all)
	return hex.EncodeToString(sum[:])
}

// Review decides whether a result waits for a clinician, and says why. A nil acknowledgement is none.
// A superseded version needs no review of its own: ask for the one that holds.
//
// It does when it is abnormal, or when the lab flagged it with something that these rules cannot place. One
// that is yet to become final waits until it is, unless it is critical: nobody may come to harm because a
// laboratory takes its time. An acknowledged one is back in the queue when the lab corrects it, takes it
// back, or reports other content, even if it is normal now: somebody may have acted on what it was.
// The same content sent again, or under another id, stays acknowledged.
func Review(c Candidate, ack *Acknowledgement) (ReviewState, string) {
	if ack != nil {
		return again(c, *ack)
	}
	flagged := c.Decision.State == Unknown && c.Decision.Basis == ByFlag
	switch {
	case !c.due():
		return ReviewNotNeeded, "not reported as final"
	case c.Decision.Severity == Critical && !c.Status.Reported():
		return ReviewOpen, "critical, and not yet final"
	case c.Decision.Severity == Critical:
		return ReviewOpen, "critical"
	case c.Decision.State == Abnormal:
		return ReviewOpen, "abnormal"
	case flagged:
		return ReviewOpen, "flagged, but not as normal or abnormal"
	default:
		return ReviewNotNeeded, "not abnormal"
	}
}

// due says whether a clinician goes by the result already.
func (c Candidate) due() bool {
	switch c.Status {
	case Cancelled:
		return false
	case Preliminary, Pending:
		return c.Decision.Severity == Critical
	default: // also a status that nobody knows: it must not hide a result
		return true
	}
}

func again(c Candidate, ack Acknowledgement) (ReviewState, string) {
	same := c.Fingerprint == ack.Fingerprint
	switch {
	case c.Status == Cancelled && ack.Status != Cancelled:
		return ReviewReopened, "cancelled after it was acknowledged"
	case c.Status == Correction && (!same || c.ID != ack.ID || ack.Status != Correction):
		return ReviewReopened, "corrected after it was acknowledged"
	case c.due() && ack.Status == Cancelled:
		return ReviewReopened, "reported after it was acknowledged as cancelled"
	case c.due() && !same:
		return ReviewReopened, "changed after it was acknowledged"
	default:
		return ReviewAcknowledged, "acknowledged"
	}
}

// Acknowledged says whether a PatientLabResultSet was reviewed where it was made: doctor_signoff, or a
// lab_order_status that says so. Such results have no status and no versions; they count as final.
func Acknowledged(signoff bool, orderStatus string) bool {
	switch fold(orderStatus) {
	case "results reviewed with patient", "reviewed":
		return true
	}
	return signoff
}

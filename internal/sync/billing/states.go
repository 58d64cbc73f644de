// Package billing derives claims from visits: what state a claim is in, why, and what it adds up
// to. It does no I/O; the rules are those of DrChrono's documented statuses and of the money on the
// visit's lines.
package billing

import (
	"slices"
	"strings"
)

// RuleVersion names the rules that derived a claim. It is stored with every derived state, so that
// a change of the rules can be told from a change at the source. Raise it with every change here.
const RuleVersion = 2

// State is the detailed state of a claim.
type State string

// The states a claim can be in.
const (
	NotBilled         State = "not_billed"         // nothing asked of an insurer yet
	Queued            State = "queued"             // waits for the daily batch to the clearinghouse
	NeedsInfo         State = "needs_info"         // cannot be sent before somebody completes it
	Submitted         State = "submitted"          // sent, not yet seen by the payer
	Pending           State = "pending"            // with the payer
	AdjudicatedReview State = "adjudicated_review" // the payer decided; a person has to look
	PartiallyPaid     State = "partially_paid"     // the insurer paid some and still owes some
	Paid              State = "paid"               // the insurer's part is done
	Rejected          State = "rejected"           // bounced before adjudication: fix and send again
	Denied            State = "denied"             // adjudicated and refused: appeal or correct
	PatientBalance    State = "patient_balance"    // the insurer's part is done, the patient owes
	OnHold            State = "on_hold"            // the practice keeps it back
	Unknown           State = "unknown"            // a status these rules do not know
)

// States is every State, in the order of a claim's life.
var States = []State{
	NotBilled, Queued, NeedsInfo, Submitted, Pending, AdjudicatedReview, PartiallyPaid,
	Paid, PatientBalance, Rejected, Denied, OnHold, Unknown,
}

// Status is the short view of a State that people ask for.
type Status string

// The short statuses. Beside the four that a claim moves through, one says that nothing was billed
// and one that the rules do not know.
const (
	StatusNotBilled Status = "not_billed"
	StatusSubmitted Status = "submitted"
	StatusPending   Status = "pending"
	StatusPaid      Status = "paid"
	StatusDenied    Status = "denied"
	StatusUnknown   Status = "unknown"
)

// Statuses is every Status.
var Statuses = []Status{StatusNotBilled, StatusSubmitted, StatusPending, StatusPaid, StatusDenied, StatusUnknown}

// Status folds the state into the short view.
func (s State) Status() Status {
	switch s {
	case NotBilled:
		return StatusNotBilled
	case Queued, Submitted:
		return StatusSubmitted
	case NeedsInfo, Pending, AdjudicatedReview, PartiallyPaid, OnHold:
		return StatusPending
	case Paid, PatientBalance:
		return StatusPaid
	case Denied, Rejected:
		return StatusDenied
	default:
		return StatusUnknown
	}
}

// ParseState reads a state by its name. Unknown is no state that somebody can ask for.
func ParseState(name string) (State, bool) {
	s := State(name)
	return s, s != Unknown && slices.Contains(States, s)
}

// Fold makes two spellings of a status comparable: case, runs of white space and the kind of
// apostrophe differ between DrChrono's own screens.
func Fold(status string) string {
	return strings.ToLower(strings.Join(strings.Fields(apostrophes.Replace(status)), " "))
}

var apostrophes = strings.NewReplacer("’", "'", "‘", "'", "‛", "'", "ʼ", "'", "′", "'", "＇", "'", "`", "'", "´", "'")

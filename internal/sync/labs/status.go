package labs

import "strings"

// Status is the status of a test or of a result: LabTest.status, LabResult.status.
type Status string

// The statuses of tests and results.
const (
	Preliminary Status = "P"
	Pending     Status = "I"
	Correction  Status = "C"
	Final       Status = "F"
	Cancelled   Status = "X"
)

// ParseStatus folds a status as received. A member that is not known is kept.
func ParseStatus(s string) Status { return Status(strings.ToUpper(clean(s))) }

// Words is what the status means; empty for one that is not known.
func (s Status) Words() string {
	switch s {
	case Preliminary:
		return "preliminary"
	case Pending:
		return "pending"
	case Correction:
		return "correction"
	case Final:
		return "final"
	case Cancelled:
		return "cancelled"
	}
	return ""
}

// Reported says whether the lab stands by the result: final, or corrected.
func (s Status) Reported() bool { return s == Final || s == Correction }

// Settled says whether nothing more is to come: reported, or cancelled.
func (s Status) Settled() bool { return s.Reported() || s == Cancelled }

package runtimeapi

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Severities of findings.
const (
	SeverityCritical = "critical" // data is missing, or nothing goes on by itself
	SeverityWarning  = "warning"  // data is older or less complete than was meant
	SeverityInfo     = "info"     // worth knowing; it passes by itself, or is the data's own affair
)

// Finding is one thing in which a pipeline falls short. Its code never changes.
type Finding struct {
	Code, Severity, Message string
}

// Findings is everything in which a pipeline falls short, the worst first. A feed may be maxLag old.
func (s *Status) Findings(maxLag time.Duration) []Finding {
	var found health
	s.runFindings(&found)
	s.lagFindings(&found, maxLag)
	s.reconcileFindings(&found, time.Now())
	if s.Paused {
		found.add(SeverityWarning, "PAUSED", "The pipeline is paused: nothing new is synced.")
	}
	s.webhookFindings(&found)
	s.codaFindings(&found)
	s.bookFindings(&found)
	rank := map[string]int{SeverityCritical: 0, SeverityWarning: 1, SeverityInfo: 2}
	slices.SortStableFunc(found, func(a, b Finding) int { return cmp.Compare(rank[a.Severity], rank[b.Severity]) })
	return found
}

type health []Finding

func (h *health) add(severity, code, message string, args ...any) {
	*h = append(*h, Finding{code, severity, fmt.Sprintf(message, args...)})
}

func (s *Status) runFindings(found *health) {
	last := s.LastRun
	if s.LastFull == nil {
		how := "none was asked for yet"
		if last != nil {
			how = fmt.Sprintf("run %d is %s", last.ID, last.State)
		}
		found.add(SeverityCritical, "NEVER_SYNCED", "No full sync has succeeded yet: %s.", how)
	}
	if last == nil {
		return
	}
	switch {
	case last.State == RunFailed:
		found.add(SeverityCritical, "LAST_RUN_FAILED", "Run %d failed: %s.", last.ID, reasonOr(last.Error, "it does not say why; look at the runtime's log"))
	case last.State == RunParked && last.ResumeAt != nil:
		found.add(SeverityInfo, "PARKED", "Run %d waits until %s, and then goes on by itself: %s.", last.ID, last.ResumeAt.UTC().Format(time.RFC3339),
			reasonOr(last.Error, "the source's call budget is used up"))
	case last.State == RunParked:
		found.add(SeverityInfo, "PARKED", "Run %d waits, and goes on by itself: %s.", last.ID, reasonOr(last.Error, "the source's call budget is used up"))
	case last.State == RunSucceeded && last.Error != "":
		found.add(SeverityWarning, "ROWS_LEFT_OUT", "Run %d succeeded, but not with every row: %s.", last.ID, reasonOr(last.Error, ""))
	}
}

// lagFindings says nothing of feeds before the first full sync: that is a finding of its own.
func (s *Status) lagFindings(found *health, maxLag time.Duration) {
	if s.LastFull == nil {
		return
	}
	var behind, unknown []string
	for _, feed := range slices.Sorted(maps.Keys(s.Rows)) {
		seconds, ok := s.Lag[feed]
		switch age := time.Duration(seconds * float64(time.Second)); {
		case !ok:
			unknown = append(unknown, feed)
		case age > maxLag:
			behind = append(behind, fmt.Sprintf("%s %s", feed, age.Round(time.Second)))
		}
	}
	if len(behind) > 0 {
		found.add(SeverityWarning, "LAGGING", "Data may be %s old, and is older: %s.", maxLag, strings.Join(behind, ", "))
	}
	if len(unknown) > 0 {
		found.add(SeverityWarning, "LAG_UNKNOWN", "How old the data is, is not known of %s: no sweep of it has ended since this runtime keeps that.", strings.Join(unknown, ", "))
	}
}

// reconcileLate is how long after its schedule fired a reconciliation may take to end: the calls of several hours,
// and a sync that it has to wait for.
const reconcileLate = 24 * time.Hour

func (s *Status) reconcileFindings(found *health, now time.Time) {
	if r := s.Reconcile; r != nil {
		if r.Left > 0 {
			found.add(SeverityWarning, "DRIFT_LEFT", "The database differs from DrChrono in %d places of %d that run %d found: %s.", r.Left, r.Drift, r.Run,
				map[bool]string{false: "reconcile with repair", true: "it could not repair them; its report says where"}[r.Repair])
		}
		if problems := r.Problems(); problems != "" {
			found.add(SeverityWarning, "NOT_COMPARED", "Run %d did not compare everything with DrChrono: %s.", r.Run, reasonOr(problems, ""))
		}
	}
	how := "it has not begun"
	if last := s.ReconcileRun; last != nil {
		if last.State == RunFailed {
			found.add(SeverityWarning, "RECONCILE_FAILED", "Run %d, a reconciliation, failed: %s.", last.ID, reasonOr(last.Error, "it does not say why; look at the runtime's log"))
		}
		how = fmt.Sprintf("run %d is %s", last.ID, last.State)
	}
	if due := s.ReconcileDue; due != nil && now.Sub(*due) > reconcileLate && !s.Paused {
		found.add(SeverityWarning, "RECONCILE_OVERDUE", "A reconciliation was due at %s and has not ended: %s.", due.UTC().Format(time.RFC3339), how)
	}
}

// webhookSlow is how long a delivery may take from receipt to commit, but for one in twenty.
const webhookSlow = 5 * time.Second

func (s *Status) webhookFindings(found *health) {
	w := s.Webhook
	if w == nil {
		return
	}
	if w.Parked > 0 {
		found.add(SeverityWarning, "WEBHOOK_PARKED", "%d deliveries of the webhook could not be applied and wait for a person: see august-sync webhook parked.", w.Parked)
	}
	if w.P95Ms != nil && *w.P95Ms > float64(webhookSlow.Milliseconds()) {
		found.add(SeverityWarning, "WEBHOOK_SLOW", "Of the last hour's deliveries one in twenty took longer than %s to be applied, and may take %s; %d wait.",
			time.Duration(*w.P95Ms*float64(time.Millisecond)).Round(time.Millisecond), webhookSlow, w.Pending)
	}
}

func (s *Status) codaFindings(found *health) {
	for _, view := range s.Coda {
		switch {
		case view.Error != "":
			found.add(SeverityWarning, "CODA_FAILING", "%s is not up to date in Coda, %d rows wait: %s.", view.View, view.Pending, reasonOr(view.Error, ""))
		case view.Pending > 0:
			found.add(SeverityInfo, "CODA_BEHIND", "%s: %d rows are on their way to Coda.", view.View, view.Pending)
		}
	}
}

// bookFindings tell of the practice's books, not of the sync: a pipeline that shows where they differ is well.
func (s *Status) bookFindings(found *health) {
	var all, faults int64
	for _, m := range s.Mismatches {
		all += m.Count
		if m.Severity == MismatchFault {
			faults += m.Count
		}
	}
	if all > 0 {
		found.add(SeverityInfo, "BOOKS_DIFFER", "Line items, transactions and payments disagree in %d places, of which %d are faults: see billing.mismatch.", all, faults)
	}
}

// reasonOr is a reason as the end of a sentence.
func reasonOr(reason, otherwise string) string {
	if reason = strings.TrimRight(strings.TrimSpace(reason), "."); reason == "" {
		return otherwise
	}
	return reason
}

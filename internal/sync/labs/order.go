package labs

import "strings"

// OrderStatus is LabOrder.status.
type OrderStatus string

// The statuses of an order.
const (
	OrderNotSent  OrderStatus = "N"
	OrderQueued   OrderStatus = "Q"
	OrderABN      OrderStatus = "A"
	OrderSent     OrderStatus = "S"
	OrderReceived OrderStatus = "R"
	OrderError    OrderStatus = "E"
)

// ParseOrderStatus folds a status as received; an empty one is the default, N. A member that is not
// known is kept.
func ParseOrderStatus(s string) OrderStatus {
	if s = strings.ToUpper(clean(s)); s == "" {
		return OrderNotSent
	}
	return OrderStatus(s)
}

// Progress is how far an order has got, by its own status and by what came back.
type Progress string

// The stages of an order.
const (
	NotSent         Progress = "not_sent"
	Queued          Progress = "queued"
	ABNNeeded       Progress = "abn_needed"
	Sent            Progress = "sent"
	PartialResults  Progress = "partial_results"
	ResultsReceived Progress = "results_received"
	OrderCancelled  Progress = "cancelled"
	OrderFailed     Progress = "error"
	OrderUnknown    Progress = "unknown"
)

// Words is the stage as people know it.
func (p Progress) Words() string {
	switch p {
	case NotSent:
		return "not sent"
	case Queued:
		return "queued"
	case ABNNeeded:
		return "advance beneficiary notice needed"
	case Sent:
		return "sent"
	case PartialResults:
		return "some results received"
	case ResultsReceived:
		return "results received"
	case OrderCancelled:
		return "cancelled"
	case OrderFailed:
		return "error"
	}
	return "unknown"
}

// Test is a test of an order with the statuses of its results that are current.
type Test struct {
	Status  Status
	Results []Status
}

// OrderProgress is an order's stage and what it was counted from.
type OrderProgress struct {
	Progress  Progress
	Tests     int
	Done      int  // tests with all their results, cancelled ones not counted
	Cancelled int  // tests
	Open      int  // tests still to come, in whole or in part
	Corrected bool // a current result, or a test, is a correction
	// Settled says that all tests came back or were cancelled. An order that is not settled is worth
	// reading again: its results bear no time of change.
	Settled bool
}

// ProgressOf tells how far an order has got. What came back counts for more than the order's own
// status, which not every lab moves on. A test is done when all its results are final, corrected or
// cancelled and either the test says that it is final or the order that the results were received: a
// test of status P, its default, may have more to come. A test without any result row is done when it
// says so itself, for the results can be in the document alone.
func ProgressOf(status OrderStatus, tests []Test) OrderProgress {
	p := OrderProgress{Tests: len(tests)}
	returned := false
	for _, t := range tests {
		settled, reported := true, false
		for _, r := range t.Results {
			settled = settled && r.Settled()
			reported = reported || r.Reported()
			returned = returned || r != Pending && r != Cancelled
			p.Corrected = p.Corrected || r == Correction
		}
		p.Corrected = p.Corrected || t.Status == Correction
		saysDone := t.Status.Reported() || status == OrderReceived && len(t.Results) > 0
		switch {
		case !reported && (t.Status == Cancelled || settled && len(t.Results) > 0):
			p.Cancelled++
		case t.Status == Cancelled || settled && saysDone:
			p.Done++
		default:
			p.Open++
		}
	}
	p.Settled = p.Tests > 0 && p.Open == 0
	switch {
	case p.Tests > 0 && p.Cancelled == p.Tests:
		p.Progress = OrderCancelled
	case p.Settled:
		p.Progress = ResultsReceived
	case status == OrderError:
		p.Progress = OrderFailed
	case returned || p.Done > 0:
		p.Progress = PartialResults
	default:
		p.Progress = stages[status]
		if p.Progress == "" {
			p.Progress = OrderUnknown
		}
	}
	return p
}

// stages is what an order's own status says.
var stages = map[OrderStatus]Progress{
	OrderNotSent: NotSent, OrderQueued: Queued, OrderABN: ABNNeeded, OrderSent: Sent, OrderReceived: ResultsReceived,
}

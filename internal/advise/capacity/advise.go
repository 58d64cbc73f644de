package capacity

import (
	"fmt"
	"slices"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/advise"
)

// Database is the instance that all services share.
type Database struct {
	advise.Database
	VCPU int64 // 0: not known
	Seen Backends
}

// Service is what is known of a service beforehand, and what was measured of it.
type Service struct {
	Name     string
	Measured Measured
	Expected *float64 // requests a second of the busiest minute to be ready for; nil: that which was measured
	Burst    float64  // in percent: how much more than the busiest minute there may be for a while
	Sudden   bool     // it comes from one moment to the next, and nobody is to wait until instances have started
	Drain    float64  // seconds within which what waited for instances to start is to be worked off; 0: DefaultDrain
	CPU      float64  // processors of an instance

	Pool      int64 // size of the pool where it cannot be chosen; 0: it is to be advised
	PoolLeast int64 // the smallest pool that the service works with; 0: one
	Processes int64 // of an instance, each with a pool; 0: one
	Overlap   *int64
	Beside    []advise.Held
	Pooled    bool // goes through the instance's poolers

	Present *Settings // what is deployed, nil when that is not known
}

// Settings is how a service is scaled.
type Settings struct{ PoolMax, Concurrency, MinInstances, MaxInstances int64 }

// Advice is what a service should be set to.
type Advice struct {
	Name     string
	Settings *Settings // nil when too little was measured, and nothing is deployed that could be kept
	Kept     bool      // what is deployed is as good, and stays
	Fits     bool      // it carries its burst within the connections that there are
	Rate     float64   // requests a second that it carries
	Busy     float64   // connections that are in use at once when the burst is there, on average
	Batch    *Batch    // nil for a service that takes no messages
	Unknown  []string  // measurements that are missing, by the name of the attribute that they would be given in
	Lines    []string
}

// Explanation is the arithmetic, for a person to read.
func (a Advice) Explanation() string { return strings.Join(a.Lines, "\n") }

func (a *Advice) note(format string, args ...any) {
	a.Lines = append(a.Lines, fmt.Sprintf(format, args...))
}

// Plan is advice on all services of an instance.
type Plan struct {
	Services []Advice // by name
	Budget   advise.Budget
	Busy     float64 // connections in use at once when all bursts are there together
	Findings []Finding
}

// Finding is something to know beside the figures.
type Finding struct{ Code, Severity, Message string }

// Severities, as those of every other finding.
const (
	critical = "critical"
	warning  = "warning"
	info     = "info"
)

// Fits says that every service carries its burst, all of them at the same time, within the connections that there are.
func (p Plan) Fits() bool {
	return p.Budget.Fits() && !slices.ContainsFunc(p.Services, func(a Advice) bool { return !a.Fits })
}

// Advise says how all services of an instance are to be set. It depends on nothing but its arguments, whose order is of no
// account.
func Advise(db Database, services []Service) (Plan, error) {
	services = slices.Clone(services)
	slices.SortStableFunc(services, func(a, b Service) int { return strings.Compare(a.Name, b.Name) })
	room, err := roomOf(db, services)
	if err != nil {
		return Plan{}, err
	}
	choices := keeping(services, room)
	if choices == nil {
		choices = settle(services, room, asMeasured)
	}
	var plan Plan
	var counted []advise.Service
	for _, c := range choices {
		a := c.advice()
		if a.Settings != nil {
			counted = append(counted, c.counted())
		}
		plan.Busy += a.Busy
		plan.Services = append(plan.Services, a)
	}
	if plan.Budget, err = advise.Connections(db.Database, counted); err != nil {
		return Plan{}, err
	}
	plan.Findings = findings(db, services, plan)
	return plan, nil
}

// roomOf is how many connections the services may have together.
func roomOf(db Database, services []Service) (int64, error) {
	var none []advise.Service
	for _, s := range services {
		none = append(none, advise.Service{Name: s.Name, Beside: s.Beside, Pooled: s.Pooled, Overlap: new(int64)})
	}
	b, err := advise.Connections(db.Database, none)
	return b.Left(), err
}

package capacity

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/advise"
)

// activePerVCPU is how many backends a processor of the database has work for at once: beyond it they wait for each other,
// and more of them make everything slower.
const activePerVCPU = 4

// mostDatabaseCPU is how much of the database's processors a burst may take.
const mostDatabaseCPU = 0.8

func findings(db Database, services []Service, p Plan) []Finding {
	var all []Finding
	add := func(code, severity, format string, args ...any) {
		all = append(all, Finding{code, severity, fmt.Sprintf(format, args...)})
	}
	if !p.Budget.Fits() {
		add("BUDGET_EXCEEDED", critical, "The services need more connections than there are: %s.", strings.Join(p.Budget.Lines[len(p.Budget.Lines)-1:], ""))
	}
	for i, a := range p.Services {
		l := loadOf(services[i], asMeasured)
		switch {
		case a.Settings != nil && l.known && !a.Fits && services[i].Sudden:
			all = append(all, notCaughtUp(services[i], l, *a.Settings))
		case a.Settings != nil && l.known && !a.Fits:
			add("BURST_NOT_CARRIED", warning, "The service %s carries %s of %s requests a second within the connections that there are, and %s when every place is taken and requests wait.",
				a.Name, shown(a.Rate), shown(l.peak), shown(a.Rate/(advise.DefaultConcurrencyTarget/100.0)))
		case a.Settings == nil:
			add("NOT_MEASURED", warning, "Too little is known of the service %s to advise on it, and its connections are in no sum: %s.", a.Name, strings.Join(a.Unknown, ", "))
		case len(a.Unknown) > 0:
			add("PARTLY_MEASURED", info, "Of the service %s it is not known: %s.", a.Name, strings.Join(a.Unknown, ", "))
		}
		if a.Settings != nil && l.known {
			if text := burstAtOnce(services[i], l, *a.Settings); text != "" {
				add("BURST_WAITS", info, "%s", text)
			}
		}
		if atItsLimit(services[i]) {
			add("AT_ITS_LIMIT", warning, "All instances of the service %s were full in the window: its rate is what it carried, and not what was asked of it.", a.Name)
		}
	}
	if most := float64(activePerVCPU * db.VCPU); db.VCPU > 0 {
		if p.Busy > most {
			add("DATABASE_SATURATES", warning, "With all bursts at once %s connections are at work, and %d vCPU have work for about %d × %d = %s: the rest wait, and every statement takes longer than it was measured to. Make statements faster, or take a larger tier.",
				shown(p.Busy), db.VCPU, activePerVCPU, db.VCPU, shown(most))
		} else if active := value(db.Seen.Active, 0); active > most {
			add("DATABASE_SATURATES", warning, "%s backends were at work at once, and %d vCPU have work for about %d × %d = %s.", shown(active), db.VCPU, activePerVCPU, db.VCPU, shown(most))
		}
	}
	if db.Seen.CPU != nil {
		if cpu, growth := value(db.Seen.CPU, 0), growthOf(services); cpu*growth > mostDatabaseCPU {
			add("DATABASE_CPU", warning, "The database's processors were in use for %s %% in the busiest minute; with %s times as many requests that is %s %%, more than %s %%.",
				shown(100*cpu), shown(growth), shown(100*cpu*growth), shown(100*mostDatabaseCPU))
		}
	}
	for _, text := range db.Seen.Missing {
		add("PARTLY_MEASURED", info, "%s", text)
	}
	worst := []string{critical, warning, info}
	slices.SortStableFunc(all, func(a, b Finding) int { return slices.Index(worst, a.Severity) - slices.Index(worst, b.Severity) })
	return all
}

// notCaughtUp says what becomes of a burst that comes all at once where there are too few connections for it.
func notCaughtUp(s Service, l load, set Settings) Finding {
	is := l.surge(s, set)
	if math.IsInf(is.drain, 1) {
		return Finding{"BURST_NOT_CARRIED", warning, fmt.Sprintf("The service %s carries %s of %s requests a second within the connections that there are: what comes beyond that waits for as long as the burst lasts, a second longer with every %s s of it.",
			s.Name, shown(is.whole), shown(l.peak), shown(is.whole/max(l.peak-is.whole, leastFigure)))}
	}
	return Finding{"BURST_DRAINS_SLOWLY", warning, fmt.Sprintf("When the burst of the service %s comes, about %d requests gather within the %s s that instances need to start. Within the connections that there are they are worked off in %s s, where %s s are meant, and some wait for %s s.",
		s.Name, ceil(is.backlog), shown(l.start), shown(is.drain), shown(l.drain), shown(is.wait))}
}

// burstAtOnce says what becomes of a burst while instances for it start.
func burstAtOnce(s Service, l load, set Settings) string {
	if s.Sudden || s.Measured.StartMS == nil || set.MaxInstances <= set.MinInstances {
		return ""
	}
	// Until they are full, rather than until another one is started.
	now := set
	now.MaxInstances = set.MinInstances
	carried := l.carried(s, now) / (advise.DefaultConcurrencyTarget / 100.0)
	if carried >= l.peak {
		return ""
	}
	waiting := (l.peak - carried) * *s.Measured.StartMS / 1000
	after := ""
	if rest := l.carried(s, set)/(advise.DefaultConcurrencyTarget/100.0) - l.peak; rest > 0 {
		after = fmt.Sprintf(" They are caught up with %s s later.", shown(waiting/rest))
	}
	return fmt.Sprintf("When the burst of the service %s comes all at once, %s requests a second find room on %s, and about %d wait for %s ms, until the others have started.%s If that is too long, say that it is sudden.",
		s.Name, shown(carried), plural(set.MinInstances, "instance"), ceil(waiting), shown(*s.Measured.StartMS), after)
}

func atItsLimit(s Service) bool {
	m, p := s.Measured, s.Present
	return p != nil && m.Instances != nil && m.Concurrency != nil && p.Concurrency > 0 && p.MaxInstances > 0 &&
		*m.Instances >= float64(p.MaxInstances) && *m.Concurrency >= float64(p.Concurrency)
}

// growthOf is how many times as many requests all bursts are together, as there were in the busiest minutes.
func growthOf(services []Service) float64 {
	var was, will float64
	for _, s := range services {
		m := s.Measured
		if m.Rate == nil && m.PeakRate == nil {
			continue
		}
		busiest := max(value(m.Rate, 0), value(m.PeakRate, 0))
		was += busiest
		will += value(s.Expected, busiest) * (1 + s.Burst/100)
	}
	if was == 0 {
		return 1
	}
	return will / was
}

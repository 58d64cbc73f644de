package capacity

import (
	"fmt"
	"math"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/advise"
)

// load is a service's figures as they are counted with: a step up from what was measured, and with what holds at most in place
// of what was not.
type load struct {
	known         bool
	usual, peak   float64 // requests a second
	latency       float64 // milliseconds
	cpu, database float64
	start, drain  float64 // seconds: until an instance is ready, and until what has waited for it is worked off
	lines         []string
	unknown       []string
}

// suddenUse is how many of the places of the least instances a burst may take that comes all at once.
const suddenUse = 0.8

// shares tell by how much figures are to be other than they were measured, to see what would be right then.
type shares struct{ usual, peak, cpu, database float64 }

var asMeasured = shares{1, 1, 1, 1}

// loadOf reads what was measured.
func loadOf(s Service, of shares) load {
	m, l := s.Measured, load{}
	if s.Expected != nil {
		m.PeakRate = s.Expected
	}
	for _, figure := range []struct {
		name  string
		value *float64
	}{
		{"requests_per_second", m.Rate}, {"peak_requests_per_second", m.PeakRate}, {"latency_ms", m.LatencyMS},
		{"cpu_ms", m.CPUMS}, {"database_ms", m.DatabaseMS},
	} {
		if figure.value == nil {
			l.unknown = append(l.unknown, figure.name)
		}
	}
	rate, peak := value(m.Rate, 0), value(m.PeakRate, 0)
	if m.Rate == nil {
		rate = peak
	}
	peak = max(rate, peak)
	if l.known = m.LatencyMS != nil && (m.Rate != nil || m.PeakRate != nil); !l.known {
		l.note("too little is known to advise on: it takes requests_per_second and latency_ms")
		return l
	}
	latency := max(*m.LatencyMS, leastFigure)
	l.usual, l.peak = up(rate*of.usual), up(peak*(1+s.Burst/100)*of.peak)
	var ready float64
	if s.Sudden { // the least instances carry what is usual at the target; so they are full to this part of it when everybody comes
		ready = l.peak * advise.DefaultConcurrencyTarget / 100 / suddenUse
		l.usual = max(l.usual, ready)
	}
	l.latency = up(latency)
	l.database = min(l.latency, up(value(m.DatabaseMS, latency)*of.database))
	l.start, l.drain = up(value(m.StartMS, unknownStart*1000))/1000, s.Drain
	if l.drain == 0 {
		l.drain = DefaultDrain
	}
	// A request that waits for the database computes nothing here.
	l.cpu = min(l.latency*max(1, s.CPU), up(value(m.CPUMS, max(latency-value(m.DatabaseMS, 0), leastFigure))*of.cpu))

	l.note("%s%s requests a second, %s in the busiest minute; with %s %% more for a while: %s", seen(m), shown(rate), shown(peak), shown(s.Burst), shown(peak*(1+s.Burst/100)))
	l.note("a request takes %s ms, %s, %s", shown(latency), with(m.DatabaseMS, "%s ms of it with a connection", "at most all of it with a connection, as database_ms is not known"),
		with(m.CPUMS, "and %s ms of CPU", "and at most "+shown(l.cpu)+" ms of CPU, as cpu_ms is not known"))
	l.note("counted with a step more, so that a little more changes nothing: %s and %s a second, %s ms, %s ms with a connection, %s ms of CPU",
		shown(l.usual), shown(l.peak), shown(l.latency), shown(l.database), shown(l.cpu))
	if s.Sudden {
		l.note("the burst comes all at once, so %s a second are counted as usual: the least instances then have %d %% of their places taken", shown(ready), int(suddenUse*100))
	}
	return l
}

func (l *load) note(format string, args ...any) {
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}

func seen(m Measured) string {
	if m.Window <= 0 {
		return ""
	}
	text := m.Window.String() // 24h0m0s
	if short, ok := strings.CutSuffix(text, "m0s"); ok {
		text = short + "m"
	}
	if short, ok := strings.CutSuffix(text, "h0m"); ok {
		text = short + "h"
	}
	return "measured over " + text + ": "
}

func with(figure *float64, known, otherwise string) string {
	if figure == nil {
		return otherwise
	}
	return fmt.Sprintf(known, shown(*figure))
}

func value(figure *float64, otherwise float64) float64 {
	if figure == nil || math.IsNaN(*figure) || *figure < 0 {
		return otherwise
	}
	return *figure
}

// busy is how many connections are in use at once when the burst is there, on average.
func (l load) busy() float64 { return l.peak * l.database / 1000 }

// scale is what Cloud Run needs for the load with so many connections an instance.
func (l load) scale(s Service, connections int64) advise.Concurrency {
	return advise.CloudRun(
		advise.Load{Rate: l.usual, Peak: l.peak, Latency: l.latency, CPU: l.cpu, Database: l.database},
		advise.Machine{CPU: s.CPU, CPUTarget: advise.DefaultCPUTarget, ConcurrencyTarget: advise.DefaultConcurrencyTarget,
			Chance: true, PoolMax: connections, Overlap: s.Overlap})
}

// carried is how many requests a second so many instances carry, before another one would be started.
func (l load) carried(s Service, set Settings) float64 {
	const concurrency, cpu = advise.DefaultConcurrencyTarget / 100.0, advise.DefaultCPUTarget / 100.0
	at := min(float64(set.Concurrency)*concurrency, float64(set.PoolMax*s.processes())*concurrency*l.latency/l.database, s.CPU*cpu*l.latency/l.cpu)
	return float64(set.MaxInstances) * at * 1000 / l.latency
}

package capacity

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/feel-august/terraform-provider-august/internal/advise"
)

// website is a service that is at the database for almost half its time.
func website() Service {
	return Service{Name: "website", CPU: 1, Burst: 100, Measured: Measured{Window: 24 * time.Hour, Rate: new(12.3), PeakRate: new(41.0), LatencyMS: new(48.0),
		CPUMS: new(6.1), DatabaseMS: new(21.0)}}
}

// outreach waits for the database above all.
func outreach() Service {
	return Service{Name: "outreach", CPU: 1, Burst: 50, Measured: Measured{Window: 24 * time.Hour, Rate: new(3.0), PeakRate: new(30.0), LatencyMS: new(210.0),
		CPUMS: new(20.0), DatabaseMS: new(150.0)}}
}

func database(connections int64) Database {
	return Database{Database: advise.Database{MaxConnections: connections, Reserved: advise.DefaultReserved}, VCPU: 8}
}

func mustAdvise(t interface{ Fatal(...any) }, db Database, services ...Service) Plan {
	p, err := Advise(db, services)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func codes(p Plan) string {
	var all []string
	for _, f := range p.Findings {
		all = append(all, f.Code)
	}
	return strings.Join(all, " ")
}

func changed(s Service, change func(*Service)) Service { change(&s); return s }

func TestAdvise(t *testing.T) {
	t.Parallel()
	five := Settings{5, 7, 1, 2}
	for name, tt := range map[string]struct {
		db       Database
		services []Service
		want     string // settings, by name of the service
		fits     bool
		findings string
		line     string // of the first service's explanation
	}{
		"room for all": {
			database(100), []Service{website(), outreach()},
			"outreach 9/12/1/2 website 5/10/1/1", true, "", "pool: 9",
		},
		"a pool makes room": { // 9 × (2 + 1) + 5 × (1 + 1) + 15 = 52
			database(48), []Service{website(), outreach()},
			"outreach 7/9/1/2 website 5/10/1/1", true, "", "pool: 7 instead of 9, since there are too few connections for all services",
		},
		"too few for the burst": {
			database(28), []Service{website(), outreach()},
			"outreach 2/2/1/3 website 2/4/1/1", false, "BURST_NOT_CARRIED BURST_NOT_CARRIED", "of all services' connections this one has 8: 3 instances",
		},
		"too few for one instance each": {
			database(20), []Service{website(), outreach()},
			"outreach 2/2/1/1 website 2/4/1/1", false, "BUDGET_EXCEEDED BURST_NOT_CARRIED BURST_NOT_CARRIED", "",
		},
		"a pool that is given": {
			database(100), []Service{changed(website(), func(s *Service) { s.Pool = 12 })},
			"website 12/10/1/1", true, "", "by connections: pool of 12 × 50 ms ÷ 22.4 ms with one = 26 at once",
		},
		"processes share the instance": {
			database(100), []Service{changed(outreach(), func(s *Service) { s.Processes = 3 })},
			"outreach 3/12/1/2", true, "", "3 processes of an instance share them",
		},
		"a busier time to be ready for": {
			database(400), []Service{changed(website(), func(s *Service) { s.Expected = new(500.0) })},
			"website 5/10/1/11", true, "", "500 in the busiest minute; with 100 % more for a while: 1000",
		},
		"more than the processors of the database": {
			Database{Database: advise.Database{MaxConnections: 400}, VCPU: 2}, []Service{changed(website(), func(s *Service) { s.Expected = new(500.0) })},
			"website 5/10/1/11", true, "DATABASE_SATURATES", "",
		},
		"their use, with as much more": {
			Database{Database: advise.Database{MaxConnections: 100}, VCPU: 4, Seen: Backends{CPU: new(0.45)}}, []Service{website()},
			"website 5/10/1/1", true, "DATABASE_CPU", "",
		},
		"not measured, and deployed": {
			database(100), []Service{{Name: "website", CPU: 1, Present: &five}},
			"website 5/7/1/2 kept", false, "PARTLY_MEASURED", "it takes requests_per_second and latency_ms",
		},
		"not measured": {
			database(100), []Service{{Name: "website", CPU: 1, Measured: Measured{Rate: new(1.0)}}}, "website none", false, "NOT_MEASURED", "",
		},
		"no CPU measured": { // at most what is not the database: 27 ms
			database(100), []Service{changed(website(), func(s *Service) { s.Measured.CPUMS = nil })},
			"website 2/4/1/5", true, "PARTLY_MEASURED", "and at most 28 ms of CPU, as cpu_ms is not known",
		},
		"full when it was measured": {
			database(100), []Service{changed(website(), func(s *Service) {
				s.Present, s.Measured.Instances, s.Measured.Concurrency = &Settings{1, 1, 1, 1}, new(1.0), new(1.0)
			})}, "website 5/10/1/1", true, "AT_ITS_LIMIT", "",
		},
		"a burst that waits for instances": {
			database(400), []Service{changed(website(), func(s *Service) { s.Expected, s.Measured.StartMS = new(500.0), new(800.0) })},
			"website 5/10/1/11", true, "BURST_WAITS", "",
		},
		"a burst that must not wait": { // 750 of 1000 as usual: 37.5 at once on instances of 4.76
			database(400), []Service{changed(website(), func(s *Service) { s.Expected, s.Measured.StartMS, s.Sudden = new(500.0), new(800.0), true })},
			"website 5/10/8/11", true, "", "so 750 a second are counted as usual",
		},
		"through poolers": {
			Database{Database: advise.Database{Tier: "db-perf-optimized-N-8", MaxConnections: 100, Pooling: &advise.Pooling{MaxPoolSize: 20, MaxClientConnections: 100}}, VCPU: 8},
			[]Service{changed(website(), func(s *Service) { s.Pooled, s.Expected = true, new(500.0) })},
			"website 5/10/1/11", true, "", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := mustAdvise(t, tt.db, tt.services...)
			var got []string
			for _, a := range p.Services {
				text := a.Name + " none"
				if s := a.Settings; s != nil {
					text = fmt.Sprintf("%s %d/%d/%d/%d", a.Name, s.PoolMax, s.Concurrency, s.MinInstances, s.MaxInstances)
				}
				if a.Kept {
					text += " kept"
				}
				got = append(got, text)
			}
			explained := p.Services[0].Explanation()
			if strings.Join(got, " ") != tt.want || p.Fits() != tt.fits || codes(p) != tt.findings || !strings.Contains(explained, tt.line) {
				t.Errorf("got %s, fits %t, %s\nwant %s, fits %t, %s, and %q in\n%s\n%s\n%+v", got, p.Fits(), codes(p), tt.want, tt.fits, tt.findings, tt.line, explained, p.Budget.Explanation(), p.Findings)
			}
		})
	}
}

func TestAdvise_needsToKnowTheMachine(t *testing.T) {
	t.Parallel()
	if _, err := Advise(Database{}, []Service{website()}); err == nil || !strings.Contains(err.Error(), "give max_connections") {
		t.Errorf("got %v", err)
	}
}

// drawn is any service.
func drawn(t *rapid.T, name string) Service {
	figure := func(of string, least, most float64) *float64 {
		return new(rapid.Float64Range(least, most).Draw(t, name+of))
	}
	latency := figure("latency", 1, 3000)
	return Service{Name: name, CPU: rapid.SampledFrom([]float64{1, 2, 4}).Draw(t, name+"cpu"), Burst: *figure("burst", 0, 200),
		Sudden: rapid.Bool().Draw(t, name+"sudden"), PoolLeast: rapid.Int64Range(0, 5).Draw(t, name+"least"), Processes: rapid.Int64Range(0, 2).Draw(t, name+"processes"),
		Measured: Measured{StartMS: figure("start", 50, 10_000), Rate: figure("rate", 0, 100), PeakRate: figure("peak", 0, 600), LatencyMS: latency,
			CPUMS: figure("cpu", 0, *latency), DatabaseMS: figure("database", 0, *latency)}}
}

func drawnAll(t *rapid.T) (Database, []Service) {
	var all []Service
	for i := range rapid.IntRange(1, 4).Draw(t, "services") {
		all = append(all, drawn(t, fmt.Sprintf("s%d", i)))
	}
	return database(rapid.Int64Range(20, 1000).Draw(t, "connections")), all
}

// Whatever is measured: there are never more connections than there are, but where one instance each is too many; what fits carries
// its burst, and no instance lets in more requests than its pool serves.
func TestAdvise_holds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		db, services := drawnAll(t)
		p := mustAdvise(t, db, services...)
		var least int64
		for i, a := range p.Services {
			s, l := services[i], loadOf(services[i], asMeasured)
			least += 2 * s.least() * s.processes()
			if a.Settings.MinInstances < 1 || a.Settings.MaxInstances < a.Settings.MinInstances || a.Settings.PoolMax < s.least() || a.Settings.Concurrency < 1 {
				t.Fatalf("%s: %v", a.Name, a.Settings)
			}
			if a.Fits && a.Rate < l.peak*(1-1e-9) {
				t.Fatalf("%s fits and carries %g of %g", a.Name, a.Rate, l.peak)
			}
			if at := float64(a.Settings.Concurrency) * l.database / l.latency; a.Settings.Concurrency > 1 && at > float64(a.Settings.PoolMax*s.processes())*(1+1e-9) {
				t.Fatalf("%s: %d requests have %g connections of %d", a.Name, a.Settings.Concurrency, at, a.Settings.PoolMax)
			}
		}
		if enough := least+db.Reserved <= db.MaxConnections; enough != p.Budget.Fits() {
			t.Fatalf("least %d of %d, fits %t\n%s", least, db.MaxConnections, p.Budget.Fits(), p.Budget.Explanation())
		}
		if more := mustAdvise(t, database(db.MaxConnections+50), services...); p.Fits() && !more.Fits() {
			t.Fatal("more connections are too few")
		}
		slices.Reverse(services)
		if again := mustAdvise(t, db, services...); fmt.Sprint(again) != fmt.Sprint(p) {
			t.Fatalf("in another order:\n%v\n%v", p, again)
		}
	})
}

// What was advised and deployed is advised again when everything is measured a little differently.
func TestAdvise_doesNotFlap(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		_, services := drawnAll(t)
		db := database(1_000_000) // where connections are short, a little of one service may be worth an instance to another
		first := mustAdvise(t, db, services...)
		little := func(x *float64) *float64 { return new(*x * rapid.Float64Range(0.93, 1.07).Draw(t, "little")) }
		for i := range services {
			m := &services[i].Measured
			m.Rate, m.PeakRate, m.CPUMS, m.DatabaseMS = little(m.Rate), little(m.PeakRate), little(m.CPUMS), little(m.DatabaseMS)
			services[i].Present = first.Services[i].Settings
		}
		second := mustAdvise(t, db, services...)
		for i, a := range second.Services {
			if *a.Settings != *first.Services[i].Settings {
				t.Fatalf("%s: %v, and then %v, of\n%s", a.Name, first.Services[i].Settings, a.Settings, a.Explanation())
			}
		}
	})
}

// Pools are whole numbers: between what two measurements need there may be figures that neither end of their range has.
func TestAdvise_doesNotFlapBetweenTwoSteps(t *testing.T) {
	t.Parallel()
	s := Service{Name: "web", CPU: 4, Burst: 89.7, Processes: 2,
		Measured: Measured{Rate: new(105.0), PeakRate: new(105.0), LatencyMS: new(39.9), CPUMS: new(0.0), DatabaseMS: new(18.5)}}
	first := *mustAdvise(t, database(1_000_000), s).Services[0].Settings
	m := &s.Measured
	m.Rate, m.PeakRate, m.DatabaseMS = new(106.0), new(106.0), new(17.8)
	if unbound := *mustAdvise(t, database(1_000_000), s).Services[0].Settings; unbound == first {
		t.Fatal("nothing is at the edge between two numbers")
	}
	s.Present = &first
	if again := *mustAdvise(t, database(1_000_000), s).Services[0].Settings; again != first {
		t.Errorf("%v, and then %v", first, again)
	}
}

// What is deployed does not stay when the load is another one.
func TestAdvise_follows(t *testing.T) {
	t.Parallel()
	first := mustAdvise(t, database(400), website())
	for _, share := range []float64{0.1, 4} {
		s := website()
		s.Present = first.Services[0].Settings
		s.Measured.Rate, s.Measured.PeakRate = new(*s.Measured.Rate*share), new(*s.Measured.PeakRate*share)
		if a := mustAdvise(t, database(400), s).Services[0]; a.Kept || *a.Settings == *s.Present {
			t.Errorf("at %g times the load: %v, kept %t", share, a.Settings, a.Kept)
		}
	}
	s := website() // what is deployed was never advised
	s.Present = &Settings{20, 80, 0, 100}
	if a := mustAdvise(t, database(400), s).Services[0]; *a.Settings != *first.Services[0].Settings {
		t.Errorf("%v", a.Settings)
	}
}

// The documentation shows what is really said.
func TestAdvise_documented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../templates/data-sources/capacity_advice.md.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	s := changed(website(), func(s *Service) { s.Expected, s.Burst, s.Sudden = new(500.0), 0, true })
	a := mustAdvise(t, database(100), s).Services[0]
	if !strings.Contains(string(page), "```text\n"+a.Explanation()+"\n```") {
		t.Errorf("the page shows another explanation than\n%s", a.Explanation())
	}
}

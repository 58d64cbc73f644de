package advise

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func standard(l Load, m Machine) (Load, Machine) {
	if l.Burst == 0 {
		l.Burst = DefaultBurst
	}
	if l.Database == 0 {
		l.Database = l.Latency
	}
	m.CPUTarget, m.ConcurrencyTarget = DefaultCPUTarget, DefaultConcurrencyTarget
	return l, m
}

func TestCloudRun(t *testing.T) {
	t.Parallel()
	none := int64(0)
	for name, tt := range map[string]struct {
		load                   Load
		machine                Machine
		concurrency, low, high int64
		connections            int64
		fits                   bool
		line                   string
	}{
		"waits for the database": { // 100/s × 50 ms = 5 in flight
			Load{Rate: 100, Latency: 50, CPU: 5}, Machine{CPU: 1, PoolMax: 4},
			4, 3, 5, 32, true, "by connections: pool of 4 × 50 ms ÷ 50 ms with one = 4 at once",
		},
		"has a connection for a fifth of the time": {
			Load{Rate: 100, Latency: 50, CPU: 5, Database: 10}, Machine{CPU: 1, PoolMax: 4},
			10, 1, 2, 12, true, "concurrency: 10",
		},
		"only computes": { // 60 % of a processor, and one request fills it
			Load{Rate: 6, Latency: 100, CPU: 100, Database: 1}, Machine{CPU: 1, PoolMax: 4},
			1, 1, 2, 12, true, "by CPU: 1 processor × 60 % ÷ 100 ms a request × 100 ms = 0.6 at once",
		},
		"more processors": {
			Load{Rate: 100, Latency: 50, CPU: 5, Database: 5}, Machine{CPU: 4, PoolMax: 10},
			40, 1, 1, 20, true, "4 processors",
		},
		"waits for something else": {
			Load{Rate: 1000, Latency: 5000, CPU: 1, Database: 1}, Machine{CPU: 1, PoolMax: 10},
			1000, 9, 17, 260, true, "concurrency: 1000",
		},
		"less than a processor": {
			Load{Rate: 1, Latency: 50, CPU: 5}, Machine{CPU: 0.5, PoolMax: 4},
			1, 1, 1, 8, true, "with less than one processor",
		},
		"just fits": {
			Load{Rate: 100, Latency: 50, CPU: 5}, Machine{CPU: 1, PoolMax: 4, Connections: 32},
			4, 3, 5, 32, true, "connections: (5 instances + 3 while a new revision is rolled out) × 4 = 32",
		},
		"does not quite": {
			Load{Rate: 100, Latency: 50, CPU: 5}, Machine{CPU: 1, PoolMax: 4, Connections: 31},
			4, 3, 4, 28, false, "need 32 of 31: 1 too many",
		},
		"fewer than usual": {
			Load{Rate: 100, Latency: 50, CPU: 5}, Machine{CPU: 1, PoolMax: 4, Connections: 16},
			4, 2, 2, 16, false, "2 instances carry 96 a second, of 200",
		},
		"stopped before it starts anew": {
			Load{Rate: 100, Latency: 50, CPU: 5}, Machine{CPU: 1, PoolMax: 4, Connections: 20, Overlap: &none},
			4, 3, 5, 20, true, "+ 0 while",
		},
		"not one": {
			Load{Rate: 100, Latency: 50, CPU: 5}, Machine{CPU: 1, PoolMax: 4, Connections: 7},
			4, 0, 0, 0, false, "0 instances carry 0 a second",
		},
		"with smaller pools": {
			Load{Rate: 10, Latency: 50, CPU: 5, Database: 5}, Machine{CPU: 1, PoolMax: 20, Connections: 30},
			10, 0, 0, 0, false, "a pool_max of 15 would do: concurrency 10, 1 instance",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := CloudRun(standard(tt.load, tt.machine))
			if got.Concurrency != tt.concurrency || got.MinInstances != tt.low || got.MaxInstances != tt.high || got.Connections != tt.connections || got.Fits() != tt.fits {
				t.Errorf("concurrency %d, %d to %d instances, %d connections, fits %t; want %d, %d to %d, %d, %t", got.Concurrency, got.MinInstances, got.MaxInstances,
					got.Connections, got.Fits(), tt.concurrency, tt.low, tt.high, tt.connections, tt.fits)
			}
			if !strings.Contains(got.Explanation(), tt.line) {
				t.Errorf("no %q in:\n%s", tt.line, got.Explanation())
			}
		})
	}
}

func drawn(t *rapid.T) (Load, Machine) {
	latency := rapid.Float64Range(1, 5000).Draw(t, "latency")
	m := Machine{
		CPU: rapid.SampledFrom([]float64{0.5, 1, 2, 4, 8}).Draw(t, "processors"), PoolMax: rapid.Int64Range(1, 50).Draw(t, "pool"),
		CPUTarget: rapid.Float64Range(10, 95).Draw(t, "cpu target"), ConcurrencyTarget: rapid.Float64Range(10, 95).Draw(t, "concurrency target"),
		Connections: rapid.Int64Range(0, 2000).Draw(t, "connections"),
	}
	if rapid.Bool().Draw(t, "overlap given") {
		overlap := rapid.Int64Range(0, 5).Draw(t, "overlap")
		m.Overlap = &overlap
	}
	return Load{
		Rate: rapid.Float64Range(0.01, 2000).Draw(t, "rate"), Burst: rapid.Float64Range(0, 500).Draw(t, "burst"), Latency: latency,
		CPU: rapid.Float64Range(0.1, 1).Draw(t, "cpu share") * latency, Database: rapid.Float64Range(0, 1).Draw(t, "database share") * latency,
	}, m
}

// Whatever the load: no more connections than there are, no more work than an instance can do, and enough for the burst if it fits.
func TestCloudRun_holds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l, m := drawn(t)
		c := CloudRun(l, m)
		if m.Connections > 0 && c.Connections > m.Connections {
			t.Fatalf("%d connections of %d", c.Connections, m.Connections)
		}
		if m.Connections == 0 && !c.Fits() {
			t.Fatal("short of what is not to be looked at")
		}
		if c.MaxInstances > 0 && c.Connections != (c.MaxInstances+m.overlap(c.MinInstances))*m.PoolMax {
			t.Fatalf("%d connections for %d instances", c.Connections, c.MaxInstances)
		}
		if c.Concurrency < 1 || c.Concurrency > MostConcurrency || c.MinInstances > c.MaxInstances || c.Fits() && c.MinInstances < 1 {
			t.Fatalf("concurrency %d, %d to %d instances", c.Concurrency, c.MinInstances, c.MaxInstances)
		}
		if held := float64(c.Concurrency) * l.Database / l.Latency; held > float64(m.PoolMax)+1e-6 {
			t.Fatalf("%g requests at once wait for %d connections", held, m.PoolMax)
		}
		if c.MaxInstances > 0 {
			each := c.Rate / float64(c.MaxInstances)
			if used := each * l.CPU / 1000 / m.CPU * 100; used > m.CPUTarget+1e-6 {
				t.Fatalf("%g %% of the processors are used, of %g", used, m.CPUTarget)
			}
		}
		if most := l.Rate * (1 + l.Burst/100); c.Fits() && c.Rate < most*(1-1e-6) {
			t.Fatalf("%g a second are carried, of %g", c.Rate, most)
		}
	})
}

// More load never needs fewer instances; more processors, larger pools and more connections never allow less.
func TestCloudRun_monotone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l, m := drawn(t)
		m.Connections = 0
		before := CloudRun(l, m)
		more := l
		more.Rate *= rapid.Float64Range(1, 10).Draw(t, "more")
		if after := CloudRun(more, m); after.MaxInstances < before.MaxInstances || after.MinInstances < before.MinInstances || after.Concurrency != before.Concurrency {
			t.Fatalf("at a higher rate: %+v, before %+v", after, before)
		}
		heavier := l
		heavier.CPU = min(l.CPU*rapid.Float64Range(1, 10).Draw(t, "heavier"), l.Latency)
		if after := CloudRun(heavier, m); after.Concurrency > before.Concurrency || after.MaxInstances < before.MaxInstances {
			t.Fatalf("of heavier requests: %+v, before %+v", after, before)
		}
		larger := m
		larger.PoolMax += rapid.Int64Range(1, 50).Draw(t, "larger")
		if after := CloudRun(l, larger); after.Concurrency < before.Concurrency || after.MaxInstances > before.MaxInstances {
			t.Fatalf("with larger pools: %+v, before %+v", after, before)
		}
		few, many := m, m
		few.Connections = rapid.Int64Range(1, 2000).Draw(t, "few")
		many.Connections = few.Connections + rapid.Int64Range(1, 500).Draw(t, "many")
		if less, enough := CloudRun(l, few), CloudRun(l, many); enough.MaxInstances < less.MaxInstances || less.Fits() && !enough.Fits() {
			t.Fatalf("with more connections: %+v, before %+v", enough, less)
		}
	})
}

func TestCloudRun_saysHow(t *testing.T) {
	t.Parallel()
	got := CloudRun(standard(Load{Rate: 100, Latency: 50, CPU: 5, Database: 10}, Machine{CPU: 1, PoolMax: 4, Connections: 200}))
	want := []string{
		"in flight: 100 a second × 50 ms = 5; with 100 % more for a while: 10",
		"by CPU: 1 processor × 60 % ÷ 5 ms a request × 50 ms = 6 at once",
		"another instance starts at 60 % of the concurrency: 6 ÷ 60 % = 10",
		"by connections: pool of 4 × 50 ms ÷ 10 ms with one = 20 at once",
		"concurrency: 10",
		"an instance carries 6 at once: 1 instance as usual, 2 instances at most",
		"connections: (2 instances + 1 while a new revision is rolled out) × 4 = 12",
	}
	if !slices.Equal(got.Lines, want) {
		t.Errorf("got\n%s", got.Explanation())
	}
}

// A latency in the wrong unit asks for instances by the billion, and is answered all the same.
func TestCloudRun_absurd(t *testing.T) {
	t.Parallel()
	got := CloudRun(standard(Load{Rate: 1e5, Latency: 3.6e6, CPU: 3.6e6, Burst: 1e4}, Machine{CPU: 1, PoolMax: 1000, Connections: 8000}))
	if got.Fits() || got.MaxInstances != 4 || got.Connections != 8000 {
		t.Errorf("%d instances, %d connections, fits %t", got.MaxInstances, got.Connections, got.Fits())
	}
}

package runner

import (
	"os"
	"testing"
	"time"
)

func TestWanted(t *testing.T) {
	half := Scaling{Concurrency: 0.6, CPU: 0.5, CPULimit: 2}
	for name, c := range map[string]struct {
		scaling Scaling
		d       demand
		want    int
	}{
		"nothing":                          {half, demand{}, 0},
		"background work keeps none":       {half, demand{cpu: 0.9}, 0},
		"background work asks for another": {half, demand{cpu: 1.1}, 2},
		"a request of just now":            {half, demand{now: 1}, 1},
		"a request that has ended":         {half, demand{mean: 0.01}, 1},
		"just what is meant to be used":    {half, demand{now: 3, mean: 3}, 1},
		"a little more":                    {half, demand{now: 3, mean: 3.1}, 2},
		"more at this moment than fits":    {half, demand{now: 11, mean: 1}, 3},
		"much CPU":                         {half, demand{now: 1, mean: 1, cpu: 3.5}, 4},
		"places do not count":              {Scaling{CPU: 0.5, CPULimit: 2}, demand{now: 5, mean: 5}, 1},
		"CPU does not count":               {Scaling{Concurrency: 0.6, CPULimit: 2}, demand{now: 1, mean: 1, cpu: 9}, 1},
	} {
		if n := (Config{Concurrency: 5, Scaling: c.scaling}).wanted(c.d); n != c.want {
			t.Errorf("%s: %d instances, want %d", name, n, c.want)
		}
	}
}

func TestMeter(t *testing.T) {
	var m meter
	at := func(s int) time.Time { return time.Unix(1000+int64(s), 0) }
	m.reset(at(0))
	m.set(at(2), 3) // 0 for two seconds
	m.set(at(6), 1) // 3 for four
	if got := m.mean(at(8)); got != (3*4+1*2)/8.0 {
		t.Errorf("the mean is %v", got)
	}
	if got := m.mean(at(10)); got != 1 {
		t.Errorf("the mean since is %v", got)
	}
}

func TestCPUTime(t *testing.T) {
	before := cpuTime(os.Getpid())
	for n := 0; cpuTime(os.Getpid()) == before; n++ { // its own work makes it go up
		if n > 1<<30 {
			t.Fatal("it stands still")
		}
	}
	if got := cpuTime(1 << 30); got != 0 {
		t.Errorf("of no process: %s", got)
	}
}

package capacity

import "fmt"

// What is deployed stays as long as it is what somewhat less or more would need: at the edge between two numbers, advice would
// otherwise go back and forth with every plan.
var near = around()

// somewhatLess is a load of which everything is somewhat less.
var somewhatLess = shares{0.8, 0.8, 0.8, 0.8}

// around is what may be measured instead. Somewhat less or more are two of the steps that figures are counted in. With the step
// between them each figure goes by itself: a pool is a whole number, so what two figures a step apart need may be less, or
// more, than what both ends of the range do. 0.9 and 1.1 are that step, and never two, wherever between two numbers a figure is.
func around() (all []shares) {
	for _, rate := range []float64{0.8, 1, 1.25} {
		for _, cpu := range []float64{0.8, 1, 1.25} {
			for _, database := range []float64{0.8, 1, 1.25} {
				all = append(all, shares{rate, rate, cpu, database})
			}
		}
	}
	step := []float64{0.9, 1, 1.1}
	for _, usual := range step {
		for _, peak := range step {
			for _, cpu := range step {
				for _, database := range step {
					all = append(all, shares{usual, peak, cpu, database})
				}
			}
		}
	}
	return all
}

// leastKept is how much of the load what is kept has to carry, before another instance would be started.
const leastKept = 0.75

// settle sizes all services, whatever is deployed.
func settle(services []Service, room int64, of shares) []*choice {
	var choices []*choice
	for _, s := range services {
		choices = append(choices, choose(s, of))
	}
	if !fit(choices, room) {
		cut(choices, room)
	}
	return choices
}

// keeping is the same, with what is deployed and as good left as it is; nil when nothing is, or when that needs more
// connections than there are.
func keeping(services []Service, room int64) []*choice {
	good := asGood(services, room)
	var choices []*choice
	var kept bool
	for i, s := range services {
		c := choose(s, asMeasured)
		if good[i] {
			c.keep()
			kept = true
		}
		choices = append(choices, c)
	}
	if !kept || !fit(choices, room) {
		return nil
	}
	return choices
}

// asGood says of each service whether each figure of what is deployed is among those that would be advised if rates and costs
// were somewhat smaller or larger than they are.
func asGood(services []Service, room int64) []bool {
	least, most := make([]Settings, len(services)), make([]Settings, len(services))
	for _, of := range near {
		for i, c := range settle(services, room, of) {
			switch {
			case c.set == nil:
			case most[i] == Settings{}:
				least[i], most[i] = *c.set, *c.set
			default:
				least[i], most[i] = least[i].pairwise(*c.set, smaller), most[i].pairwise(*c.set, larger)
			}
		}
	}
	good := make([]bool, len(services))
	plain := settle(services, room, asMeasured)
	for i, s := range services {
		p, l := s.Present, loadOf(s, asMeasured)
		if p == nil || p.PoolMax == 0 || !l.known || (s.Pool > 0 && p.PoolMax != s.Pool) {
			continue
		}
		among := p.pairwise(least[i], larger) == *p && p.pairwise(most[i], smaller) == *p
		if s.Sudden && !plain[i].short { // where connections are few, one division of them may be as good as another
			less := loadOf(s, somewhatLess)
			among = (among || plain[i].squeezed) && less.drains(s, *p)
		}
		good[i] = among && l.carried(s, *p) >= leastKept*min(l.peak, plain[i].sized.Rate)
	}
	return good
}

func (s Settings) pairwise(o Settings, of func(a, b int64) int64) Settings {
	return Settings{of(s.PoolMax, o.PoolMax), of(s.Concurrency, o.Concurrency), of(s.MinInstances, o.MinInstances), of(s.MaxInstances, o.MaxInstances)}
}

func smaller(a, b int64) int64 { return min(a, b) }
func larger(a, b int64) int64  { return max(a, b) }

// String is the settings as a clause.
func (s Settings) String() string {
	return fmt.Sprintf("pool_max %d, concurrency %d, min_instances %d, max_instances %d", s.PoolMax, s.Concurrency, s.MinInstances, s.MaxInstances)
}

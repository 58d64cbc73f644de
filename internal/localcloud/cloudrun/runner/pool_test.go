package runner

import "testing"

// A request that is given its place in the moment in which it has waited long enough takes it, rather than be refused.
func TestPlaceOfTheLastMoment(t *testing.T) {
	p := &Pool{} // which lets nobody wait
	for range 100 {
		turn := make(chan *slot, 1)
		turn <- &slot{port: 1}
		if l, err := p.await(t.Context(), turn); err != nil || l.Port != 1 {
			t.Fatalf("%+v, %v", l, err)
		}
	}
}

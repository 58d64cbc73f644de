package pipeline

import (
	"reflect"
	"testing"
)

// A merger takes the pages that wait, in their order and no more than it may, and waits for none but the first.
func TestPagesThatWaitAreTakenTogether(t *testing.T) {
	pages := make(chan numbered, 6)
	for n := range cap(pages) {
		pages <- numbered{number: n + 1}
	}
	var took [][]int
	take := func(most int) {
		var some []int
		for _, f := range waiting(pages, most) {
			some = append(some, f.number)
		}
		took = append(took, some)
	}
	take(1)
	take(4)
	take(4)
	close(pages)
	take(4)
	if want := [][]int{{1}, {2, 3, 4, 5}, {6}, nil}; !reflect.DeepEqual(took, want) {
		t.Errorf("took %v, want %v", took, want)
	}
}

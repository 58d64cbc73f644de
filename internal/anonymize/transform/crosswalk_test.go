package transform

import (
	"fmt"
	"sync"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
)

func TestCrosswalkKnowsEachWordOfAKey(t *testing.T) {
	t.Parallel()
	for _, words := range []int{1, 2, 3} {
		x := newCrosswalk(words)
		next := uint32(0)
		for range 2 {
			for i := range uint32(3000) {
				for word := range words {
					var k crosswalkKey
					k[word] = i + 1
					want := i*uint32(words) + uint32(word)
					got, err := x.code(k, func() (uint32, error) { next++; return want, nil })
					if err != nil || got != want {
						t.Fatalf("of %d words %v has code %d, want %d", words, k, got, want)
					}
				}
			}
		}
		if next != 3000*uint32(words) {
			t.Errorf("of %d words %d codes were given", words, next)
		}
	}
}

func TestCrosswalkSideBySide(t *testing.T) {
	t.Parallel()
	b := newBed(t, fixed(t, 10))
	b.table("a.t", nil, "id int8", policy.Surrogate, "v text", policy.Surrogate)
	s := b.set(t)
	const n, workers = 20_000, 4
	got := make([][]string, workers)
	var all sync.WaitGroup
	for i := range workers {
		w := worker(t, s, "a.t")
		all.Go(func() {
			for j := range n {
				id := (j*7919 + i*(n/workers)) % n
				out, err := trySend(w, fmt.Sprint(id), fmt.Sprintf("X%06d", id))
				if err != nil {
					t.Error(err)
					return
				}
				got[i] = append(got[i], fmt.Sprint(id, out))
			}
		})
	}
	all.Wait()
	seen := map[string]bool{}
	for _, g := range got {
		for _, row := range g {
			seen[row] = true
		}
	}
	if len(seen) != n {
		t.Errorf("%d ids have %d pairs of codes", n, len(seen))
	}
	entries := 0
	for i := range s.domains["a.t.id"].short.shards {
		entries += len(s.domains["a.t.id"].short.shards[i].entries)
	}
	if size := entries * 4 / n; size > 14 {
		t.Errorf("an id takes %d bytes", size)
	}
}

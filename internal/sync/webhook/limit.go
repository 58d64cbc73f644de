package webhook

import (
	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"
)

// mostBody is how large a delivery may be. DrChrono's are a few kilobytes.
const mostBody = 1 << 20

// What is under way is bounded by memory, not by number: the body, and about as much again for its object. A delivery
// without a word on its length is taken for the largest. So a fleet of small ones fits, and large ones cannot fill an instance.
const (
	mostInFlight = 32 << 20
	eachInFlight = 8 << 10 // a request's own cost
)

// inFlight is the memory that deliveries under way may take.
type inFlight struct{ *semaphore.Weighted }

func newInFlight() inFlight { return inFlight{semaphore.NewWeighted(mostInFlight)} }

// enter takes room for a body, and how to give it back; nil when there is none.
func (f inFlight) enter(length int64) (leave func()) {
	if length < 0 || length > mostBody {
		length = mostBody
	}
	size := length + eachInFlight
	if !f.TryAcquire(size) {
		return nil
	}
	return func() { f.Release(size) }
}

// Whoever does not know the secret is told so a few times a second; the rest get a cheaper answer. Only what was refused
// is counted: no flood of it can keep out those who know the secret. One bucket serves all, because behind Cloud Run the
// sender's address is a header that anybody may write.
const (
	refusalsEvery  = rate.Limit(10) // a second
	refusalsAtOnce = 20
)

func newRefusals() *rate.Limiter { return rate.NewLimiter(refusalsEvery, refusalsAtOnce) }

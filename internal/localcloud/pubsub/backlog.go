package pubsub

import (
	"container/heap"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"cloud.google.com/go/iam/apiv1/iampb"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
)

// subscription is a subscription with what is not acknowledged of it. The face's lock guards it.
//
// A message is ready, or out (leased to a client until a deadline), or rests (it came back, and the
// retry policy has it wait), or it stands in its key's lane behind one of these.
type subscription struct {
	id     uint64
	meta   *pubsubpb.Subscription
	policy *iampb.Policy
	match  filter

	backlog map[uint64]*entry // by the message's number
	ready   entryHeap         // may hold entries that are acknowledged meanwhile
	lanes   map[string][]*entry
	out     map[uint64]*entry
	resting map[uint64]*entry
	acked   map[uint64]*message // retained, for seeking back

	wake  chan struct{} // closed, and made anew, when there may be something to take
	timer *time.Timer
	due   time.Time           // when the timer fires; zero: it does not
	tick  func(*subscription) // what it does then
}

// entry is a message as one subscription has it.
type entry struct {
	msg      *message
	attempts int
	until    time.Time // out: the deadline; resting: the end of the rest
	window   *window   // of the stream that it is out to
}

// window is what a stream may have out at once.
type window struct {
	messages, bytes       int
	maxMessages, maxBytes int // 0: no limit
}

func (w *window) room(size int) bool {
	return w == nil || (w.maxMessages <= 0 || w.messages < w.maxMessages) &&
		(w.maxBytes <= 0 || w.bytes == 0 || w.bytes+size <= w.maxBytes)
}

func (w *window) add(n, size int) {
	if w != nil {
		w.messages, w.bytes = w.messages+n, w.bytes+n*size
	}
}

func (f *Face) newSubscription(id uint64, meta *pubsubpb.Subscription) (*subscription, error) {
	match, err := parseFilter(meta.GetFilter())
	if err != nil {
		return nil, err
	}
	s := &subscription{
		id: id, meta: meta, policy: &iampb.Policy{}, match: match,
		backlog: map[uint64]*entry{}, acked: map[uint64]*message{}, wake: make(chan struct{}), tick: f.tick,
	}
	s.rebuild()
	return s, nil
}

// lane is the key whose order e has to keep; "" has none.
func (s *subscription) lane(e *entry) string {
	if !s.meta.GetEnableMessageOrdering() {
		return ""
	}
	return e.msg.pb.GetOrderingKey()
}

// rebuild makes everything in the backlog wait in order, as if nothing had been handed out.
func (s *subscription) rebuild() {
	for _, e := range s.out {
		e.window.add(-1, e.msg.size)
		e.window = nil
	}
	s.ready, s.lanes, s.out, s.resting = nil, map[string][]*entry{}, map[uint64]*entry{}, map[uint64]*entry{}
	for _, seq := range slices.Sorted(maps.Keys(s.backlog)) {
		s.line(s.backlog[seq])
	}
	s.notify()
}

// offer adds a message at the end.
func (s *subscription) offer(m *message) {
	e := &entry{msg: m}
	s.backlog[m.seq] = e
	s.line(e)
	s.notify()
}

// line puts e where it waits: at the end of its lane, or among the ready.
func (s *subscription) line(e *entry) {
	if key := s.lane(e); key != "" {
		s.lanes[key] = append(s.lanes[key], e)
		if len(s.lanes[key]) > 1 {
			return
		}
	}
	heap.Push(&s.ready, e)
}

func (s *subscription) notify() {
	close(s.wake)
	s.wake = make(chan struct{})
}

// next is the entry to hand out, taken from the ready: the oldest, or any of them. It is nil when
// there is none, or no room for it.
func (s *subscription) next(w *window, shuffled bool) *entry {
	for len(s.ready) > 0 {
		i := 0
		if shuffled {
			i = rand.IntN(len(s.ready)) //nolint:gosec // disorder, no secret
		}
		e := s.ready[i]
		if gone := s.backlog[e.msg.seq] != e; !gone && !w.room(e.msg.size) {
			return nil
		} else if heap.Remove(&s.ready, i); !gone {
			return e
		}
	}
	return nil
}

// lease notes that e is out until a moment.
func (s *subscription) lease(e *entry, until time.Time, w *window) {
	e.attempts++
	e.until, e.window = until, w
	w.add(1, e.msg.size)
	s.out[e.msg.seq] = e
	s.arm(until)
}

// unlease ends e's lease, if it has one.
func (s *subscription) unlease(e *entry) {
	if s.out[e.msg.seq] != e {
		return
	}
	delete(s.out, e.msg.seq)
	e.window.add(-1, e.msg.size)
	e.window = nil
	s.notify() // a stream may have room again
}

// settle takes e off for good, and lets the next of its key forward.
func (s *subscription) settle(e *entry) {
	s.unlease(e)
	delete(s.backlog, e.msg.seq)
	delete(s.resting, e.msg.seq)
	key := s.lane(e)
	if key == "" {
		return
	}
	lane := s.lanes[key]
	i := slices.Index(lane, e)
	if i < 0 {
		return
	}
	lane[i] = nil
	lane = slices.Delete(lane, i, i+1)
	if len(lane) == 0 {
		delete(s.lanes, key)
		return
	}
	s.lanes[key] = lane
	if i == 0 {
		heap.Push(&s.ready, lane[0])
		s.notify()
	}
}

// rest gives e back after a nack or a missed deadline. It keeps its place in its lane, so all after it
// of its key wait for it.
func (s *subscription) rest(e *entry, now time.Time) {
	s.unlease(e)
	if pause := s.pause(e.attempts); pause > 0 {
		e.until = now.Add(pause)
		s.resting[e.msg.seq] = e
		s.arm(e.until)
		return
	}
	heap.Push(&s.ready, e)
	s.notify()
}

// pause is how long the retry policy has a message rest.
func (s *subscription) pause(attempts int) time.Duration {
	p := s.meta.GetRetryPolicy()
	if p == nil {
		return 0
	}
	least, most := p.GetMinimumBackoff().AsDuration(), p.GetMaximumBackoff().AsDuration()
	for ; attempts > 1 && least < most; attempts-- {
		least *= 2
	}
	return min(least, most)
}

// markAcked and markUnacked change the backlog only: rebuild, or settle before, does the rest.
func (s *subscription) markAcked(m *message) {
	if s.backlog[m.seq] == nil {
		return
	}
	delete(s.backlog, m.seq)
	if s.meta.GetRetainAckedMessages() {
		s.acked[m.seq] = m
	}
}

func (s *subscription) markUnacked(m *message) {
	delete(s.acked, m.seq)
	s.backlog[m.seq] = &entry{msg: m}
}

// arm has the timer fire at a moment, or before.
func (s *subscription) arm(at time.Time) {
	if !s.due.IsZero() && !at.Before(s.due) {
		return
	}
	s.due = at
	if s.timer == nil {
		s.timer = time.AfterFunc(time.Until(at), func() { s.tick(s) })
		return
	}
	s.timer.Reset(time.Until(at))
}

func (s *subscription) disarm() {
	if s.timer != nil {
		s.timer.Stop()
	}
}

// tick is a subscription's timer: deadlines have passed, rests are over.
func (f *Face) tick(s *subscription) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.byID[s.id] != s {
		return // deleted
	}
	now := time.Now()
	s.due = time.Time{}
	var late, rested []*entry
	for _, e := range s.out {
		if e.until.After(now) {
			s.arm(e.until)
		} else {
			late = append(late, e)
		}
	}
	for _, e := range s.resting {
		if e.until.After(now) {
			s.arm(e.until)
		} else {
			rested = append(rested, e)
		}
	}
	for _, e := range late {
		f.giveBack(s, e, now)
	}
	for _, e := range rested {
		delete(s.resting, e.msg.seq)
		heap.Push(&s.ready, e)
	}
	if len(rested) > 0 {
		s.notify()
	}
}

// entryHeap has the oldest message first.
type entryHeap []*entry

func (h entryHeap) Len() int           { return len(h) }
func (h entryHeap) Less(i, j int) bool { return h[i].msg.seq < h[j].msg.seq }
func (h entryHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *entryHeap) Push(e any)        { *h = append(*h, e.(*entry)) }
func (h *entryHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return e
}

package runner

import (
	"context"
	"sync"
	"time"
)

// maxWaiting bounds the requests that wait for a place in one revision.
const maxWaiting = 2000

// A Pool is the running instances of one revision.
type Pool struct {
	cfg  Config
	ctx  context.Context
	stop context.CancelFunc
	all  sync.WaitGroup // one per instance goroutine

	mu        sync.Mutex
	bounds    Bounds
	instances []*instance   // all but those that are on their way out
	started   int           // numbers instances
	slots     []*slot       // instances that have started and not ended
	waiting   []chan *slot  // requests in line, oldest first
	busy      int           // requests in all slots, those of crashed ones included
	load      meter         // of busy and waiting
	sampled   time.Time     // when the tally's last sample ended
	spared    time.Time     // since when fewer instances would do
	faults    int           // starts that failed since the last that did not
	idle      chan struct{} // closed when busy falls to 0 after a stop
	closed    bool
	settled   chan struct{} // closed when first ready or failed
	failure   error
	ready     bool // was ever ready
}

// instance is a place for a process, which is started again when it ends.
type instance struct {
	cancel context.CancelFunc
	pid    int           // 0 until a process has started
	used   time.Duration // of CPU, when that was looked at last
	since  time.Time     // when the process was ready
	// sampled is the CPU time at the end of the tally's last sample.
	sampled time.Duration
	slot    *slot // nil as long
}

// slot is one started instance as the proxy sees it.
type slot struct {
	port    int
	taken   int
	most    int    // taken, at once, since the tally's last sample
	unready bool   // its readiness probe fails: no new request
	last    func() // called when the last request has left; nil while it takes more
}

// A Lease is a request's place in an instance.
type Lease struct {
	Port int
	H2C  bool
	pool *Pool
	slot *slot
}

// Start makes a pool and as many instances of it as b asks for, but one at least: a revision is found
// ready by starting it. It does not wait for them.
func Start(cfg Config, b Bounds) *Pool {
	ctx, stop := context.WithCancel(context.Background())
	p := &Pool{cfg: cfg, ctx: ctx, stop: stop, bounds: b, settled: make(chan struct{}), idle: make(chan struct{})}
	p.load.reset(time.Now())
	p.sampled = time.Now()
	p.mu.Lock()
	p.grow(max(b.Min, 1))
	p.mu.Unlock()
	p.all.Go(p.scale)
	return p
}

// Running is how many instances have started and not ended.
func (p *Pool) Running() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.slots)
}

// Busy is how many requests all instances have in hand.
func (p *Pool) Busy() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.busy
}

// Wait returns once an instance is ready, or with the *Failure that keeps all of them from it.
func (p *Pool) Wait(ctx context.Context) error {
	select {
	case <-p.settled:
	case <-ctx.Done():
		return ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ready {
		return nil
	}
	return p.failure
}

// Acquire takes a place in the least loaded instance, waiting in line when all are full.
func (p *Pool) Acquire(ctx context.Context) (*Lease, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, ErrStopped
	}
	if s := p.free(); s != nil {
		defer p.mu.Unlock()
		return p.take(s), nil
	}
	if len(p.waiting) >= maxWaiting {
		p.mu.Unlock()
		return nil, ErrBusy
	}
	turn := make(chan *slot, 1)
	p.waiting = append(p.waiting, turn)
	p.loaded()
	p.grow(p.cfg.places(p.busy + len(p.waiting))) //nolint:contextcheck // the instance outlives this request
	p.mu.Unlock()
	return p.await(ctx, turn)
}

// await waits in line for a place to be given.
func (p *Pool) await(ctx context.Context, turn chan *slot) (*Lease, error) {
	timer := time.NewTimer(p.cfg.QueueWait)
	defer timer.Stop()
	var err error
	for err == nil {
		select {
		case s := <-turn:
			return p.granted(s)
		case <-ctx.Done():
			err = ctx.Err()
		case <-timer.C:
			if p.warming() {
				timer.Reset(p.cfg.QueueWait)
				continue
			}
			err = ErrBusy
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, w := range p.waiting {
		if w == turn {
			p.waiting = append(p.waiting[:i], p.waiting[i+1:]...)
			p.loaded()
			if err == ErrBusy && len(p.slots) == 0 { //nolint:errorlint // set above
				err = ErrDown
			}
			return nil, err
		}
	}
	// Granted in the same moment. Who has left gives the place to the next in line.
	s := <-turn
	if s == nil || ctx.Err() == nil {
		return p.granted(s)
	}
	p.release(s)
	return nil, err
}

// warming tells whether an instance is on its way and nothing speaks against its arrival: a start takes as
// long as its probe allows.
func (p *Pool) warming() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.instances) > len(p.slots) && p.faults == 0
}

func (p *Pool) granted(s *slot) (*Lease, error) {
	if s == nil {
		return nil, ErrStopped
	}
	return &Lease{Port: s.port, H2C: p.cfg.H2C, pool: p, slot: s}, nil
}

// Answered counts the request, which its instance took so long to answer.
func (l *Lease) Answered(status int, took time.Duration) {
	if t := l.pool.cfg.Tally; t != nil {
		t.Request(status, took)
	}
}

// Release gives the place back.
func (l *Lease) Release() {
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	l.pool.release(l.slot)
}

// free is the ready instance with the fewest requests that has room. mu is held.
func (p *Pool) free() *slot {
	var best *slot
	for _, s := range p.slots {
		if !s.unready && s.taken < p.cfg.Concurrency && (best == nil || s.taken < best.taken) {
			best = s
		}
	}
	return best
}

func (p *Pool) take(s *slot) *Lease {
	s.taken++
	s.most = max(s.most, s.taken)
	p.busy++
	p.loaded()
	return &Lease{Port: s.port, H2C: p.cfg.H2C, pool: p, slot: s}
}

func (p *Pool) release(s *slot) {
	s.taken--
	p.busy--
	p.serve()
	p.loaded()
	if s.last != nil && s.taken == 0 {
		s.last()
	}
	if p.closed && p.busy == 0 {
		p.idleNow()
	}
}

// serve hands free places to those in line. mu is held.
func (p *Pool) serve() {
	for len(p.waiting) > 0 {
		s := p.free()
		if s == nil {
			return
		}
		p.take(s)
		p.waiting[0] <- s
		p.waiting = p.waiting[1:]
	}
}

func (p *Pool) idleNow() {
	select {
	case <-p.idle:
	default:
		close(p.idle)
	}
}

// enter adds an instance that has started. With a readiness probe it waits to pass that, too.
func (p *Pool) enter(i *instance, port int) *slot {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := &slot{port: port, unready: p.cfg.Readiness != nil}
	i.slot = s
	p.slots = append(p.slots, s)
	p.faults = 0
	if !p.ready {
		p.ready = true
		if !p.closed {
			p.failure = nil // of another instance, which was started beside this one
		}
		p.settle()
	}
	p.serve()
	return s
}

// passes says how an instance's readiness probe went.
func (p *Pool) passes(s *slot, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.unready = !ok
	p.serve()
}

// leave takes an instance out of rotation; its requests end on their own.
func (p *Pool) leave(s *slot) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unlist(s)
}

func (p *Pool) unlist(s *slot) {
	for i, o := range p.slots {
		if o == s {
			p.slots = append(p.slots[:i], p.slots[i+1:]...)
			return
		}
	}
}

func (p *Pool) settle() {
	select {
	case <-p.settled:
	default:
		close(p.settled)
	}
}

// fail records why the pool will not become ready; false means that it must keep trying.
func (p *Pool) fail(err error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults++
	if p.ready || p.cfg.Patient {
		return false
	}
	if p.failure == nil {
		p.failure = err
	}
	p.settle()
	return true
}

// Stop takes no more requests, lets those in hand finish until ctx ends, then ends the processes
// (SIGTERM, ten seconds, SIGKILL) and returns when none is left.
func (p *Pool) Stop(ctx context.Context) {
	p.mu.Lock()
	p.closed = true
	for _, w := range p.waiting {
		w <- nil
	}
	p.waiting = nil
	if p.busy == 0 {
		p.idleNow()
	}
	if p.failure == nil {
		p.failure = ErrStopped
	}
	p.mu.Unlock()
	select {
	case <-p.idle:
	case <-ctx.Done():
	}
	p.stop()
	p.all.Wait()
	p.mu.Lock()
	p.settle()
	p.mu.Unlock()
}

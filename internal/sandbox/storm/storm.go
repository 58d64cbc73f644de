// Package storm sends deliveries of DrChrono's webhook at a fixed rate, whatever comes back, and remembers what became
// of each. The loop is open: a delivery that is due is sent, however many are still on their way, and its time counts
// from when it was due. A receiver that stalls is seen to, which a sender that waits for answers would hide.
//
// What it sends is changes of line items, each with a version that its row shows: so a table tells which delivery of an
// object was applied last.
package storm

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Config is a storm.
type Config struct {
	URL    func() string // of the webhook; asked anew for each delivery, so that receivers may come and go
	Secret string
	Rate   float64       // deliveries a second
	For    time.Duration // how long

	Objects int           // line items that change again and again
	Fresh   float64       // share of deliveries that are of a new line item each
	Double  float64       // chance that a delivery is sent twice, with the same id
	Late    time.Duration // a delivery may be late by up to so much, and so be overtaken
	Timeout time.Duration // for one answer; default 10 s
	Seed    uint64
}

// Sent is one delivery and what became of it.
type Sent struct {
	ID       string
	Event    string
	Key      string        // of the line item
	Version  int           // ascends by one from one delivery to the next; the row's "billed" in cents
	Statuses []int         // of the answers, one for each time it was sent; 0 for none
	Took     time.Duration // from when it was due to the first answer
}

// Taken tells that a 200 came back.
func (s Sent) Taken() bool { return slices.Contains(s.Statuses, http.StatusOK) }

// The first key and version: far away from those of a synthetic practice.
const (
	firstKey   = 8_000_000_000
	firstFresh = 9_000_000_000
)

// Blow sends until the time is up or ctx ends, and waits for the last answer.
func Blow(ctx context.Context, c Config) []Sent {
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	transport := &http.Transport{MaxIdleConns: 512, MaxIdleConnsPerHost: 512, IdleConnTimeout: 30 * time.Second}
	defer transport.CloseIdleConnections()
	s := &sender{Config: c, client: &http.Client{Transport: transport, Timeout: c.Timeout}, base: time.Now().UTC().AddDate(0, 0, -10)}
	dice := rand.New(rand.NewPCG(c.Seed, 1)) //nolint:gosec // dice, no secret
	var under sync.WaitGroup
	began := time.Now()
	for n := 0; ; n++ {
		due := began.Add(time.Duration(float64(n) / c.Rate * float64(time.Second)))
		if due.Sub(began) >= c.For || !until(ctx, due) {
			break
		}
		d := s.next(n, dice)
		copies, held := 1, []time.Duration{0, 0}
		if dice.Float64() < c.Double {
			copies = 2
		}
		for i := range held {
			if c.Late > 0 {
				held[i] = rand.N(c.Late) //nolint:gosec // the same
			}
		}
		for i := range copies {
			under.Go(func() {
				due := due.Add(held[i])
				if until(ctx, due) {
					s.send(d, due)
				}
			})
		}
	}
	under.Wait()
	out := make([]Sent, 0, len(s.sent))
	for _, d := range s.sent {
		if len(d.Statuses) > 0 { // else the end came before it was sent
			out = append(out, *d)
		}
	}
	return out
}

func until(ctx context.Context, at time.Time) bool {
	wait := time.Until(at)
	if wait <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

type sender struct {
	Config
	client *http.Client
	base   time.Time // the first version's time of change

	mu   sync.Mutex
	sent []*Sent
}

// next makes the delivery with this number.
func (s *sender) next(n int, dice *rand.Rand) *Sent {
	d := &Sent{ID: fmt.Sprintf("storm-%d-%d", s.Seed, n), Version: n + 1}
	if s.Objects == 0 || dice.Float64() < s.Fresh {
		d.Event, d.Key = "LINE_ITEM_CREATE", fmt.Sprint(firstFresh+n)
	} else {
		d.Event, d.Key = "LINE_ITEM_MODIFY", fmt.Sprint(firstKey+dice.IntN(s.Objects))
	}
	s.mu.Lock()
	s.sent = append(s.sent, d)
	s.mu.Unlock()
	return d
}

// Body is what a delivery carries: the members that DrChrono sends, of an invented line item. The receiver is said to
// tell the secret, as is not ruled out.
func (s *sender) body(d *Sent) []byte {
	return fmt.Appendf(nil, `{"receiver":{"id":1,"secret_token":%[5]q},"practice_group_id":7,"object":{"id":%[1]s,"appointment":7000001,"patient":5000001,`+
		`"doctor":30001,"code":"99213","procedure_type":"C","description":"OFFICE VISIT EST LOW","modifiers":["25","","",""],"diagnosis_pointers":["1","2","",""],`+
		`"quantity":"1.00","units":"UN","price":"150.00","billed":"%[2]d.%02[3]d","allowed":"98.40","adjustment":"51.60","ins1_paid":"78.40","ins2_paid":"0.00",`+
		`"ins3_paid":"0.00","ins_total":"78.40","pt_paid":"0.00","paid_total":"78.40","balance_ins":"0.00","balance_pt":"20.00","balance_total":"20.00",`+
		`"expected_reimbursement":null,"billing_status":"ERA Received","insurance_status":"","denied_flag":false,"service_date":"2026-03-04",`+
		`"posted_date":"2026-03-05","updated_at":%[4]q}}`,
		d.Key, d.Version/100, d.Version%100, s.base.Add(time.Duration(d.Version)*time.Second).Format("2006-01-02T15:04:05"), s.Secret)
}

func (s *sender) send(d *Sent, due time.Time) {
	status := s.post(d)
	took := time.Since(due)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(d.Statuses) == 0 {
		d.Took = took
	}
	d.Statuses = append(d.Statuses, status)
}

func (s *sender) post(d *Sent) int {
	req, err := http.NewRequest(http.MethodPost, s.URL(), bytes.NewReader(s.body(d))) //nolint:noctx // the client has a timeout
	if err != nil {
		return 0
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Drchrono-Event", d.Event)
	req.Header.Set("X-Drchrono-Signature", s.Secret)
	req.Header.Set("X-Drchrono-Delivery", d.ID)
	res, err := s.client.Do(req)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<16)) // what it says is ignored, as DrChrono does
	_ = res.Body.Close()
	return res.StatusCode
}

// Statuses counts the answers.
func Statuses(sent []Sent) map[int]int {
	out := map[int]int{}
	for _, s := range sent {
		for _, status := range s.Statuses {
			out[status]++
		}
	}
	return out
}

// Newest is the highest version of each line item among the deliveries that count.
func Newest(sent []Sent, counts func(Sent) bool) map[string]int {
	out := map[string]int{}
	for _, s := range sent {
		if counts(s) {
			out[s.Key] = max(out[s.Key], s.Version)
		}
	}
	return out
}

// Percentile is the time that p percent of the deliveries that were taken did not exceed.
func Percentile(sent []Sent, p float64) time.Duration {
	var took []time.Duration
	for _, s := range sent {
		if s.Taken() {
			took = append(took, s.Took)
		}
	}
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return took[min(len(took)-1, int(float64(len(took))*p/100))]
}

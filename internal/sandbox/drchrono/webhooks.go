package drchrono

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	dice "math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/faults"
)

// Webhook is one registration in an application's page of API management. There is no API to make or
// list them: the switches stand for the person who fills in that page.
type Webhook struct {
	ID       int      `json:"id"`
	URL      string   `json:"callback_url"`
	Secret   string   `json:"secret_token,omitempty"` // never shown again
	Events   []string `json:"events"`
	Verified bool     `json:"verified"`
}

// The states of a delivery.
const (
	DeliveryPending   = "pending"   // to be tried, or tried again
	DeliveryDelivered = "delivered" // answered 2xx
	DeliveryFailed    = "failed"    // given up: only a person sends it again
	DeliveryLost      = "lost"      // never sent, by WebhookLose
)

// Delivery is one event on its way to one webhook.
type Delivery struct {
	ID       string `json:"id"` // of the first attempt
	Webhook  int    `json:"webhook"`
	Event    string `json:"event"`
	Object   string `json:"object,omitempty"` // its id
	State    string `json:"state"`
	Attempts []int  `json:"attempts"` // the statuses of the answers; 0 for none
}

// Ping is the event that says nothing.
const Ping = "PING"

// retryWaits are the waits before the second, third and last attempt: 1, 3 and 7 hours after the event.
var retryWaits = []time.Duration{time.Hour, 2 * time.Hour, 4 * time.Hour}

// atOnce is how many deliveries of an application are under way together.
const atOnce = 16

// eventOf is what DrChrono sends on its own when an object of the practice changes. Transactions and payments are
// heard of only when they are deleted; tests, results, EOBs and eligibility checks never.
func eventOf(ch clinic.Change) string {
	var of string
	switch ch.Kind {
	case clinic.Appointments:
		of = "APPOINTMENT"
	case clinic.LineItems:
		of = "LINE_ITEM"
	case clinic.LabOrders:
		of = "LAB_ORDER"
	case clinic.Patients:
		if ch.Op != clinic.Delete {
			of = "PATIENT"
		}
	case clinic.Transactions:
		if ch.Op == clinic.Delete {
			of = "LINE_ITEM_TRANSACTION"
		}
	case clinic.PatientPayments:
		if ch.Op == clinic.Delete {
			of = "CASH_PAYMENT"
		}
	}
	if of == "" || ch.Unseen { // that an insurer's status fires an event is nowhere said
		return ""
	}
	return of + "_" + string(ch.Op)
}

// sender delivers an application's events. What it holds is gone with the process.
type sender struct {
	settings func() Settings
	group    int64 // of the practice
	ctx      context.Context
	stop     context.CancelFunc
	under    sync.WaitGroup
	slots    chan struct{}
	client   http.Client

	mu         sync.Mutex
	closed     bool
	last       int
	hooks      []*Webhook
	deliveries []*shipment
}

// shipment is a delivery with what it carries.
type shipment struct {
	Delivery
	body []byte
}

func newSender(of *clinic.Clinic, settings func() Settings) *sender {
	s := &sender{settings: settings, slots: make(chan struct{}, atOnce)}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.client.Transport = &http.Transport{MaxIdleConnsPerHost: atOnce}
	s.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // a 302 is a failure
	if users := of.View(clinic.Users, 0); len(users) > 0 {
		s.group, _ = strconv.ParseInt(users[0].Field("practice_group"), 10, 64)
	}
	of.Watch(func(ch clinic.Change) {
		if event := eventOf(ch); event != "" {
			s.send(event, ch.ID, ch.Body())
		}
	})
	return s
}

// close ends what is under way.
func (s *sender) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop()
	s.under.Wait()
	s.client.CloseIdleConnections()
}

// register enters a webhook, unverified. Address, secret and events are mandatory.
func (s *sender) register(w Webhook) (int, error) {
	if u, err := url.Parse(w.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return 0, errors.New("callback_url: no absolute URL")
	}
	if w.Secret == "" || len(w.Events) == 0 {
		return 0, errors.New("secret_token and events are mandatory")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	w.ID, w.Verified = s.last, false
	s.hooks = append(s.hooks, &w)
	return w.ID, nil
}

func (s *sender) remove(id int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hooks = slices.DeleteFunc(s.hooks, func(w *Webhook) bool { return w.ID == id })
}

func (s *sender) webhooks() []Webhook {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Webhook, 0, len(s.hooks))
	for _, w := range s.hooks {
		shown := *w
		shown.Secret = ""
		out = append(out, shown)
	}
	return out
}

// find copies the webhook of an id.
func (s *sender) find(id int) (Webhook, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.hooks {
		if w.ID == id {
			return *w, true
		}
	}
	return Webhook{}, false
}

// verify is the button "Verify webhook": the other side proves that it knows the secret.
func (s *sender) verify(ctx context.Context, id int) error {
	w, ok := s.find(id)
	if !ok {
		return fmt.Errorf("no webhook %d", id)
	}
	message := rand.Text()
	target := w.URL + "?msg=" + message
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return err
	}
	res, err := s.client.Do(req)
	if err != nil {
		return errors.New("the callback does not answer")
	}
	defer func() { _ = res.Body.Close() }()
	var answer struct {
		Token string `json:"secret_token"`
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the callback answers %d, not 200", res.StatusCode)
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, 1<<16)).Decode(&answer); err != nil {
		return errors.New("the callback's answer is not JSON")
	}
	mac := hmac.New(sha256.New, []byte(w.Secret))
	mac.Write([]byte(message))
	if answer.Token != hex.EncodeToString(mac.Sum(nil)) {
		return errors.New("the callback's secret_token is not the lower-case hex HMAC-SHA256 of msg under the secret")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, hook := range s.hooks {
		if hook.ID == id {
			hook.Verified = true
		}
	}
	return nil
}

// send delivers an event to every webhook that is verified and wants it.
func (s *sender) send(event, object string, body []byte) {
	set := s.settings()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	for _, w := range s.hooks {
		if !w.Verified || event != Ping && !slices.Contains(w.Events, event) {
			continue
		}
		d := &shipment{Delivery: Delivery{ID: deliveryID(), Webhook: w.ID, Event: event, Object: object, State: DeliveryPending, Attempts: []int{}},
			body: s.wrap(w, body)}
		s.deliveries = append(s.deliveries, d)
		if chance(set.WebhookLose) {
			d.State = DeliveryLost
			continue
		}
		s.under.Go(func() { s.deliver(d, d.ID) })
		if chance(set.WebhookDuplicates) {
			s.under.Go(func() { s.attempt(d, d.ID) })
		}
	}
}

// wrap is a delivery's body. That the receiver tells the secret is not ruled out, so here it does.
func (s *sender) wrap(w *Webhook, object []byte) []byte {
	if object == nil {
		object = []byte("null")
	}
	body, err := json.Marshal(map[string]any{
		"receiver":          map[string]any{"id": w.ID, "callback_url": w.URL, "secret_token": w.Secret},
		"object":            json.RawMessage(object),
		"practice_group_id": s.group,
	})
	if err != nil {
		panic(err) // our own types
	}
	return body
}

// deliver tries until it is answered 2xx, four times in all.
func (s *sender) deliver(d *shipment, id string) {
	for n := 0; ; n++ {
		if s.attempt(d, id) {
			return
		}
		set := s.settings()
		if n == len(retryWaits) {
			s.mu.Lock()
			d.State = DeliveryFailed
			s.mu.Unlock()
			return
		}
		if !s.wait(time.Duration(float64(retryWaits[n]) / max(set.WebhookSpeedup, 1))) {
			return
		}
		if !set.WebhookKeepID {
			id = deliveryID()
		}
	}
}

// attempt posts once and tells whether a 2xx came back.
func (s *sender) attempt(d *shipment, id string) bool {
	set := s.settings()
	if held := set.WebhookShuffleMillis; held > 0 && !s.wait(time.Duration(dice.IntN(held+1))*time.Millisecond) { //nolint:gosec // dice, no secret
		return false
	}
	w, ok := s.find(d.Webhook)
	if !ok { // taken away meanwhile
		return true
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-s.ctx.Done():
		return false
	}
	status := s.post(w, d, id, set)
	s.mu.Lock()
	defer s.mu.Unlock()
	d.Attempts = append(d.Attempts, status)
	if status/100 == 2 {
		d.State = DeliveryDelivered
	}
	return status/100 == 2
}

func (s *sender) post(w Webhook, d *shipment, id string, set Settings) int {
	timeout := 10 * time.Second
	if set.WebhookTimeoutMillis > 0 {
		timeout = time.Duration(set.WebhookTimeoutMillis) * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(s.ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(d.body))
	if err != nil {
		return 0
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Drchrono-Event", d.Event)
	req.Header.Set("X-Drchrono-Signature", w.Secret) // the secret itself
	req.Header.Set("X-Drchrono-Delivery", id)
	res, err := s.client.Do(req)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<16)) // what it says is ignored
	_ = res.Body.Close()
	return res.StatusCode
}

// again is the button "redeliver" beside a delivery.
func (s *sender) again(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.deliveries {
		if d.ID != id || s.closed {
			continue
		}
		sent := id
		if !s.settings().WebhookKeepID {
			sent = deliveryID()
		}
		s.under.Go(func() { s.attempt(d, sent) })
		return nil
	}
	return fmt.Errorf("no delivery %q", id)
}

// log lists the deliveries, oldest first.
func (s *sender) log() []Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Delivery, 0, len(s.deliveries))
	for _, d := range s.deliveries {
		shown := d.Delivery
		shown.Attempts = slices.Clone(shown.Attempts)
		out = append(out, shown)
	}
	return out
}

// wait is false when the sender ends meanwhile.
func (s *sender) wait(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.ctx.Done():
		return false
	}
}

// mountWebhooks mounts the switches that stand for the page of API management.
func (s *Server) mountWebhooks(c faults.Control) {
	handle := func(pattern string, h func(of *sender, w http.ResponseWriter, r *http.Request)) {
		c.Handle(pattern, func(w http.ResponseWriter, r *http.Request) {
			a := s.apps[r.PathValue("app")]
			if a == nil {
				refuse(w, http.StatusNotFound, "No such application.")
				return
			}
			h(a.sender, w, r)
		})
	}
	number := func(r *http.Request) int {
		n, _ := strconv.Atoi(r.PathValue("id")) // 0 is no webhook's
		return n
	}
	handle("GET /_sandbox/webhooks/{app}", func(of *sender, w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, of.webhooks()) })
	handle("POST /_sandbox/webhooks/{app}", func(of *sender, w http.ResponseWriter, r *http.Request) {
		var hook Webhook
		if !c.Decode(w, r, &hook) {
			return
		}
		id, err := of.register(hook)
		if err != nil {
			c.Finish(w, err)
			return
		}
		reply(w, http.StatusCreated, map[string]int{"id": id})
	})
	handle("DELETE /_sandbox/webhooks/{app}/{id}", func(of *sender, w http.ResponseWriter, r *http.Request) {
		of.remove(number(r))
		c.Finish(w, nil)
	})
	handle("POST /_sandbox/webhooks/{app}/{id}/verify", func(of *sender, w http.ResponseWriter, r *http.Request) {
		c.Finish(w, of.verify(r.Context(), number(r)))
	})
	handle("POST /_sandbox/events/{app}", func(of *sender, w http.ResponseWriter, r *http.Request) {
		var e struct {
			Event  string          `json:"event"`
			Object json.RawMessage `json:"object"`
		}
		if c.Decode(w, r, &e) {
			of.send(e.Event, "", e.Object)
			c.Finish(w, nil)
		}
	})
	handle("GET /_sandbox/deliveries/{app}", func(of *sender, w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, of.log()) })
	handle("POST /_sandbox/deliveries/{app}/{id}/again", func(of *sender, w http.ResponseWriter, r *http.Request) {
		c.Finish(w, of.again(r.PathValue("id")))
	})
}

func chance(share float64) bool { return dice.Float64() < share } //nolint:gosec // dice, no secret

func deliveryID() string { return rand.Text() }

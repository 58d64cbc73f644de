package drchrono_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/drchrono"
)

const webhookSecret = "synthetic-webhook-secret"

// receipt is what a receiver got.
type receipt struct {
	event, signature, id string
	body                 map[string]any
}

// receiver is the other side of a webhook: it answers each delivery with the next of its statuses, and
// with the last for ever.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	secret   string
	statuses []int
	got      []receipt
}

func newReceiver(t *testing.T, statuses ...int) *receiver {
	t.Helper()
	r := &receiver{secret: webhookSecret, statuses: statuses}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if req.Method == http.MethodGet {
		mac := hmac.New(sha256.New, []byte(r.secret))
		mac.Write([]byte(req.URL.Query().Get("msg")))
		_ = json.NewEncoder(w).Encode(map[string]string{"secret_token": hex.EncodeToString(mac.Sum(nil))})
		return
	}
	got := receipt{req.Header.Get("X-drchrono-event"), req.Header.Get("X-drchrono-signature"), req.Header.Get("X-drchrono-delivery"), nil}
	if err := json.NewDecoder(req.Body).Decode(&got.body); err != nil {
		got.event = err.Error()
	}
	r.got = append(r.got, got)
	status := r.statuses[0]
	if len(r.statuses) > 1 {
		r.statuses = r.statuses[1:]
	}
	if status == http.StatusFound {
		w.Header().Set("Location", r.URL+"/elsewhere")
	}
	w.WriteHeader(status)
}

func (r *receiver) received() []receipt {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

// flip uses a switch.
func (r *rig) flip(method, path, body string, want int) []byte {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.http.URL+"/_sandbox/"+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var out json.RawMessage
	_ = json.NewDecoder(res.Body).Decode(&out)
	if res.StatusCode != want {
		r.t.Fatalf("%s %s: got %d %s, want %d", method, path, res.StatusCode, out, want)
	}
	return out
}

// subscribe registers and verifies a webhook for the events.
func (r *rig) subscribe(to *receiver, events ...string) int {
	r.t.Helper()
	r.t.Cleanup(r.server.Close)
	var made struct{ ID int }
	hook, _ := json.Marshal(drchrono.Webhook{URL: to.URL + "/hook", Secret: webhookSecret, Events: events})
	if err := json.Unmarshal(r.flip("POST", "webhooks/app", string(hook), http.StatusCreated), &made); err != nil {
		r.t.Fatal(err)
	}
	r.flip("POST", fmt.Sprintf("webhooks/app/%d/verify", made.ID), "", http.StatusNoContent)
	return made.ID
}

// deliveries waits until none is pending.
func (r *rig) deliveries() (all []drchrono.Delivery) {
	r.t.Helper()
	r.until("none is pending", func() bool {
		all = nil
		if err := json.Unmarshal(r.flip("GET", "deliveries/app", "", http.StatusOK), &all); err != nil {
			r.t.Fatal(err)
		}
		return !slices.ContainsFunc(all, func(d drchrono.Delivery) bool { return d.State == drchrono.DeliveryPending })
	})
	return all
}

// until waits for something that is a matter of milliseconds.
func (r *rig) until(what string, is func() bool) {
	r.t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("waited in vain until %s", what)
		}
	}
}

// hurry makes an hour's wait a millisecond.
func (r *rig) hurry(change ...func(*drchrono.Settings)) {
	r.server.Set(func(s *drchrono.Settings) {
		s.WebhookSpeedup = float64(time.Hour / time.Millisecond)
		for _, c := range change {
			c(s)
		}
	})
}

func TestWebhook_deliversWhatChanges(t *testing.T) {
	t.Parallel()
	r, to := newRig(t), newReceiver(t, http.StatusOK)
	all := []string{"APPOINTMENT_MODIFY", "APPOINTMENT_DELETE", "LINE_ITEM_CREATE", "LINE_ITEM_DELETE", "LINE_ITEM_TRANSACTION_DELETE",
		"CASH_PAYMENT_DELETE", "LAB_ORDER_MODIFY", "LAB_ORDER_DELETE", "PATIENT_CREATE", "PATIENT_MODIFY"}
	id := r.subscribe(to, all...)

	visit := r.clinic.View(clinic.Appointments, 0)[0].Key()
	first := func(k clinic.Kind) string { return r.clinic.View(k, 0)[0].Key() }
	item := func() string { // with transactions
		return fmt.Sprint(r.clinic.View(clinic.Transactions, 0)[0].LineItem)
	}()
	paid := 0
	for _, row := range r.clinic.View(clinic.Transactions, 0) {
		if fmt.Sprint(row.LineItem) == item {
			paid++
		}
	}
	for _, err := range []error{
		r.clinic.Edit(clinic.Appointments, visit, clinic.Object{"status": "Complete"}),
		r.clinic.EditUnseen(clinic.Appointments, visit, clinic.Object{"ins1_status": "ERA Denied"}), // no event
		r.clinic.Delete(clinic.LineItems, item),
		r.clinic.Delete(clinic.PatientPayments, first(clinic.PatientPayments)),
		r.clinic.Touch(clinic.LabOrders, first(clinic.LabOrders)),
		r.clinic.Touch(clinic.LabResults, first(clinic.LabResults)), // no event
		r.clinic.Touch(clinic.Patients, first(clinic.Patients)),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.clinic.Add(clinic.LineItems, nil); err != nil {
		t.Fatal(err)
	}
	r.flip("POST", "events/app", `{"event":"PING"}`, http.StatusNoContent)
	r.flip("POST", "events/app", `{"event":"TASK_CREATE","object":{"id":1}}`, http.StatusNoContent) // not subscribed to

	want := map[string]int{"APPOINTMENT_MODIFY": 1, "LINE_ITEM_DELETE": 1, "LINE_ITEM_TRANSACTION_DELETE": paid, "CASH_PAYMENT_DELETE": 1,
		"LAB_ORDER_MODIFY": 1, "PATIENT_MODIFY": 1, "LINE_ITEM_CREATE": 1, "PING": 1}
	for _, d := range r.deliveries() {
		if d.State != drchrono.DeliveryDelivered || d.Webhook != id || !slices.Equal(d.Attempts, []int{200}) {
			t.Errorf("got %+v", d)
		}
	}
	ids := map[string]bool{}
	for _, got := range to.received() {
		want[got.event]--
		if got.signature != webhookSecret || ids[got.id] || got.id == "" {
			t.Errorf("signature %q, delivery %q", got.signature, got.id)
		}
		ids[got.id] = true
		object, _ := got.body["object"].(map[string]any)
		if got.event == "PING" != (object == nil) || got.body["practice_group_id"] != 42.0 {
			t.Errorf("%s: got %v", got.event, got.body)
		}
		if _, verbose := object["clinical_note"]; verbose {
			t.Errorf("%s: the object is verbose", got.event)
		}
		if receiver := got.body["receiver"].(map[string]any); receiver["secret_token"] != webhookSecret {
			t.Errorf("receiver: %v", receiver)
		}
	}
	for event, n := range want {
		if n != 0 {
			t.Errorf("%s: %d too few", event, n)
		}
	}
}

func TestWebhook_triesFourTimes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answers  []int
		attempts []int
		state    string
	}{
		"up again":        {[]int{503, 500, 200}, []int{503, 500, 200}, drchrono.DeliveryDelivered},
		"any 2xx":         {[]int{204}, []int{204}, drchrono.DeliveryDelivered},
		"a redirect":      {[]int{302, 200}, []int{302, 200}, drchrono.DeliveryDelivered},
		"down for longer": {[]int{401}, []int{401, 401, 401, 401}, drchrono.DeliveryFailed},
	} {
		for _, keep := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s keep=%t", name, keep), func(t *testing.T) {
				t.Parallel()
				r, to := newRig(t), newReceiver(t, test.answers...)
				r.hurry(func(s *drchrono.Settings) { s.WebhookKeepID = keep })
				r.subscribe(to, "PATIENT_MODIFY")
				r.flip("POST", "events/app", `{"event":"PATIENT_MODIFY","object":{"id":7}}`, http.StatusNoContent)
				all := r.deliveries()
				if len(all) != 1 || all[0].State != test.state || !slices.Equal(all[0].Attempts, test.attempts) {
					t.Fatalf("got %+v, want %v, %s", all, test.attempts, test.state)
				}
				ids := map[string]bool{}
				for _, got := range to.received() {
					ids[got.id] = true
				}
				if want := map[bool]int{true: 1, false: len(test.attempts)}[keep]; len(ids) != want {
					t.Errorf("%d ids, want %d", len(ids), want)
				}
				before := len(to.received())
				r.flip("POST", "deliveries/app/"+all[0].ID+"/again", "", http.StatusNoContent)
				r.until("it is sent again", func() bool { return len(to.received()) > before })
				r.flip("POST", "deliveries/app/none/again", "", http.StatusBadRequest)
			})
		}
	}
}

func TestWebhook_noAnswer(t *testing.T) {
	t.Parallel()
	r, to := newRig(t), newReceiver(t, http.StatusOK)
	r.hurry(func(s *drchrono.Settings) { s.WebhookTimeoutMillis = 20 })
	r.subscribe(to, "PATIENT_MODIFY")
	to.mu.Lock() // answers nobody
	r.flip("POST", "events/app", `{"event":"PATIENT_MODIFY"}`, http.StatusNoContent)
	all := r.deliveries()
	to.mu.Unlock()
	if len(all) != 1 || all[0].State != drchrono.DeliveryFailed || !slices.Equal(all[0].Attempts, []int{0, 0, 0, 0}) {
		t.Fatalf("got %+v", all)
	}
}

func TestWebhook_losesDoublesAndShuffles(t *testing.T) {
	t.Parallel()
	send := func(t *testing.T, change func(*drchrono.Settings), n int) (*rig, *receiver) {
		t.Helper()
		r, to := newRig(t), newReceiver(t, http.StatusOK)
		r.hurry(change)
		r.subscribe(to, "PATIENT_MODIFY")
		for i := range n {
			r.flip("POST", "events/app", fmt.Sprintf(`{"event":"PATIENT_MODIFY","object":{"id":%d}}`, i), http.StatusNoContent)
		}
		return r, to
	}
	t.Run("lost", func(t *testing.T) {
		t.Parallel()
		r, to := send(t, func(s *drchrono.Settings) { s.WebhookLose = 1 }, 3)
		all := r.deliveries()
		if len(all) != 3 || all[0].State != drchrono.DeliveryLost || len(to.received()) != 0 {
			t.Errorf("got %+v", all)
		}
	})
	t.Run("doubled", func(t *testing.T) {
		t.Parallel()
		r, to := send(t, func(s *drchrono.Settings) { s.WebhookDuplicates = 1 }, 3)
		r.until("each came twice", func() bool { return len(to.received()) >= 6 })
		times := map[string]int{}
		for _, got := range to.received() {
			times[got.id]++
		}
		for _, d := range r.deliveries() {
			if times[d.ID] != 2 {
				t.Errorf("%s came %d times", d.ID, times[d.ID])
			}
		}
	})
	t.Run("shuffled", func(t *testing.T) {
		t.Parallel()
		// Sixty deliveries, each held back by chance, come in the order of their events with a chance of 1 in 60!.
		r, to := send(t, func(s *drchrono.Settings) { s.WebhookShuffleMillis = 300 }, 60)
		r.deliveries()
		var order []float64
		for _, got := range to.received() {
			order = append(order, got.body["object"].(map[string]any)["id"].(float64))
		}
		if len(order) != 60 || slices.IsSorted(order) {
			t.Errorf("came as %v", order)
		}
	})
}

func TestWebhook_registration(t *testing.T) {
	t.Parallel()
	r, to := newRig(t), newReceiver(t, http.StatusOK)
	for _, bad := range []string{
		`{"callback_url":"/hook","secret_token":"s","events":["PATIENT_MODIFY"]}`,
		`{"callback_url":"https://example.test","events":["PATIENT_MODIFY"]}`,
		`{"callback_url":"https://example.test","secret_token":"s"}`,
	} {
		r.flip("POST", "webhooks/app", bad, http.StatusBadRequest)
	}
	id := r.subscribe(to, "PATIENT_MODIFY")
	if shown := string(r.flip("GET", "webhooks/app", "", http.StatusOK)); strings.Contains(shown, webhookSecret) || !strings.Contains(shown, `"verified":true`) {
		t.Errorf("shown is %s", shown)
	}
	r.flip("DELETE", fmt.Sprintf("webhooks/app/%d", id), "", http.StatusNoContent)

	// One whose other side does not know the secret, or was never asked, gets nothing.
	to.secret = "another"
	hook, _ := json.Marshal(drchrono.Webhook{URL: to.URL, Secret: webhookSecret, Events: []string{"PATIENT_MODIFY"}})
	r.flip("POST", "webhooks/app", string(hook), http.StatusCreated)
	if said := string(r.flip("POST", fmt.Sprintf("webhooks/app/%d/verify", id+1), "", http.StatusBadRequest)); !strings.Contains(said, "HMAC") {
		t.Errorf("said %s", said)
	}
	r.flip("POST", "events/app", `{"event":"PATIENT_MODIFY"}`, http.StatusNoContent)
	r.flip("POST", "webhooks/none", string(hook), http.StatusNotFound)
	r.flip("POST", "settings", `{"webhook_lose":2}`, http.StatusBadRequest)
	r.server.Close()
	if all := r.deliveries(); len(all)+len(to.received()) != 0 {
		t.Errorf("got %v, %v", all, to.received())
	}
}

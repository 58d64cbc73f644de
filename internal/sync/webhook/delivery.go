// Package webhook receives DrChrono's deliveries and applies them. Receiving ends when a delivery is durable, in
// Pub/Sub or in the inbox table: only then is it answered with 200. Draining takes deliveries from both, in batches:
// one transaction holds their inbox rows, the merge of their objects and what follows from it.
package webhook

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"hash/fnv"
	"strconv"
	"strings"
	"time"
)

// Ping is the event that only asks for an answer.
const Ping = "PING"

// SelfTest is the event of a delivery that a runtime makes to itself, to see that deliveries are kept and settled.
const SelfTest = "AUGUST_SELF_TEST"

// Delivery is one event of DrChrono's, without what must not be kept of it: the registration, which may hold the secret.
type Delivery struct {
	ID       string          // X-drchrono-delivery; where there is none, "sha256:" and the digest in hex
	Event    string          // X-drchrono-event
	Digest   []byte          // SHA-256 of event and object: the same id with another content is another delivery
	Subject  Subject         // what it is about
	Practice int64           // practice_group_id; 0: not said
	Object   json.RawMessage // as the API shows it; nil: there was none
	Fault    string          // why it cannot be read, without any value of it; "": it can. Object holds the whole body then
	Received time.Time       // when the receiver took it, by its own clock
}

// Subject is the object that a delivery is about. Order is kept within one.
type Subject struct {
	Kind string // lower-case: the feed's name where a feed has such objects, else the event's ("task")
	Key  string // the object's id as text; "": not said
}

// OrderingKey is the subject as Pub/Sub's ordering key: deliveries with the same one are handed out in the order of their
// publishing. It holds ids only.
func (s Subject) OrderingKey() string { return s.Kind + "/" + s.Key }

// Lanes is how many deliveries can be applied side by side: a subject always has the same lane.
const Lanes = 16

// Lane is the subject's lane, from 0 to Lanes-1. It is stored, so the function must stay as it is.
func (s Subject) Lane() int16 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(s.OrderingKey()))
	return int16(h.Sum32() % Lanes)
}

// Parse reads a delivery's body. It always answers a delivery that can be stored: one that cannot be read has a Fault, for
// a person to look at, and no delivery is refused for its content. id and event are headers; secrets are the
// webhook's, and nothing of them stays in what is returned.
func Parse(id, event string, body []byte, received time.Time, secrets ...string) Delivery {
	hide := hider(secrets)
	d := Delivery{ID: hide.text(id, mostID), Event: hide.text(event, mostEvent), Received: received}
	var envelope struct {
		Object   json.RawMessage `json:"object"`
		Practice json.RawMessage `json:"practice_group_id"` // a number or a string, told for information only
	}
	if json.Unmarshal(body, &envelope) == nil {
		d.Object = envelope.Object
		d.Practice, _ = strconv.ParseInt(idText(envelope.Practice), 10, 64)
	} else { // the decoder's own text may quote the body
		d.Fault, d.Object = "the body is not a JSON object", body
	}
	d.Object = hide.bytes(d.Object)
	d.finish(hide)
	return d
}

// finish works out what follows from event, object and fault.
func (d *Delivery) finish(hide hider) {
	if len(d.Object) == 0 || string(d.Object) == "null" {
		d.Object = nil
	}
	d.Subject = Subject{Kind: kindOf(d.Event), Key: hide.text(keyOf(*d), mostID)}
	sum := sha256.New()
	_, _ = sum.Write(append([]byte(d.Event), 0))
	_, _ = sum.Write(d.Object)
	d.Digest = sum.Sum(nil)
	if d.ID == "" {
		d.ID = "sha256:" + hex.EncodeToString(d.Digest)
	}
}

// keyOf finds the object's id, a number or a string.
func keyOf(d Delivery) string {
	if d.Fault != "" || len(d.Object) == 0 {
		return ""
	}
	var object struct {
		ID json.RawMessage `json:"id"`
	}
	if json.Unmarshal(d.Object, &object) != nil {
		return ""
	}
	return idText(object.ID)
}

// idText is a JSON number or string as text; "" for anything else.
func idText(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	var number json.Number
	if json.Unmarshal(raw, &number) == nil {
		return number.String()
	}
	return ""
}

// feeds is the feed of each sort of object that DrChrono sends events of and that is synced.
var feeds = map[string]string{
	"APPOINTMENT":           "appointments",
	"CASH_PAYMENT":          "patient_payments",
	"LAB_ORDER":             "lab_orders",
	"LINE_ITEM":             "line_items",
	"LINE_ITEM_TRANSACTION": "transactions",
	"PATIENT":               "patients",
}

// kindOf is what an event is about. Its last word says what happened.
func kindOf(event string) string {
	sort := event
	if i := strings.LastIndexByte(event, '_'); i > 0 {
		sort = event[:i]
	}
	if name, ok := feeds[sort]; ok {
		return name
	}
	return strings.ToLower(sort)
}

package webhook

import (
	"strconv"
	"time"
)

// A delivery in Pub/Sub: the object is the message's data, byte for byte, and these attributes hold the rest. Subject and
// digest are not sent: they follow from it.
const (
	attributeDelivery = "delivery"
	attributeEvent    = "event"
	attributeReceived = "received" // RFC 3339 with nanoseconds, UTC
	attributePractice = "practice" // none: not said
	attributeFault    = "fault"    // none: the data is the object; else it is the whole body
)

// encode is a delivery as a message's data and attributes.
func encode(d Delivery) ([]byte, map[string]string) {
	attributes := map[string]string{
		attributeDelivery: d.ID,
		attributeEvent:    d.Event,
		attributeReceived: d.Received.UTC().Format(time.RFC3339Nano),
	}
	if d.Practice != 0 {
		attributes[attributePractice] = strconv.FormatInt(d.Practice, 10)
	}
	if d.Fault != "" {
		attributes[attributeFault] = d.Fault
	}
	return d.Object, attributes
}

// decode is encode's inverse. A message that nobody here has published gives a delivery that can be stored, too; one
// without a moment of receipt was received when it was published.
func decode(data []byte, attributes map[string]string, published time.Time) Delivery {
	var hide hider // the receiver has done that, and the secrets may have changed since
	d := Delivery{
		ID:     hide.text(attributes[attributeDelivery], mostID),
		Event:  hide.text(attributes[attributeEvent], mostEvent),
		Fault:  hide.text(attributes[attributeFault], mostFault),
		Object: data,
	}
	d.Practice, _ = strconv.ParseInt(attributes[attributePractice], 10, 64)
	received, err := time.Parse(time.RFC3339Nano, attributes[attributeReceived])
	if err != nil {
		received = published
	}
	d.Received = received.UTC()
	d.finish(hide)
	return d
}

package pubsub

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

func refused(err error) bool {
	var e *gapi.Error
	return errors.As(err, &e) && e.Code == http.StatusServiceUnavailable
}

func TestFaultsOfPublishing(t *testing.T) {
	r := start(t, t.TempDir())
	r.declare()
	try := func(data string) error {
		_, err := r.Publish(t.Context(), &pubsubpb.PublishRequest{Topic: events, Messages: []*pubsubpb.PubsubMessage{{Data: []byte(data)}}})
		return err
	}
	r.fault(`{"kind":"publish_unavailable","times":1,"topic":"` + dead + `"}`)
	if err := try("other topic"); err != nil {
		t.Errorf("a fault of another topic struck: %v", err)
	}
	r.fault(`{"kind":"publish_unavailable","times":1}`)
	if err := try("refused"); !refused(err) {
		t.Errorf("unavailable: %v", err)
	}
	r.fault(`{"kind":"publish_unanswered","times":1}`)
	if err := try("unanswered"); !refused(err) {
		t.Errorf("unanswered: %v", err)
	}
	r.fault(`{"kind":"publish_slow","times":1,"delay_millis":1}`)
	if err := try("slow"); err != nil {
		t.Errorf("slow: %v", err)
	}
	r.fault(`{"kind":"down"}`)
	if _, err := r.rest().Projects.Topics.Get(events).Do(); code(err) != http.StatusServiceUnavailable {
		t.Errorf("down: %v", err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, "http://"+r.addr+FaultRoot+"/faults", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if _, err := r.rest().Projects.Topics.Get(events).Do(); err != nil {
		t.Errorf("up again: %v", err)
	}
	if got := words(r.pull(drain, false)); got != "other topic unanswered slow" {
		t.Errorf("stored: %q", got)
	}
}

func TestFaultsOfDelivering(t *testing.T) {
	r := start(t, t.TempDir())
	r.declare()
	r.fault(`{"kind":"double","times":1,"subscription":"` + drain + `"}`)
	r.fault(`{"kind":"ack_lost","times":1}`)
	r.publish("a", "a1", "a2")
	ms := r.pull(drain, false)
	if got := words(ms); got != "a1 a1" || ms[0].GetAckId() == ms[1].GetAckId() {
		t.Fatalf("doubled: %v", ms)
	}
	r.ack(drain, ms[0])
	if got := words(r.pull(drain, false)); got != "" {
		t.Errorf("the acknowledgement counted: %q", got)
	}
	r.ack(drain, ms[1])
	if got := words(r.pull(drain, false)); got != "a2" {
		t.Errorf("after the second: %q", got)
	}
}

// Messages change places, but none with one of its own key.
func TestReorder(t *testing.T) {
	r := start(t, t.TempDir())
	r.declare()
	r.fault(`{"kind":"reorder"}`)
	moved := false
	for range 20 {
		for _, key := range strings.Fields("a b c d e f g h") {
			r.publish(key, key+"1", key+"2")
		}
		first := r.pull(drain, false)
		r.ack(drain, first...)
		second := r.pull(drain, false)
		r.ack(drain, second...)
		moved = moved || words(first) != "a1 b1 c1 d1 e1 f1 g1 h1"
		for _, m := range first {
			if !strings.HasSuffix(string(m.GetMessage().GetData()), "1") {
				t.Fatalf("first: %s", words(first))
			}
		}
		if len(first) != 8 || len(second) != 8 {
			t.Fatalf("%d and %d messages", len(first), len(second))
		}
	}
	if !moved {
		t.Error("nothing has changed its place")
	}
}

func TestFaultsAreChecked(t *testing.T) {
	for _, f := range []Fault{
		{}, {Kind: "rain"}, {Kind: FaultPublishSlow}, {Kind: FaultDown, DelayMillis: 1}, {Kind: FaultDown, Times: -1}, {Kind: FaultDown, Chance: 2},
		{Kind: FaultDouble, Topic: events}, {Kind: FaultPublishSlow, DelayMillis: 1, Subscription: drain},
	} {
		if f.Check() == nil {
			t.Errorf("%+v is accepted", f)
		}
	}
}

package pubsub

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/faults"
)

// FaultRoot is where the faults are switched: POST, GET and DELETE <root>/faults.
const FaultRoot = "/_local/pubsub"

// FaultKind says what goes wrong.
type FaultKind string

// Faults that can be switched on.
const (
	FaultDown               FaultKind = "down"                // every call is answered UNAVAILABLE, and every stream cut
	FaultPublishUnavailable FaultKind = "publish_unavailable" // the call is refused, nothing is stored
	FaultPublishSlow        FaultKind = "publish_slow"        // the call waits for delay_millis first
	FaultPublishUnanswered  FaultKind = "publish_unanswered"  // stored, but the answer is lost
	FaultStreamCut          FaultKind = "stream_cut"          // the stream ends, what it had out stays out
	FaultDouble             FaultKind = "double"              // a delivery is handed out twice
	FaultReorder            FaultKind = "reorder"             // another key's message is handed out before
	FaultAckLost            FaultKind = "ack_lost"            // an acknowledgement is not taken note of
)

var faultKinds = []FaultKind{
	FaultDown, FaultPublishUnavailable, FaultPublishSlow, FaultPublishUnanswered, FaultStreamCut, FaultDouble, FaultReorder, FaultAckLost,
}

// Fault is one fault that is on.
type Fault struct {
	ID           int       `json:"id"`
	Kind         FaultKind `json:"kind"`
	Topic        string    `json:"topic,omitempty"`        // full name; "" = all
	Subscription string    `json:"subscription,omitempty"` // full name; "" = all
	Times        int       `json:"times,omitempty"`        // how often, 0 = until cleared
	Skip         int       `json:"skip,omitempty"`         // calls, streams or messages to let pass first
	Chance       float64   `json:"chance,omitempty"`       // strikes this share of the others, 0 = all
	DelayMillis  int       `json:"delay_millis,omitempty"` // publish_slow
}

// When says which calls it strikes.
func (t Fault) When() faults.When { return faults.When{Skip: t.Skip, Times: t.Times, Chance: t.Chance} }

// Numbered is the fault with its id.
func (t Fault) Numbered(id int) Fault { t.ID = id; return t }

// Check names what is wrong with a fault that somebody asks for.
func (t Fault) Check() error {
	switch {
	case !slices.Contains(faultKinds, t.Kind):
		return fmt.Errorf("kind: %q is none of %q", t.Kind, faultKinds)
	case t.Times < 0 || t.Skip < 0 || t.Chance < 0 || t.Chance > 1:
		return errors.New("times and skip are counts, chance is a share")
	case t.Kind == FaultPublishSlow && t.DelayMillis <= 0:
		return errors.New("delay_millis: publish_slow has to wait for something")
	case t.Kind != FaultPublishSlow && t.DelayMillis != 0:
		return errors.New("delay_millis: is for publish_slow only")
	case t.Topic != "" && !strings.HasPrefix(string(t.Kind), "publish_"):
		return errors.New("topic: is for faults of publishing only")
	case t.Subscription != "" && (t.Kind == FaultDown || strings.HasPrefix(string(t.Kind), "publish_")):
		return errors.New("subscription: is for faults of delivering only")
	}
	return nil
}

// meet is the fault of a kind that strikes, on a topic or a subscription; nil when none does.
func (f *Face) meet(kind FaultKind, name string) *Fault {
	return f.faults.Meet(func(t Fault) bool {
		return t.Kind == kind && (t.Topic == "" || t.Topic == name) && (t.Subscription == "" || t.Subscription == name)
	})
}

// isDown is a call's answer while everything is down.
func (f *Face) isDown() error {
	if f.meet(FaultDown, "") != nil {
		return unavailable("The service is currently unavailable.")
	}
	return nil
}

func unavailable(format string, args ...any) error {
	return gapi.Errorf(http.StatusServiceUnavailable, "UNAVAILABLE", "backendError", format, args...)
}

// mountFaults mounts the switches. Streams look at the faults anew after each change.
func (f *Face) mountFaults(mux *http.ServeMux) {
	inner := http.NewServeMux()
	f.faults.Mount(faults.Control{Mux: inner, Root: FaultRoot, Refuse: func(w http.ResponseWriter, status int, detail string) {
		gapi.WriteError(w, gapi.Errorf(status, "", "switch", "%s", detail))
	}})
	mux.HandleFunc(FaultRoot+"/faults", func(w http.ResponseWriter, r *http.Request) {
		inner.ServeHTTP(w, r)
		f.mu.Lock()
		defer f.mu.Unlock()
		close(f.cut)
		f.cut = make(chan struct{})
	})
}

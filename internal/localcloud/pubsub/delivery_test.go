package pubsub

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"
)

// The next of a key comes when the one before is acknowledged; what is handed back comes again before.
func TestOrder(t *testing.T) {
	r := start(t, t.TempDir())
	r.declare()
	r.publish("a", "a1", "a2", "a3")
	r.publish("b", "b1")
	r.publish("", "free1", "free2")
	first := r.pull(drain, false)
	if got := words(first); got != "a1 b1 free1 free2" {
		t.Fatalf("first pull: %s", got)
	}
	r.ack(drain, first[1:]...)
	if got := words(r.pull(drain, false)); got != "" {
		t.Fatalf("a2 came before a1 was acknowledged: %s", got)
	}
	r.lend(drain, 0, first[0])
	again := r.pull(drain, false)
	if got := words(again); got != "a1" {
		t.Fatalf("after the nack: %s", got)
	}
	r.lend(drain, 0, first[0]) // a lease that is over ends no other
	if got := words(r.pull(drain, false)); got != "" {
		t.Fatalf("after a stale nack: %s", got)
	}
	r.ack(drain, first[0]) // but a late acknowledgement counts
	if got := words(r.pull(drain, false)); got != "a2" {
		t.Fatalf("after a1: %s", got)
	}
}

// A deadline that passes gives the message back, with all after it of its key.
func TestDeadline(t *testing.T) {
	r := start(t, t.TempDir())
	r.declare()
	r.publish("a", "a1", "a2")
	r.lend(drain, 1, r.pull(drain, false)...)
	again := r.pull(drain, true) // waits for it
	if got := words(again); got != "a1" || again[0].GetDeliveryAttempt() != 2 {
		t.Fatalf("after the deadline: %v", again)
	}
	r.ack(drain, again...)
	r.mu.Lock()
	out := r.take(r.subs[drain], nil, time.Millisecond, 1) // a shorter deadline than one may ask for
	r.mu.Unlock()
	if got := words(out) + " " + words(r.pull(drain, true)); got != "a2 a2" {
		t.Fatalf("after a1: %s", got)
	}
}

func TestRetryPolicy(t *testing.T) {
	s := &subscription{meta: &pubsubpb.Subscription{RetryPolicy: &pubsubpb.RetryPolicy{
		MinimumBackoff: durationpb.New(10 * time.Second), MaximumBackoff: durationpb.New(60 * time.Second),
	}}}
	for attempts, want := range map[int]time.Duration{1: 10 * time.Second, 2: 20 * time.Second, 3: 40 * time.Second, 4: 60 * time.Second, 90: 60 * time.Second} {
		if got := s.pause(attempts); got != want {
			t.Errorf("after %d attempts: %s, want %s", attempts, got, want)
		}
	}

	r := start(t, t.TempDir())
	r.declare(func(s *pubsubpb.Subscription) {
		s.RetryPolicy = &pubsubpb.RetryPolicy{MinimumBackoff: durationpb.New(time.Second)}
	})
	r.publish("a", "a1", "a2")
	before := time.Now()
	r.lend(drain, 0, r.pull(drain, false)...)
	if got := words(r.pull(drain, true)); got != "a1" || time.Since(before) < time.Second {
		t.Errorf("after a rest of a second: %s, %s", got, time.Since(before))
	}
}

func TestFilterKeepsTheRestOut(t *testing.T) {
	r := start(t, t.TempDir())
	r.declare(func(s *pubsubpb.Subscription) { s.Filter = `attributes.event = "PATIENT_CREATE"` })
	for _, event := range []string{"PATIENT_CREATE", "PING"} {
		if _, err := r.Publish(t.Context(), &pubsubpb.PublishRequest{Topic: events, Messages: []*pubsubpb.PubsubMessage{
			{Data: []byte(event), Attributes: map[string]string{"event": event}},
		}}); err != nil {
			t.Fatal(err)
		}
	}
	r = r.again(false)
	if got := words(r.pull(drain, false)); got != "PATIENT_CREATE" {
		t.Errorf("got %q", got)
	}
}

// Seek forward takes off, seek back brings again what was retained; both survive a kill.
func TestSeek(t *testing.T) {
	r := start(t, t.TempDir())
	r.declare(func(s *pubsubpb.Subscription) { s.RetainAckedMessages = true })
	begin := timestamppb.Now()
	r.publish("a", "a1", "a2")
	r.ack(drain, r.pull(drain, false)...)
	seek := func(at *timestamppb.Timestamp) {
		t.Helper()
		if _, err := r.Seek(t.Context(), &pubsubpb.SeekRequest{Subscription: drain, Target: &pubsubpb.SeekRequest_Time{Time: at}}); err != nil {
			t.Fatal(err)
		}
	}
	seek(begin)
	r = r.again(true)
	if got := words(r.pull(drain, false)); got != "a1" {
		t.Errorf("after a seek back: %q", got)
	}
	seek(timestamppb.Now())
	r = r.again(true)
	if got := words(r.pull(drain, false)); got != "" {
		t.Errorf("after a seek to now: %q", got)
	}
	if _, err := r.DetachSubscription(t.Context(), &pubsubpb.DetachSubscriptionRequest{Subscription: drain}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Pull(t.Context(), &pubsubpb.PullRequest{Subscription: drain, MaxMessages: 1}); err == nil {
		t.Error("a detached subscription can be pulled from")
	}
}

// A topic that retains its messages can be read from the beginning by a subscription that comes later.
func TestTopicRetains(t *testing.T) {
	r := start(t, t.TempDir())
	if _, err := r.CreateTopic(t.Context(), &pubsubpb.Topic{Name: events, MessageRetentionDuration: durationpb.New(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	r.publish("a", "a1", "a2")
	r = r.again(false)
	if _, err := r.CreateSubscription(t.Context(), &pubsubpb.Subscription{Name: drain, Topic: events}); err != nil {
		t.Fatal(err)
	}
	if got := words(r.pull(drain, false)); got != "" {
		t.Fatalf("a new subscription has %q", got)
	}
	if _, err := r.Seek(t.Context(), &pubsubpb.SeekRequest{Subscription: drain, Target: &pubsubpb.SeekRequest_Time{Time: &timestamppb.Timestamp{}}}); err != nil {
		t.Fatal(err)
	}
	if got := words(r.pull(drain, false)); got != "a1 a2" {
		t.Errorf("after the seek: %q", got)
	}
	r.forgetOld(time.Now().Add(2 * time.Hour))
	if n := len(r.topics[events].kept); n > 0 {
		t.Errorf("after its retention the topic keeps %d messages", n)
	}
}

// Whatever happens, with restarts and kills in between: what was published and not acknowledged comes, in
// the order of its key, and what was acknowledged before a restart does not.
func TestNothingIsLost(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := start(t, t.TempDir())
		r.declare(func(s *pubsubpb.Subscription) { s.DeadLetterPolicy = nil })
		want := map[string][]string{} // by key, what is not acknowledged
		out := map[string]*pubsubpb.ReceivedMessage{}
		n := 0
		take := func(wait bool) {
			for _, m := range r.pull(drain, wait) {
				key, data := m.GetMessage().GetOrderingKey(), string(m.GetMessage().GetData())
				if len(want[key]) == 0 || want[key][0] != data {
					rt.Fatalf("key %s: got %s, want the first of %v", key, data, want[key])
				}
				out[key] = m
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"publish": func(rt *rapid.T) {
				key := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "key")
				for range rapid.IntRange(1, 3).Draw(rt, "n") {
					n++
					want[key] = append(want[key], fmt.Sprint(n))
					r.publish(key, fmt.Sprint(n))
				}
			},
			"pull": func(*rapid.T) { take(false) },
			"settle": func(rt *rapid.T) {
				if len(out) == 0 {
					rt.Skip()
				}
				key := rapid.SampledFrom(slices.Sorted(maps.Keys(out))).Draw(rt, "key")
				if rapid.Bool().Draw(rt, "ack") {
					r.ack(drain, out[key])
					want[key] = want[key][1:]
				} else {
					r.lend(drain, 0, out[key])
				}
				delete(out, key)
			},
			"compact": func(*rapid.T) {
				r.mu.Lock()
				defer r.mu.Unlock()
				if err := r.compact(0); err != nil {
					rt.Fatal(err)
				}
			},
			"restart": func(*rapid.T) { r = r.again(false); clear(out) },
		})
		r = r.again(false)
		for len(want["a"])+len(want["b"])+len(want["c"]) > 0 {
			clear(out)
			take(true)
			for key, m := range out {
				r.ack(drain, m)
				want[key] = want[key][1:]
			}
		}
		if ms := r.pull(drain, false); len(ms) > 0 {
			rt.Fatalf("too much: %s", words(ms))
		}
	})
}

// A kill in the middle of a write leaves half a frame: it was never answered, and all before it holds.
func TestHalfWrittenJournal(t *testing.T) {
	r := start(t, t.TempDir())
	r.declare()
	r.publish("a", "a1")
	whole, err := os.ReadFile(journalOf(r.dir))
	if err != nil {
		t.Fatal(err)
	}
	r.publish("b", "b1")
	r.end()
	body, err := os.ReadFile(journalOf(r.dir))
	if err != nil {
		t.Fatal(err)
	}
	for _, cut := range []int{len(whole), len(whole) + 1, len(whole) + frameHead, len(body) - 1} {
		if err := os.WriteFile(journalOf(r.dir), body[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		again := start(t, r.dir)
		again.publish("c", "c1") // after what is left
		again.end()
		again = start(t, r.dir)
		if got := words(again.pull(drain, false)); got != "a1 c1" {
			t.Errorf("cut at %d of %d: %q", cut, len(body), got)
		}
		again.end()
	}

	// Damage in the middle: nothing after it can be trusted, and none of it comes back later.
	r = start(t, t.TempDir())
	r.declare()
	r.publish("a", "a1")
	r.publish("b", "b1")
	r.publish("d", "d1")
	r.end()
	if body, err = os.ReadFile(journalOf(r.dir)); err != nil {
		t.Fatal(err)
	}
	body[len(whole)+frameHead+1]++
	if err := os.WriteFile(journalOf(r.dir), body, 0o600); err != nil {
		t.Fatal(err)
	}
	again := start(t, r.dir)
	again.publish("c", "c1") // as long as what was damaged
	again = again.again(false)
	if got := words(again.pull(drain, false)); got != "a1 c1" {
		t.Errorf("after damage: %q", got)
	}
}

// A message that is on its way to the disk while the journal is written anew is not lost.
func TestPublishedWhileTheJournalShrinks(t *testing.T) {
	r := start(t, t.TempDir())
	r.declare()
	done := make(chan error, 1)
	r.mu.Lock()
	r.Face.publish(r.topics[events], []*pubsubpb.PubsubMessage{{Data: []byte("x")}}, nil, func(err error) { done <- err })
	for { // on disk, and nobody knows yet
		info, err := os.Stat(journalOf(r.dir))
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() == r.journal.length() {
			break
		}
		time.Sleep(time.Millisecond)
	}
	err := r.compact(0)
	r.mu.Unlock()
	if err != nil || <-done != nil {
		t.Fatal(err)
	}
	r = r.again(true)
	if got := words(r.pull(drain, false)); got != "x" {
		t.Errorf("after a kill: %q", got)
	}
}

// The journal shrinks to what is still wanted, and no number is used again.
func TestJournalShrinks(t *testing.T) {
	r := start(t, t.TempDir())
	r.declare()
	r.publish("a", "wanted")
	for range 20 {
		r.publish("", strings.Repeat("x", 1<<10))
	}
	r.ack(drain, r.pull(drain, false)[1:]...)
	r.mu.Lock()
	last, before := r.lastSeq, r.journal.length()
	err := r.compact(0)
	after := r.journal.length()
	r.mu.Unlock()
	if err != nil || after > before/10 {
		t.Errorf("%d bytes became %d, %v", before, after, err)
	}
	r = r.again(true)
	if got := words(r.pull(drain, false)); got != "wanted" || r.lastSeq != last {
		t.Errorf("after it: %q, last number %d, want %d", got, r.lastSeq, last)
	}
}

// When the disk takes no more, publishers hear of it.
func TestDiskIsFull(t *testing.T) {
	r := start(t, t.TempDir())
	r.declare()
	r.journal.writing.Lock()
	file, err := os.Open(journalOf(r.dir)) // not to be written to
	if err != nil {
		t.Fatal(err)
	}
	_ = r.journal.file.Close()
	r.journal.file = file
	r.journal.writing.Unlock()
	for range 2 {
		_, err := r.Publish(t.Context(), &pubsubpb.PublishRequest{Topic: events, Messages: []*pubsubpb.PubsubMessage{{Data: []byte("x")}}})
		if err == nil || !strings.Contains(err.Error(), "UNAVAILABLE") {
			t.Errorf("publish: %v", err)
		}
	}
	if got := words(r.pull(drain, false)); got != "" {
		t.Errorf("what was refused was handed out: %s", got)
	}
	_ = r.Close(t.Context()) // it cannot sync
}

package pubsub

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

const (
	maxResponse = 8 << 20 // bytes of messages in one answer
	pullWait    = 20 * time.Second
)

// Pull answers at once when there is something, or when asked not to wait; else it waits for a while
// and may answer with nothing, as Pub/Sub's does.
func (f *Face) Pull(ctx context.Context, req *pubsubpb.PullRequest) (*pubsubpb.PullResponse, error) {
	if req.GetMaxMessages() < 1 {
		return nil, gapi.Invalid("The value for max_messages is too small. You passed %d in the request, but the minimum value is 1.", req.GetMaxMessages())
	}
	wait, cancel := context.WithTimeout(ctx, pullWait)
	defer cancel()
	for {
		f.mu.Lock()
		s, err := f.pullable(req.GetSubscription())
		if err != nil {
			f.mu.Unlock()
			return nil, err
		}
		out := f.take(s, nil, s.ackDeadline(), int(req.GetMaxMessages()))
		wake := s.wake
		f.mu.Unlock()
		if len(out) > 0 || req.GetReturnImmediately() { //nolint:staticcheck // deprecated, and asked for by gcloud
			return &pubsubpb.PullResponse{ReceivedMessages: out}, nil
		}
		select {
		case <-wake:
		case <-f.closed:
			return nil, unavailable("The local cloud is stopping.")
		case <-wait.Done():
			return &pubsubpb.PullResponse{}, ctx.Err()
		}
	}
}

// pullable is a subscription that can be pulled from.
func (f *Face) pullable(name string) (*subscription, error) {
	s, err := f.subscription(name)
	if err != nil {
		return nil, err
	}
	if s.meta.GetDetached() {
		return nil, gapi.Precondition("Subscription %s is detached from its topic.", name)
	}
	return s, nil
}

func (s *subscription) ackDeadline() time.Duration {
	return time.Duration(s.meta.GetAckDeadlineSeconds()) * time.Second
}

// take leases what is ready, up to most messages. The caller holds the lock.
func (f *Face) take(s *subscription, w *window, deadline time.Duration, most int) []*pubsubpb.ReceivedMessage {
	var out []*pubsubpb.ReceivedMessage
	var tried [][]byte
	now := time.Now()
	dead := s.meta.GetDeadLetterPolicy()
	for size := 0; len(out) < most && size < maxResponse; {
		e := s.next(w, len(s.ready) > 1 && f.meet(FaultReorder, s.meta.GetName()) != nil)
		if e == nil {
			break
		}
		if dead != nil && e.attempts >= int(dead.GetMaxDeliveryAttempts()) && f.deadLetter(s, e) {
			continue // the policy is younger than the attempts, or the topic is
		}
		s.lease(e, now.Add(deadline), w)
		r := &pubsubpb.ReceivedMessage{AckId: s.ackID(e), Message: e.msg.pb}
		if dead != nil {
			r.DeliveryAttempt = int32(e.attempts)                                            //nolint:gosec // a count
			tried = append(tried, numbers(recordTried, s.id, e.msg.seq, uint64(e.attempts))) //nolint:gosec // a count
		}
		out = append(out, r)
		size += e.msg.size
		if f.meet(FaultDouble, s.meta.GetName()) != nil {
			out = append(out, &pubsubpb.ReceivedMessage{AckId: r.GetAckId() + "-again", Message: r.GetMessage(), DeliveryAttempt: r.GetDeliveryAttempt()})
		}
	}
	if len(tried) > 0 {
		f.journal.add(nil, tried...)
	}
	return out
}

// ackID names one handing out of a message.
func (s *subscription) ackID(e *entry) string {
	return fmt.Sprintf("%d-%d-%d", s.id, e.msg.seq, e.attempts)
}

// handed finds what an ackID stands for: nil when it is acknowledged already; current when the lease
// that it was given with holds.
func (s *subscription) handed(ackID string) (e *entry, current bool, err error) {
	parts := strings.SplitN(ackID, "-", 4)
	var n [3]uint64
	for i := range n {
		if len(parts) <= i {
			return nil, false, badAckID
		}
		if n[i], err = strconv.ParseUint(parts[i], 10, 64); err != nil {
			return nil, false, badAckID
		}
	}
	if n[0] != s.id {
		return nil, false, badAckID
	}
	e = s.backlog[n[1]]
	return e, e != nil && s.out[n[1]] == e && uint64(e.attempts) == n[2], nil //nolint:gosec // a count
}

var badAckID = gapi.Invalid("You have passed an invalid ack ID to the service.")

// Acknowledge takes messages off the subscription, also those whose deadline has passed meanwhile.
func (f *Face) Acknowledge(_ context.Context, req *pubsubpb.AcknowledgeRequest) (*emptypb.Empty, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := f.pullable(req.GetSubscription())
	if err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, f.ack(s, req.GetAckIds())
}

func (f *Face) ack(s *subscription, ids []string) error {
	var records [][]byte
	for _, id := range ids {
		e, _, err := s.handed(id)
		if err != nil {
			return err
		}
		if e == nil || f.meet(FaultAckLost, s.meta.GetName()) != nil {
			continue
		}
		s.settle(e)
		if s.meta.GetRetainAckedMessages() {
			s.acked[e.msg.seq] = e.msg
		}
		records = append(records, numbers(recordAcked, s.id, e.msg.seq))
	}
	if len(records) > 0 {
		f.journal.add(nil, records...)
	}
	return nil
}

// ModifyAckDeadline extends leases; with 0 it is a nack.
func (f *Face) ModifyAckDeadline(_ context.Context, req *pubsubpb.ModifyAckDeadlineRequest) (*emptypb.Empty, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := f.pullable(req.GetSubscription())
	if err != nil {
		return nil, err
	}
	for _, id := range req.GetAckIds() {
		if err := f.modify(s, id, req.GetAckDeadlineSeconds()); err != nil {
			return nil, err
		}
	}
	return &emptypb.Empty{}, nil
}

func (f *Face) modify(s *subscription, id string, seconds int32) error {
	if seconds < 0 || seconds > maxAckDeadline {
		return gapi.Invalid("The value for ack_deadline_seconds is %d, but it has to be between 0 and %d.", seconds, maxAckDeadline)
	}
	e, current, err := s.handed(id)
	if err != nil || !current {
		return err // a lease that is over stays over
	}
	now := time.Now()
	if seconds == 0 {
		f.giveBack(s, e, now)
		return nil
	}
	e.until = now.Add(time.Duration(seconds) * time.Second)
	s.arm(e.until)
	return nil
}

// giveBack ends a lease without an acknowledgement: the message comes again, or has come often enough.
func (f *Face) giveBack(s *subscription, e *entry, now time.Time) {
	dead := s.meta.GetDeadLetterPolicy()
	if dead != nil && e.attempts >= int(dead.GetMaxDeliveryAttempts()) && f.deadLetter(s, e) {
		return
	}
	s.rest(e, now)
}

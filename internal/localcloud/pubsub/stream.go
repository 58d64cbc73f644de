package pubsub

import (
	"errors"
	"io"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// streamBatch is how many messages one answer of a stream has at most.
const streamBatch = 100

// StreamingPull hands messages out as they come, as many as the client's window has room for. What is
// out when a stream ends stays out until its deadline.
func (f *Face) StreamingPull(stream pubsubpb.Subscriber_StreamingPullServer) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	deadline := first.GetStreamAckDeadlineSeconds()
	if deadline < minAckDeadline || deadline > maxAckDeadline {
		return gapi.Invalid("stream_ack_deadline_seconds is %d, but it has to be between %d and %d.", deadline, minAckDeadline, maxAckDeadline)
	}
	p := &puller{
		face: f, stream: stream, name: first.GetSubscription(),
		pings: make(chan struct{}, 1), failed: make(chan error, 1),
		window:   &window{maxMessages: int(first.GetMaxOutstandingMessages()), maxBytes: int(first.GetMaxOutstandingBytes())},
		deadline: time.Duration(deadline) * time.Second,
	}
	if err := p.asked(first); err != nil {
		return err
	}
	go p.receive()
	return p.run()
}

// puller is one stream.
type puller struct {
	face   *Face
	stream pubsubpb.Subscriber_StreamingPullServer
	name   string
	pings  chan struct{} // a request that has to be answered, by whatever
	failed chan error
	window *window

	deadline time.Duration // guarded by the face's lock
}

// receive takes the client's requests until the stream ends.
func (p *puller) receive() {
	for {
		req, err := p.stream.Recv()
		if err == nil && req.GetSubscription() != "" {
			err = gapi.Invalid("The subscription can be named in the first request of a stream only.")
		}
		if err == nil {
			err = p.asked(req)
		}
		if err != nil {
			p.failed <- err
			return
		}
	}
}

// asked does what a request says.
func (p *puller) asked(req *pubsubpb.StreamingPullRequest) error {
	ids, seconds := req.GetModifyDeadlineAckIds(), req.GetModifyDeadlineSeconds()
	if len(ids) != len(seconds) {
		return gapi.Invalid("modify_deadline_seconds and modify_deadline_ack_ids differ in length.")
	}
	f := p.face
	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := f.pullable(p.name)
	if err != nil {
		return err
	}
	if n := req.GetStreamAckDeadlineSeconds(); n >= minAckDeadline && n <= maxAckDeadline {
		p.deadline = time.Duration(n) * time.Second
	}
	if err := f.ack(s, req.GetAckIds()); err != nil {
		return err
	}
	for i, id := range ids {
		if err := f.modify(s, id, seconds[i]); err != nil {
			return err
		}
	}
	if len(req.GetAckIds())+len(ids) == 0 {
		select {
		case p.pings <- struct{}{}:
		default: // one answer does for both
		}
	}
	return nil
}

// run hands messages out until the stream ends.
func (p *puller) run() error {
	f := p.face
	for {
		f.mu.Lock()
		s, err := f.pullable(p.name)
		if err == nil && (f.meet(FaultDown, "") != nil || f.meet(FaultStreamCut, p.name) != nil) {
			err = unavailable("The StreamingPull stream closed for an expected reason and should be recreated.")
		}
		if err != nil {
			f.mu.Unlock()
			return err
		}
		res := &pubsubpb.StreamingPullResponse{
			ReceivedMessages: f.take(s, p.window, p.deadline, streamBatch),
			SubscriptionProperties: &pubsubpb.StreamingPullResponse_SubscriptionProperties{
				MessageOrderingEnabled: s.meta.GetEnableMessageOrdering(),
			},
		}
		wake, cut := s.wake, f.cut
		f.mu.Unlock()
		if len(res.GetReceivedMessages()) > 0 {
			if err := p.stream.Send(res); err != nil {
				return err
			}
			continue
		}
		select {
		case <-wake:
		case <-cut:
		case <-f.closed:
			return unavailable("The local cloud is stopping.")
		case <-p.stream.Context().Done():
			return p.stream.Context().Err()
		case err := <-p.failed:
			if errors.Is(err, io.EOF) {
				return nil // the client has nothing more to say
			}
			return err
		case <-p.pings:
			if err := p.stream.Send(res); err != nil {
				return err
			}
		}
	}
}

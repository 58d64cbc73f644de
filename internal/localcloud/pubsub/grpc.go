package pubsub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"

	"cloud.google.com/go/iam/apiv1/iampb"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// The services of gRPC are the methods of the face; what it has not is one level deeper.
type (
	publisher struct {
		*Face
		noPublisher
	}
	noPublisher struct {
		pubsubpb.UnimplementedPublisherServer
	}
	subscriber struct {
		*Face
		noSubscriber
	}
	noSubscriber struct {
		pubsubpb.UnimplementedSubscriberServer
	}
)

func (f *Face) newServer() *grpc.Server {
	s := grpc.NewServer(
		grpc.MaxRecvMsgSize(2*maxRequest),
		// Clients look more often whether a server on this machine is there than gRPC would let them.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second, PermitWithoutStream: true}),
		grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			if err := f.isDown(); err != nil {
				return nil, statusOf(err)
			}
			res, err := next(ctx, req)
			return res, statusOf(err)
		}),
		grpc.StreamInterceptor(func(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			return statusOf(next(srv, stream)) // a stream looks itself whether everything is down
		}),
	)
	pubsubpb.RegisterPublisherServer(s, publisher{Face: f})
	pubsubpb.RegisterSubscriberServer(s, subscriber{Face: f})
	iampb.RegisterIAMPolicyServer(s, f)
	return s
}

// statusOf says an error as gRPC does.
func statusOf(err error) error {
	var e *gapi.Error
	if _, said := status.FromError(err); said { // also of no error
		return err
	} else if !errors.As(err, &e) {
		return status.FromContextError(err).Err()
	}
	var code codes.Code
	if json.Unmarshal([]byte(`"`+e.Status+`"`), &code) != nil {
		code = codes.Internal
	}
	return status.Error(code, e.Message)
}

// ServeGRPC serves until Close.
func (f *Face) ServeGRPC(l net.Listener) error {
	if err := f.grpc.Serve(l); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
	return nil
}

// StopGRPC ends the streams, lets the calls in hand end, and then cuts off what is left.
func (f *Face) StopGRPC(ctx context.Context) {
	f.ending.Do(func() { close(f.closed) })
	ended := make(chan struct{})
	go func() {
		f.grpc.GracefulStop()
		close(ended)
	}()
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	select {
	case <-ended:
	case <-ctx.Done():
		f.grpc.Stop()
		<-ended
	}
}

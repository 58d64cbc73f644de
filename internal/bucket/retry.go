package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/googleapis/gax-go/v2"
	"google.golang.org/api/googleapi"
)

const (
	patience = 2 * time.Minute  // with one thing that fails again and again
	stalled  = 30 * time.Second // is a piece that has not gone through by then
)

func pauses() *gax.Backoff {
	return &gax.Backoff{Initial: 100 * time.Millisecond, Max: 10 * time.Second, Multiplier: 2}
}

// stubborn says whether to try again what fails, until it has failed for too long.
type stubborn struct{ since time.Time }

func (s *stubborn) again(err error) bool {
	if !passing(err) {
		s.since = time.Time{}
		return false
	}
	if s.since.IsZero() {
		s.since = time.Now()
	}
	return time.Since(s.since) < patience
}

// insist does what may be done twice until it works, or fails for good. The generated client does so for uploads only.
func insist(ctx context.Context, do func() error) error {
	var s stubborn
	pause := pauses()
	for {
		err := do()
		if !s.again(err) || gax.Sleep(ctx, pause.Pause()) != nil {
			return err
		}
	}
}

// passing tells an error that may be gone the next time: Google is busy, or the line was cut.
func passing(err error) bool {
	var answer *googleapi.Error
	if errors.As(err, &answer) {
		return answer.Code >= 500 || answer.Code == http.StatusTooManyRequests || answer.Code == http.StatusRequestTimeout
	}
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	var name *net.DNSError
	if errors.As(err, &name) {
		return name.Temporary()
	}
	var (
		line   *net.OpError
		slow   net.Error
		stream http2Stream
	)
	switch {
	case errors.As(err, &line), errors.As(err, &slow) && slow.Timeout(), errors.As(err, &stream), errors.As(err, &cutOff{}):
		return true
	case strings.Contains(err.Error(), "http2: client connection lost"), strings.Contains(err.Error(), "http2: server sent GOAWAY"):
		return true // which have no type
	}
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.ECONNRESET)
}

// http2Stream is a stream that the other side has reset. net/http's own error has no name, but is told by its fields.
type http2Stream struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

// Error implements error.
func (e http2Stream) Error() string {
	return fmt.Sprintf("stream %d was reset with code %d", e.StreamID, e.Code)
}

// cutOff is what ended the body of an answer before its end. Whatever it was, what is left may be asked for again.
type cutOff struct{ error }

func (e cutOff) Unwrap() error { return e.error }

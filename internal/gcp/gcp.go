// Package gcp is what the thin Google clients share: the kinds of errors, waiting and retrying.
package gcp

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"google.golang.org/api/googleapi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Kind says what an error from Google means for the caller.
type Kind int

// Kinds of errors. Everything that fits no other kind is Other.
const (
	Other       Kind = iota
	NotFound         // the thing does not exist
	Conflict         // it exists already
	InProgress       // another operation holds it; the same call works later
	Stale            // it changed since it was read; read again, then call again
	Denied           // credentials are missing, expired, or lack a permission
	Invalid          // the request can never work as it is
	Throttled        // too many calls; nothing was done
	Transient        // the server failed; whether anything was done is not known
	Unavailable      // no server answered
)

// KindOf classifies an error of any Google client, REST or gRPC.
func KindOf(err error) Kind {
	if err == nil {
		return Other
	}
	var credentials *CredentialsError
	if errors.As(err, &credentials) {
		switch kind := KindOf(credentials.Err); kind {
		case Throttled, Transient, Unavailable:
			return kind
		}
		return Denied
	}
	var api *googleapi.Error
	if errors.As(err, &api) {
		return kindOfHTTP(api.Code, reasons(api), api.Message+" "+api.Body, api.Message != "" || len(api.Errors) > 0)
	}
	var op *OperationError
	if errors.As(err, &op) {
		return op.kind()
	}
	if s, ok := status.FromError(err); ok && s.Code() != codes.Unknown && s.Code() != codes.OK {
		return kindOfCode(s.Code())
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return Other
	}
	var token *oauth2.RetrieveError
	if errors.As(err, &token) {
		return Denied
	}
	var (
		netErr net.Error
		urlErr *url.Error
	)
	if errors.As(err, &netErr) || errors.As(err, &urlErr) {
		return Unavailable
	}
	return Other
}

func reasons(e *googleapi.Error) string {
	var b strings.Builder
	for _, item := range e.Errors {
		b.WriteString(item.Reason)
		b.WriteByte(' ')
	}
	return b.String()
}

// kindOfHTTP looks at the reason before the code: Cloud SQL answers 409 both to a name that is taken
// and to an instance that is busy, and 403 to an instance in a project that does not exist.
// A 404 that is not in the API's own words comes from something else that answers at a wrong endpoint, and must never
// be taken to mean that a resource is gone.
func kindOfHTTP(code int, reason, text string, own bool) Kind {
	has := func(word string) bool { return strings.Contains(reason, word) || strings.Contains(text, word) }
	switch {
	case has("operationInProgress"), code == http.StatusConflict && has("already in progress"):
		return InProgress
	case code == http.StatusPreconditionFailed, has("staleData"), code == http.StatusConflict && has("ABORTED"):
		return Stale
	case has("instanceDoesNotExist"), own && (code == http.StatusNotFound || code == http.StatusGone):
		return NotFound
	case code == http.StatusConflict:
		return Conflict
	case code == http.StatusTooManyRequests, has("rateLimitExceeded"):
		return Throttled
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return Denied
	case code == http.StatusServiceUnavailable, code == http.StatusBadGateway, code == http.StatusGatewayTimeout,
		code >= 500:
		return Transient
	case code >= 400:
		return Invalid
	}
	return Other
}

func kindOfCode(code codes.Code) Kind {
	switch code {
	case codes.NotFound:
		return NotFound
	case codes.AlreadyExists:
		return Conflict
	case codes.Aborted:
		return Stale
	case codes.PermissionDenied, codes.Unauthenticated:
		return Denied
	case codes.InvalidArgument, codes.FailedPrecondition, codes.OutOfRange, codes.Unimplemented:
		return Invalid
	case codes.ResourceExhausted:
		return Throttled
	case codes.Internal, codes.DataLoss:
		return Transient
	case codes.Unavailable:
		return Unavailable
	}
	return Other
}

// CredentialsError is a token that could not be had. Whatever is wrong (a service account that does not exist, say) is
// wrong with the caller, and says nothing about what was being called.
type CredentialsError struct{ Err error }

// Error implements error.
func (e *CredentialsError) Error() string { return "no token: " + e.Err.Error() }

// Unwrap gives the cause.
func (e *CredentialsError) Unwrap() error { return e.Err }

// OperationError is a long-running operation that ended in failure.
type OperationError struct {
	Operation string // its name
	Type      string // UPDATE, CREATE …
	Code      string // the first error's code
	Message   string // every error's message
}

// Error implements error.
func (e *OperationError) Error() string {
	return strings.TrimSpace("operation " + e.Operation + " (" + e.Type + ") failed: " + e.Code + " " + e.Message)
}

func (e *OperationError) kind() Kind {
	switch e.Code {
	case "OPERATION_IN_PROGRESS":
		return InProgress
	case "INTERNAL_ERROR", "ERROR_INTERNAL", "UNKNOWN":
		return Transient
	}
	return Other
}

// Poll calls fn until it says done, fails, or ctx ends. The first waits are short and grow to every, so that
// a fast operation is noticed at once and a slow one is not hammered.
func Poll(ctx context.Context, every time.Duration, fn func(context.Context) (done bool, err error)) error {
	wait := max(every/16, time.Millisecond)
	for {
		done, err := fn(ctx)
		if done || err != nil {
			return err
		}
		if err := Sleep(ctx, wait); err != nil {
			return err
		}
		wait = min(wait*3/2, every)
	}
}

// Retry calls fn again while its error is of one of the kinds, until ctx ends or budget is spent. A budget of zero
// leaves it to ctx. It returns fn's last error, never the waiting's.
func Retry(ctx context.Context, budget time.Duration, fn func(context.Context) error, kinds ...Kind) error {
	wait := 100 * time.Millisecond
	started := time.Now()
	for {
		err := fn(ctx)
		if err == nil || !slices.Contains(kinds, KindOf(err)) {
			return err
		}
		if budget > 0 && time.Since(started)+wait > budget {
			return err
		}
		if Sleep(ctx, wait) != nil {
			return err
		}
		wait = min(wait*2, 5*time.Second)
	}
}

// Sleep waits, and returns early with ctx's error when ctx ends.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

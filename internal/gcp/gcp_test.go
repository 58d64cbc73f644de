package gcp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"testing"
	"time"

	"golang.org/x/oauth2"
	"google.golang.org/api/googleapi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestKindOf(t *testing.T) {
	t.Parallel()
	rest := func(code int, reason, message string) error {
		return fmt.Errorf("call: %w", &googleapi.Error{Code: code, Message: message, Errors: []googleapi.ErrorItem{{Reason: reason}}})
	}
	for name, c := range map[string]struct {
		err  error
		want Kind
	}{
		"nothing":                {nil, Other},
		"instance absent":        {rest(404, "instanceDoesNotExist", "gone"), NotFound},
		"absent, as forbidden":   {rest(403, "instanceDoesNotExist", "no"), NotFound},
		"no API at the endpoint": {&googleapi.Error{Code: 404, Body: "404 page not found"}, Invalid},
		"no such account":        {&url.Error{Op: "Get", Err: &CredentialsError{rest(404, "notFound", "gone")}}, Denied},
		"account's API away":     {&CredentialsError{rest(503, "", "away")}, Transient},
		"name taken":             {rest(409, "instanceAlreadyExists", "taken"), Conflict},
		"instance busy":          {rest(409, "operationInProgress", "busy"), InProgress},
		"busy, by its text":      {rest(409, "conflict", "another operation was already in progress"), InProgress},
		"settings have changed":  {rest(412, "staleData", "changed"), Stale},
		"forbidden":              {rest(403, "notAuthorized", "no"), Denied},
		"no credentials":         {rest(401, "authError", "no"), Denied},
		"quota":                  {rest(403, "rateLimitExceeded", "slow"), Throttled},
		"too many":               {rest(429, "", "slow"), Throttled},
		"bad request":            {rest(400, "invalidRequest", "bad"), Invalid},
		"server failed":          {rest(500, "", "oops"), Transient},
		"server away":            {rest(503, "", "oops"), Transient},
		"operation busy":         {&OperationError{Code: "OPERATION_IN_PROGRESS"}, InProgress},
		"operation failed":       {&OperationError{Code: "INVALID_FLAG"}, Other},
		"grpc absent":            {status.Error(codes.NotFound, "gone"), NotFound},
		"grpc away":              {status.Error(codes.Unavailable, "away"), Unavailable},
		"grpc raced":             {status.Error(codes.Aborted, "raced"), Stale},
		"refused connection":     {&url.Error{Op: "Get", Err: &net.OpError{Op: "dial", Err: errors.New("refused")}}, Unavailable},
		"token refused":          {&url.Error{Op: "Get", Err: &oauth2.RetrieveError{ErrorCode: "invalid_grant"}}, Denied},
		"cancelled":              {&url.Error{Op: "Get", Err: context.Canceled}, Other},
		"anything else":          {errors.New("else"), Other},
	} {
		if got := KindOf(c.err); got != c.want {
			t.Errorf("%s: kind %d, want %d", name, got, c.want)
		}
	}
}

func TestRetry_stopsAtOtherKinds(t *testing.T) {
	t.Parallel()
	calls := 0
	err := Retry(t.Context(), 0, func(context.Context) error {
		calls++
		if calls < 3 {
			return &googleapi.Error{Code: 429}
		}
		return &googleapi.Error{Code: 400}
	}, Throttled)
	if calls != 3 || KindOf(err) != Invalid {
		t.Errorf("%d calls, then %v; want 3 and the bad request", calls, err)
	}
}

func TestRetry_returnsLastErrorWhenTimeIsUp(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	err := Retry(ctx, 0, func(context.Context) error { return &googleapi.Error{Code: 429} }, Throttled)
	if KindOf(err) != Throttled {
		t.Errorf("got %v, want what the server said last", err)
	}
}

func TestPoll(t *testing.T) {
	t.Parallel()
	calls := 0
	err := Poll(t.Context(), time.Millisecond, func(context.Context) (bool, error) {
		calls++
		return calls == 4, nil
	})
	if err != nil || calls != 4 {
		t.Errorf("%d calls, %v", calls, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := Poll(ctx, time.Hour, func(context.Context) (bool, error) { return false, nil }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the deadline", err)
	}
}

// What may be called again is decided by the kind of the error alone, and by whoever calls.
func TestRetry_kinds(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		err   error
		kinds []Kind
		again bool
	}{
		"throttled":            {&googleapi.Error{Code: 429}, []Kind{Throttled, Transient}, true},
		"failed":               {&googleapi.Error{Code: 500}, []Kind{Throttled, Transient}, true},
		"failed, of which not": {&googleapi.Error{Code: 500}, []Kind{Throttled}, false},
		"refused connection":   {&url.Error{Op: "Get", Err: &net.OpError{Op: "dial", Err: errors.New("refused")}}, []Kind{Unavailable}, true},
		"denied":               {&googleapi.Error{Code: 403}, []Kind{Throttled, Transient, Unavailable}, false},
		"no token":             {&CredentialsError{&googleapi.Error{Code: 404, Message: "no such account"}}, []Kind{NotFound}, false},
		"changed":              {&googleapi.Error{Code: 412}, []Kind{Stale}, true},
		"busy":                 {&OperationError{Code: "OPERATION_IN_PROGRESS"}, []Kind{InProgress}, true},
		"interrupted":          {context.Canceled, []Kind{Throttled, Transient, Unavailable}, false},
		"none at all":          {&googleapi.Error{Code: 429}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calls := 0
			err := Retry(t.Context(), 0, func(context.Context) error {
				if calls++; calls == 1 {
					return tt.err
				}
				return nil
			}, tt.kinds...)
			if again := calls == 2; again != tt.again || (err == nil) != tt.again {
				t.Errorf("%d calls, then %v", calls, err)
			}
		})
	}
}

// A budget that is spent ends it, however much time the context has.
func TestRetry_budget(t *testing.T) {
	t.Parallel()
	calls := 0
	err := Retry(t.Context(), time.Nanosecond, func(context.Context) error { calls++; return &googleapi.Error{Code: 429} }, Throttled)
	if calls != 1 || KindOf(err) != Throttled {
		t.Errorf("%d calls, then %v", calls, err)
	}
}

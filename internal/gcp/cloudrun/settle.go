package cloudrun

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/api/run/v2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/feel-august/terraform-provider-august/internal/gcp"
)

// settle follows an operation to its end and says whether the service is ready. It may be although the operation failed,
// as it was before, or as somebody else has it: lost is what the operation says then.
func (c *Client) settle(ctx context.Context, path string, operation *run.GoogleLongrunningOperation, progress Progress) (
	live *run.GoogleCloudRunV2Service, lost, err error,
) {
	live, failure, err := c.rest(ctx, path, operation, progress)
	var failed operationError
	switch {
	case err != nil:
		return nil, nil, err
	case !Ready(live):
		return live, nil, &NotReadyError{c.why(ctx, live, failure)}
	case errors.As(failure, &failed):
		return live, failure, nil
	}
	return live, nil, nil // nobody could be asked about the operation, and the service tells more
}

// why is the cause, and what the operation says beside it.
func (c *Client) why(ctx context.Context, live *run.GoogleCloudRunV2Service, failure error) string {
	cause := c.Cause(ctx, live)
	if failure != nil && !strings.Contains(cause, failure.Error()) {
		cause = failure.Error() + "\n" + cause
	}
	return cause
}

// rest follows an operation to its end, and the service until nothing changes it any more. A failure is what the
// operation says for itself: the service tells more.
func (c *Client) rest(ctx context.Context, path string, operation *run.GoogleLongrunningOperation, progress Progress) (live *run.GoogleCloudRunV2Service, failure, err error) {
	failure = c.wait(ctx, operation, progress)
	if ctx.Err() != nil {
		return nil, failure, fmt.Errorf("service %s was not ready yet when the waiting ended: %w", path, context.Cause(ctx))
	}
	if live, err = c.awaitRest(ctx, path, progress); err != nil {
		return nil, failure, errors.Join(failure, err)
	}
	return live, failure, nil
}

// awaitRest waits until nothing changes a service any more.
func (c *Client) awaitRest(ctx context.Context, path string, progress Progress) (*run.GoogleCloudRunV2Service, error) {
	var live *run.GoogleCloudRunV2Service
	started := time.Now()
	err := gcp.Poll(ctx, c.Every, func(ctx context.Context) (bool, error) {
		var err error
		if live, err = c.Get(ctx, path); err != nil {
			return false, err
		}
		if progress != nil && live.Reconciling {
			progress("the service is being brought into line", time.Since(started))
		}
		return !live.Reconciling, nil
	})
	return live, err
}

// wait follows an operation to its end. The server goes on with it whether anybody looks or not, so a look that
// fails is tried again for a while.
func (c *Client) wait(ctx context.Context, operation *run.GoogleLongrunningOperation, progress Progress) error {
	started := time.Now()
	name := operation.Name
	return gcp.Poll(ctx, c.Every, func(ctx context.Context) (bool, error) {
		if !operation.Done {
			err := gcp.Retry(ctx, 2*time.Minute, func(ctx context.Context) error {
				latest, err := c.api.Projects.Locations.Operations.Get(name).Context(ctx).Do()
				if err == nil {
					operation = latest
				}
				return err
			}, gcp.NotFound, gcp.Throttled, gcp.Transient, gcp.Unavailable)
			if err != nil {
				return false, fmt.Errorf("read operation %s: %w", name, err)
			}
		}
		if progress != nil {
			progress("operation "+name, time.Since(started))
		}
		if operation.Done && operation.Error != nil {
			return true, operationError{status.New(codes.Code(operation.Error.Code), operation.Error.Message)} //nolint:gosec // google.rpc's codes are few
		}
		return operation.Done, nil
	})
}

// operationError is how an operation failed. Its code says what that means: see gcp.KindOf.
type operationError struct{ *status.Status }

// Error implements error.
func (e operationError) Error() string { return e.Message() }

// GRPCStatus tells the code to whoever asks for it.
func (e operationError) GRPCStatus() *status.Status { return e.Status }

// Ready says that a service runs as it was last asked to: nothing is under way, and the newest revision is the
// one that is ready.
func Ready(live *run.GoogleCloudRunV2Service) bool {
	return !live.Reconciling && live.TerminalCondition != nil && live.TerminalCondition.State == "CONDITION_SUCCEEDED" &&
		live.ObservedGeneration == live.Generation && live.LatestReadyRevision == live.LatestCreatedRevision
}

// Cause is why a service is not ready, as Cloud Run tells it: the service's own condition, and those of the
// revision that failed.
func (c *Client) Cause(ctx context.Context, live *run.GoogleCloudRunV2Service) string {
	if live.Reconciling {
		return "a change of the service is still under way"
	}
	var parts []string
	add := func(condition *run.GoogleCloudRunV2Condition) {
		if condition == nil || condition.State != conditionFailed || condition.Severity == "INFO" { // such as not being active
			return
		}
		for _, part := range parts {
			if strings.Contains(part, strings.TrimSpace(condition.Message)) {
				return
			}
		}
		parts = append(parts, told(condition))
	}
	add(live.TerminalCondition)
	if live.LatestCreatedRevision != "" && live.LatestCreatedRevision != live.LatestReadyRevision {
		revision, err := c.api.Projects.Locations.Services.Revisions.Get(live.LatestCreatedRevision).Context(ctx).Do()
		if err == nil {
			for _, condition := range revision.Conditions {
				add(condition)
			}
			if revision.LogUri != "" && len(parts) > 0 {
				parts = append(parts, "Logs: "+revision.LogUri)
			}
		}
	}
	if len(parts) == 0 {
		return "the newest revision has not become ready"
	}
	return strings.Join(parts, "\n")
}

const conditionFailed = "CONDITION_FAILED"

// told is what a condition says, with its reason.
func told(condition *run.GoogleCloudRunV2Condition) string {
	text := strings.TrimSpace(condition.Message)
	for _, reason := range []string{condition.Reason, condition.RevisionReason} {
		if reason != "" && !strings.HasSuffix(reason, "UNDEFINED") {
			text = strings.TrimSpace(text + " (" + reason + ")")
		}
	}
	return text
}

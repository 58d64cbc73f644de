package cloudrun

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/api/run/v2"

	"github.com/feel-august/terraform-provider-august/internal/gcp"
)

// Client calls the Cloud Run Admin API.
type Client struct {
	api *run.Service

	// Every is the longest pause between two looks at a running operation.
	Every time.Duration
	// ReadBudget is how long a read is tried again when no server answers, or a broken one does.
	ReadBudget time.Duration
	// Youth is how long a service that was just made may be unknown to whoever is asked for it.
	Youth time.Duration

	youngUntil time.Time
}

// New makes a client.
func New(api *run.Service) *Client {
	return &Client{api: api, Every: 5 * time.Second, ReadBudget: 3 * time.Second, Youth: time.Minute}
}

// Progress is told about a service that is waited for, each time it is looked at.
type Progress func(what string, waited time.Duration)

// NotReadyError is a service that was deployed as asked and does not run.
type NotReadyError struct {
	// Cause is what Cloud Run says about it.
	Cause string
}

// Error implements error.
func (e *NotReadyError) Error() string { return e.Cause }

// TakenError is a name that somebody else's service has.
type TakenError struct{ Path string }

// Error implements error.
func (e *TakenError) Error() string {
	return e.Path + " exists already, and this provider has not made it"
}

// ofYoung is the client of a service that Cloud Run has just said it makes. For a while the next server may not know
// of it yet, or not that we may see it; after that, what is not found is gone.
func (c *Client) ofYoung() *Client {
	other := *c
	other.youngUntil = time.Now().Add(c.Youth)
	return &other
}

// Get reads a service. One that is being deleted is not found.
func (c *Client) Get(ctx context.Context, path string) (*run.GoogleCloudRunV2Service, error) {
	budget, again := c.ReadBudget, []gcp.Kind{gcp.Throttled, gcp.Transient, gcp.Unavailable}
	if young := time.Until(c.youngUntil); young > 0 {
		budget, again = max(budget, young), append(again, gcp.NotFound, gcp.Denied)
	}
	var live *run.GoogleCloudRunV2Service
	err := gcp.Retry(ctx, budget, func(ctx context.Context) (err error) {
		live, err = c.api.Projects.Locations.Services.Get(path).Context(ctx).Do()
		return err
	}, again...)
	if err != nil {
		return nil, fmt.Errorf("read service %s: %w", path, err)
	}
	if live.DeleteTime != "" {
		return nil, fmt.Errorf("read service %s: %w", path, errGone)
	}
	return live, nil
}

var errGone = errors.New("the service has been deleted")

// IsNotFound says that the service does not exist.
func IsNotFound(err error) bool {
	return errors.Is(err, errGone) || gcp.KindOf(err) == gcp.NotFound
}

// Create makes a service and waits until it is ready. A service of that name that the provider made before,
// such as one whose making was cut short, is taken over and brought into line; adopted says so. A new service
// that does not become ready is deleted again, so that a failure leaves nothing behind.
func (c *Client) Create(ctx context.Context, s Spec, progress Progress) (live *run.GoogleCloudRunV2Service, adopted bool, err error) {
	empty := &run.GoogleCloudRunV2Service{}
	body, _, _, err := s.merge(empty, nil)
	if err != nil {
		return nil, false, err
	}
	operation, err := c.api.Projects.Locations.Services.Create(parent(s.Project, s.Location), body).ServiceId(s.Name).Context(ctx).Do()
	if gcp.KindOf(err) == gcp.Conflict {
		live, err := c.adopt(ctx, s, progress)
		return live, true, err
	}
	if err != nil {
		return nil, false, fmt.Errorf("create service %s: %w", s.Path(), err)
	}
	live, err = c.ofYoung().settle(ctx, s.Path(), operation, progress)
	if err == nil {
		return live, false, nil
	}
	// The caller's time may be what ran out.
	cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
	defer cancel()
	etag := "" // of what failed; somebody else may have taken the service over meanwhile, and brought it to life
	if live != nil {
		etag = live.Etag
	}
	if cleanupErr := c.delete(cleanup, s.Path(), etag, progress); cleanupErr != nil {
		return nil, false, &LeftoverError{Path: s.Path(), Cause: err, Cleanup: cleanupErr}
	}
	return nil, false, &UndoneError{err}
}

// UndoneError is a service that did not become ready and was deleted again.
type UndoneError struct{ Cause error }

// Error implements error.
func (e *UndoneError) Error() string { return e.Cause.Error() }

// Unwrap implements errors.Unwrap.
func (e *UndoneError) Unwrap() error { return e.Cause }

// LeftoverError is a service that neither became ready nor could be deleted again.
type LeftoverError struct {
	Path           string
	Cause, Cleanup error
}

// Error implements error.
func (e *LeftoverError) Error() string {
	return fmt.Sprintf("%v; and deleting what was made of %s failed: %v", e.Cause, e.Path, e.Cleanup)
}

// Unwrap implements errors.Unwrap.
func (e *LeftoverError) Unwrap() []error { return []error{e.Cause, e.Cleanup} }

func (c *Client) adopt(ctx context.Context, s Spec, progress Progress) (*run.GoogleCloudRunV2Service, error) {
	live, err := c.Get(ctx, s.Path())
	if err != nil {
		return nil, err
	}
	if !Managed(live) {
		return nil, &TakenError{s.Path()}
	}
	return c.Update(ctx, s, nil, progress)
}

// Update brings a service into line and waits until it is ready. Labels in drop go away. The write is refused
// when anybody else changed the service since it was read; then everything starts over with a fresh read. When
// nothing differs and yet the service is not ready, its revision is made anew: what stood in its way may be gone.
func (c *Client) Update(ctx context.Context, s Spec, drop []string, progress Progress) (*run.GoogleCloudRunV2Service, error) {
	const tries = 5
	var err error
	for range tries {
		var live *run.GoogleCloudRunV2Service
		if live, err = c.updateOnce(ctx, s, drop, progress); gcp.KindOf(err) != gcp.Stale {
			return live, err
		}
	}
	return nil, err
}

func (c *Client) updateOnce(ctx context.Context, s Spec, drop []string, progress Progress) (*run.GoogleCloudRunV2Service, error) {
	live, err := c.Get(ctx, s.Path())
	if err != nil {
		return nil, err
	}
	next, mask, _, err := s.merge(live, drop)
	if err != nil {
		return nil, err
	}
	if len(mask) == 0 && live.Reconciling { // somebody's change is under way, and ends in what is asked for
		live, err = c.awaitRest(ctx, s.Path(), progress)
		if err != nil || Ready(live) {
			return live, err
		}
	}
	force := false
	if len(mask) == 0 {
		if Ready(live) {
			return live, nil
		}
		mask, force = []string{"template"}, true
		next.Template.Revision = ""
	}
	body := &run.GoogleCloudRunV2Service{Name: s.Path(), Etag: live.Etag, ForceSendFields: []string{"InvokerIamDisabled"}}
	for _, field := range mask {
		switch field {
		case "labels":
			body.Labels = next.Labels
		case "ingress":
			body.Ingress = next.Ingress
		case "invokerIamDisabled":
			body.InvokerIamDisabled = next.InvokerIamDisabled
		case "customAudiences":
			body.CustomAudiences = next.CustomAudiences
		case "scaling":
			body.Scaling = next.Scaling
		case "traffic":
			body.Traffic = next.Traffic
		case "template":
			body.Template = next.Template
		}
	}
	call := c.api.Projects.Locations.Services.Patch(s.Path(), body).UpdateMask(strings.Join(mask, ","))
	if force {
		call = call.ForceNewRevision(true)
	}
	operation, err := call.Context(ctx).Do()
	if err != nil {
		return nil, fmt.Errorf("update service %s: %w", s.Path(), err)
	}
	return c.settle(ctx, s.Path(), operation, progress)
}

// Delete deletes a service and waits until it is gone. One that is gone already is fine.
func (c *Client) Delete(ctx context.Context, path string, progress Progress) error {
	return c.delete(ctx, path, "", progress)
}

// delete deletes a service, as long as it is as the etag says, if there is one.
func (c *Client) delete(ctx context.Context, path, etag string, progress Progress) error {
	call := c.api.Projects.Locations.Services.Delete(path)
	if etag != "" {
		call = call.Etag(etag)
	}
	operation, err := call.Context(ctx).Do()
	if gcp.KindOf(err) == gcp.NotFound {
		return nil
	}
	if err != nil {
		return fmt.Errorf("delete service %s: %w", path, err)
	}
	if err := c.wait(ctx, operation, progress); err != nil {
		return fmt.Errorf("delete service %s: %w", path, err)
	}
	return nil
}

// settle follows an operation to its end and says whether the service is ready.
func (c *Client) settle(ctx context.Context, path string, operation *run.GoogleLongrunningOperation, progress Progress) (*run.GoogleCloudRunV2Service, error) {
	failure := c.wait(ctx, operation, progress)
	if ctx.Err() != nil {
		return nil, fmt.Errorf("service %s was not ready yet when the waiting ended: %w", path, context.Cause(ctx))
	}
	live, err := c.awaitRest(ctx, path, progress)
	switch {
	case err != nil:
		return nil, errors.Join(failure, err)
	case Ready(live):
		return live, nil
	}
	cause := c.Cause(ctx, live)
	if cause == "" && failure != nil {
		cause = failure.Error()
	}
	return live, &NotReadyError{cause}
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
			return true, errors.New(operation.Error.Message)
		}
		return operation.Done, nil
	})
}

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
		if condition == nil || condition.State != "CONDITION_FAILED" {
			return
		}
		text := strings.TrimSpace(condition.Message)
		for _, reason := range []string{condition.Reason, condition.RevisionReason} {
			if reason != "" && !strings.HasSuffix(reason, "UNDEFINED") {
				text = strings.TrimSpace(text + " (" + reason + ")")
			}
		}
		for _, part := range parts {
			if strings.Contains(part, strings.TrimSpace(condition.Message)) {
				return
			}
		}
		parts = append(parts, text)
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

// Drift is how a service differs from what the provider would make of it, beyond what a Spec shows. It is empty
// when there is nothing of the kind.
func Drift(observed Spec, live *run.GoogleCloudRunV2Service) ([]string, error) {
	_, _, words, err := observed.merge(live, nil)
	return words, err
}

// Revision is the short name of the revision that serves.
func Revision(live *run.GoogleCloudRunV2Service) string {
	return live.LatestReadyRevision[strings.LastIndexByte(live.LatestReadyRevision, '/')+1:]
}

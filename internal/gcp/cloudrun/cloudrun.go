package cloudrun

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	// Look is the pause between two looks at a revision that has its first share of traffic.
	Look time.Duration
	// ReadBudget is how long a read is tried again when no server answers, or a broken one does.
	ReadBudget time.Duration
	// Youth is how long a service that was just made may be unknown to whoever is asked for it.
	Youth time.Duration

	youngUntil time.Time
}

// New makes a client.
func New(api *run.Service) *Client {
	return &Client{api: api, Every: 5 * time.Second, Look: 2 * time.Second, ReadBudget: 3 * time.Second, Youth: time.Minute}
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

// ofYoung is the client of a service or a job that Cloud Run has just said it makes. For a while the next server may not know
// of it yet, or not that we may see it; after that, what is not found is gone.
func (c *Client) ofYoung() *Client {
	other := *c
	other.youngUntil = time.Now().Add(c.Youth)
	return &other
}

// read tries a read again that says nothing about what is read.
func (c *Client) read(ctx context.Context, look func(context.Context) error) error {
	budget, again := c.ReadBudget, []gcp.Kind{gcp.Throttled, gcp.Transient, gcp.Unavailable}
	if young := time.Until(c.youngUntil); young > 0 {
		budget, again = max(budget, young), append(again, gcp.NotFound, gcp.Denied)
	}
	return gcp.Retry(ctx, budget, look, again...)
}

// Get reads a service. One that is being deleted is not found.
func (c *Client) Get(ctx context.Context, path string) (*run.GoogleCloudRunV2Service, error) {
	var live *run.GoogleCloudRunV2Service
	err := c.read(ctx, func(ctx context.Context) (err error) {
		live, err = c.api.Projects.Locations.Services.Get(path).Context(ctx).Do()
		return err
	})
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

// Create makes a service and waits until it is ready and has passed what the rollout tries it for. A service of that
// name that the provider made before, such as one whose making was cut short, is taken over and brought into line;
// adopted says so. A new service that does not come so far is deleted again, so that a failure leaves nothing behind.
func (c *Client) Create(ctx context.Context, s Spec, how Rollout) (live *run.GoogleCloudRunV2Service, adopted bool, err error) {
	body, _, _, err := s.merge(&run.GoogleCloudRunV2Service{}, nil)
	if err != nil {
		return nil, false, err
	}
	body.Traffic = everything()
	if err := how.Able(ctx); err != nil {
		return nil, false, err
	}
	operation, err := c.api.Projects.Locations.Services.Create(parent(s.Project, s.Location), body).ServiceId(s.Name).Context(ctx).Do()
	if gcp.KindOf(err) == gcp.Conflict {
		live, err := c.adopt(ctx, s, how)
		return live, true, err
	}
	if err != nil {
		return nil, false, fmt.Errorf("create service %s: %w", s.Path(), err)
	}
	live, _, err = c.ofYoung().settle(ctx, s.Path(), operation, how.Progress)
	if own := short(written(operation).LatestCreatedRevision); live != nil && own != "" && own != Newest(live) {
		return live, false, overtaken(own, live) // whoever made the newer one goes on with the service, and tries it out
	}
	if err == nil {
		err = c.verify(ctx, live.Uri, Newest(live), how)
	}
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
	if cleanupErr := c.delete(cleanup, s.Path(), etag, how.Progress); cleanupErr != nil {
		return nil, false, &LeftoverError{Path: s.Path(), Cause: err, Cleanup: cleanupErr}
	}
	return nil, false, &UndoneError{err}
}

// UndoneError is a service that did not become ready, or failed a check, and was deleted again.
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

// adopt takes over what the provider made before. Nobody knows whether it was ever tried out, so it is now.
func (c *Client) adopt(ctx context.Context, s Spec, how Rollout) (*run.GoogleCloudRunV2Service, error) {
	live, err := c.Get(ctx, s.Path())
	if err != nil {
		return nil, err
	}
	if !Managed(live) {
		return nil, &TakenError{s.Path()}
	}
	before := live.LatestCreatedRevision
	live, err = c.Update(ctx, s, nil, how)
	if err == nil && live.LatestCreatedRevision == before {
		err = c.verify(ctx, live.Uri, Newest(live), how)
	}
	return live, err
}

// Update brings a service into line and waits until it is ready. Labels in drop go away. A change that makes a new
// revision rolls it out; so does a service that is not ready though nothing differs, for what stood in its way may be
// gone, and one whose newest revision has not all of the traffic. The write is refused when anybody else changed the
// service since it was read; then everything starts over with a fresh read.
func (c *Client) Update(ctx context.Context, s Spec, drop []string, how Rollout) (*run.GoogleCloudRunV2Service, error) {
	const tries = 5
	var err error
	for range tries {
		var live *run.GoogleCloudRunV2Service
		if live, err = c.updateOnce(ctx, s, drop, how); gcp.KindOf(err) != gcp.Stale {
			return live, err
		}
	}
	return nil, err
}

func (c *Client) updateOnce(ctx context.Context, s Spec, drop []string, how Rollout) (*run.GoogleCloudRunV2Service, error) {
	// A change that is under way, such as one whose apply was cut short, has to end before anybody can tell who serves.
	live, err := c.awaitRest(ctx, s.Path(), how.Progress)
	if err != nil {
		return nil, err
	}
	next, mask, _, err := s.merge(live, drop)
	if err != nil {
		return nil, err
	}
	if slices.Contains(mask, "template") {
		return c.deploy(ctx, live, next, mask, false, how)
	}
	if remade(live) {
		return c.deploy(ctx, live, next, append(mask, "template"), true, how)
	}
	if len(mask) > 0 {
		operation, err := c.patch(ctx, live, next, mask, false)
		if err != nil {
			return nil, err
		}
		var lost error
		if live, lost, err = c.settle(ctx, s.Path(), operation, how.Progress); err != nil {
			return live, err
		}
		if lost != nil {
			return live, fmt.Errorf("update service %s: %w", s.Path(), lost)
		}
	}
	if Settled(live) {
		return live, nil
	}
	return c.resume(ctx, live, how)
}

// patch writes some fields of a service that was read before, and is refused when it has changed since.
func (c *Client) patch(ctx context.Context, live, next *run.GoogleCloudRunV2Service, mask []string, force bool) (*run.GoogleLongrunningOperation, error) {
	body := &run.GoogleCloudRunV2Service{Name: live.Name, Etag: live.Etag}
	for _, field := range mask {
		switch field {
		case "labels":
			body.Labels = next.Labels
		case "ingress":
			body.Ingress = next.Ingress
		case "invokerIamDisabled":
			body.InvokerIamDisabled = next.InvokerIamDisabled
			body.ForceSendFields = append(body.ForceSendFields, "InvokerIamDisabled")
		case "customAudiences":
			body.CustomAudiences = next.CustomAudiences
		case "binaryAuthorization":
			body.BinaryAuthorization = next.BinaryAuthorization
		case "scaling":
			body.Scaling = next.Scaling
		case "traffic":
			body.Traffic = next.Traffic
		case "template":
			body.Template = next.Template
		}
	}
	call := c.api.Projects.Locations.Services.Patch(live.Name, body).UpdateMask(strings.Join(mask, ","))
	if force {
		call = call.ForceNewRevision(true)
	}
	operation, err := call.Context(ctx).Do()
	if err != nil {
		return nil, fmt.Errorf("update service %s: %w", live.Name, err)
	}
	return operation, nil
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

// Drift is how a service differs from what the provider would make of it, beyond what a Spec shows. It is empty
// when there is nothing of the kind.
func Drift(observed Spec, live *run.GoogleCloudRunV2Service) ([]string, error) {
	_, _, words, err := observed.merge(live, nil)
	return words, err
}

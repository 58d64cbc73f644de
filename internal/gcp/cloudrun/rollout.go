package cloudrun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"google.golang.org/api/run/v2"

	"github.com/feel-august/terraform-provider-august/internal/gcp"
)

// Rollout is how traffic comes to a new revision.
type Rollout struct {
	// Steps are the percents that it has one after the other before it has everything, ascending.
	Steps []int64
	// Bake is how long it has to do well with each of them.
	Bake time.Duration
	// Examiner tries it out. Without one, Cloud Run's word that it is ready is enough.
	Examiner Examiner
	Progress Progress
}

func (r Rollout) report(what string, waited time.Duration) {
	if r.Progress != nil {
		r.Progress(what, waited)
	}
}

// Able says, before anything is made, why a new revision could not be tried out.
func (r Rollout) Able(ctx context.Context) error {
	if r.Examiner == nil {
		return nil
	}
	return r.Examiner.Able(ctx)
}

// Examiner tries a revision out at an address of its own. What it finds wrong is a *CheckError.
type Examiner interface {
	// Able says, before anything is made, why nothing could be tried out.
	Able(ctx context.Context) error
	// Verify tries everything, before the revision has any traffic.
	Verify(ctx context.Context, uri, revision string, progress Progress) error
	// Watch takes one look while it has some.
	Watch(ctx context.Context, uri string) error
}

// Checks that are not an Examiner's.
const (
	CheckStartup = "start-up" // Cloud Run's own
	CheckAddress = "address"
)

// CheckError is something that a revision was tried for, and failed.
type CheckError struct{ Check, Detail string }

// Error implements error.
func (e *CheckError) Error() string { return e.Check + ": " + e.Detail }

// AbandonedError is a new revision that was given up. Traffic is where it was before, as Kept says; it is empty when
// nothing serves.
type AbandonedError struct {
	Revision string
	Kept     string
	Cause    *CheckError
	// Untidy is what went wrong when its traffic was to be given back and its tag dropped.
	Untidy error
}

// Error implements error.
func (e *AbandonedError) Error() string {
	text := "revision " + e.Revision + " failed " + e.Cause.Error()
	if e.Untidy != nil {
		text += "\nTraffic could not be put back: " + e.Untidy.Error()
	}
	return text
}

// Unwrap implements errors.Unwrap.
func (e *AbandonedError) Unwrap() error { return e.Cause }

// OvertakenError is a rollout that somebody else's change of the service got in the way of. What they changed stays.
type OvertakenError struct{ Revision, Newest, By, Traffic string }

// Error implements error.
func (e *OvertakenError) Error() string {
	by := ""
	if e.By != "" {
		by = " by " + e.By
	}
	if e.Newest != e.Revision {
		return fmt.Sprintf("while revision %s was rolled out, the service was changed%s: its newest revision is %s now, and traffic goes to %s",
			orNone(e.Revision), by, e.Newest, e.Traffic)
	}
	return fmt.Sprintf("while revision %s was rolled out, its traffic was changed%s: it goes to %s now", e.Revision, by, e.Traffic)
}

func orNone(name string) string {
	if name == "" {
		return "of this apply"
	}
	return name
}

func overtaken(revision string, live *run.GoogleCloudRunV2Service) error {
	return &OvertakenError{Revision: revision, Newest: Newest(live), By: live.LastModifier, Traffic: serving(live).String()}
}

// deploy makes a new revision beside what serves, has it tried out and moves traffic to it.
func (c *Client) deploy(ctx context.Context, live, next *run.GoogleCloudRunV2Service, mask []string, force bool, how Rollout) (*run.GoogleCloudRunV2Service, error) {
	if err := how.Able(ctx); err != nil {
		return live, err
	}
	before := serving(live)
	next.Traffic = everything()
	if len(before) > 0 {
		next.Traffic = append(before.targets(""), &run.GoogleCloudRunV2TrafficTarget{Type: latest, Tag: Tag})
	}
	operation, err := c.patch(ctx, live, next, append(mask, "traffic"), force)
	if err != nil {
		return nil, err
	}
	mine := written(operation)
	now, failure, err := c.rest(ctx, live.Name, operation, how.Progress)
	if err != nil {
		return nil, err
	}
	p := &passage{c: c, candidate: Newest(now), live: now, before: before, how: how}
	switch own := short(mine.LatestCreatedRevision); {
	case own != "" && own != Newest(live):
		p.candidate = own
	case mine.Generation > live.Generation && mine.Generation != now.Generation:
		p.candidate = "" // one of several that were made meanwhile
	}
	switch {
	case p.candidate != Newest(now):
		return now, overtaken(p.candidate, now)
	case p.candidate == Newest(live):
		return now, errors.Join(errors.New("no new revision was made of the change"), failure)
	case !sameTargets(now, next.Traffic, now.Traffic): // moved while it started
		return now, overtaken(p.candidate, now)
	case !Ready(now):
		err = p.abandon(ctx, &CheckError{CheckStartup, c.why(ctx, now, failure)})
		return p.live, err
	case len(before) == 0: // nothing served before, so the first to be ready does
		return now, p.verify(ctx, now.Uri)
	}
	err = p.complete(ctx)
	return p.live, err
}

// written is the service as a write has left it, as far as the operation tells.
func written(operation *run.GoogleLongrunningOperation) run.GoogleCloudRunV2Service {
	var s run.GoogleCloudRunV2Service
	_ = json.Unmarshal(operation.Metadata, &s) // it is only told where it is known
	return s
}

// passage is a revision on its way to all of the traffic.
type passage struct {
	c         *Client
	candidate string
	live      *run.GoogleCloudRunV2Service // as we left it
	before    split                        // what the others share without it
	how       Rollout
}

// resume takes the newest revision, which is ready, the rest of the way. It is tried out again, whatever share it has.
func (c *Client) resume(ctx context.Context, live *run.GoogleCloudRunV2Service, how Rollout) (*run.GoogleCloudRunV2Service, error) {
	if err := how.Able(ctx); err != nil {
		return live, err
	}
	p := &passage{c: c, candidate: Newest(live), live: live, before: serving(live).give(Newest(live), 0), how: how}
	err := p.complete(ctx)
	return p.live, err
}

func (p *passage) complete(ctx context.Context) error {
	if serving(p.live)[p.candidate] < 100 {
		if err := p.approach(ctx); err != nil {
			return err
		}
	}
	return p.advance(ctx, split{p.candidate: 100}, "")
}

// approach gives the candidate an address, has it tried out there, and takes it through the steps.
func (p *passage) approach(ctx context.Context) error {
	if err := p.advance(ctx, serving(p.live), p.candidate); err != nil {
		return err
	}
	uri := ""
	for _, t := range p.live.TrafficStatuses {
		if t.Tag == Tag {
			uri = t.Uri
		}
	}
	if err := p.verify(ctx, uri); err != nil {
		return p.unless(ctx, err)
	}
	for _, step := range serving(p.live).steps(p.candidate, p.how.Steps) {
		if err := p.advance(ctx, p.before.give(p.candidate, step), p.candidate); err != nil {
			return err
		}
		if err := p.bake(ctx, step, uri); err != nil {
			return p.unless(ctx, err)
		}
	}
	return nil
}

// unless abandons the candidate for a check that it failed. One that merely ran out of time, or whose run was interrupted,
// has failed nothing: it stays where it is, and the next apply goes on from there.
func (p *passage) unless(ctx context.Context, err error) error {
	var failed *CheckError
	if !errors.As(err, &failed) {
		return err
	}
	return p.abandon(ctx, failed)
}

func (p *passage) verify(ctx context.Context, uri string) error {
	return p.c.verify(ctx, uri, p.candidate, p.how)
}

func (c *Client) verify(ctx context.Context, uri, revision string, how Rollout) error {
	if how.Examiner == nil {
		return nil
	}
	if uri == "" {
		return &CheckError{CheckAddress, "Cloud Run gives it no address at which it could be tried out"}
	}
	err := how.Examiner.Verify(ctx, uri, revision, how.report)
	if ctx.Err() != nil {
		return fmt.Errorf("revision %s was still being tried out when the waiting ended: %w", revision, context.Cause(ctx))
	}
	return err
}

// falters is how many looks in a row have to find a candidate amiss. One may be the network's fault.
const falters = 3

// bake watches the candidate for as long as a step lasts; the last look has to be a good one.
func (p *passage) bake(ctx context.Context, step int64, uri string) error {
	started, bad := time.Now(), 0
	for {
		err := p.look(ctx, uri)
		baked := time.Since(started)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("revision %s had %d %% of the traffic when the waiting ended: %w", p.candidate, step, context.Cause(ctx))
		case err != nil:
			if bad++; bad == falters {
				return err
			}
		case baked >= p.how.Bake:
			return nil
		default:
			bad = 0
		}
		p.how.report(fmt.Sprintf("revision %s has %d %% of the traffic, %d bad looks in a row", p.candidate, step, bad), baked)
		pause := p.c.Look
		if err == nil {
			pause = min(pause, p.how.Bake-baked)
		}
		_ = gcp.Sleep(ctx, pause) // the next look tells of the end
	}
}

// look is one look at the candidate: what Cloud Run says of it, and what it says itself.
func (p *passage) look(ctx context.Context, uri string) error {
	var revision *run.GoogleCloudRunV2Revision
	err := p.c.read(ctx, func(ctx context.Context) (err error) {
		revision, err = p.c.api.Projects.Locations.Services.Revisions.Get(p.live.LatestCreatedRevision).Context(ctx).Do()
		return err
	})
	if err != nil {
		return &CheckError{CheckStartup, "Cloud Run does not tell of it: " + err.Error()}
	}
	for _, condition := range revision.Conditions {
		if condition.Type == "Ready" && condition.State == conditionFailed {
			return &CheckError{CheckStartup, told(condition)}
		}
	}
	if p.how.Examiner == nil {
		return nil
	}
	return p.how.Examiner.Watch(ctx, uri)
}

// abandon puts traffic back to the others and drops the tag.
func (p *passage) abandon(ctx context.Context, cause *CheckError) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
	defer cancel()
	e := &AbandonedError{Revision: p.candidate, Cause: cause}
	if len(p.before) > 0 {
		e.Untidy = p.move(ctx, p.before, "")
	}
	if has := serving(p.live); len(has) > 0 {
		e.Kept = has.String()
	}
	return e
}

// advance moves traffic on, and abandons a candidate that is not ready any more.
func (p *passage) advance(ctx context.Context, to split, tagged string) error {
	if err := p.move(ctx, to, tagged); err != nil {
		return err
	}
	if Ready(p.live) {
		return nil
	}
	return p.abandon(ctx, &CheckError{CheckStartup, p.c.Cause(ctx, p.live)})
}

// move has traffic go where the split says. The write is based on the service as we left it: what somebody else has
// changed meanwhile is not overwritten, but for what has nothing to do with revisions and traffic.
func (p *passage) move(ctx context.Context, to split, tagged string) error {
	const tries = 5
	var err error
	for range tries {
		targets := to.targets(tagged)
		if sameTargets(p.live, p.live.Traffic, targets) {
			return nil
		}
		p.how.report("traffic to "+to.String(), 0)
		var operation *run.GoogleLongrunningOperation
		operation, err = p.c.patch(ctx, p.live, &run.GoogleCloudRunV2Service{Traffic: targets}, []string{"traffic"}, false)
		if gcp.KindOf(err) == gcp.Stale {
			if err := p.again(ctx, p.live.Traffic); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		_, failure, err := p.c.rest(ctx, p.live.Name, operation, p.how.Progress)
		if err != nil {
			return err
		}
		if err := p.again(ctx, targets); err != nil {
			return err
		}
		if is := serving(p.live); is.String() != to.String() {
			return errors.Join(fmt.Errorf("traffic was to go to %s, and goes to %s: %s", to, is, p.c.Cause(ctx, p.live)), failure)
		}
		return nil
	}
	return err
}

// again reads the service, which has to be as we left it: the candidate the newest revision, and traffic asked for so.
func (p *passage) again(ctx context.Context, traffic []*run.GoogleCloudRunV2TrafficTarget) error {
	live, err := p.c.awaitRest(ctx, p.live.Name, p.how.Progress)
	if err != nil {
		return err
	}
	if Newest(live) != p.candidate || !sameTargets(live, traffic, live.Traffic) {
		return overtaken(p.candidate, live)
	}
	p.live = live
	return nil
}

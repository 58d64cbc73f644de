package cloudrun

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/cloudrun/front"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/cloudrun/runner"
)

// begin starts a rollout of the service as it is declared now; op tells how it ends. A rollout that
// is still at work is superseded: what it started stays and is looked at afresh. f.mu is held.
func (f *Face) begin(s *service, op *operation) {
	if s.cancel != nil {
		s.cancel()
	}
	ctx, cancel := context.WithCancel(f.ctx)
	s.cancel = cancel
	f.background.Go(func() {
		defer cancel()
		s.turn.Lock()
		defer s.turn.Unlock()
		err := f.rollout(ctx, s)
		f.mu.Lock()
		defer f.mu.Unlock()
		switch {
		case ctx.Err() != nil:
			op.fail(codeAborted, "the change was superseded by a later one before it was complete")
		case err != nil:
			op.fail(codeFailedPrecondition, err.Error())
		default:
			op.finish(typed("Service", s.render()))
		}
	})
}

// rollout makes the newest revision ready, then moves traffic. It returns the failure, which the
// service's conditions tell as well. Nothing is changed once ctx has ended.
func (f *Face) rollout(ctx context.Context, s *service) error {
	f.mu.Lock()
	newest, idle := s.Revisions[s.LatestCreated], s.stopped()
	for _, r := range s.Revisions {
		if r != newest && r.Ready.State == pending {
			r.Ready = r.Ready.turned(failed, "RETIRED", "The revision was replaced before it was ready.")
		}
	}
	fresh := newest.Ready.State == pending
	f.mu.Unlock()

	var failure error
	if fresh {
		failure = f.bringUp(ctx, s, newest, idle)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	f.mu.Lock()
	if fresh {
		s.settle(newest, failure, idle)
	}
	wanted, err := s.resolve()
	keepOld := failure != nil && len(s.Statuses) > 0
	f.mu.Unlock()
	if !keepOld && err == nil {
		err = f.ready(ctx, s, wanted, idle)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !keepOld && err == nil {
		err = f.lead(ctx, s, wanted)
	}
	s.conclude(err)
	f.retire(s) //nolint:contextcheck // drains in the background for as long as the face lives
	f.keep(s)
	if failure != nil {
		return failure
	}
	return err
}

// bringUp starts a revision and waits for its start-up probe. A stopped service only has its image
// checked, as nothing of it may run.
func (f *Face) bringUp(ctx context.Context, s *service, r *revision, stopped bool) error {
	if stopped {
		_, err := f.fetch(ctx, &r.Digest, view(r.Template, &runpb.RevisionTemplate{}).GetContainers()[0].GetImage())
		return explain(r.Name, err)
	}
	p, err := f.launch(ctx, s, r, 0, false)
	if err == nil {
		err = p.Wait(ctx)
	}
	if err != nil && ctx.Err() == nil && p != nil {
		f.drop(ctx, s, r.Name)
	}
	return explain(r.Name, err)
}

// explain puts a failure into Cloud Run's words and keeps its reason.
func explain(rev string, err error) error {
	if err == nil {
		return nil
	}
	out := &runner.Failure{Reason: runner.ReasonHealthCheck, Message: fmt.Sprintf("Revision '%s' is not ready and cannot serve traffic. %v", rev, err)}
	var fail *runner.Failure
	if errors.As(err, &fail) {
		out.Reason = fail.Reason
	}
	return out
}

// drop stops a revision's processes and forgets them.
func (f *Face) drop(ctx context.Context, s *service, rev string) {
	f.mu.Lock()
	p := s.pools[rev]
	delete(s.pools, rev)
	f.mu.Unlock()
	if p != nil {
		p.Stop(ctx)
	}
}

// settle records whether the newest revision became ready. f.mu is held.
func (s *service) settle(r *revision, failure error, idle bool) {
	if failure == nil {
		reason := ""
		if idle {
			reason = "HEALTH_CHECK_SKIPPED"
		}
		r.Ready = r.Ready.turned(succeeded, reason, "")
		s.LatestReady = r.Name
		return
	}
	reason := runner.ReasonHealthCheck
	var fail *runner.Failure
	if errors.As(failure, &fail) {
		reason = fail.Reason
	}
	r.Ready = r.Ready.turned(failed, reason, failure.Error())
}

// resolve says where the declared traffic goes. f.mu is held.
func (s *service) resolve() ([]routed, error) {
	var out []routed
	for _, t := range s.typed().GetTraffic() {
		r := routed{Type: t.GetType().String(), Revision: t.GetRevision(), Percent: int(t.GetPercent()), Tag: t.GetTag()}
		if r.Type == latest {
			r.Revision = s.LatestReady
		}
		rev := s.Revisions[r.Revision]
		if r.Revision == "" {
			return nil, errors.New("traffic goes to the latest revision, and none has been ready yet")
		}
		if rev == nil || rev.Ready.State != succeeded {
			return nil, fmt.Errorf("traffic cannot go to revision '%s': it is not ready", r.Revision)
		}
		out = append(out, r)
	}
	return out, nil
}

// ready has each revision that routes lead to started, with the instances that its share asks for on
// their way.
func (f *Face) ready(ctx context.Context, s *service, routes []routed, stopped bool) error {
	if stopped {
		return nil
	}
	for name, percent := range shares(routes) {
		f.mu.Lock()
		rev := s.Revisions[name]
		f.mu.Unlock()
		p, err := f.launch(ctx, s, rev, percent, false)
		if err == nil {
			err = p.Wait(ctx)
		}
		if err != nil {
			if ctx.Err() == nil && p != nil {
				f.drop(ctx, s, name)
			}
			return explain(name, err)
		}
	}
	return nil
}

// lead points the doors at routes, opening and closing tag doors. f.mu is held.
func (f *Face) lead(ctx context.Context, s *service, routes []routed) error {
	for _, r := range routes {
		if r.Tag == "" || s.tags[r.Tag] != nil {
			continue
		}
		d, err := f.open(ctx, s.portKey()+"/"+r.Tag)
		if err != nil {
			return err
		}
		s.tags[r.Tag] = d
	}
	s.Statuses = routes
	f.point(s)
	f.rescale(s) //nolint:contextcheck // instances last until they are not wanted
	for tag, d := range s.tags {
		if !slices.ContainsFunc(routes, func(r routed) bool { return r.Tag == tag }) {
			delete(s.tags, tag)
			f.opt.Ports.Release(s.portKey() + "/" + tag)
			f.background.Go(func() { f.closeDoor(d) }) //nolint:contextcheck // ends with the face
		}
	}
	return nil
}

// closeDoor lets requests in hand finish for as long as the face lives.
func (f *Face) closeDoor(d *front.Door) {
	ctx, cancel := context.WithTimeout(f.ctx, time.Minute)
	defer cancel()
	d.Close(ctx)
}

func (f *Face) open(ctx context.Context, key string) (*front.Door, error) {
	port, err := f.opt.Ports.Port(key)
	if err != nil {
		return nil, err
	}
	return front.Open(ctx, port, f.opt.Log)
}

// point tells every door its routes from the service's present state. f.mu is held.
func (f *Face) point(s *service) {
	spec := s.typed()
	base := front.Routes{
		Public: spec.GetInvokerIamDisabled() || s.public(),
		Closed: spec.GetIngress().String() == "INGRESS_TRAFFIC_NONE",
	}
	main := base
	main.Closed = main.Closed || spec.GetDefaultUriDisabled()
	byTag := map[string]front.Routes{}
	for _, r := range s.Statuses {
		p := s.pools[r.Revision]
		if p == nil {
			continue
		}
		t := front.Target{Pool: p, Percent: r.Percent, Timeout: timeout(s.Revisions[r.Revision])}
		if r.Percent > 0 {
			main.Targets = append(main.Targets, t)
		}
		if r.Tag != "" {
			one := base
			t.Percent = 100
			one.Targets = []front.Target{t}
			byTag[r.Tag] = one
		}
	}
	if s.door != nil {
		s.door.Lead(main)
	}
	for tag, d := range s.tags {
		routes, ok := byTag[tag]
		if !ok {
			routes = base
		}
		d.Lead(routes)
	}
}

func timeout(r *revision) time.Duration {
	return view(r.Template, &runpb.RevisionTemplate{}).GetTimeout().AsDuration()
}

// conclude sets the service's conditions from its newest revision and the outcome of routing.
// f.mu is held.
func (s *service) conclude(routing error) {
	s.Observed = s.Generation
	s.Reconciling = false
	newest := s.Revisions[s.LatestCreated]
	s.Configs = s.Configs.turned(newest.Ready.State, newest.Ready.Reason, newest.Ready.Message)
	if newest.Ready.State == succeeded {
		s.Configs.Reason = ""
	}
	s.Routes = s.Routes.turned(succeeded, "", "")
	if routing != nil {
		s.Routes = s.Routes.turned(failed, "REVISION_FAILED", routing.Error())
	}
	worst := s.Configs
	if worst.State == succeeded {
		worst = s.Routes
	}
	s.Ready = s.Ready.turned(worst.State, worst.Reason, worst.Message)
}

// retire points the doors away from what is not in use, then lets it drain: requests in hand may
// take as long as their timeout allows. f.mu is held.
func (f *Face) retire(s *service) {
	idle := s.stopped()
	drained := map[string]*runner.Pool{}
	for rev, p := range s.pools {
		if idle || !s.used(rev) {
			drained[rev] = p
			delete(s.pools, rev)
		}
	}
	f.point(s)
	for rev, p := range drained {
		limit := time.Minute
		if r := s.Revisions[rev]; r != nil {
			limit = timeout(r)
		}
		f.background.Go(func() {
			ctx, cancel := context.WithTimeout(f.ctx, limit)
			defer cancel()
			p.Stop(ctx)
		})
	}
}

// restore opens a service's doors after a restart and starts what they lead to. It waits for the
// processes as long as ctx allows and goes on without them.
func (f *Face) restore(ctx context.Context, s *service) error {
	door, err := f.open(ctx, s.portKey())
	if err != nil {
		return fmt.Errorf("service %s: %w", s.ID, err)
	}
	f.mu.Lock()
	s.door = door
	stopped, routes, unfinished := s.stopped(), slices.Clone(s.Statuses), s.Reconciling
	for _, r := range routes {
		if r.Tag != "" {
			if s.tags[r.Tag], err = f.open(ctx, s.portKey()+"/"+r.Tag); err != nil {
				f.mu.Unlock()
				return fmt.Errorf("service %s, tag %s: %w", s.ID, r.Tag, err)
			}
		}
	}
	f.mu.Unlock()
	for name, percent := range shares(routes) {
		f.mu.Lock()
		rev := s.Revisions[name]
		f.mu.Unlock()
		if stopped || rev == nil {
			continue
		}
		p, err := f.launch(ctx, s, rev, percent, true)
		if err == nil {
			f.mu.Lock()
			f.point(s)
			f.mu.Unlock()
			wait, cancel := context.WithTimeout(ctx, startWait)
			err = p.Wait(wait)
			cancel()
		}
		if err != nil {
			f.opt.Log.Warn("a service's revision does not answer yet", "service", s.ID, "revision", name, "error", err.Error())
		}
	}
	if unfinished {
		f.mu.Lock()
		f.begin(s, newOperation(s.Project, s.Location)) //nolint:contextcheck // goes on after the start
		f.mu.Unlock()
	}
	return nil
}

// startWait bounds how long a restart waits for one revision.
const startWait = 20 * time.Second

// shut stops all that runs for a service.
func (f *Face) shut(ctx context.Context, s *service) {
	f.mu.Lock()
	if s.cancel != nil {
		s.cancel()
	}
	f.mu.Unlock()
	s.turn.Lock()
	defer s.turn.Unlock()
	f.mu.Lock()
	doors := []*front.Door{s.door}
	for _, d := range s.tags {
		doors = append(doors, d)
	}
	pools := s.pools
	s.door = nil
	s.init()
	f.mu.Unlock()
	now, cancel := context.WithCancel(ctx)
	cancel() // the processes finish their requests within the drain time, by themselves
	done := make(chan struct{}, len(pools)+len(doors))
	for _, p := range pools {
		go func() { p.Stop(now); done <- struct{}{} }()
	}
	for _, d := range doors {
		go func() {
			if d != nil {
				wait, cancel := context.WithTimeout(ctx, 10*time.Second)
				d.Close(wait)
				cancel()
			}
			done <- struct{}{}
		}()
	}
	for range cap(done) {
		<-done
	}
}

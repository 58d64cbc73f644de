package cloudrun

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/google/uuid"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// create stores a new service and begins its first rollout. f.mu is held.
func (f *Face) create(project, loc, id string, spec tree, who string, dry bool) (any, error) {
	s := &service{Project: project, Location: loc, ID: id}
	if old := f.services[s.name()]; old != nil && old.gone {
		return nil, gapi.Exists("Resource '%s' is being deleted: wait for the operation that does it.", id)
	} else if old != nil {
		return nil, gapi.Exists("Resource '%s' already exists.", id)
	}
	fillService(spec, project)
	if err := checkService(id, spec); err != nil {
		return nil, err
	}
	now := time.Now()
	s.Spec, s.UID, s.Creator, s.Created, s.Generation = spec, uuid.NewString(), who, now, 1
	s.touch(who)
	s.init()
	rev, err := s.plan(spec, 1, false, who)
	if err != nil {
		return nil, err
	}
	s.adopt(rev)
	if err := s.checkTargets(); err != nil {
		return nil, err
	}
	op := newOperation(project, loc)
	op.metadata = typed("Service", s.render())
	if dry {
		op.finish(typed("Service", s.render()))
		f.track(op)
		return op.render(), nil
	}
	if s.door, err = f.open(context.Background(), s.portKey()); err != nil {
		return nil, gapi.Errorf(http.StatusServiceUnavailable, "UNAVAILABLE", "unavailable", "%v", err)
	}
	if err := f.save(s); err != nil {
		s.door.Close(context.Background())
		return nil, err
	}
	f.services[s.name()] = s
	op.metadata = typed("Service", s.render())
	f.track(op)
	f.begin(s, op)
	return op.render(), nil
}

// adopt makes rev the newest revision of s, to be rolled out.
func (s *service) adopt(rev *revision) {
	if rev.Ready.State == failed {
		// Named again with the same template: the cause may be gone, a missing secret for one.
		rev.Ready = rev.Ready.turned(pending, "", "")
	}
	s.Revisions[rev.Name] = rev
	s.LatestCreated = rev.Name
	s.Reconciling = true
	s.Ready = s.Ready.turned(reconciling, "", "")
	s.Configs = s.Configs.turned(reconciling, "", "")
	s.Routes = s.Routes.turned(reconciling, "", "")
}

// checkTargets refuses traffic to revisions that do not exist.
func (s *service) checkTargets() error {
	for i, t := range s.typed().GetTraffic() {
		if name := t.GetRevision(); name != "" && s.Revisions[name] == nil {
			return gapi.Invalid("service.traffic[%d].revision: Revision '%s' of service '%s' does not exist.", i, name, s.ID)
		}
	}
	return nil
}

// update replaces what a service declares and begins a rollout. f.mu is held.
func (f *Face) update(s *service, spec tree, who string, force, dry bool) (any, error) {
	fillService(spec, s.Project)
	if err := checkService(s.ID, spec); err != nil {
		return nil, err
	}
	changed := force || !same(spec, s.Spec)
	generation := s.Generation
	if changed {
		generation++
	}
	rev, err := s.plan(spec, generation, force, who)
	if err != nil {
		return nil, err
	}
	next := &service{Project: s.Project, Location: s.Location, ID: s.ID, Spec: spec, Revisions: map[string]*revision{rev.Name: rev}}
	for name, r := range s.Revisions {
		next.Revisions[name] = r
	}
	if err := next.checkTargets(); err != nil {
		return nil, err
	}
	op := newOperation(s.Project, s.Location)
	f.track(op)
	if dry {
		would := s.render()
		for k, v := range spec {
			would[k] = v
		}
		op.metadata = typed("Service", would)
		op.finish(typed("Service", clone(would)))
		return op.render(), nil
	}
	if !changed && !s.Reconciling {
		op.metadata = typed("Service", s.render())
		op.finish(typed("Service", s.render()))
		return op.render(), nil
	}
	s.Spec, s.Generation = spec, generation
	s.touch(who)
	if rev.Name == s.LatestCreated && rev.Ready.State == failed {
		// The template is as it was and its revision has failed: this change is of something else.
		s.Reconciling = true
	} else {
		s.adopt(rev)
	}
	if err := f.save(s); err != nil {
		return nil, err
	}
	op.metadata = typed("Service", s.render())
	f.begin(s, op)
	return op.render(), nil
}

// remove deletes a service. Its operation ends when nothing of it runs any more. f.mu is held.
func (f *Face) remove(s *service, dry bool) *operation {
	op := newOperation(s.Project, s.Location)
	f.track(op)
	gone := typed("Service", s.render())
	gone["deleteTime"] = stamp(time.Now())
	gone["reconciling"] = true
	op.metadata = gone
	if dry {
		op.finish(typed("Service", s.render()))
		return op
	}
	s.gone = true // nobody finds it any more; its name stays taken for as long as its folder is there
	keys := []string{s.portKey()}
	for tag := range s.tags {
		keys = append(keys, s.portKey()+"/"+tag)
	}
	_ = os.Remove(f.home(s) + "/service.json") // a crash from here on must not bring it back
	f.background.Go(func() {
		f.shut(f.ctx, s)
		err := os.RemoveAll(f.home(s))
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.services, s.name())
		for _, k := range keys {
			f.opt.Ports.Release(k)
		}
		if err != nil {
			op.fail(13, fmt.Sprintf("the service is deleted, its folder is not: %v", err))
			return
		}
		end := clone(gone) // an answer may be writing the metadata at this moment
		delete(end, "reconciling")
		op.finish(end)
	})
	return op
}

// removeRevision deletes a revision that nothing leads to. f.mu is held.
func (f *Face) removeRevision(s *service, rev *revision, dry bool) (any, error) {
	for _, t := range s.typed().GetTraffic() {
		if t.GetRevision() == rev.Name {
			return nil, gapi.Precondition("Revision '%s' cannot be deleted: the service's traffic names it.", rev.Name)
		}
	}
	if s.used(rev.Name) || rev.Name == s.LatestReady || rev.Name == s.LatestCreated {
		return nil, gapi.Precondition("Revision '%s' cannot be deleted: it is the latest one or serves traffic.", rev.Name)
	}
	op := newOperation(s.Project, s.Location)
	f.track(op)
	gone := typed("Revision", f.renderRevision(s, rev))
	op.metadata = gone
	if !dry {
		delete(s.Revisions, rev.Name)
		if err := f.save(s); err != nil {
			return nil, err
		}
		_ = os.Remove(f.logPath(s, rev.Name)) // absent when it never ran
	}
	op.finish(clone(gone))
	return op.render(), nil
}

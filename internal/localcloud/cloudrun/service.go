package cloudrun

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/cloudrun/front"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/cloudrun/runner"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

const (
	latest       = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
	revisionType = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"

	pending     = "CONDITION_PENDING"
	reconciling = "CONDITION_RECONCILING"
	failed      = "CONDITION_FAILED"
	succeeded   = "CONDITION_SUCCEEDED"
)

// service is one service: what its owner declared, what became of it, and what runs for it.
// Exported fields are its state on disk. All are guarded by Face.mu.
type service struct {
	Project, Location, ID string

	Spec              tree // as declared, with defaults
	UID, Etag         string
	Creator, Modifier string
	Generation        int64
	Observed          int64
	Created, Updated  time.Time
	Policy            tree

	LatestCreated string // short names
	LatestReady   string
	Reconciling   bool
	Ready         condition
	Routes        condition
	Configs       condition
	Statuses      []routed // where traffic goes now
	Revisions     map[string]*revision

	turn   sync.Mutex         // held by the rollout at work
	cancel context.CancelFunc // ends the newest rollout
	gone   bool               // deleted, or about to be
	door   *front.Door
	tags   map[string]*front.Door
	pools  map[string]*runner.Pool // by revision
}

// routed is one entry of trafficStatuses.
type routed struct {
	Type     string
	Revision string // resolved, also for LATEST
	Percent  int
	Tag      string
}

// condition is one of a service's or revision's conditions.
type condition struct {
	State   string
	Message string
	Reason  string // a CommonReason, an ExecutionReason or a RevisionReason
	At      time.Time
}

// commonReasons belong to the `reason` field and executionReasons to `executionReason`; others are revision reasons.
var (
	commonReasons    = runpb.Condition_CommonReason_value
	executionReasons = runpb.Condition_ExecutionReason_value
)

func (c condition) render(kind string) tree {
	out := tree{"type": kind, "state": c.State, "lastTransitionTime": stamp(c.At)}
	if c.Message != "" {
		out["message"] = c.Message
	}
	if c.State == failed {
		out["severity"] = "ERROR"
	}
	_, common := commonReasons[c.Reason]
	_, execution := executionReasons[c.Reason]
	switch {
	case c.Reason == "":
	case common:
		out["reason"] = c.Reason
	case execution:
		out["executionReason"] = c.Reason
	default:
		out["revisionReason"] = c.Reason
	}
	return out
}

// turned is the condition after an event; the time changes only with the state.
func (c condition) turned(state, reason, message string) condition {
	next := condition{State: state, Reason: reason, Message: message, At: c.At}
	if next.State != c.State {
		next.At = time.Now()
	}
	return next
}

func location(project, loc string) string { return "projects/" + project + "/locations/" + loc }

func (s *service) name() string          { return location(s.Project, s.Location) + "/services/" + s.ID }
func (s *service) portKey() string       { return "run/" + s.Project + "/" + s.Location + "/" + s.ID }
func (s *service) template() tree        { t, _ := s.Spec["template"].(tree); return t }
func (s *service) typed() *runpb.Service { return view(s.Spec, &runpb.Service{}) }

func (s *service) uri() string {
	if s.door == nil {
		return ""
	}
	return s.door.URI()
}

// stopped tells whether the owner has stopped the service: manual scaling to no instance.
func (s *service) stopped() bool {
	sc := s.typed().GetScaling()
	return sc.GetScalingMode() == runpb.ServiceScaling_MANUAL && sc.GetManualInstanceCount() == 0
}

// touch marks a change by its owner.
func (s *service) touch(who string) {
	s.Etag = newEtag()
	s.Updated = time.Now()
	s.Modifier = who
}

// render is the Service as the API shows it.
func (s *service) render() tree {
	out := clone(s.Spec)
	out["name"] = s.name()
	out["uid"] = s.UID
	out["etag"] = s.Etag
	out["generation"] = strconv.FormatInt(s.Generation, 10)
	out["observedGeneration"] = strconv.FormatInt(s.Observed, 10)
	out["createTime"] = stamp(s.Created)
	out["updateTime"] = stamp(s.Updated)
	out["creator"] = s.Creator
	out["lastModifier"] = s.Modifier
	out["terminalCondition"] = s.Ready.render("Ready")
	out["conditions"] = []any{s.Routes.render("RoutesReady"), s.Configs.render("ConfigurationsReady")}
	if s.Reconciling {
		out["reconciling"] = true
	}
	if s.LatestCreated != "" {
		out["latestCreatedRevision"] = s.name() + "/revisions/" + s.LatestCreated
	}
	if s.LatestReady != "" {
		out["latestReadyRevision"] = s.name() + "/revisions/" + s.LatestReady
	}
	if uri := s.uri(); uri != "" && out["defaultUriDisabled"] != true {
		out["uri"] = uri
		out["urls"] = []any{uri}
	}
	var statuses []any
	for _, r := range s.Statuses {
		st := tree{"type": r.Type}
		if r.Type == revisionType {
			st["revision"] = r.Revision
		}
		if r.Percent > 0 {
			st["percent"] = r.Percent
		}
		if r.Tag != "" {
			st["tag"] = r.Tag
			if d := s.tags[r.Tag]; d != nil {
				st["uri"] = d.URI()
			}
		}
		statuses = append(statuses, st)
	}
	if statuses != nil {
		out["trafficStatuses"] = statuses
	}
	return out
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

// newEtag is opaque, quoted as Google's are.
func newEtag() string { return `"` + randomBase64(12) + `"` }

func randomBase64(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return base64.StdEncoding.EncodeToString(b)
}

// home is the service's folder: its state, its logs, its pid files.
func (f *Face) home(s *service) string {
	return filepath.Join(f.opt.Dir, "services", s.Project, s.Location, s.ID)
}

func (f *Face) logPath(s *service, rev string) string {
	return filepath.Join(f.home(s), rev+".log")
}

// save writes the service's state. f.mu is held.
func (f *Face) save(s *service) error {
	if s.gone {
		return nil
	}
	dir := f.home(s)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return gapi.Save(filepath.Join(dir, "service.json"), s)
}

// keep saves from a place that has no caller to tell.
func (f *Face) keep(s *service) {
	if err := f.save(s); err != nil {
		f.opt.Log.Error("the service's state could not be written", "service", s.ID, "error", err)
	}
}

func (f *Face) load() error {
	paths, err := filepath.Glob(filepath.Join(f.opt.Dir, "services", "*", "*", "*", "service.json"))
	if err != nil {
		return err
	}
	for _, p := range paths {
		s := &service{}
		body, err := os.ReadFile(p) // found under our own folder
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := decode(body, s); err != nil {
			return fmt.Errorf("%s is damaged: %w", p, err)
		}
		s.init()
		f.services[s.name()] = s
	}
	return nil
}

func (s *service) init() {
	s.tags = map[string]*front.Door{}
	s.pools = map[string]*runner.Pool{}
	if s.Revisions == nil {
		s.Revisions = map[string]*revision{}
	}
}

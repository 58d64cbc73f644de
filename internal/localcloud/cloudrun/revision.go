package cloudrun

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/uuid"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/cloudrun/runner"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// revision is one immutable version of a service's template.
type revision struct {
	Name     string // short
	UID      string
	Etag     string
	Creator  string
	Created  time.Time
	Template tree
	Digest   string // what the image meant when the revision was made
	Ready    condition
}

// plan decides which revision a new template means: an existing one, or a new one that is not yet
// part of the service. s may be a service that is not stored yet. f.mu is held.
func (s *service) plan(spec tree, generation int64, force bool, who string) (*revision, error) {
	t := spec["template"].(tree)
	if current := s.Revisions[s.LatestCreated]; current != nil && !force && same(t, s.template()) {
		return current, nil
	}
	name, _ := t["revision"].(string)
	if old := s.Revisions[name]; old != nil {
		if !same(unnamed(old.Template), unnamed(t)) || force {
			return nil, gapi.Exists("Revision named '%s' with different configuration already exists.", name)
		}
		return old, nil
	}
	for name == "" || s.Revisions[name] != nil {
		name = fmt.Sprintf("%s-%05d-%s", s.ID, generation, letters(3))
	}
	now := time.Now()
	return &revision{
		Name: name, UID: uuid.NewString(), Etag: newEtag(), Creator: who, Created: now,
		Template: clone(t), Ready: condition{State: pending, At: now},
	}, nil
}

func unnamed(template tree) tree {
	t := clone(template)
	delete(t, "revision")
	return t
}

// letters are consonants, as Google's suffixes are, so that none becomes a word.
func letters(n int) string {
	const from = "bcdfghjklmnpqrstvwxz"
	var b strings.Builder
	for range n {
		b.WriteByte(from[rand.IntN(len(from))]) //nolint:gosec // a name is no secret
	}
	return b.String()
}

// used tells whether traffic or a tag leads to the revision now.
func (s *service) used(rev string) bool {
	for _, r := range s.Statuses {
		if r.Revision == rev && (r.Percent > 0 || r.Tag != "") {
			return true
		}
	}
	return false
}

// renderRevision is the Revision as the API shows it. f.mu is held.
func (f *Face) renderRevision(s *service, r *revision) tree {
	out := clone(r.Template)
	delete(out, "revision")
	delete(out, "healthCheckDisabled") // of templates only
	out["name"] = s.name() + "/revisions/" + r.Name
	out["uid"] = r.UID
	out["etag"] = r.Etag
	out["creator"] = r.Creator
	out["service"] = s.ID
	out["generation"] = "1"
	out["observedGeneration"] = "1"
	out["createTime"] = stamp(r.Created)
	out["updateTime"] = stamp(r.Ready.At)
	out["launchStage"] = s.Spec["launchStage"]
	out["logUri"] = "file://" + f.logPath(s, r.Name)
	if r.Ready.State == pending {
		out["reconciling"] = true
	}
	active := condition{State: succeeded, At: r.Ready.At}
	if s.pools[r.Name] == nil {
		active = condition{State: failed, Reason: "RETIRED", Message: "Revision retired.", At: r.Ready.At}
	}
	inactive := active.render("Active")
	if active.State == failed {
		inactive["severity"] = "INFO"
	}
	health := r.Ready
	image := condition{State: succeeded, At: r.Ready.At}
	if r.Ready.Reason == runner.ReasonImage {
		image, health = r.Ready, condition{State: pending, At: r.Ready.At}
	}
	if n := s.bounds(r, shares(s.Statuses)[r.Name]).Min; s.pools[r.Name] != nil && n > 0 {
		out["scalingStatus"] = tree{"desiredMinInstanceCount": n}
	}
	out["conditions"] = []any{r.Ready.render("Ready"), inactive, image.render("ContainerReady"), health.render("ContainerHealthy"), condition{State: succeeded, At: r.Ready.At}.render("ResourcesAvailable")}
	return out
}

// launch starts a revision's processes, as many as percent of the traffic asks for. patient is for a
// revision that is known to be good. Only the service's rollout calls it.
func (f *Face) launch(ctx context.Context, s *service, r *revision, percent int, patient bool) (*runner.Pool, error) {
	f.mu.Lock()
	bounds := s.bounds(r, percent)
	if p := s.pools[r.Name]; p != nil {
		f.mu.Unlock()
		p.Widen(bounds) //nolint:contextcheck // instances last until Stop, ctx bounds this launch only
		return p, nil
	}
	f.serial++
	serial := f.serial
	f.mu.Unlock()
	t := view(r.Template, &runpb.RevisionTemplate{})
	c := t.GetContainers()[0]
	image, err := f.fetch(ctx, &r.Digest, c.GetImage())
	if err != nil {
		return nil, err
	}
	cfg := runner.Config{
		Name:       r.Name,
		Image:      image,
		Command:    c.GetCommand(),
		Args:       c.GetArgs(),
		WorkingDir: c.GetWorkingDir(),
		Environ: func(ctx context.Context) ([]string, error) {
			return f.environ(ctx, s, r.Name, t.GetServiceAccount(), c.GetEnv())
		},
		Startup:     *probe(c.GetStartupProbe(), c),
		Liveness:    probe(c.GetLivenessProbe(), c),
		Readiness:   probe(c.GetReadinessProbe(), c),
		Scaling:     f.scaling(r.Template),
		Concurrency: int(t.GetMaxInstanceRequestConcurrency()),
		QueueWait:   f.opt.QueueWait,
		LogPath:     f.logPath(s, r.Name),
		PIDPath:     fmt.Sprintf("%s/%s.%d", f.home(s), r.Name, serial),
		H2C:         c.GetPorts()[0].GetName() == "h2c",
		Patient:     patient,
		Credential:  f.opt.Credential,
		Log:         f.opt.Log,
		Tally:       f.tally(s, r.Name),
	}
	p := runner.Start(cfg, bounds) //nolint:contextcheck // as above
	f.mu.Lock()
	s.pools[r.Name] = p
	f.mu.Unlock()
	return p, nil
}

// fetch resolves the image once, into known, and brings its file system.
func (f *Face) fetch(ctx context.Context, known *string, ref string) (runner.Image, error) {
	f.mu.Lock()
	digest := *known
	f.mu.Unlock()
	if digest == "" {
		d, err := f.images.Resolve(ctx, ref)
		if err != nil {
			return runner.Image{}, missing(ctx, ref, err)
		}
		f.mu.Lock()
		*known, digest = d, d
		f.mu.Unlock()
	}
	image, err := f.images.Fetch(ctx, ref, digest)
	if err != nil {
		return runner.Image{}, missing(ctx, ref, err)
	}
	return image, nil
}

func missing(ctx context.Context, ref string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &runner.Failure{Reason: runner.ReasonImage, Message: fmt.Sprintf("Image '%s' not found: %v", ref, err)}
}

// environ is the environment of a revision's instances.
func (f *Face) environ(ctx context.Context, s *service, rev, account string, vars []*runpb.EnvVar) ([]string, error) {
	out, err := f.variables(ctx, s.Project, account, vars)
	// Nobody but its proxy reaches a container of Cloud Run's, whatever it listens on; here everybody on the network would.
	return append(out, "AUGUST_LISTEN_HOST=127.0.0.1", "K_SERVICE="+s.ID, "K_REVISION="+rev, "K_CONFIGURATION="+s.ID), err
}

// variables resolves declared variables; secrets are read now, each time a process starts.
func (f *Face) variables(ctx context.Context, inProject, account string, vars []*runpb.EnvVar) ([]string, error) {
	var out []string
	if f.opt.MetadataHost != "" {
		// The path says who asks, as the machine does on Google Cloud; see identity.MetadataHost.
		out = append(out, "GCE_METADATA_HOST="+f.opt.MetadataHost+"/metadata/"+inProject+"/"+account)
	}
	for _, v := range vars {
		ref := v.GetValueSource().GetSecretKeyRef()
		if ref == nil {
			out = append(out, v.GetName()+"="+v.GetValue())
			continue
		}
		project, secret, version := inProject, ref.GetSecret(), ref.GetVersion()
		if rest, ok := strings.CutPrefix(secret, "projects/"); ok {
			project, secret, _ = strings.Cut(rest, "/secrets/")
		}
		if project == gapi.ProjectNumber(inProject) {
			project = inProject
		}
		if version == "" {
			version = "latest"
		}
		full := fmt.Sprintf("projects/%s/secrets/%s/versions/%s", project, secret, version)
		if f.opt.Secret == nil {
			return nil, &runner.Failure{Reason: runner.ReasonSecrets, Message: full + ": there is no Secret Manager here"}
		}
		value, err := f.opt.Secret(ctx, project, secret, version)
		if err != nil {
			return nil, &runner.Failure{Reason: runner.ReasonSecrets, Message: fmt.Sprintf("%s: Secret %s cannot be accessed: %v", v.GetName(), full, err)}
		}
		if strings.ContainsRune(string(value), 0) {
			return nil, &runner.Failure{Reason: runner.ReasonSecrets, Message: full + ": holds a NUL byte and cannot be an environment variable"}
		}
		out = append(out, v.GetName()+"="+string(value))
	}
	return out, nil
}

// probe translates a probe. The declared container port stands for whatever PORT the process gets.
func probe(p *runpb.Probe, c *runpb.Container) *runner.Probe {
	if p == nil {
		return nil
	}
	declared := c.GetPorts()[0].GetContainerPort()
	out := &runner.Probe{
		Declared:     int(declared),
		InitialDelay: time.Duration(p.GetInitialDelaySeconds()) * time.Second,
		Timeout:      time.Duration(p.GetTimeoutSeconds()) * time.Second,
		Period:       time.Duration(p.GetPeriodSeconds()) * time.Second,
		Failures:     int(p.GetFailureThreshold()),
	}
	port := p.GetTcpSocket().GetPort()
	if g := p.GetGrpc(); g != nil {
		port = g.GetPort()
		service := g.GetService()
		out.Service = &service
	}
	if h := p.GetHttpGet(); h != nil {
		out.Path, port = h.GetPath(), h.GetPort()
		out.Header = http.Header{}
		for _, x := range h.GetHttpHeaders() {
			out.Header.Add(x.GetName(), x.GetValue())
		}
	}
	if port != declared {
		out.Port, out.Declared = int(port), int(port)
	}
	return out
}

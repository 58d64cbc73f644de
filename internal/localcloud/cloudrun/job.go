package cloudrun

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// job is one job: what its owner declared, and the executions that came of it. Exported fields are its
// state on disk. All are guarded by Face.mu.
type job struct {
	Project, Location, ID string

	Spec              tree // as declared, with defaults
	UID, Etag         string
	Creator, Modifier string
	Generation        int64
	Observed          int64
	Created, Updated  time.Time
	Policy            tree

	Digest      string // what the image means for this template
	Reconciling bool
	Ready       condition
	Count       int    // of all executions that were ever made
	Latest      string // the execution that was made last
	Executions  map[string]*execution

	cancel context.CancelFunc // ends the look at the newest template's image
	gone   bool               // deleted, or about to be
}

// jobRestOnly lists the fields of a v2 REST job that runpb has not.
var jobRestOnly = []string{
	"functionalType",
	"template.client",
	"template.clientVersion",
	"template.delayExecution",
	"template.template.sandboxes",
	"template.template.workloadIdentityConfig",
}

// jobOutputOnly lists the fields of a job that callers cannot set; sent back, they are ignored.
var jobOutputOnly = []string{
	"name", "uid", "generation", "createTime", "updateTime", "deleteTime", "expireTime", "creator", "lastModifier",
	"observedGeneration", "terminalCondition", "conditions", "executionCount", "latestCreatedExecution",
	"reconciling", "satisfiesPzs", "etag",
}

func parseJob(body []byte) (spec tree, etag string, err error) {
	msg := &runpb.Job{}
	spec, err = parse(body, msg, jobRestOnly, jobOutputOnly)
	return spec, msg.GetEtag(), err
}

func (j *job) name() string { return location(j.Project, j.Location) + "/jobs/" + j.ID }

// template is what executions are made of.
func (j *job) template() *runpb.ExecutionTemplate { return view(j.Spec, &runpb.Job{}).GetTemplate() }

// touch marks a change by its owner.
func (j *job) touch(who string) { j.Etag, j.Updated, j.Modifier = newEtag(), time.Now(), who }

// render is the Job as the API shows it.
func (j *job) render() tree {
	out := clone(j.Spec)
	out["name"] = j.name()
	out["uid"] = j.UID
	out["etag"] = j.Etag
	out["generation"] = strconv.FormatInt(j.Generation, 10)
	out["observedGeneration"] = strconv.FormatInt(j.Observed, 10)
	out["createTime"] = stamp(j.Created)
	out["updateTime"] = stamp(j.Updated)
	out["creator"] = j.Creator
	out["lastModifier"] = j.Modifier
	out["terminalCondition"] = j.Ready.render("Ready")
	if j.Reconciling {
		out["reconciling"] = true
	}
	if j.Count > 0 {
		out["executionCount"] = number(int64(j.Count))
	}
	if e := j.Executions[j.Latest]; e != nil {
		ref := tree{"name": e.ID, "createTime": stamp(e.Created), "completionStatus": e.status()}
		if !e.Ended.IsZero() {
			ref["completionTime"] = stamp(e.Ended)
		}
		out["latestCreatedExecution"] = ref
	}
	return out
}

// newestFirst is the job's executions.
func (j *job) newestFirst() []*execution {
	var all []*execution
	for _, e := range j.Executions {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b *execution) int { return b.Created.Compare(a.Created) })
	return all
}

// jobsOf lists a project's jobs in one location, or in all with "-". f.mu is held.
func (f *Face) jobsOf(project, loc string) []*job {
	var all []*job
	for _, j := range f.jobs {
		if !j.gone && j.Project == project && (j.Location == loc || loc == "-") {
			all = append(all, j)
		}
	}
	slices.SortFunc(all, func(a, b *job) int { return strings.Compare(a.name(), b.name()) })
	return all
}

// jobHome is the job's folder: its state, its executions' logs, its pid files.
func (f *Face) jobHome(j *job) string {
	return filepath.Join(f.opt.Dir, "jobs", j.Project, j.Location, j.ID)
}

// saveJob writes the job's state. f.mu is held.
func (f *Face) saveJob(j *job) error {
	if j.gone {
		return nil
	}
	dir := f.jobHome(j)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return gapi.Save(filepath.Join(dir, "job.json"), j)
}

// keepJob saves from a place that has no caller to tell.
func (f *Face) keepJob(j *job) {
	if err := f.saveJob(j); err != nil {
		f.opt.Log.Error("the job's state could not be written", "job", j.ID, "error", err)
	}
}

func (f *Face) loadJobs() error {
	paths, err := filepath.Glob(filepath.Join(f.opt.Dir, "jobs", "*", "*", "*", "job.json"))
	if err != nil {
		return err
	}
	for _, p := range paths {
		body, err := os.ReadFile(p) // found under our own folder
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		j := &job{}
		if err := decode(body, j); err != nil {
			return fmt.Errorf("%s is damaged: %w", p, err)
		}
		if j.Executions == nil {
			j.Executions = map[string]*execution{}
		}
		for _, e := range j.Executions {
			e.job, e.over = j, make(chan struct{})
			if !e.Ended.IsZero() {
				close(e.over)
			}
		}
		f.jobs[j.name()] = j
	}
	return nil
}

// jobImages are the digests that jobs, and executions under way, still need. f.mu is held.
func (f *Face) jobImages(used map[string]bool) {
	for _, j := range f.jobs {
		used[j.Digest] = true
		for _, e := range j.Executions {
			if e.Ended.IsZero() {
				used[e.Digest] = true
			}
		}
	}
}

// resumeJobs goes on with what the end of the last local cloud has interrupted. It does not wait for it.
func (f *Face) resumeJobs() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, j := range f.jobs {
		if j.Reconciling {
			f.look(j, newOperation(j.Project, j.Location))
		}
		for _, e := range j.Executions {
			switch {
			case !e.Ended.IsZero():
			case e.Stopping == "DELETED":
				f.discard(e)
				f.keepJob(j)
			default:
				e.interrupted()
				f.start(e, nil)
			}
		}
	}
}

package cloudrun

import (
	"io"
	"net/http"
	"strings"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

func (f *Face) registerJobs(handle func(pattern string, h gapi.Handler)) {
	const at = "/v2/projects/{project}/locations/{location}/jobs"
	handle("POST "+at, f.createJob)
	handle("GET "+at, f.listJobs)
	handle("GET "+at+"/{job}", f.getJob)
	handle("POST "+at+"/{job}", f.postJob)
	handle("PATCH "+at+"/{job}", f.patchJob)
	handle("DELETE "+at+"/{job}", f.deleteJob)
	handle("GET "+at+"/{job}/executions", f.listExecutions)
	handle("GET "+at+"/{job}/executions/{execution}", f.getExecution)
	handle("POST "+at+"/{job}/executions/{execution}", f.postExecution)
	handle("DELETE "+at+"/{job}/executions/{execution}", f.deleteExecution)
	handle("GET "+at+"/{job}/executions/{execution}/tasks", f.listTasks)
	handle("GET "+at+"/{job}/executions/{execution}/tasks/{task}", f.getTask)
}

// findJob is the job that the request's path names, without a ":verb". f.mu is held.
func (f *Face) findJob(r *http.Request) (*job, error) {
	id, _ := gapi.Verb(r.PathValue("job"))
	if j := f.jobs[location(r.PathValue("project"), r.PathValue("location"))+"/jobs/"+id]; j != nil && !j.gone {
		return j, nil
	}
	return nil, gapi.NotFound("Resource '%s' of kind 'JOB' in region '%s' in project '%s' does not exist.", id, r.PathValue("location"), r.PathValue("project"))
}

func (f *Face) findExecution(r *http.Request) (*execution, error) {
	j, err := f.findJob(r)
	if err != nil {
		return nil, err
	}
	id, _ := gapi.Verb(r.PathValue("execution"))
	if e := j.Executions[id]; e != nil {
		return e, nil
	}
	return nil, gapi.NotFound("Resource '%s' of kind 'EXECUTION' in region '%s' in project '%s' does not exist.", id, j.Location, j.Project)
}

func readJob(r *http.Request) (tree, string, error) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, 10<<20))
	if err != nil {
		return nil, "", gapi.Invalid("request body: %v", err)
	}
	return parseJob(body)
}

func (f *Face) createJob(r *http.Request) (any, error) {
	spec, _, err := readJob(r)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.makeJob(r.PathValue("project"), r.PathValue("location"), r.URL.Query().Get("jobId"), spec, caller(r), validateOnly(r))
}

func (f *Face) listJobs(r *http.Request) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return page(r, "jobs", f.jobsOf(r.PathValue("project"), r.PathValue("location")), func(j *job) tree { return j.render() })
}

func (f *Face) getJob(r *http.Request) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	j, err := f.findJob(r)
	if err != nil {
		return nil, err
	}
	if _, verb := gapi.Verb(r.PathValue("job")); verb == "getIamPolicy" {
		return shown(j.Policy), nil
	}
	return j.render(), nil
}

func (f *Face) postJob(r *http.Request) (any, error) {
	switch _, verb := gapi.Verb(r.PathValue("job")); verb {
	case "run":
		return f.runJob(r)
	case "setIamPolicy":
		return f.setJobPolicy(r)
	case "testIamPermissions":
		return f.testJobPermissions(r)
	default:
		return nil, gapi.NotFound("no such method: POST %s", r.URL.Path)
	}
}

func (f *Face) setJobPolicy(r *http.Request) (any, error) {
	body, err := readPolicy(r)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	j, err := f.findJob(r)
	if err != nil {
		return nil, err
	}
	next, err := body.after(j.Policy)
	if err != nil {
		return nil, err
	}
	j.Policy = next
	return shown(next), f.saveJob(j)
}

func (f *Face) testJobPermissions(r *http.Request) (any, error) {
	var body struct {
		Permissions []string `json:"permissions"`
	}
	if err := gapi.ReadJSON(r, &body); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	_, err := f.findJob(r)
	return tree{"permissions": body.Permissions}, err
}

// patchJob replaces the whole job: the method has no update mask.
func (f *Face) patchJob(r *http.Request) (any, error) {
	spec, etag, err := readJob(r)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	j, err := f.findJob(r)
	if err != nil {
		if r.URL.Query().Get("allowMissing") == "true" {
			return f.makeJob(r.PathValue("project"), r.PathValue("location"), r.PathValue("job"), spec, caller(r), validateOnly(r))
		}
		return nil, err
	}
	if err := checkEtag(j.name(), etag, j.Etag); err != nil {
		return nil, err
	}
	return f.changeJob(j, spec, caller(r), validateOnly(r))
}

func (f *Face) deleteJob(r *http.Request) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	j, err := f.findJob(r)
	if err != nil {
		return nil, err
	}
	if err := checkEtag(j.name(), r.URL.Query().Get("etag"), j.Etag); err != nil {
		return nil, err
	}
	return f.removeJob(j, validateOnly(r)), nil
}

func (f *Face) runJob(r *http.Request) (any, error) {
	var req runpb.RunJobRequest
	// Overrides' delayExecution is of REST alone; what is unknown is refused, as Google refuses it.
	if err := gapi.ReadProto(r, &req, protojson.UnmarshalOptions{}); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	j, err := f.findJob(r)
	if err != nil {
		return nil, err
	}
	if err := checkEtag(j.name(), req.GetEtag(), j.Etag); err != nil {
		return nil, err
	}
	t, err := j.override(req.GetOverrides())
	if err != nil {
		return nil, err
	}
	return f.makeExecution(j, t, caller(r), req.GetValidateOnly())
}

func (f *Face) listExecutions(r *http.Request) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []*execution
	if r.PathValue("job") == "-" {
		for _, j := range f.jobsOf(r.PathValue("project"), r.PathValue("location")) {
			all = append(all, j.newestFirst()...)
		}
	} else {
		j, err := f.findJob(r)
		if err != nil {
			return nil, err
		}
		all = j.newestFirst()
	}
	return page(r, "executions", all, f.renderExecution)
}

func (f *Face) getExecution(r *http.Request) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e, err := f.findExecution(r)
	if err != nil {
		return nil, err
	}
	return f.renderExecution(e), nil
}

func (f *Face) postExecution(r *http.Request) (any, error) {
	if _, verb := gapi.Verb(r.PathValue("execution")); verb != "cancel" {
		return nil, gapi.NotFound("no such method: POST %s", r.URL.Path)
	}
	var body struct {
		ValidateOnly bool   `json:"validateOnly"`
		Etag         string `json:"etag"`
	}
	if err := gapi.ReadJSON(r, &body); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	e, err := f.findExecution(r)
	if err != nil {
		return nil, err
	}
	if err := checkEtag(e.name(), body.Etag, e.Etag); err != nil {
		return nil, err
	}
	return f.cancelExecution(e, body.ValidateOnly)
}

func (f *Face) deleteExecution(r *http.Request) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e, err := f.findExecution(r)
	if err != nil {
		return nil, err
	}
	if err := checkEtag(e.name(), r.URL.Query().Get("etag"), e.Etag); err != nil {
		return nil, err
	}
	return f.removeExecution(e, validateOnly(r)), nil
}

func (f *Face) listTasks(r *http.Request) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e, err := f.findExecution(r)
	if err != nil {
		return nil, err
	}
	return page(r, "tasks", e.Tasks, func(t *task) tree { return f.renderTask(e, t) })
}

func (f *Face) getTask(r *http.Request) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e, err := f.findExecution(r)
	if err != nil {
		return nil, err
	}
	for _, t := range e.Tasks {
		if strings.TrimPrefix(t.name(e), e.name()+"/tasks/") == r.PathValue("task") {
			return f.renderTask(e, t), nil
		}
	}
	return nil, gapi.NotFound("Resource '%s' of kind 'TASK' in region '%s' in project '%s' does not exist.", r.PathValue("task"), e.job.Location, e.job.Project)
}

package cloudrun

import (
	"net/http"
	"path"
	"regexp"
	"strings"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// gcloud speaks Cloud Run's v1 API, which is Knative's: the same services in other words, on host
// names that begin with the region.

var regionalHost = regexp.MustCompile(`^([a-z]+-[a-z]+[0-9]+)-`)

func (f *Face) registerKnative(handle func(string, gapi.Handler)) {
	const at, global = "/apis/serving.knative.dev/v1/namespaces/{project}", "/v1/projects/{project}/locations/{location}/services"
	handle("GET "+at+"/services", f.knativeServices)
	handle("POST "+at+"/services", f.knativeCreate)
	handle("GET "+at+"/services/{service}", f.knativeService)
	handle("PUT "+at+"/services/{service}", f.knativeReplace)
	handle("DELETE "+at+"/services/{service}", f.knativeDelete)
	handle("GET "+at+"/revisions", f.knativeRevisions)
	handle("GET "+at+"/revisions/{revision}", f.knativeRevision)
	handle("DELETE "+at+"/revisions/{revision}", f.knativeDeleteRevision)
	handle("GET "+global, f.knativeServices)
	handle("GET "+global+"/{service}", f.v1Service)
	handle("POST "+global+"/{service}", f.postService)
}

// v1Service answers both the IAM call and the plain read that share a path in v1.
func (f *Face) v1Service(r *http.Request) (any, error) {
	if strings.HasSuffix(r.PathValue("service"), ":getIamPolicy") {
		return f.getPolicy(r)
	}
	return f.knativeService(r)
}

// knativeFind is the service in the request's path: in the region of the host name or path, or in
// any when there is none. f.mu is held.
func (f *Face) knativeFind(r *http.Request) (*service, error) {
	for _, s := range f.of(r.PathValue("project"), knativeRegion(r)) {
		if s.ID == r.PathValue("service") {
			return s, nil
		}
	}
	return nil, gapi.NotFound("Resource '%s' of kind 'SERVICE' in project '%s' does not exist.", r.PathValue("service"), r.PathValue("project"))
}

func knativeRegion(r *http.Request) string {
	if l := r.PathValue("location"); l != "" {
		return l
	}
	host := r.Host
	if r.URL.IsAbs() { // through http_proxy the target is in the request line
		host = r.URL.Host
	}
	if m := regionalHost.FindStringSubmatch(host); m != nil {
		return m[1]
	}
	return "-"
}

func (f *Face) knativeServices(r *http.Request) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	items := []any{}
	for _, s := range f.of(r.PathValue("project"), knativeRegion(r)) {
		items = append(items, f.knative(s))
	}
	return knativeList("ServiceList", items), nil
}

func (f *Face) knativeService(r *http.Request) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := f.knativeFind(r)
	if err != nil {
		return nil, err
	}
	return f.knative(s), nil
}

// ofService reads the one label selector that gcloud sends.
var ofService = regexp.MustCompile(`serving\.knative\.dev/service\s*(?:=|==|in)\s*\(?([a-z0-9-]+)\)?`)

func (f *Face) knativeRevisions(r *http.Request) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	only := ofService.FindStringSubmatch(r.URL.Query().Get("labelSelector"))
	items := []any{}
	for _, s := range f.of(r.PathValue("project"), knativeRegion(r)) {
		if only != nil && s.ID != only[1] {
			continue
		}
		for _, rev := range s.newestFirst() {
			items = append(items, f.knativeOf(s, rev))
		}
	}
	return knativeList("RevisionList", items), nil
}

func knativeList(kind string, items []any) tree {
	return tree{"apiVersion": "serving.knative.dev/v1", "kind": kind, "metadata": tree{}, "items": items}
}

// knativeFindRevision finds a revision by its name alone, which is how v1 addresses it.
func (f *Face) knativeFindRevision(r *http.Request) (*service, *revision, error) {
	for _, s := range f.of(r.PathValue("project"), knativeRegion(r)) {
		if rev := s.Revisions[r.PathValue("revision")]; rev != nil {
			return s, rev, nil
		}
	}
	return nil, nil, gapi.NotFound("Resource '%s' of kind 'REVISION' in project '%s' does not exist.", r.PathValue("revision"), r.PathValue("project"))
}

func (f *Face) knativeRevision(r *http.Request) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, rev, err := f.knativeFindRevision(r)
	if err != nil {
		return nil, err
	}
	return f.knativeOf(s, rev), nil
}

func (f *Face) knativeDeleteRevision(r *http.Request) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, rev, err := f.knativeFindRevision(r)
	if err != nil {
		return nil, err
	}
	if _, err := f.removeRevision(s, rev, false); err != nil {
		return nil, err
	}
	return tree{"kind": "Status", "status": "Success"}, nil
}

// knative is a service in Knative's words. f.mu is held.
func (f *Face) knative(s *service) tree {
	spec := s.typed()
	labels := tree{"cloud.googleapis.com/location": s.Location}
	for k, v := range spec.GetLabels() {
		labels[k] = v
	}
	ingress := map[string]string{"INGRESS_TRAFFIC_INTERNAL_ONLY": "internal", "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER": "internal-and-cloud-load-balancing", "INGRESS_TRAFFIC_NONE": "none"}[spec.GetIngress().String()]
	if ingress == "" {
		ingress = "all"
	}
	notes := tree{
		"serving.knative.dev/creator": s.Creator, "serving.knative.dev/lastModifier": s.Modifier,
		"run.googleapis.com/ingress": ingress, "run.googleapis.com/ingress-status": ingress,
		"run.googleapis.com/urls": `["` + s.uri() + `"]`,
	}
	for k, v := range spec.GetAnnotations() {
		notes[k] = v
	}
	if spec.GetInvokerIamDisabled() {
		notes["run.googleapis.com/invoker-iam-disabled"] = "true"
	}
	if spec.GetDefaultUriDisabled() {
		notes["run.googleapis.com/default-url-disabled"] = "true"
	}
	sc := spec.GetScaling()
	if sc.GetMinInstanceCount() > 0 {
		notes["run.googleapis.com/minScale"] = decimal(sc.GetMinInstanceCount())
	}
	if sc.GetMaxInstanceCount() > 0 {
		notes["run.googleapis.com/maxScale"] = decimal(sc.GetMaxInstanceCount())
	}
	if sc.GetScalingMode() == runpb.ServiceScaling_MANUAL {
		notes["run.googleapis.com/scalingMode"] = "manual"
		notes["run.googleapis.com/manualInstanceCount"] = decimal(sc.GetManualInstanceCount())
	}
	var traffic, serving []any
	for _, t := range spec.GetTraffic() {
		traffic = append(traffic, knativeTraffic(t.GetType().String(), t.GetRevision(), int(t.GetPercent()), t.GetTag()))
	}
	for _, t := range s.Statuses {
		one := knativeTraffic(t.Type, t.Revision, t.Percent, t.Tag)
		one["revisionName"] = t.Revision
		if d := s.tags[t.Tag]; d != nil {
			one["url"] = d.URI()
		}
		serving = append(serving, one)
	}
	status := tree{
		"observedGeneration": s.Observed,
		"conditions":         []any{s.Ready.knative("Ready"), s.Configs.knative("ConfigurationsReady"), s.Routes.knative("RoutesReady")},
		"url":                s.uri(), "address": tree{"url": s.uri()},
		"latestCreatedRevisionName": s.LatestCreated, "latestReadyRevisionName": s.LatestReady, "traffic": serving,
	}
	return tree{
		"apiVersion": "serving.knative.dev/v1", "kind": "Service",
		"metadata": tree{
			"name": s.ID, "namespace": s.Project, "uid": s.UID, "generation": s.Generation, "resourceVersion": strings.Trim(s.Etag, `"`),
			"creationTimestamp": stamp(s.Created), "labels": labels, "annotations": notes,
			"selfLink": "/apis/serving.knative.dev/v1/namespaces/" + s.Project + "/services/" + s.ID,
		},
		"spec":   tree{"template": knativeTemplate(s.template()), "traffic": traffic},
		"status": status,
	}
}

func knativeTraffic(kind, rev string, percent int, tag string) tree {
	t := tree{}
	if kind == latest {
		t["latestRevision"] = true
	} else {
		t["revisionName"] = rev
	}
	if percent > 0 {
		t["percent"] = percent
	}
	if tag != "" {
		t["tag"] = tag
	}
	return t
}

// knativeOf is a revision in Knative's words. f.mu is held.
func (f *Face) knativeOf(s *service, rev *revision) tree {
	t := knativeTemplate(rev.Template)
	meta := t["metadata"].(tree)
	labels, _ := meta["labels"].(tree)
	if labels == nil {
		labels = tree{}
	}
	for _, k := range []string{"service", "configuration", "route"} {
		labels["serving.knative.dev/"+k] = s.ID
	}
	labels["cloud.googleapis.com/location"] = s.Location
	meta["labels"], meta["name"], meta["namespace"], meta["uid"] = labels, rev.Name, s.Project, rev.UID
	meta["generation"], meta["resourceVersion"], meta["creationTimestamp"] = 1, strings.Trim(rev.Etag, `"`), stamp(rev.Created)
	notes, _ := meta["annotations"].(tree)
	notes["serving.knative.dev/creator"] = rev.Creator
	active := condition{State: succeeded, At: rev.Ready.At}
	if s.pools[rev.Name] == nil {
		active = condition{State: failed, Reason: "RETIRED", Message: "Revision retired.", At: rev.Ready.At}
	}
	image, _, _ := strings.Cut(view(rev.Template, &runpb.RevisionTemplate{}).GetContainers()[0].GetImage(), "@")
	return tree{
		"apiVersion": "serving.knative.dev/v1", "kind": "Revision", "metadata": meta, "spec": t["spec"],
		"status": tree{
			"observedGeneration": 1, "logUrl": "file://" + f.logPath(s, rev.Name), "imageDigest": image + "@" + rev.Digest,
			"conditions": []any{rev.Ready.knative("Ready"), active.knative("Active"), rev.Ready.knative("ContainerHealthy")},
		},
	}
}

func (c condition) knative(kind string) tree {
	status := map[string]string{succeeded: "True", failed: "False"}[c.State]
	if status == "" {
		status = "Unknown"
	}
	out := tree{"type": kind, "status": status, "lastTransitionTime": stamp(c.At)}
	if c.Message != "" {
		out["message"] = c.Message
	}
	if c.Reason != "" {
		words := strings.Split(strings.ToLower(c.Reason), "_")
		for i, w := range words {
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
		out["reason"] = strings.Join(words, "")
	}
	return out
}

// secretAlias is the local name that v1 gives a secret of another project.
func secretAlias(full string) string { return path.Base(full) }

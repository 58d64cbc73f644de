// Package logging is the local cloud's Cloud Logging API, v2: the list of entries, of what other faces' processes have
// written. It keeps nothing, and takes no entries in.
package logging

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/face"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// Options is what the face needs.
type Options struct {
	Entries func(project string) ([]face.Entry, error) // all of a project's, in the order of their time
}

// Face is the local Cloud Logging.
type Face struct{ opt Options }

var _ face.Face = (*Face)(nil)

// New makes the face. It has no state.
func New(opt Options) *Face { return &Face{opt} }

// Name is the face's name in the status report.
func (f *Face) Name() string { return "logging" }

// Start has nothing to bring back.
func (f *Face) Start(context.Context) error { return nil }

// Close has nothing to stop.
func (f *Face) Close(context.Context) error { return nil }

// Report has nothing to show: nothing of it runs.
func (f *Face) Report() []face.Line { return nil }

// Register mounts the API.
func (f *Face) Register(mux *http.ServeMux) {
	mux.Handle("POST /v2/entries:list", gapi.Handler(f.list))
}

// maxPage is the most entries of one answer, and what one has when nothing is said.
const maxPage, defaultPage = 1000, 50

func (f *Face) list(r *http.Request) (any, error) {
	var q struct {
		ResourceNames []string `json:"resourceNames"`
		ProjectIDs    []string `json:"projectIds"`
		Filter        string   `json:"filter"`
		OrderBy       string   `json:"orderBy"`
		PageSize      int      `json:"pageSize"`
		PageToken     string   `json:"pageToken"`
	}
	if err := gapi.ReadJSON(r, &q); err != nil {
		return nil, err
	}
	projects := q.ProjectIDs
	for _, name := range q.ResourceNames {
		project, ok := strings.CutPrefix(name, "projects/")
		if !ok || strings.Contains(project, "/") {
			return nil, gapi.Invalid("resource_names: %q: the local cloud has projects only, as projects/PROJECT", name)
		}
		projects = append(projects, project)
	}
	if len(projects) == 0 {
		return nil, gapi.Invalid("resource_names: at least one is required")
	}
	from := 0
	if q.PageToken != "" {
		n, err := strconv.Atoi(q.PageToken)
		if err != nil || n < 0 {
			return nil, gapi.Invalid("page_token: %q is not one of ours", q.PageToken)
		}
		from = n
	}
	all, err := f.find(projects, q.Filter)
	if err != nil {
		return nil, err
	}
	switch q.OrderBy {
	case "", "timestamp", "timestamp asc":
	case "timestamp desc":
		slices.SortStableFunc(all, func(a, b entry) int { return b.Time.Compare(a.Time) }) // of one moment they stay in the order of their ids, as at Google
	default:
		return nil, gapi.Invalid("order_by: %q is neither \"timestamp asc\" nor \"timestamp desc\"", q.OrderBy)
	}
	size := min(q.PageSize, maxPage)
	if size <= 0 {
		size = defaultPage
	}
	from = min(from, len(all))
	to := min(from+size, len(all))
	out, found := map[string]any{}, []any{}
	for _, e := range all[from:to] {
		found = append(found, e.render())
	}
	if len(found) > 0 {
		out["entries"] = found
	}
	if to < len(all) {
		out["nextPageToken"] = strconv.Itoa(to)
	}
	return out, nil
}

// entry is one of a project.
type entry struct {
	face.Entry
	project string
}

// find is the entries of projects for which the filter holds, in the order of their time.
func (f *Face) find(projects []string, text string) ([]entry, error) {
	holds, err := parseFilter(text)
	if err != nil {
		return nil, err
	}
	var all []entry
	slices.Sort(projects)
	for _, project := range slices.Compact(projects) {
		entries, err := f.opt.Entries(project)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if e := (entry{e, project}); holds.matches(e) {
				all = append(all, e)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b entry) int { return a.Time.Compare(b.Time) })
	return all, nil
}

func (e entry) logName() string { return "projects/" + e.project + "/logs/" + url.QueryEscape(e.Log) }

// render is the entry as the API shows it.
func (e entry) render() map[string]any {
	at := e.Time.UTC().Format(time.RFC3339Nano)
	out := map[string]any{
		"logName": e.logName(), "insertId": e.ID, "timestamp": at, "receiveTimestamp": at,
		"resource": map[string]any{"type": e.Resource, "labels": e.Labels},
	}
	if e.Severity != severities[0] {
		out["severity"] = e.Severity
	}
	if e.Own != nil {
		out["labels"] = e.Own
	}
	if e.JSON != nil {
		out["jsonPayload"] = e.JSON
	} else {
		out["textPayload"] = e.Text
	}
	return out
}

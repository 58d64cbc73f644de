package cloudrun

import (
	"context"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// Codes of google.rpc.Status that operations end with.
const (
	codeCancelled          = 1
	codeUnknown            = 2
	codeDeadlineExceeded   = 4
	codeFailedPrecondition = 9
	codeAborted            = 10
)

// keptOperations bounds the finished operations that are remembered.
const keptOperations = 1000

// operation is a long-running operation. Operations live in memory: after a restart a client asks
// the service, as the operation is over.
type operation struct {
	name     string
	created  time.Time
	metadata tree
	response tree
	err      tree
	look     func() tree   // the metadata as it is now, of an operation whose object changes under way
	done     chan struct{} // closed at the end
}

func newOperation(project, loc string) *operation {
	return &operation{
		name:    location(project, loc) + "/operations/" + uuid.NewString(),
		created: time.Now(),
		done:    make(chan struct{}),
	}
}

// typed marks a message for an Any, as clients unpack it.
func typed(message string, t tree) tree {
	t["@type"] = "type.googleapis.com/google.cloud.run.v2." + message
	return t
}

func (o *operation) finish(response tree) {
	o.response, o.metadata = response, clone(response)
	close(o.done)
}

func (o *operation) fail(code int, message string) {
	o.err = tree{"code": code, "message": message, "details": []any{}}
	close(o.done)
}

func (o *operation) finished() bool {
	select {
	case <-o.done:
		return true
	default:
		return false
	}
}

// render is the operation as the API shows it. Face.mu is held.
func (o *operation) render() tree {
	if o.look != nil {
		o.metadata = o.look()
	}
	out := tree{"name": o.name, "metadata": o.metadata}
	if o.finished() {
		out["done"] = true
		if o.err != nil {
			out["error"] = o.err
		} else {
			out["response"] = o.response
		}
	}
	return out
}

// track remembers an operation, forgetting the oldest finished ones. f.mu is held.
func (f *Face) track(o *operation) {
	f.ops[o.name] = o
	if len(f.ops) <= keptOperations {
		return
	}
	oldest := o
	for _, x := range f.ops {
		if x.finished() && x.created.Before(oldest.created) {
			oldest = x
		}
	}
	delete(f.ops, oldest.name)
}

func (f *Face) operation(r *http.Request) (*operation, error) {
	id, _, _ := strings.Cut(r.PathValue("operation"), ":")
	name := location(r.PathValue("project"), r.PathValue("location")) + "/operations/" + id
	f.mu.Lock()
	defer f.mu.Unlock()
	if o := f.ops[name]; o != nil {
		return o, nil
	}
	return nil, gapi.NotFound("Resource '%s' of kind 'OPERATION' in region '%s' in project '%s' does not exist.", id, r.PathValue("location"), r.PathValue("project"))
}

func (f *Face) getOperation(r *http.Request) (any, error) {
	o, err := f.operation(r)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return o.render(), nil
}

func (f *Face) waitOperation(r *http.Request) (any, error) {
	if _, verb, _ := strings.Cut(r.PathValue("operation"), ":"); verb != "wait" {
		return nil, gapi.NotFound("no such method: %q", verb)
	}
	o, err := f.operation(r)
	if err != nil {
		return nil, err
	}
	var body struct{ Timeout string }
	if err := gapi.ReadJSON(r, &body); err != nil {
		return nil, err
	}
	limit := 30 * time.Second
	if body.Timeout != "" {
		if limit, err = time.ParseDuration(body.Timeout); err != nil {
			return nil, gapi.Invalid("timeout: %q is not a duration", body.Timeout)
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), limit)
	defer cancel()
	select {
	case <-o.done:
	case <-ctx.Done():
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return o.render(), nil
}

func (f *Face) deleteOperation(r *http.Request) (any, error) {
	o, err := f.operation(r)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.ops, o.name)
	return tree{}, nil
}

func (f *Face) listOperations(r *http.Request) (any, error) {
	prefix := location(r.PathValue("project"), r.PathValue("location")) + "/operations/"
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []*operation
	for name, o := range f.ops {
		if strings.HasPrefix(name, prefix) {
			all = append(all, o)
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].created.After(all[j].created) })
	return page(r, "operations", all, func(o *operation) tree { return o.render() })
}

// page answers a list call: pageSize entries from pageToken on.
func page[T any](r *http.Request, key string, all []T, render func(T) tree) (any, error) {
	size, from := 100, 0
	q := r.URL.Query()
	if s := q.Get("pageSize"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 {
			return nil, gapi.Invalid("page_size: %q is not a count", s)
		}
		if n > 0 {
			size = n
		}
	}
	if s := q.Get("pageToken"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 || n > len(all) {
			return nil, gapi.Invalid("page_token: %q is not one of ours", s)
		}
		from = n
	}
	out := tree{}
	items := []any{}
	to := min(from+size, len(all))
	for _, x := range all[from:to] {
		items = append(items, render(x))
	}
	if len(items) > 0 {
		out[key] = items
	}
	if to < len(all) {
		out["nextPageToken"] = strconv.Itoa(to)
	}
	return out, nil
}

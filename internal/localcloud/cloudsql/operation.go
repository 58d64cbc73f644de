package cloudsql

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"strconv"
	"time"

	"github.com/google/uuid"
	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// Operations keep this many, and none takes longer than this.
const (
	keepOperations = 300
	longest        = 15 * time.Minute
)

const (
	statusPending = "PENDING"
	statusRunning = "RUNNING"
	statusDone    = "DONE"
)

// caller is who the API's users are.
const caller = "local@august.test"

// begin makes an operation on i the one in flight. The face's mutex is held, and i is idle.
func (f *Face) begin(i *instance, kind string) *sqladmin.Operation {
	op := f.note(i, kind, caller)
	i.busy = op.Name
	f.saveOperations()
	return op
}

// note lists a new operation on i. The face's mutex is held.
func (f *Face) note(i *instance, kind, user string) *sqladmin.Operation {
	op := &sqladmin.Operation{
		Kind: "sql#operation", Name: uuid.NewString(), OperationType: kind, Status: statusPending,
		TargetId: i.Instance.Name, TargetProject: i.Instance.Project, InsertTime: now(), User: user,
	}
	f.operations = append(f.operations, op)
	if n := len(f.operations) - keepOperations; n > 0 {
		f.operations = f.operations[n:]
	}
	return op
}

// finish ends an operation. The face's mutex is held.
func (f *Face) finish(i *instance, op *sqladmin.Operation, err error) {
	op.Status, op.EndTime = statusDone, now()
	if op.StartTime == "" {
		op.StartTime = op.EndTime
	}
	if err != nil {
		op.Error = operationError(err)
		f.opt.Log.Warn("Cloud SQL operation failed", "instance", i.key(), "operation", op.OperationType, "error", err)
	}
	for _, x := range f.instances { // a switchover keeps a primary and all its replicas busy
		if x.busy == op.Name {
			x.busy = ""
		}
	}
	f.saveOperations()
}

func operationError(err error) *sqladmin.OperationErrors {
	code, message := "INTERNAL_ERROR", err.Error()
	if e := (*gapi.Error)(nil); errors.As(err, &e) {
		code, message = e.Status, e.Message
	}
	return &sqladmin.OperationErrors{Kind: "sql#operationErrors", Errors: []*sqladmin.OperationError{
		{Kind: "sql#operationError", Code: code, Message: message},
	}}
}

// operate runs do in the background as an operation on i and answers it as it begins. The face's mutex
// is held by the caller, not while do runs.
func (f *Face) operate(c *call, i *instance, kind string, do func(context.Context) error) *sqladmin.Operation {
	op := f.begin(i, kind)
	answer := c.showOperation(op)
	f.work.Add(1)
	go func() {
		defer f.work.Done()
		ctx, cancel := context.WithTimeout(f.life, longest)
		defer cancel()
		f.mu.Lock()
		op.Status, op.StartTime = statusRunning, now()
		f.saveOperations()
		f.mu.Unlock()
		err := do(ctx)
		if err != nil && f.life.Err() != nil {
			err = errStopped
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		f.finish(i, op, err)
	}()
	return answer
}

// perform runs a short operation to its end before it is answered, as Cloud SQL does with users and
// databases: what PostgreSQL refuses is then refused at once. The face's mutex is held by the caller
// and released while do runs.
func (f *Face) perform(c *call, i *instance, kind string, do func(context.Context) error) (*sqladmin.Operation, error) {
	op := f.begin(i, kind)
	op.Status, op.StartTime = statusRunning, now()
	f.mu.Unlock()
	ctx, cancel := context.WithTimeout(c.Context(), time.Minute)
	defer cancel()
	err := do(ctx)
	f.mu.Lock()
	f.finish(i, op, err)
	if err != nil {
		return nil, err
	}
	return c.showOperation(op), nil
}

var errStopped = errors.New("the local cloud was stopped while the operation ran")

func (f *Face) operationsPath() string { return filepath.Join(f.opt.Dir, "operations.json") }

func (f *Face) saveOperations() {
	if err := gapi.Save(f.operationsPath(), f.operations); err != nil {
		f.opt.Log.Error("operations cannot be saved", "error", err)
	}
}

// loadOperations reads the operations; those that a crash cut off have failed.
func (f *Face) loadOperations() error {
	if err := gapi.Load(f.operationsPath(), &f.operations); err != nil {
		return err
	}
	for _, op := range f.operations {
		if op.Status != statusDone {
			op.Status, op.EndTime, op.Error = statusDone, now(), operationError(errStopped)
		}
	}
	return nil
}

// showOperation copies an operation for an answer. The face's mutex is held.
func (c *call) showOperation(op *sqladmin.Operation) *sqladmin.Operation {
	v := clone(op)
	v.SelfLink = c.link("projects", op.TargetProject, "operations", op.Name)
	v.TargetLink = c.link("projects", op.TargetProject, "instances", op.TargetId)
	return v
}

func (f *Face) getOperation(c *call) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, op := range f.operations {
		if op.Name == c.PathValue("operation") && op.TargetProject == c.project {
			return c.showOperation(op), nil
		}
	}
	return nil, gapi.Errorf(http.StatusNotFound, "NOT_FOUND", "operationDoesNotExist", "The Cloud SQL operation does not exist.")
}

func (f *Face) listOperations(c *call) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var items []*sqladmin.Operation
	for n := len(f.operations) - 1; n >= 0; n-- { // newest first
		op := f.operations[n]
		if want := c.FormValue("instance"); op.TargetProject != c.project || want != "" && want != op.TargetId {
			continue
		}
		items = append(items, c.showOperation(op))
	}
	items, next, err := page(c, items)
	if err != nil {
		return nil, err
	}
	return &sqladmin.OperationsListResponse{Kind: "sql#operationsList", Items: items, NextPageToken: next}, nil
}

// page cuts the page that the request asks for; the token is the number of items before it.
func page[T any](c *call, items []T) ([]T, string, error) {
	from, size := 0, 500
	for name, target := range map[string]*int{"pageToken": &from, "maxResults": &size} {
		text := c.FormValue(name)
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return nil, "", gapi.Invalid("Invalid value for %s: %q.", name, text)
		}
		*target = n
	}
	if size == 0 {
		size = 500
	}
	from = min(from, len(items))
	to := min(from+size, len(items))
	if to < len(items) {
		return items[from:to], strconv.Itoa(to), nil
	}
	return items[from:to], "", nil
}

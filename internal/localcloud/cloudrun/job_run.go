package cloudrun

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/cloudrun/runner"
)

// mostParallel bounds the tasks of one execution that this machine runs at a time, whatever the job asks for.
const mostParallel = 100

// start runs an execution's tasks to their end, or until it is stopped; op, if there is one, tells how it ended.
// What the end of the face interrupts stays as it is on disk, and goes on with the next start. f.mu is held.
func (f *Face) start(e *execution, op *operation) {
	ctx, cancel := context.WithCancel(f.ctx)
	e.cancel = cancel
	if e.Stopping != "" {
		cancel()
	}
	f.background.Go(func() {
		defer cancel()
		err := f.execute(ctx, e)
		f.mu.Lock()
		defer f.mu.Unlock()
		defer close(e.over)
		if f.ctx.Err() != nil && e.in(taskPending)+e.in(taskRunning) > 0 {
			if op != nil {
				op.fail(codeAborted, "the local cloud was stopped before the execution was complete")
			}
			return
		}
		e.conclude(err)
		f.keepJob(e.job)
		switch {
		case op == nil:
		case e.Done.State == succeeded:
			op.finish(typed("Execution", f.renderExecution(e)))
		case e.Stopping != "":
			op.fail(codeCancelled, e.Done.Message)
		default:
			op.fail(codeFailedPrecondition, e.Done.Message)
		}
	})
}

// execute runs the tasks. The error says why none could be.
func (f *Face) execute(ctx context.Context, e *execution) error {
	t := e.tasks()
	image, err := f.fetch(ctx, &e.Digest, t.GetContainers()[0].GetImage())
	if err != nil {
		return err
	}
	f.mu.Lock()
	if e.Started.IsZero() {
		e.Started = time.Now()
	}
	all, most := e.Tasks, len(e.Tasks)
	f.mu.Unlock()
	if e.Parallelism > 0 {
		most = int(e.Parallelism)
	}
	var running sync.WaitGroup
	defer running.Wait()
	places := make(chan struct{}, min(most, mostParallel))
	for _, x := range all {
		if x.ended() { // before the local cloud was started again
			continue
		}
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		running.Go(func() {
			defer func() { <-places }()
			f.runTask(ctx, e, x, t, image)
		})
	}
	return nil
}

// runTask attempts a task until it succeeds, may not be retried, or the execution ends.
func (f *Face) runTask(ctx context.Context, e *execution, x *task, t *runpb.TaskTemplate, image runner.Image) {
	for last := false; !last && ctx.Err() == nil; {
		f.mu.Lock()
		x.State, x.Scheduled = taskRunning, time.Now()
		if x.Started.IsZero() {
			x.Started = x.Scheduled
		}
		e.Updated = x.Scheduled
		number := x.Retried
		f.keepJob(e.job)
		f.mu.Unlock()

		result := f.attempt(ctx, e, x, number, t, image)

		f.mu.Lock()
		if ctx.Err() == nil {
			last = x.record(result, t.GetMaxRetries())
			e.Updated = time.Now()
			f.keepJob(e.job)
		}
		f.mu.Unlock()
	}
}

// attempt runs a task's process once.
func (f *Face) attempt(ctx context.Context, e *execution, x *task, number int32, t *runpb.TaskTemplate, image runner.Image) attempt {
	ctx, cancel := context.WithTimeout(ctx, t.GetTimeout().AsDuration())
	defer cancel()
	c := t.GetContainers()[0]
	exit, err := runner.Run(ctx, runner.Config{
		Name:       x.id(e),
		Image:      image,
		Command:    c.GetCommand(),
		Args:       c.GetArgs(),
		WorkingDir: c.GetWorkingDir(),
		Environ: func(ctx context.Context) ([]string, error) {
			env, err := f.variables(ctx, e.job.Project, t.GetServiceAccount(), c.GetEnv())
			return append(env, x.environOf(e, number)...), err
		},
		LogPath:    f.executionLog(e),
		PIDPath:    filepath.Join(f.jobHome(e.job), x.id(e)),
		Credential: f.opt.Credential,
		Log:        f.opt.Log,
	})
	var failure *runner.Failure
	out := attempt{Signal: int(exit.Signal)}
	switch {
	case errors.As(err, &failure) && failure.Reason == runner.ReasonSecrets:
		return attempt{Code: codeFailedPrecondition, Message: failure.Message, Reason: failure.Reason}
	case err != nil && ctx.Err() == nil:
		return attempt{Code: codeUnknown, Message: err.Error()}
	case out.Signal == 0 && err == nil:
		out.Exit = &exit.Code
	}
	switch {
	case ctx.Err() != nil: // however it took its SIGTERM
		out.Code, out.Message = codeDeadlineExceeded, "The configured timeout was reached."
	case out.Signal != 0:
		out.Code, out.Message = codeUnknown, fmt.Sprintf("The container was terminated by signal %d.", out.Signal)
	case exit.Code != 0:
		out.Code, out.Message = codeUnknown, fmt.Sprintf("The container exited with an error: exit code %d.", exit.Code)
	}
	return out
}

package provider

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// listAge is how long what a runtime told of its pipelines holds for the refresh of one of them. Terraform refreshes all of
// them one after another, and starts the provider anew for the apply.
const listAge = 30 * time.Second

// pipelineLists is what runtimes have told of their pipelines: a refresh of a hundred takes one call, and a runtime that does not
// answer is waited for once.
type pipelineLists struct {
	mu    sync.Mutex
	lists map[runtimeAddr]*pipelineList
}

type runtimeAddr struct{ endpoint, audience string }

type pipelineList struct {
	done   chan struct{} // closed when the rest is known
	asked  time.Time
	byName map[string]runtimeapi.Pipeline
	err    error
}

// get is a pipeline as the runtime has it, or an error for which runtimeapi.IsNotFound holds.
func (l *pipelineLists) get(ctx context.Context, client *runtimeapi.Client, at runtimeAddr, name string) (runtimeapi.Pipeline, error) {
	list := l.of(ctx, client, at)
	select {
	case <-list.done:
	case <-ctx.Done():
		return runtimeapi.Pipeline{}, context.Cause(ctx)
	}
	if list.err != nil {
		return runtimeapi.Pipeline{}, list.err
	}
	pipeline, ok := list.byName[name]
	if !ok {
		return pipeline, &runtimeapi.Error{Code: runtimeapi.CodeNotFound, Message: fmt.Sprintf("the runtime has no pipeline %q", name)}
	}
	return pipeline, nil
}

func (l *pipelineLists) of(ctx context.Context, client *runtimeapi.Client, at runtimeAddr) *pipelineList {
	l.mu.Lock()
	defer l.mu.Unlock()
	if list := l.lists[at]; list != nil && time.Since(list.asked) < listAge {
		return list
	}
	list := &pipelineList{done: make(chan struct{}), asked: time.Now()}
	if l.lists == nil {
		l.lists = map[runtimeAddr]*pipelineList{}
	}
	l.lists[at] = list
	go func() {
		defer close(list.done)
		// Whoever asked first may be interrupted; the others wait for the same answer. The client's patience ends it.
		pipelines, err := client.ListPipelines(context.WithoutCancel(ctx))
		list.err, list.byName = err, make(map[string]runtimeapi.Pipeline, len(pipelines))
		for _, p := range pipelines {
			list.byName[p.Name] = p
		}
	}()
	return list
}

// forget makes the next look a fresh one, after a change of our own.
func (l *pipelineLists) forget(at runtimeAddr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.lists, at)
}

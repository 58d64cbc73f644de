package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// advice is what was measured, and what follows from it.
type advice struct {
	Indexes struct {
		Proof      string   `json:"proof"`
		Statements int64    `json:"statements"`
		Missing    []string `json:"missing"`
		Useless    []string `json:"useless"`
		Problems   []string `json:"problems"`
	} `json:"indexes"`
	Capacity struct {
		Fits        bool  `json:"fits"`
		Connections int64 `json:"connections"`
		Available   int64 `json:"available_connections"`
		Sync        struct {
			PoolMax      *int64 `json:"pool_max"` // null, as what follows, when too little is known
			Concurrency  *int64 `json:"concurrency"`
			MinInstances *int64 `json:"min_instances"`
			MaxInstances *int64 `json:"max_instances"`
		} `json:"sync"`
	} `json:"capacity"`
}

// advise makes a plan in which an output says what was measured. Nothing is applied: the next plan would say something else.
func (r *report) advise(ctx context.Context, tf *terraform, out io.Writer) (err error) {
	if err := tf.set("advise", "true"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tf.set("advise", "false")) }()
	workspace := r.environment.Workspace
	plan := workspace + ".advice.tfplan"
	if err := tf.must(ctx, out, workspace, "plan", "-input=false", "-no-color", "-out="+plan); err != nil {
		return err
	}
	var planned struct {
		Values struct {
			Outputs outputs `json:"outputs"`
		} `json:"planned_values"`
	}
	if err := tf.json(ctx, workspace, &planned, "show", "-json", plan); err != nil {
		return err
	}
	r.advice = planned.Values.Outputs.Advice.Value
	switch given := r.advice; {
	case given == nil:
		return fmt.Errorf("workspace %s: the plan gives no advice; see %s", workspace, tf.logs)
	case len(given.Indexes.Problems) > 0:
		return fmt.Errorf("workspace %s: %s", workspace, strings.Join(given.Indexes.Problems, " "))
	}
	return nil
}

// advised is what the advice says, where some was asked for.
func (r report) advised(say func(*advice) string) string {
	if r.advice == nil {
		return ""
	}
	return say(r.advice)
}

func (a *advice) indexes() string {
	return fmt.Sprintf("%d missing, %d in the way", len(a.Indexes.Missing), len(a.Indexes.Useless))
}

func (a *advice) proof() string {
	return fmt.Sprintf("%s, %d statements", a.Indexes.Proof, a.Indexes.Statements)
}

// capacity is what the runtime is to be set to.
func (a *advice) capacity() string {
	sync := a.Capacity.Sync
	if sync.PoolMax == nil {
		return "too little is known yet"
	}
	return fmt.Sprintf("pool %d, %d at once, %d to %d instances", *sync.PoolMax, *sync.Concurrency, *sync.MinInstances, *sync.MaxInstances)
}

func (a *advice) connections() string {
	return fmt.Sprintf("%d of %d", a.Capacity.Connections, a.Capacity.Available)
}

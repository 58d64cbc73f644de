package provider

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/feel-august/terraform-provider-august/internal/gcp"
	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudrun"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// Checks that a new revision has to pass beside those of its own self-test. Each has a name that an error can give.
const (
	checkReady    = "readyz"   // it says that it is ready
	checkControl  = "control"  // its control API answers this caller
	checkRevision = "revision" // what answers is this revision
	checkSelfTest = "selftest" // its self-test runs at all
)

// examiner tries a revision of the runtime out, called as the pipelines call it.
type examiner struct {
	clients  *clients
	audience string
	webhook  bool // it has the webhook's secret

	patience time.Duration // with what passes by itself: a start, a full house, a database that comes back
	every    time.Duration
}

// lookPatience bounds one look at a revision that is watched.
const lookPatience = 10 * time.Second

func newExaminer(c *clients, audience string, webhook bool) *examiner {
	return &examiner{clients: c, audience: audience, webhook: webhook, patience: 45 * time.Second, every: time.Second}
}

// Able implements cloudrun.Examiner.
func (e *examiner) Able(ctx context.Context) error {
	tokens, err := e.clients.IDToken(ctx, e.audience)
	if err == nil {
		_, err = tokens.Token()
	}
	if err != nil {
		return fmt.Errorf("a new revision could not be tried out, so none was made; set rollout.verify to false to do without: %w", err)
	}
	return nil
}

// Verify implements cloudrun.Examiner.
func (e *examiner) Verify(ctx context.Context, uri, revision string, progress cloudrun.Progress) error {
	client, err := e.clients.Runtime(ctx, uri, e.audience)
	if err != nil {
		return failed(checkControl, err)
	}
	client = client.WithPatience(e.patience)
	started := time.Now()
	for _, check := range []struct {
		name string
		run  func(context.Context) error
	}{
		{checkReady, func(ctx context.Context) error { return e.until(ctx, lookPatience, client.Ready) }},
		{checkRevision, func(ctx context.Context) error { return e.isRevision(ctx, client, revision) }},
		{checkSelfTest, func(ctx context.Context) error { return e.selfTest(ctx, client, revision) }},
		{runtimeapi.CheckWebhook, func(ctx context.Context) error {
			if !e.webhook {
				return nil
			}
			return e.until(ctx, lookPatience, client.Refuses)
		}},
	} {
		progress("trying out revision "+revision+": "+check.name, time.Since(started))
		if err := check.run(ctx); err != nil {
			return failed(check.name, err)
		}
	}
	return nil
}

// Watch implements cloudrun.Examiner.
func (e *examiner) Watch(ctx context.Context, uri string) error {
	client, err := e.clients.Runtime(ctx, uri, e.audience)
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, lookPatience)
		defer cancel()
		err = client.Ready(ctx)
	}
	if err != nil {
		return failed(checkReady, err)
	}
	return nil
}

// until asks until the answer is one to go by, and waits so long for each.
func (e *examiner) until(ctx context.Context, each time.Duration, ask func(context.Context) error) error {
	var err error
	for until := time.Now().Add(e.patience); ; {
		one, cancel := context.WithTimeout(ctx, each)
		err = ask(one)
		cancel()
		if !runtimeapi.IsUnavailable(err) || time.Now().After(until) || gcp.Sleep(ctx, e.every) != nil {
			return err
		}
	}
}

// isRevision asks what is running: what answers at the address could be another revision, or no runtime at all. Until a
// revision is ready its tag leads to the one before, and Cloud Run's front ends do not all hear of the change at once.
func (e *examiner) isRevision(ctx context.Context, client *runtimeapi.Client, revision string) error {
	for until := time.Now().Add(e.patience); ; {
		info, err := client.Info(ctx)
		switch {
		case err != nil:
			return failed(checkControl, err)
		case info.Revision == revision:
			return nil
		case time.Now().After(until) || gcp.Sleep(ctx, e.every) != nil:
			return fmt.Errorf("revision %q answers at its address", info.Revision)
		}
	}
}

// selfTest has the revision try itself out; again when the network has lost the answer, for it does no harm twice.
func (e *examiner) selfTest(ctx context.Context, client *runtimeapi.Client, revision string) error {
	var result runtimeapi.SelfTest
	err := e.until(ctx, e.patience, func(ctx context.Context) (err error) {
		result, err = client.SelfTest(ctx)
		return err
	})
	if runtimeapi.IsNotFound(err) {
		tflog.Warn(ctx, "the runtime is too old to test itself: a new revision takes over without", map[string]any{"revision": revision})
		return nil
	}
	if err != nil {
		return err
	}
	for _, check := range result.Checks {
		tflog.Info(ctx, "the revision has tested itself", map[string]any{
			"revision": revision, "check": check.Name, "outcome": check.Outcome, "took": check.Elapsed.Round(time.Millisecond).String(),
		})
	}
	var names, details []string
	for _, check := range result.Failed() {
		names = append(names, check.Name)
		details = append(details, check.Detail)
	}
	if names == nil {
		return nil
	}
	return &cloudrun.CheckError{Check: strings.Join(names, ", "), Detail: strings.Join(details, "; ")}
}

// failed is the failure of a check, unless it has a name already.
func failed(check string, err error) error {
	var named *cloudrun.CheckError
	if errors.As(err, &named) {
		return named
	}
	return &cloudrun.CheckError{Check: check, Detail: err.Error()}
}

var _ cloudrun.Examiner = (*examiner)(nil)

package runtimeapi

import (
	"context"
	"net/http"
	"time"
)

// PathSelfTest has a runtime try out what it is there for: POST → SelfTest. A rollout asks a new revision at its tag's
// address before any traffic goes there.
const PathSelfTest = "/v1/selftest"

// SelfTest is how a runtime fared when it tried itself out.
type SelfTest struct {
	Info   Info        `json:"info"`
	Checks []SelfCheck `json:"checks"`
}

// Checks of a self-test.
const (
	CheckDatabase = "database" // a session on a primary that takes writes
	CheckSchema   = "schema"   // every migration that this build knows is applied
	CheckWebhook  = "webhook"  // a delivery of its own making, with its own secret, was received, kept and settled
)

// Outcomes of a check.
const (
	OutcomePassed  = "passed"
	OutcomeFailed  = "failed"
	OutcomeSkipped = "skipped" // there is nothing to try: a runtime without the webhook's secret receives none
)

// SelfCheck is one thing that a runtime tried.
type SelfCheck struct {
	Name    string        `json:"name"`
	Outcome string        `json:"outcome"`
	Detail  string        `json:"detail,omitempty"` // why it did not pass and what to do; no secret, no patient's data
	Elapsed time.Duration `json:"elapsed_ns"`
}

// Failed is the checks that did not pass.
func (s SelfTest) Failed() []SelfCheck {
	var failed []SelfCheck
	for _, c := range s.Checks {
		if c.Outcome == OutcomeFailed {
			failed = append(failed, c)
		}
	}
	return failed
}

// SelfTest has the runtime try itself out. It changes nothing but a row of the webhook's inbox that housekeeping removes.
func (c *Client) SelfTest(ctx context.Context) (SelfTest, error) {
	return call[SelfTest](ctx, c, http.MethodPost, PathSelfTest, nil)
}

package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// What a rollout asks of a new revision, through the process as it ships.
func TestServe_selfTest(t *testing.T) {
	t.Parallel()
	b := setup(t, 10)
	p := b.start("serve").ready()
	got, err := b.client(p).SelfTest(t.Context())
	if err != nil || len(got.Failed()) > 0 || len(got.Checks) != 3 || got.Info.Revision != b.env["K_REVISION"] {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, c := range got.Checks {
		if c.Outcome != runtimeapi.OutcomePassed {
			t.Errorf("%s is %s: %s", c.Name, c.Outcome, c.Detail)
		}
	}
	// That delivery was one of the inbox's batches, and the process has connections that it has seen itself.
	var seen runtimeapi.Measures
	for deadline := time.Now().Add(time.Minute); seen.All == nil || len(seen.Batches) == 0; time.Sleep(50 * time.Millisecond) {
		if seen, err = b.client(p).Measures(t.Context(), time.Hour); err != nil || time.Now().After(deadline) {
			t.Fatalf("measures %+v, %v", seen, err)
		}
	}
	own := slices.IndexFunc(seen.Roles, func(r runtimeapi.RoleMeasures) bool { return r.Role == b.db.User })
	if seen.Batches[0].Source != "inbox" || seen.Batches[0].Largest != 1 || own < 0 || seen.Roles[own].Connections < 1 || seen.Pool.Max < 1 {
		t.Errorf("measures %+v", seen)
	}
	delete(b.env, "AUGUST_DRCHRONO_WEBHOOK_SECRET")
	p.stop()
	deaf := b.start("serve").ready()
	without, err := b.client(deaf).SelfTest(t.Context())
	if err != nil || without.Checks[2].Outcome != runtimeapi.OutcomeSkipped {
		t.Errorf("without a webhook: %+v, %v", without, err)
	}
	deaf.stop()
	answer, _ := json.Marshal(got)
	b.clean("the answer", string(answer))
	b.clean("the log", p.log())
	b.clean("the log", deaf.log())
	if strings.Contains(p.log(), "not known to send") {
		t.Error("the runtime warns of its own delivery")
	}
}

package control

import (
	"context"
	"testing"

	"golang.org/x/oauth2"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

type fakeTester []runtimeapi.SelfCheck

func (f fakeTester) Checks(context.Context) []runtimeapi.SelfCheck { return f }

// A check that fails is an answer, not a failure of the call.
func TestSelfTest(t *testing.T) {
	t.Parallel()
	b := setup(t)
	want := fakeTester{
		{Name: runtimeapi.CheckDatabase, Outcome: runtimeapi.OutcomePassed},
		{Name: runtimeapi.CheckSchema, Outcome: runtimeapi.OutcomeFailed, Detail: "synthetic"},
		{Name: runtimeapi.CheckWebhook, Outcome: runtimeapi.OutcomeSkipped},
	}
	b.server.Ready(Backend{Pipelines: &fake{}, Probes: &fakeProbes{}, Shelf: &fakeShelf{}, Tester: want, Schema: fakeSchema{}, Info: runtimeapi.Info{Revision: "sync-00002-abc"}})
	c := runtimeapi.NewClient(b.url, oauth2.StaticTokenSource(&oauth2.Token{AccessToken: b.token(t, b.key, nil)}), nil)
	got, err := c.SelfTest(t.Context())
	if err != nil || got.Info.Revision != "sync-00002-abc" || len(got.Checks) != 3 {
		t.Fatalf("%+v, %v", got, err)
	}
	if failed := got.Failed(); len(failed) != 1 || failed[0] != want[1] {
		t.Errorf("failed: %+v", failed)
	}
}

package provider

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"google.golang.org/api/run/v2"
)

// steadily is a rollout that is over as soon as nothing is amiss.
const steadily = "public = true\n rollout = { steps = [10, 50] }\n"

// A revision that fails is abandoned, by name and with the reason, whether it is Cloud Run that finds it amiss or a check.
// Traffic never moves, the next plan shows it, and a good image goes forward. Traffic that was moved by hand is no other
// matter: it is shown, and put right by the revision that is there.
func TestAccSyncRuntime_abandons(t *testing.T) {
	t.Parallel()
	r := newRuntimeRig(t, "rt-abandons")
	good := r.config(r.image, steadily)
	var first, failed, forward string
	var customers *customer
	// held says that the first revision alone serves, and has served well.
	held := func() {
		t.Helper()
		if got := r.shares(); got != first+" 100" {
			t.Errorf("traffic goes to %s, want %s alone", got, first)
		}
		if err := customers.content(); err != nil {
			t.Error(err)
		}
		failed = r.newest()
	}
	// again applies what has failed a second time: the plan shows why it has to, and it fails in the same way.
	again := func(config string, failure *regexp.Regexp, format string, args ...any) resource.TestStep {
		return resource.TestStep{
			PreConfig: held, Config: config,
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				expectChanged(runtimeAddress, "problem", "ready", "revision"),
				expectProblem(format, args...),
			}},
			ExpectError: failure,
		}
	}
	starts := regexp.MustCompile(`(?s)Sync runtime not updated.*rt-abandons-\S+\s+of\s+\S+\s+was\s+abandoned,\s+for\s+it\s+failed\s+the\s+check\s+"start-up".` +
		`*Traffic\s+stays\s+with\s+the\s+revision\s+before\s+it.*startup\s+probe\s+\(HTTP\s+GET\s+/readyz\s+on\s+port\s+8080\)\s+failed.*HEALTH_CHECK_CONTAINER_ERROR`)
	tests := regexp.MustCompile(`(?s)Sync runtime not updated.*failed\s+the\s+check\s+"schema".*migration\s+7\s+is\s+missing`)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		CheckDestroy:             func(*terraform.State) error { r.gone(); return nil },
		Steps: []resource.TestStep{
			{ // the first one leaves nothing behind
				Config:      r.config(r.dud, steadily),
				ExpectError: regexp.MustCompile(`(?s)Sync runtime not deployed.*did\s+not\s+become\s+ready.*nothing\s+is\s+left\s+behind`),
			},
			{
				PreConfig:   r.gone,
				Config:      r.config(r.impostor(), steadily),
				ExpectError: regexp.MustCompile(`(?s)Sync runtime not deployed.*failed\s+the\s+check\s+"schema".*nothing\s+is\s+left\s+behind`),
			},
			{
				PreConfig: r.gone,
				Config:    good,
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(runtimeAddress, plancheck.ResourceActionCreate)},
				},
				Check: func(*terraform.State) error {
					first, customers = r.newest(), r.customer()
					return nil
				},
			},
			{Config: r.config(r.dud, steadily), ExpectError: starts},
			again(r.config(r.dud, steadily), starts, `^Revision %s did not become ready, and was abandoned: (.|\n)*HEALTH_CHECK_CONTAINER_ERROR`, &failed),
			{PreConfig: held, Config: r.config(r.impostor(), steadily), ExpectError: tests},
			again(r.config(r.impostor(), steadily), tests,
				`^Revision %s was abandoned, for it failed schema: migration 7 is missing\nTraffic goes to %s, and not all of it to %s, the latest revision that is ready\.$`, &failed, &first, &failed),
			{ // forward
				PreConfig: func() {
					if again := r.newest(); again != failed {
						t.Errorf("revision %s was made, where %s was there to be tried out again", again, failed)
					}
					held()
				},
				Config:           good,
				ConfigPlanChecks: resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
				Check: func(*terraform.State) error {
					forward = r.newest()
					if got := r.shares(); got != forward+" 100" || forward == failed {
						return fmt.Errorf("traffic goes to %s, and the newest revision is %s", got, forward)
					}
					return customers.content()
				},
			},
			{ // back by hand
				PreConfig: func() {
					r.patch("traffic", &run.GoogleCloudRunV2Service{Traffic: []*run.GoogleCloudRunV2TrafficTarget{
						{Type: "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", Revision: first, Percent: 70, Tag: "by-hand"},
						{Type: "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", Revision: forward, Percent: 30},
					}})
				},
				Config: good,
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{
						expectChanged(runtimeAddress, "problem", "ready", "revision"),
						expectProblem(`^Traffic goes to .*%s \(70 %%\)`, &first),
					},
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
				Check: func(*terraform.State) error {
					if got := r.shares(); got != forward+" 100" {
						return fmt.Errorf("traffic goes to %s, want %s alone, and no new revision", got, forward)
					}
					return customers.content()
				},
			},
		},
	})
}

// An apply that is interrupted while a revision has a part of the traffic leaves it so; the next one goes on from there
// with the same revision. When somebody else deploys meanwhile, the apply ends and says so, and theirs stays.
func TestAccSyncRuntime_interrupted(t *testing.T) {
	t.Parallel()
	r := newRuntimeRig(t, "rt-interrupted")
	config := func(concurrency int, bake string) string {
		return r.config(r.image, fmt.Sprintf("public = true\n concurrency = %d\n rollout = {\n steps = [10, 60]\n bake_time = %q\n }\n timeouts = { update = \"10m\" }", concurrency, bake))
	}
	tenth := regexp.MustCompile(` 10 candidate`)
	factories, act := withMeddler()
	meddle := func(with meddler) func() { return func() { act.Store(&with) } }
	var first, second, theirs string
	var customers *customer
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories,
		Steps: []resource.TestStep{
			{Config: config(80, "4m"), Check: func(*terraform.State) error {
				first, customers = r.newest(), r.customer()
				return nil
			}},
			{
				PreConfig: meddle(func(ctx context.Context, interrupt context.CancelFunc) {
					if r.when(ctx, tenth) {
						interrupt()
					}
				}),
				Config:      config(60, "4m"),
				ExpectError: regexp.MustCompile(`The\s+run\s+was\s+interrupted`),
			},
			{
				PreConfig: func() {
					second = r.newest()
					if got := r.shares(); !strings.Contains(got, first+" 90") || !strings.Contains(got, second+" 10 candidate") {
						t.Errorf("the interruption left traffic to %s", got)
					}
				},
				Config: config(60, "0s"),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{
						plancheck.ExpectResourceAction(runtimeAddress, plancheck.ResourceActionUpdate),
						expectProblem(`^Traffic goes to .*%s \(10 %%\), and not all of it to %s`, &second, &second),
					},
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
				Check: func(*terraform.State) error {
					if got := r.shares(); got != second+" 100" {
						return fmt.Errorf("traffic goes to %s, want %s alone", got, second)
					}
					return customers.content()
				},
			},
			{ // somebody else
				PreConfig: meddle(func(ctx context.Context, _ context.CancelFunc) {
					if !r.when(ctx, tenth) {
						return
					}
					live := r.get()
					live.Template.Revision, live.Template.Labels = "", map[string]string{"by": "somebody-else"}
					r.patch("template", &run.GoogleCloudRunV2Service{Template: live.Template})
					theirs = r.newest()
				}),
				Config:      config(40, "10s"),
				ExpectError: regexp.MustCompile(`(?s)Somebody\s+else\s+changed\s+the\s+service.*its\s+newest\s+revision\s+is\s+rt-interrupted-`),
			},
			{
				PreConfig: func() {
					if got := r.newest(); got != theirs || theirs == "" {
						t.Errorf("the newest revision is %s, theirs was %q", got, theirs)
					}
					if got := r.get().Template.Labels["by"]; got != "somebody-else" {
						t.Error("their label has been overwritten")
					}
				},
				Config: config(40, "0s"),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{expectProblem(`^Traffic goes to .*, and not all of it to %s`, &theirs)},
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
				Check: func(*terraform.State) error {
					return errors.Join(customers.content(), func() error {
						if got := r.shares(); got != theirs+" 100" { // all that is declared is in theirs, too
							return fmt.Errorf("traffic goes to %s, want %s alone", got, theirs)
						}
						return nil
					}())
				},
			},
		},
	})
}

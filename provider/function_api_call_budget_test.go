package provider

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
)

func TestAPICallBudget_refuses(t *testing.T) {
	t.Parallel()
	p := newProtocol(t)
	billing := func(more some) some {
		s := some{"dataset": "billing", "schedule": "0 * * * *"}
		for name, value := range more {
			s[name] = value
		}
		return some{"a": s}
	}
	for _, tt := range []struct {
		name                   string
		application, pipelines any
		argument               int64
		want                   string
	}{
		{"no object", 500, billing(nil), 0, `application: this takes an object, not a number`},
		{"misspelt", some{"per_hour": 3}, billing(nil), 0, `application.per_hour: there is no such attribute; there are calls_per_hour, other_calls_per_hour, reserve_percent, visits, visits_per_day`},
		{"none", some{"calls_per_hour": 0}, billing(nil), 0, `application.calls_per_hour: this takes a whole number from 1 to 1000000, not 0`},
		{"all for others", some{"reserve_percent": 100}, billing(nil), 0, `application.reserve_percent: this takes a whole number from 0 to 90`},
		{"no dataset", some{}, some{"a": some{"schedule": "0 * * * *"}}, 1, `pipelines["a"]: dataset is missing`},
		{"another dataset", some{}, billing(some{"dataset": "weather"}), 1, `pipelines["a"].dataset: "weather" is no dataset; there are appointments, billing, labs, patients`},
		{"schedule", some{}, billing(some{"schedule": "hourly"}), 1, `pipelines["a"].schedule: "hourly" has 1 fields, not five`},
		{"object of another dataset", some{}, billing(some{"rows": some{"lab_results": 5}}), 1, `pipelines["a"].rows.lab_results: there is no such attribute; there are doctors, offices, appointments`},
		{"rows", some{}, billing(some{"rows": some{"line_items": "many"}}), 1, `pipelines["a"].rows.line_items: this takes a whole number from 0`},
		{"two names", some{}, billing(some{"name": "b"}), 1, `pipelines["a"].name: the key "a" is the name already`},
		{"no pipelines", some{}, "billing", 1, `pipelines: this takes a map or a list of objects, not a string`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := p.call("api_call_budget", tt.application, tt.pipelines)
			if err == nil {
				t.Fatal("no error")
			}
			if err.FunctionArgument == nil || *err.FunctionArgument != tt.argument || !strings.HasPrefix(err.Text, tt.want) {
				t.Errorf("got %q, argument %v; want %q, argument %d", err.Text, err.FunctionArgument, tt.want, tt.argument)
			}
		})
	}
}

func TestAPICallBudget_reads(t *testing.T) {
	t.Parallel()
	p := newProtocol(t)
	billing := some{"dataset": "billing", "schedule": "*/15 * * * *"}
	for _, tt := range []struct {
		name                   string
		application, pipelines any
		want                   some
	}{
		{"defaults", some{}, some{"a": billing}, some{"fits": true, "need": 64, "have": 500, "left": 436, "steady": 64, "full": 16, "full_hours": 1}},
		{"a list", some{"calls_per_hour": "40"}, []any{billing}, some{"fits": false, "need": 64, "left": -24, "full_hours": nil}},
		{"paused", some{}, some{"a": some{"dataset": "billing", "schedule": "* * * * *", "paused": true}}, some{"fits": true, "need": 0}},
		{"others", some{"other_calls_per_hour": 100}, some{"a": billing}, some{"need": 164, "steady": 164}},
		{"rows as given", some{}, some{"a": some{"dataset": "billing", "rows": some{"line_items": 100000, "transactions": nil}}}, some{"full": 16 - 2 + 200, "need": 0}},
		{"changed rows", some{}, some{"a": some{"dataset": "billing", "schedule": "0 6 * * *", "changed_rows": some{"patient_payments": 1000}}}, some{"need": 16 + 3, "steady": 1}},
		{"of visits", some{"visits": 100000}, some{"a": some{"dataset": "billing"}}, some{"full": 1 + 1 + 101*2 + 250*2 + 20 + 300*2 + 160 + 1 + 1 + 2}},
		{"none", some{}, some{}, some{"fits": true, "need": 0, "full": 0, "full_hours": 0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, funcErr := p.call("api_call_budget", tt.application, tt.pipelines)
			if funcErr != nil {
				t.Fatal(funcErr.Text)
			}
			result := object(t, got)
			for name, want := range tt.want {
				if expect := goValue(result[name].Type(), want); !result[name].Equal(expect) {
					t.Errorf("%s is %s, want %s", name, result[name], expect)
				}
			}
		})
	}
	for name, arguments := range map[string][2]any{
		"the limit":  {some{"calls_per_hour": unknown{}}, some{}},
		"a schedule": {some{}, some{"a": some{"dataset": "billing", "schedule": unknown{}}}},
	} {
		if got, err := p.call("api_call_budget", arguments[0], arguments[1]); err != nil || got.IsKnown() {
			t.Errorf("unknown %s: got %s, %v", name, got, err)
		}
	}
}

// What a person sees, through the real CLI: a plan that fails with the arithmetic, and one that fits.
func TestAccAPICallBudget(t *testing.T) {
	t.Parallel()
	config := func(schedule string) string {
		return `
locals {
  calls = provider::august::api_call_budget({}, { billing = { dataset = "billing", schedule = "` + schedule + `" } })
}
resource "terraform_data" "pipelines" {
  input = local.calls.left
  lifecycle {
    precondition {
      condition     = local.calls.fits
      error_message = local.calls.explanation
    }
  }
}`
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{Config: config("* * * * *"), ExpectError: asShown("worst hour (Monday 00:00 UTC): 960 of 500 calls, 460 too many; run billing every 2 minutes instead of 60 times an hour, " +
				"or have DrChrono raise the limit to at least 960 calls an hour")},
			{
				Config: config("*/2 * * * *"),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{plancheck.ExpectKnownValue("terraform_data.pipelines", tfjsonpath.New("input"), knownvalue.Int64Exact(20))},
				},
			},
		},
	})
}

// The documentation shows what the example comes to with labs every five minutes; so it must.
func TestAPICallBudget_documentation(t *testing.T) {
	t.Parallel()
	documented(t, "api_call_budget", "local.calls.explanation", "0 */6 * * *", "*/5 * * * *")
}

// The runtime refuses what its application's hour cannot carry, and Terraform shows it at the schedule.
func TestAccSyncPipeline_unaffordable(t *testing.T) {
	t.Parallel()
	r := newRuntimeRig(t, "rt-calls")
	config := func(schedule, paused string) string {
		c := r.pipeline("billing", "schedule = \""+schedule+"\"")
		c = strings.Replace(c, `oauth_secret = "drchrono-oauth"`, "oauth_secret = \"drchrono-oauth\"\n    calls_per_hour = 300\n    reserve_percent = 20", 1)
		return strings.Replace(c, "paused   = true", "paused = "+paused, 1)
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{Config: config("* * * * *", "false"), ExpectError: asShown("60 starts an hour × 14 = 840; worst hour (Monday 00:00 UTC): 840 of 300 calls, 540 too many; run billing every 3 minutes instead of 60 times an hour")},
			{
				Config: config("* * * * *", "true"),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
			},
			{
				Config: config("* * * * *", "true"), ResourceName: "august_sync_runtime.test", ImportState: true, ImportStateKind: resource.ImportBlockWithID,
			},
		},
	})
}

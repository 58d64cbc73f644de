package provider

import (
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"google.golang.org/api/option"
	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/advise"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest"
)

// dynamic makes a value as Terraform gives it to a dynamic parameter: every object is of a type of its own.
func dynamic(from any) tftypes.Value {
	switch from := from.(type) {
	case nil:
		return tftypes.NewValue(tftypes.DynamicPseudoType, nil)
	case unknown:
		return tftypes.NewValue(tftypes.DynamicPseudoType, tftypes.UnknownValue)
	case tftypes.Value:
		return from
	case int:
		return tftypes.NewValue(tftypes.Number, big.NewFloat(float64(from)))
	case float64:
		return tftypes.NewValue(tftypes.Number, big.NewFloat(from))
	case bool:
		return tftypes.NewValue(tftypes.Bool, from)
	case string:
		return tftypes.NewValue(tftypes.String, from)
	case map[string]any:
		types, values := map[string]tftypes.Type{}, map[string]tftypes.Value{}
		for name, v := range from {
			values[name] = dynamic(v)
			types[name] = values[name].Type()
		}
		return tftypes.NewValue(tftypes.Object{AttributeTypes: types}, values)
	case []any:
		var types []tftypes.Type
		var values []tftypes.Value
		for _, v := range from {
			values = append(values, dynamic(v))
			types = append(types, values[len(values)-1].Type())
		}
		return tftypes.NewValue(tftypes.Tuple{ElementTypes: types}, values)
	}
	panic(fmt.Sprintf("no value of %T", from))
}

// call calls a function with dynamic parameters.
func (p *protocol) call(name string, arguments ...any) (tftypes.Value, *tfprotov6.FunctionError) {
	p.t.Helper()
	req := &tfprotov6.CallFunctionRequest{Name: name}
	for _, argument := range arguments {
		v, err := tfprotov6.NewDynamicValue(tftypes.DynamicPseudoType, dynamic(argument))
		if err != nil {
			p.t.Fatal(err)
		}
		req.Arguments = append(req.Arguments, &v)
	}
	resp, err := p.server.CallFunction(p.t.Context(), req)
	if err != nil {
		p.t.Fatal(err)
	}
	if resp.Error != nil {
		return tftypes.Value{}, resp.Error
	}
	got, err := resp.Result.Unmarshal(p.schemas.Functions[name].Return.Type)
	if err != nil {
		p.t.Fatal(err)
	}
	return got, nil
}

type some = map[string]any

func TestConnectionBudget_refuses(t *testing.T) {
	t.Parallel()
	p := newProtocol(t)
	service := func(more some) some {
		s := some{"max_instances": 3, "pool_max": 4}
		for name, value := range more {
			s[name] = value
		}
		return some{"a b": s}
	}
	database := some{"tier": "db-custom-1-3840"}
	for _, tt := range []struct {
		name               string
		database, services any
		argument           int64
		want               string
	}{
		{"no object", "db-custom-1-3840", service(nil), 0, `database: this takes an object, not a string`},
		{"a list", []any{database}, service(nil), 0, `database: this takes an object, not a list`},
		{"nothing of the machine", some{"edition": "ENTERPRISE"}, service(nil), 0, `database: tier or max_connections is missing`},
		{"unknown tier", some{"tier": "db-huge"}, service(nil), 0, `database.tier: the tier "db-huge" is not known here, nor how large its machine is: give max_connections`},
		{"unknown attribute", some{"tier": "db-f1-micro", "reserve": 3}, service(nil), 0, `database.reserve: there is no such attribute; there are tier, max_connections, edition, reserved_connections, other_connections, pooling, replicas`},
		{"text for a number", some{"max_connections": "many"}, service(nil), 0, `database.max_connections: this takes a whole number from 1 to 262143, not "many"`},
		{"a bool for a number", some{"max_connections": true}, service(nil), 0, `database.max_connections: this takes a whole number, not a bool`},
		{"a fraction", some{"max_connections": 99.5}, service(nil), 0, `database.max_connections: this takes a whole number from 1 to 262143, not 99.5`},
		{"none", some{"max_connections": 0}, service(nil), 0, `database.max_connections: this takes a whole number from 1 to 262143, not 0`},
		{"beyond all numbers", some{"max_connections": 1e300}, service(nil), 0, `database.max_connections: this takes a whole number from 1 to 262143`},
		{"less than nothing", some{"max_connections": 100, "reserved_connections": -1}, service(nil), 0, `database.reserved_connections: this takes a whole number from 0`},
		{"a number for text", some{"tier": 5, "max_connections": 5}, service(nil), 0, `database.tier: this takes a string, not a number`},
		{"no edition", some{"max_connections": 100, "edition": "PLUS"}, service(nil), 0, `database.edition: "PLUS" is no edition; there are ENTERPRISE and ENTERPRISE_PLUS`},
		{"another edition", some{"tier": "db-custom-2-7680", "edition": "ENTERPRISE_PLUS"}, service(nil), 0, `database.edition: the tier db-custom-2-7680 is one of the edition ENTERPRISE, not ENTERPRISE_PLUS`},
		{"pooling on Enterprise", some{"tier": "db-custom-2-7680", "pooling": some{}}, service(nil), 0, `database.pooling: managed connection pooling is there in the edition ENTERPRISE_PLUS only`},
		{"pooling on a declared Enterprise", some{"max_connections": 100, "edition": "ENTERPRISE", "pooling": some{"poolers": 1}}, service(nil), 0, `database.pooling: managed connection pooling is there`},
		{"unknown number of poolers", some{"max_connections": 100, "pooling": some{}}, service(nil), 0, `database.pooling: how many poolers there are follows from the tier: give poolers`},
		{"within pooling", some{"max_connections": 100, "pooling": some{"poolers": 1, "max_pool_size": 0}}, service(nil), 0, `database.pooling.max_pool_size: this takes a whole number from 1`},
		{"unknown within pooling", some{"max_connections": 100, "pooling": some{"pool_size": 1}}, service(nil), 0, `database.pooling.pool_size: there is no such attribute`},
		{"replica", some{"max_connections": 100, "replicas": some{"dr": some{}}}, service(nil), 0, `database.replicas["dr"]: tier or max_connections is missing`},
		{"replica's tier", some{"max_connections": 100, "replicas": []any{some{"tier": "x"}}}, service(nil), 0, `database.replicas[0].tier: the tier "x" is not known here`},

		{"no services", database, 5, 1, `services: this takes a map or a list of objects, not a number`},
		{"no objects", database, []any{5}, 1, `services[0]: this takes an object, not a number`},
		{"null", database, some{"a": nil}, 1, `services["a"]: this takes an object, not null`},
		{"nothing said", database, some{"a": some{"pool_max": 1}}, 1, `services["a"]: max_instances is missing`},
		{"unbounded pool", database, service(some{"pool_max": nil}), 1, `services["a b"]: pool_max is missing`},
		{"no instance", database, service(some{"max_instances": 0}), 1, `services["a b"].max_instances: this takes a whole number from 1 to 10000, not 0`},
		{"negative", database, service(some{"pool_max": -4}), 1, `services["a b"].pool_max: this takes a whole number from 1 to 262143, not -4`},
		{"more at least than at most", database, service(some{"min_instances": 4}), 1, `services["a b"].min_instances: at least 4 instances cannot run where at most 3 may`},
		{"misspelt", database, service(some{"overlap": 4}), 1, `services["a b"].overlap: there is no such attribute; there are name, max_instances, pool_max, min_instances, processes, overlap_instances, job_connections, pooled`},
		{"pooled is no number", database, service(some{"pooled": 1}), 1, `services["a b"].pooled: this takes true or false, not a number`},
		{"pooled by nothing", database, service(some{"pooled": true}), 1, `services: a b is pooled, but the database has no pooling`},
		{"two names", database, service(some{"name": "b"}), 1, `services["a b"].name: the key "a b" is the name already, and "b" another one`},
		{"in a list", database, []any{some{"max_instances": 1, "pool_max": 1}, some{"max_instances": 1, "pool_max": "x"}}, 1, `services[1].pool_max: this takes`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := p.call("connection_budget", tt.database, tt.services)
			if err == nil {
				t.Fatal("no error")
			}
			if err.FunctionArgument == nil || *err.FunctionArgument != tt.argument || !strings.HasPrefix(err.Text, tt.want) || strings.HasSuffix(err.Text, ".") {
				t.Errorf("got %q, argument %v; want %q, argument %d", err.Text, err.FunctionArgument, tt.want, tt.argument)
			}
		})
	}
}

func TestConnectionBudget_reads(t *testing.T) {
	t.Parallel()
	p := newProtocol(t)
	typed := func(inner some) tftypes.Value { // a map(object), as a typed variable has it
		v := dynamic(inner)
		return tftypes.NewValue(tftypes.Map{ElementType: v.Type()}, map[string]tftypes.Value{"a": v})
	}
	one := some{"max_instances": 10, "pool_max": 4}
	for _, tt := range []struct {
		name               string
		database, services any
		want               some // what of the result is looked at
	}{
		{
			"tier and map", some{"tier": "db-custom-1-3840"}, some{"a": one},
			some{"fits": true, "need": 59, "have": 100, "left": 41, "poolers": nil, "clients": nil, "max_clients": nil, "backends": nil},
		},
		{"list", some{"max_connections": 58}, []any{one}, some{"fits": false, "need": 59, "have": 58, "left": -1}},
		{"typed map", some{"max_connections": 59}, typed(one), some{"fits": true, "left": 0}},
		{"numbers as strings", some{"max_connections": "200"}, some{"a": some{"max_instances": "10", "pool_max": "4"}}, some{"need": 59, "have": 200}},
		{
			"nulls are left out", some{"max_connections": 100, "tier": nil, "pooling": nil, "replicas": nil, "edition": tftypes.NewValue(tftypes.String, nil)},
			some{"a": some{"max_instances": 10, "pool_max": 4, "processes": nil, "pooled": nil, "overlap_instances": nil}}, some{"need": 59},
		},
		{
			"everything", some{"max_connections": 100, "reserved_connections": 3, "other_connections": 2},
			some{"a": some{"max_instances": 2, "pool_max": 4, "processes": 3, "min_instances": 2, "overlap_instances": 0, "job_connections": 5}}, some{"need": 34},
		},
		{"no services", some{"max_connections": 100}, some{}, some{"need": 15}},
		{"an empty list", some{"max_connections": 100}, []any{}, some{"need": 15}},
		{
			"pooling", some{"tier": "db-perf-optimized-N-8", "pooling": some{"max_pool_size": 20}},
			some{"a": some{"max_instances": 100, "pool_max": 10, "pooled": true}, "b": one},
			some{"fits": true, "need": 2*20 + 1 + 44 + 15, "have": 800, "poolers": 2, "clients": 1010, "max_clients": 10000, "backends": 40},
		},
		{"replica", some{"max_connections": 100, "replicas": some{"dr": some{"tier": "db-g1-small"}}}, some{}, some{"fits": false, "left": 85}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, funcErr := p.call("connection_budget", tt.database, tt.services)
			if funcErr != nil {
				t.Fatal(funcErr.Text)
			}
			result := object(t, got)
			for name, want := range tt.want {
				if expect := goValue(result[name].Type(), want); !result[name].Equal(expect) {
					t.Errorf("%s is %s, want %s", name, result[name], expect)
				}
			}
			var lines []tftypes.Value
			var text string
			if err := result["lines"].As(&lines); err != nil {
				t.Fatal(err)
			}
			if err := result["explanation"].As(&text); err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(text, "\n") + 1; n != len(lines) || n < 3 {
				t.Errorf("%d lines, and an explanation of %d:\n%s", len(lines), n, text)
			}
		})
	}
}

func TestConnectionBudget_unknown(t *testing.T) {
	t.Parallel()
	p := newProtocol(t)
	known := some{"max_connections": 100}
	for name, arguments := range map[string][2]any{
		"within the database":  {some{"max_connections": unknown{}}, some{}},
		"deep in the services": {known, []any{some{"max_instances": 1, "pool_max": unknown{}}}},
		"the services":         {known, unknown{}},
		"though all is wrong":  {some{"no": "such", "thing": unknown{}}, 5},
	} {
		got, err := p.call("connection_budget", arguments[0], arguments[1])
		if err != nil || got.IsKnown() {
			t.Errorf("%s: got %s, %v", name, got, err)
		}
	}
}

// What a person sees, through the real CLI: a plan that fails with the arithmetic, a warning of a check, a value.
func TestAccConnectionBudget(t *testing.T) {
	t.Parallel()
	config := func(maxInstances int, more string) string {
		return fmt.Sprintf(`
variable "services" {
  type = map(object({ max_instances = number, pool_max = number, processes = optional(number) }))
  default = {
    august-sync = { max_instances = %d, pool_max = 4 }
  }
}

locals {
  budget = provider::august::connection_budget({ tier = "db-custom-1-3840" }, var.services)
}
%s`, maxInstances, more)
	}
	const guarded = `
resource "terraform_data" "deploy" {
  input = local.budget.left
  lifecycle {
    precondition {
      condition     = local.budget.fits
      error_message = local.budget.explanation
    }
  }
}
`
	const checked = `
check "connections" {
  assert {
    condition     = local.budget.fits
    error_message = local.budget.explanation
  }
}
output "need" { value = local.budget.need }
`
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{
				Config: config(28, guarded),
				ExpectError: asShown("max_connections: 100, the default of db-custom-1-3840 " +
					"august-sync: 28 instances × 4 = 112 " +
					"august-sync, while a new revision is rolled out: 1 instance × 4 = 4 " +
					"reserved: 3 for superusers + about 12 for Cloud SQL itself = 15 " +
					"need 131 of 100: 31 too many; lower pool_max to 2, or lower max_instances to 20, " +
					"or raise max_connections to at least 131 (restarts the database), or take a tier with at least 6144 MB of memory (max_connections then is 200)"),
			},
			{
				Config: config(20, guarded),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{plancheck.ExpectKnownValue("terraform_data.deploy", tfjsonpath.New("input"), knownvalue.Int64Exact(1))},
				},
			},
			{ // a check only warns
				Config:            config(28, checked),
				ConfigStateChecks: []statecheck.StateCheck{statecheck.ExpectKnownOutputValue("need", knownvalue.Int64Exact(131))},
			},
			{
				Config:      config(28, `output "x" { value = provider::august::connection_budget({ tier = "db-huge" }, {}) }`),
				ExpectError: asShown(`Invalid value for "database" parameter: database.tier: the tier "db-huge" is not known here, nor how large its machine is: give max_connections.`),
			},
			{ // what this apply makes is waited for
				Config: config(1, `
resource "terraform_data" "max" { input = "50" }
locals {
  later = provider::august::connection_budget({ max_connections = terraform_data.max.output }, var.services)
}
resource "terraform_data" "deploy" {
  lifecycle {
    precondition {
      condition     = local.later.fits
      error_message = local.later.explanation
    }
  }
}
output "left" { value = local.later.left }
`),
				ConfigStateChecks: []statecheck.StateCheck{statecheck.ExpectKnownOutputValue("left", knownvalue.Int64Exact(50-4-4-15))},
			},
		},
	})
}

// Every function has an example, which is valid and says what it says it does.
func TestFunctions_examples(t *testing.T) {
	t.Parallel()
	p := newProtocol(t)
	terraform := terraformWithProvider(t)
	for name, function := range p.schemas.Functions {
		if !strings.HasSuffix(function.Description, ".") || !strings.HasSuffix(function.Summary, ".") {
			t.Errorf("%s: description or summary does not end with a period", name)
		}
		for _, parameter := range function.Parameters {
			if !strings.HasSuffix(parameter.Description, ".") {
				t.Errorf("%s: the description of %s does not end with a period", name, parameter.Name)
			}
		}
		dir := t.TempDir()
		copyExample(t, dir, "../examples/provider/provider.tf", "provider.tf")
		copyExample(t, dir, "../examples/functions/"+name+"/function.tf", "function.tf")
		if out, err := terraform(dir, "validate", "-no-color"); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// documented plans the example of a function with something changed in it, and wants the plan to say what its page shows.
func documented(t *testing.T, function, explanation, is, other string) {
	t.Helper()
	example, err := os.ReadFile("../examples/functions/" + function + "/function.tf")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../docs/functions/" + function + ".md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```text\n")
	shown, _, _ := strings.Cut(rest, "\n```")
	budget, _, found := strings.Cut(string(example), "\nresource ")
	if !found || shown == "" || !strings.Contains(budget, is) {
		t.Fatal("the example or the page is not as this test knows them")
	}
	body := strings.Replace(budget, is, other, 1) + "\noutput \"explanation\" {\n  value = " + explanation + "\n}\n"
	dir := t.TempDir()
	copyExample(t, dir, "../examples/provider/provider.tf", "provider.tf")
	if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := terraformWithProvider(t)(dir, "plan", "-no-color")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for line := range strings.SplitSeq(shown, "\n") {
		if !strings.Contains(out, line) {
			t.Errorf("the plan does not say %q:\n%s", line, out)
		}
	}
}

// The documentation shows what the example comes to with twice as many instances of a service; so it must.
func TestConnectionBudget_documentation(t *testing.T) {
	t.Parallel()
	documented(t, "connection_budget", "local.connections.explanation", "max_instances = 20", "max_instances = 40")
}

// The function and the local cloud have each a table of machines, because neither may know the other. They must agree.
func TestAccConnectionBudget_tiers(t *testing.T) {
	t.Parallel()
	api, err := sqladmin.NewService(t.Context(), option.WithEndpoint(localtest.Shared(t).Endpoints.CloudSQL), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	list, err := api.Tiers.List(accProject).Do()
	if err != nil || len(list.Items) == 0 {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, theirs := range list.Items {
		if ours, err := advise.ParseTier(theirs.Tier); err != nil || ours.MemoryMB != theirs.RAM>>20 {
			t.Errorf("%s has %d MB there, and is %+v here (%v)", theirs.Tier, theirs.RAM>>20, ours, err)
		}
	}
}

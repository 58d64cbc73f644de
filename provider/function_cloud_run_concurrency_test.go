package provider

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

func TestCloudRunConcurrency(t *testing.T) {
	t.Parallel()
	p := newProtocol(t)
	load, instance := some{"requests_per_second": 0.5, "latency_ms": "200", "cpu_ms": 12.5}, some{"cpu": "1", "pool_max": 4}
	got, failed := p.call("cloud_run_concurrency", load, instance)
	if failed != nil {
		t.Fatal(failed.Text)
	}
	result := object(t, got)
	for name, want := range map[string]int{"concurrency": 4, "min_instances": 1, "max_instances": 1, "connections": 8} {
		if is := result[name]; !is.Equal(goValue(tftypes.Number, want)) {
			t.Errorf("%s is %s, want %d", name, is, want)
		}
	}
	if !result["fits"].Equal(goValue(tftypes.Bool, true)) {
		t.Error("it does not fit")
	}
	instance["connections"] = 7
	got, failed = p.call("cloud_run_concurrency", load, instance)
	if failed != nil || !object(t, got)["fits"].Equal(goValue(tftypes.Bool, false)) {
		t.Errorf("8 of 7 connections: %s, %v", got, failed)
	}
	instance["connections"] = unknown{}
	if got, failed = p.call("cloud_run_concurrency", load, instance); failed != nil || got.IsKnown() {
		t.Errorf("with something unknown: %s, %v", got, failed)
	}
}

func TestCloudRunConcurrency_refuses(t *testing.T) {
	t.Parallel()
	p := newProtocol(t)
	with := func(of, more some) some {
		all := maps.Clone(of)
		maps.Copy(all, more)
		return all
	}
	load, instance := some{"requests_per_second": 10, "latency_ms": 50, "cpu_ms": 5}, some{"cpu": 1, "pool_max": 4}
	for _, tt := range []struct {
		name           string
		load, instance any
		argument       int64
		want           string
	}{
		{"no object", 5, instance, 0, `load: this takes an object, not a number`},
		{"no rate", with(load, some{"requests_per_second": nil}), instance, 0, `load: requests_per_second is missing`},
		{"nothing to do", with(load, some{"requests_per_second": 0}), instance, 0, `load.requests_per_second: this takes a number from 0.001 to 100000, not 0`},
		{"no number", with(load, some{"latency_ms": "slow"}), instance, 0, `load.latency_ms: this takes a number from 0.001 to 3600000, not "slow"`},
		{"not a number", with(load, some{"latency_ms": "NaN"}), instance, 0, `load.latency_ms: this takes a number`},
		{"a bool", with(load, some{"cpu_ms": true}), instance, 0, `load.cpu_ms: this takes a number, not a bool`},
		{"beyond all numbers", with(load, some{"cpu_ms": 1e300}), instance, 0, `load.cpu_ms: this takes a number from`},
		{"more CPU than time", with(load, some{"cpu_ms": 51}), instance, 0, `load.cpu_ms: a request that takes 50 ms has at most 50 ms of CPU on this instance, not 51`},
		{"longer in the database than at all", with(load, some{"database_ms": 60}), instance, 0, `load.database_ms: a request that takes 50 ms cannot have a connection for 60 ms`},
		{"misspelt", with(load, some{"burst": 1}), instance, 0, `load.burst: there is no such attribute`},
		{"no processors", load, with(instance, some{"cpu": nil}), 1, `instance: cpu is missing`},
		{"too many", load, with(instance, some{"cpu": 16}), 1, `instance.cpu: this takes a number from 0.08 to 8, not 16`},
		{"no pool", load, with(instance, some{"pool_max": 0}), 1, `instance.pool_max: this takes a whole number from 1`},
		{"no target", load, with(instance, some{"cpu_target_percent": 100}), 1, `instance.cpu_target_percent: this takes a number from 10 to 95, not 100`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, failed := p.call("cloud_run_concurrency", tt.load, tt.instance)
			if failed == nil {
				t.Fatal("no error")
			}
			if failed.FunctionArgument == nil || *failed.FunctionArgument != tt.argument || !strings.Contains(failed.Text, tt.want) {
				t.Errorf("argument %v: %s", failed.FunctionArgument, failed.Text)
			}
		})
	}
}

// The example is one that a plan takes, and that reads as the documentation says when it does not fit.
func TestCloudRunConcurrency_example(t *testing.T) {
	t.Parallel()
	run := terraformWithProvider(t)
	body, err := os.ReadFile("../examples/functions/cloud_run_concurrency/function.tf")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../templates/functions/cloud_run_concurrency.md.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	_, documented, ok := strings.Cut(string(page), "```text\n")
	documented, _, _ = strings.Cut(documented, "```")
	if !ok || documented == "" {
		t.Fatal("the page shows no arithmetic")
	}
	const head = "terraform {\n  required_providers {\n    august = {\n      source = \"feel-august/august\"\n    }\n  }\n}\n"
	plan := func(config string) string {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(head+config), 0o600); err != nil {
			t.Fatal(err)
		}
		out, _ := run(dir, "plan", "-no-color")
		return out
	}
	if out := plan(string(body)); !strings.Contains(out, "concurrency   = 10") {
		t.Errorf("the example's plan: %s", out)
	}
	squeeze := func(s string) string {
		return strings.Join(strings.Fields(strings.ReplaceAll(s, "│", " ")), " ")
	}
	if out := plan(strings.Replace(string(body), "connections = 60", "connections = 20", 1)); !strings.Contains(squeeze(out), squeeze(documented)) {
		t.Errorf("with 20 connections the plan does not say\n%s\nbut\n%s", documented, out)
	}
}

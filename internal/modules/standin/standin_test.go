package standin

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
)

// All that was recorded is what Terraform can be told, and what was listed in whole is the same after it was packed.
func TestRecorded(t *testing.T) {
	t.Parallel()
	recorded, err := Recorded()
	if err != nil {
		t.Fatal(err)
	}
	got, err := server{recording: recorded}.GetProviderSchema(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	instance := got.ResourceSchemas["google_sql_database_instance"]
	if instance == nil {
		t.Fatal("no Cloud SQL instance among the resources")
	}
	settings := slices.IndexFunc(instance.Block.BlockTypes, func(b *tfprotov5.SchemaNestedBlock) bool { return b.TypeName == "settings" })
	if settings < 0 || instance.Block.BlockTypes[settings].Nesting != tfprotov5.SchemaNestedBlockNestingModeList || instance.Block.BlockTypes[settings].MaxItems != 1 {
		t.Errorf("the settings of an instance are %+v", instance.Block.BlockTypes)
	}
	var packed bytes.Buffer
	if err := recorded.Pack(&packed); err != nil {
		t.Fatal(err)
	}
	again, err := Unpack(packed.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if d := append(recorded.Differences(again), again.Differences(recorded)...); len(d) > 0 {
		t.Errorf("after packing: %q", d)
	}
}

const listing = `{"provider_schemas": {"registry.terraform.io/hashicorp/google": {
  "provider": {"version": 0, "block": {"attributes": {"project": {"type": "string", "description": "Prose.", "optional": true}}}},
  "resource_schemas": {
    "google_a": {"version": 1, "block": {"block_types": {"inner": {"nesting_mode": "set", "min_items": 1, "block": {"attributes": {"x": {"type": ["list", "string"], "required": true}}}}}}},
    "google_b": {"version": 0, "block": {"attributes": {"y": {"type": "bool", "optional": true, "computed": true}}}}
  }}}}`

// A type that has changed, or is gone, is a difference; another wording is none, and neither is what nobody uses.
func TestDifferences(t *testing.T) {
	t.Parallel()
	listed := func(old, now string) *Recording {
		t.Helper()
		if !strings.Contains(listing, old) {
			t.Fatalf("the listing has no %q", old)
		}
		r, err := Listed("hashicorp/google", "v1", []byte(strings.Replace(listing, old, now, 1)))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	used := listed("", "").Only(func(name string) bool { return name == "google_a" })
	for name, tt := range map[string]struct{ old, now, want string }{
		"the same":            {"", "", ""},
		"other words":         {"Prose.", "Better prose.", ""},
		"an unused one":       {`"google_b"`, `"google_c"`, ""},
		"another type":        {`["list", "string"]`, `["set", "string"]`, "resource google_a is another in"},
		"one that is gone":    {`"google_a"`, `"google_d"`, "resource google_a is not in"},
		"the provider's own":  {`"project"`, `"projects"`, "the provider's configuration"},
		"not required":        {`"required": true`, `"optional": true`, "resource google_a is another in"},
		"a block may be left": {`"min_items": 1`, `"min_items": 0`, "resource google_a is another in"},
	} {
		found := strings.Join(used.Differences(listed(tt.old, tt.now)), "\n")
		if (found == "") != (tt.want == "") || !strings.Contains(found, tt.want) {
			t.Errorf("%s: %q, want %q", name, found, tt.want)
		}
	}
}

// What is not a schema is refused with what to do, and what is no schema of protocol 5 is not served as one.
func TestRefused(t *testing.T) {
	t.Parallel()
	if _, err := (server{}).PlanResourceChange(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "mock_provider") {
		t.Errorf("a plan: %v", err)
	}
	for _, raw := range []string{
		`{"block": {"attributes": {"x": {"nested_type": {}}}}}`,
		`{"block": {"block_types": {"x": {"nesting_mode": "bag"}}}}`,
	} {
		if _, err := decode(json.RawMessage(raw)); err == nil || !strings.Contains(err.Error(), "protocol 5") {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

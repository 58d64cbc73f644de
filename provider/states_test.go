package provider

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// testdata/states holds, by release, states that it has written: one of each resource type, as they lie in a state file. A release
// reads those of all before it. What an older one did not know is null; the next read fills it in.
//
// An attribute that gets another type or meaning needs a new schema version: raise Version in the resource's schema, add the resource's
// UpgradeState with an upgrader from each version before, in a file named <resource>_upgrade.go, and leave the files here as they are:
// this test then goes through the upgrader. `go test ./provider -run TestAccExamples -states testdata/states/<version>` writes those of
// a new release.

var writeStates = flag.String("states", "", "folder to write the examples' states to")

// savedState is a resource as it lies in a state file.
type savedState struct {
	SchemaVersion int64           `json:"schema_version"`
	Attributes    json.RawMessage `json:"attributes"`
}

func TestStates(t *testing.T) {
	t.Parallel()
	p := newProtocol(t)
	// A provider that cannot be used yet keeps what there is: reading leaves the upgraded state as it is.
	noErrors(t, p.configure(map[string]any{"project": unknown{}, "access_token": unknown{}}))
	releases, err := filepath.Glob("testdata/states/*")
	if err != nil || len(releases) == 0 {
		t.Fatalf("no states: %v", err)
	}
	for _, release := range releases {
		files, err := filepath.Glob(release + "/*.json")
		if err != nil || len(files) == 0 {
			t.Errorf("%s has %d states: %v", release, len(files), err)
		}
		for _, file := range files {
			resource := filepath.Base(file[:len(file)-len(".json")])
			t.Run(filepath.Base(release)+"/"+resource, func(t *testing.T) {
				t.Parallel()
				upgraded, saved := p.upgrade(t, resource, file)
				if upgraded.IsNull() || !upgraded.IsFullyKnown() {
					t.Fatalf("upgraded to %s", upgraded)
				}
				for name, value := range object(t, upgraded) {
					if _, known := saved[name]; !known && !value.IsNull() {
						t.Errorf("%s was not known to that release, and is not null", name)
					}
				}
				dynamic, err := tfprotov6.NewDynamicValue(p.typeOf(resource), upgraded)
				if err != nil {
					t.Fatal(err)
				}
				read, err := p.server.ReadResource(t.Context(), &tfprotov6.ReadResourceRequest{TypeName: resource, CurrentState: &dynamic})
				if err != nil {
					t.Fatal(err)
				}
				noErrors(t, read.Diagnostics) // a warning that nobody answered is in its place
				if now := p.open(resource, read.NewState); !now.Equal(upgraded) {
					t.Errorf("read as %s", now)
				}
			})
		}
	}
}

// A state of every resource is kept from the first release that has it.
func TestStates_ofEveryResource(t *testing.T) {
	t.Parallel()
	for name := range newProtocol(t).schemas.ResourceSchemas {
		if found, err := filepath.Glob("testdata/states/*/" + name + ".json"); err != nil || len(found) == 0 {
			t.Errorf("no release's state of %s is kept: %v", name, err)
		}
	}
}

func (p *protocol) upgrade(t *testing.T, resource, file string) (upgraded tftypes.Value, saved map[string]json.RawMessage) {
	t.Helper()
	body, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var state savedState
	if err := json.Unmarshal(body, &state); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(state.Attributes, &saved); err != nil {
		t.Fatal(err)
	}
	resp, err := p.server.UpgradeResourceState(t.Context(), &tfprotov6.UpgradeResourceStateRequest{
		TypeName: resource, Version: state.SchemaVersion, RawState: &tfprotov6.RawState{JSON: state.Attributes},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range resp.Diagnostics {
		t.Fatalf("%s: %s", d.Summary, d.Detail)
	}
	return p.open(resource, resp.UpgradedState), saved
}

// saveStates writes the first of each resource type in a state file, with a registry that nobody will ever be.
func (c *cli) saveStates(folder, registry string) {
	c.t.Helper()
	body, err := os.ReadFile(filepath.Join(c.dir, "terraform.tfstate"))
	if err != nil {
		c.t.Fatal(err)
	}
	var state struct {
		Resources []struct {
			Mode, Type string
			Instances  []savedState
		}
	}
	if err := json.Unmarshal(body, &state); err != nil {
		c.t.Fatal(err)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		c.t.Fatal(err)
	}
	for _, r := range state.Resources {
		if r.Mode != "managed" {
			continue
		}
		text, err := json.MarshalIndent(r.Instances[0], "", "  ")
		if err == nil {
			text = bytes.ReplaceAll(append(text, '\n'), []byte(registry+"/"), []byte("127.0.0.1:1/"))
			err = os.WriteFile(filepath.Join(folder, r.Type+".json"), text, 0o600)
		}
		if err != nil {
			c.t.Fatal(err)
		}
	}
}

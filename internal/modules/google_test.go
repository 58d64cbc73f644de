package modules

import (
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest/conformance"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/toolchain"
	"github.com/feel-august/terraform-provider-august/internal/modules/standin"
)

// The same with hashicorp/google itself, which knows more than its schemas: members of enumerations, conflicts between arguments, and
// what it looks at during a plan.

func TestHashicorpGoogleModules(t *testing.T) {
	t.Parallel()
	testModules(t, newRig(t, conformance.GoogleFolder(t)))
}

func TestHashicorpGoogleExamples(t *testing.T) {
	t.Parallel()
	testExamples(t, newRig(t, conformance.GoogleFolder(t)))
}

// The stand-in is what hashicorp/google is, of all that the modules and examples use.
func TestHashicorpGoogleRecording(t *testing.T) {
	t.Parallel()
	now, err := standin.Ask(t.Context(), conformance.GoogleFolder(t), "in $"+toolchain.EnvGoogle)
	if err != nil {
		t.Fatal(err)
	}
	recorded, err := standin.Recorded()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, dir := range []string{"modules", "examples"} {
		copyTree(t, repository+"/"+dir, t.TempDir(), names)
	}
	used := recorded.Only(func(name string) bool { return names[name] })
	if len(used.Resources) == 0 {
		t.Error("no resource of hashicorp/google is used")
	}
	for _, difference := range used.Differences(now) {
		t.Errorf("%s: record it anew, by `go generate ./internal/modules/standin`", difference)
	}
}

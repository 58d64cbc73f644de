package conformance

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Gcloud is Google's own command line with a configuration of its own, for one group of commands.
type Gcloud struct {
	t     testing.TB
	group string
	env   []string
}

// NewGcloud answers gcloud for a project; env says where it finds the local cloud. A command takes gcloud about a second of CPU, so
// that it is not asked merely because it is installed.
func NewGcloud(t testing.TB, group, project string, env ...string) *Gcloud {
	t.Helper()
	if !Required() {
		missing(t, "gcloud is not asked")
	}
	if _, err := exec.LookPath("gcloud"); err != nil {
		missing(t, "gcloud is not installed")
	}
	return &Gcloud{t, group, append(append(os.Environ(),
		"CLOUDSDK_CONFIG="+t.TempDir(), "CLOUDSDK_CORE_PROJECT="+project, "CLOUDSDK_CORE_DISABLE_PROMPTS=1", "CLOUDSDK_AUTH_ACCESS_TOKEN=fake",
		"CLOUDSDK_CORE_DISABLE_USAGE_REPORTING=true", "CLOUDSDK_SURVEY_DISABLE_PROMPTS=1", "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK=true"), env...)}
}

// Try runs a command of the group; it answers its output, and its failure if it failed.
func (g *Gcloud) Try(args ...string) (string, error) {
	g.t.Helper()
	return run(g.t, "", g.env, "gcloud", append([]string{g.group}, args...)...)
}

// Run runs a command of the group, which ends the test when it fails.
func (g *Gcloud) Run(args ...string) string {
	g.t.Helper()
	out, err := g.Try(args...)
	if err != nil {
		g.t.Fatalf("gcloud %s %s: %v\n%s", g.group, strings.Join(args, " "), err, out)
	}
	return out
}

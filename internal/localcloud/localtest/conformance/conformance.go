// Package conformance holds the local cloud, and the provider, to clients of Google's APIs that this project did not
// write: gcloud, and Terraform with hashicorp/google.
//
// Their tests are for `make conformance`, which sets RequireVariable: one whose client is not there then fails. Otherwise they are skipped.
package conformance

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

// RequireVariable has tests whose client is not there fail instead of being skipped, when it is 1.
const RequireVariable = "AUGUST_TEST_REQUIRE_CLIENTS"

// Required tells whether tests have to have their clients.
func Required() bool { return os.Getenv(RequireVariable) == "1" }

// missing ends a test whose client is not there.
func missing(t testing.TB, why string) {
	t.Helper()
	if Required() {
		t.Fatal(why)
	}
	t.Skip(why + " (make conformance, which also runs on every pull request, does not skip this)")
}

// run runs a program to its end and returns what it printed.
func run(t testing.TB, dir string, env []string, name string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = dir, env, time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

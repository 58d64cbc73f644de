package provider

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
)

// A new value is a new version, by whose number the runtime refers to it: so it makes a new revision, while the version of the
// revision before can still be used.
func TestAccSecret_rotatesThroughRuntime(t *testing.T) {
	t.Parallel()
	r := newRuntimeRig(t, "rt-rotated")
	s := newSecretRig(t, "acc-secret-rotated")
	value := secretValue(t, r.cloud, "drchrono-oauth")
	config := func(value string) string {
		return strings.Replace(r.config(r.image, ""), `"drchrono-oauth"`, "august_secret.test.reference", 1) +
			strings.TrimPrefix(s.config(value, ""), providerBlock(r.cloud))
	}
	revisions := map[string]bool{}
	deployed := func(version, states string) resource.TestCheckFunc {
		return func(state *terraform.State) error {
			revisions[state.RootModule().Resources[runtimeAddress].Primary.Attributes["revision"]] = true
			if got := s.states(); got != states {
				return fmt.Errorf("the versions are %q, want %q", got, states)
			}
			for _, e := range r.get().Template.Containers[0].Env {
				if e.Name == envDrChronoOAuth && e.ValueSource.SecretKeyRef.Version == version {
					return nil
				}
			}
			return fmt.Errorf("the revision does not use version %s", version)
		}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{Config: config(value), Check: deployed("1", "1 enabled")},
			{Config: config(value + " "), Check: deployed("2", "1 enabled, 2 enabled")},
		},
	})
	if len(revisions) != 2 {
		t.Errorf("revisions %v, want another one for another value", revisions)
	}
}

// Neither the value nor a token is in what Terraform writes: plan, state, its private part, and the log at its most talkative.
func TestAccSecret_leaksNothing(t *testing.T) {
	t.Parallel()
	tf := newCLI(t)
	s := newSecretRig(t, "acc-secret-leak")
	const value, next, accessToken = "value-that-nobody-may-see", "next-that-nobody-may-see", "access-that-nobody-may-see"
	tf.write("main.tf", requireAugust+`
variable "value" {
  type      = string
  ephemeral = true
}
variable "access_token" {
  type      = string
  ephemeral = true
}
ephemeral "august_runtime_token" "test" {
  audience = "august-sync:p:r:n"
}
`+strings.NewReplacer(`"local"`, "var.access_token", `"placeholder"`, "var.value").Replace(s.config("placeholder", "")))
	logged := filepath.Join(tf.dir, "trace.log")
	cli := func(value string, args ...string) string {
		t.Helper()
		at := *tf
		at.env = append(slices.Clone(tf.env), "TF_LOG=trace", "TF_LOG_PATH="+logged, "TF_VAR_value="+value, "TF_VAR_access_token="+accessToken)
		return at.must(args...)
	}
	var seen strings.Builder
	for _, v := range []string{value, next} {
		seen.WriteString(cli(v, "plan", "-no-color", "-out=plan"))
		seen.WriteString(cli(v, "show", "-json", "plan"))
		seen.WriteString(cli(v, "apply", "-no-color", "plan"))
	}
	if err := s.holds("1 enabled, 2 enabled", next)(&terraform.State{}); err != nil {
		t.Error(err)
	}
	state := cli(next, "state", "pull")
	seen.WriteString(state)
	seen.WriteString(privateText(t, state))
	log, err := os.ReadFile(logged)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(log), "called Google") || !strings.Contains(string(log), ":addVersion") {
		t.Error("the log does not tell of the calls, so that it proves nothing")
	}
	seen.Write(log)
	for _, secret := range []string{value, next, accessToken} {
		for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret))} {
			if at := strings.Index(seen.String(), form); at >= 0 {
				t.Errorf("%s is seen: …%s", secret, seen.String()[max(0, at-200):at+len(form)])
			}
		}
	}
	if token := regexp.MustCompile(`eyJ[\w-]+\.eyJ[\w-]+`).FindStringIndex(seen.String()); token != nil {
		t.Errorf("an ID token is seen: …%s", seen.String()[max(0, token[0]-200):token[1]])
	}
	cli(next, "destroy", "-no-color", "-auto-approve")
}

// privateText is what the state holds for the provider alone, in plain text.
func privateText(t *testing.T, state string) string {
	t.Helper()
	var file struct {
		Resources []struct {
			Instances []struct{ Private []byte }
		}
	}
	if err := json.Unmarshal([]byte(state), &file); err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, r := range file.Resources {
		for _, i := range r.Instances {
			var parts map[string][]byte
			if err := json.Unmarshal(i.Private, &parts); err != nil {
				t.Fatal(err)
			}
			for _, part := range parts {
				all.Write(part)
			}
		}
	}
	if !strings.Contains(all.String(), `"salt"`) {
		t.Errorf("the private state has no digest: %s", all.String())
	}
	return all.String()
}

// Package secrets refers to secrets, asks whether they exist, and keeps those that are managed here. A value is in memory only for
// as long as it is compared or sent.
package secrets

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"google.golang.org/api/secretmanager/v1"

	"github.com/feel-august/terraform-provider-august/internal/gcp"
)

// Latest is the version that moves: the newest one at the time an instance starts.
const Latest = "latest"

// Ref is a reference to a version of a secret.
type Ref struct {
	Project string
	Name    string
	Version string
}

var (
	shortForm = regexp.MustCompile(`^([A-Za-z0-9_-]{1,255})(?::(latest|[1-9][0-9]*))?$`)
	longForm  = regexp.MustCompile(`^projects/([a-z0-9][a-z0-9.:-]*)/secrets/([A-Za-z0-9_-]{1,255})(?:/versions/(latest|[1-9][0-9]*))?$`)
)

// Forms is the accepted forms of a reference, for messages.
const Forms = `"name", "name:version" or "projects/project/secrets/name/versions/version"`

// Parse reads a reference. One that names no project means the given one; one that names no version
// means the latest.
func Parse(reference, project string) (Ref, error) {
	if m := shortForm.FindStringSubmatch(reference); m != nil {
		return Ref{Project: project, Name: m[1], Version: orLatest(m[2])}, nil
	}
	if m := longForm.FindStringSubmatch(reference); m != nil {
		return Ref{Project: m[1], Name: m[2], Version: orLatest(m[3])}, nil
	}
	return Ref{}, fmt.Errorf("%q does not refer to a secret; write %s", reference, Forms)
}

func orLatest(version string) string {
	if version == "" {
		return Latest
	}
	return version
}

// Short is the shortest form that means the same for a service of a project.
func (r Ref) Short(project string) string {
	switch {
	case r.Project != project:
		return r.String()
	case r.Version == Latest:
		return r.Name
	}
	return r.Name + ":" + r.Version
}

// Secret is the resource name of the secret.
func (r Ref) Secret() string { return "projects/" + r.Project + "/secrets/" + r.Name }

// String is the resource name of the version.
func (r Ref) String() string { return r.Secret() + "/versions/" + r.Version }

// Problem is why a version cannot be used.
type Problem string

// Error implements error.
func (p Problem) Error() string { return string(p) }

// Check asks whether a version exists and is enabled. The error is a Problem when it is not, and
// anything else when that could not be found out.
func Check(ctx context.Context, api *secretmanager.Service, ref Ref) error {
	var version *secretmanager.SecretVersion
	err := retry(ctx, func(ctx context.Context) (err error) {
		version, err = api.Projects.Secrets.Versions.Get(ref.String()).Context(ctx).Do()
		return err
	})
	if err == nil {
		if version.State != "ENABLED" {
			return Problem(fmt.Sprintf("version %s of secret %q in project %s is %s; enable it, add a new version, or name another one",
				ref.Version, ref.Name, ref.Project, lower(version.State)))
		}
		return nil
	}
	if gcp.KindOf(err) != gcp.NotFound {
		return fmt.Errorf("look up %s: %w", ref, err)
	}
	err = retry(ctx, func(ctx context.Context) error {
		_, err := api.Projects.Secrets.Get(ref.Secret()).Context(ctx).Do()
		return err
	})
	switch {
	case gcp.KindOf(err) == gcp.NotFound:
		return Problem(fmt.Sprintf("secret %q does not exist in project %s; create it with august_secret or choose another",
			ref.Name, ref.Project))
	case err != nil:
		return fmt.Errorf("look up %s: %w", ref.Secret(), err)
	case ref.Version == Latest:
		return Problem(fmt.Sprintf("secret %q in project %s has no version yet; add one with google_secret_manager_secret_version", ref.Name, ref.Project))
	}
	return Problem(fmt.Sprintf("secret %q in project %s has no version %s; add it with google_secret_manager_secret_version, or name another one",
		ref.Name, ref.Project, ref.Version))
}

func retry(ctx context.Context, fn func(context.Context) error) error {
	return gcp.Retry(ctx, 3*time.Second, fn, gcp.Throttled, gcp.Transient, gcp.Unavailable)
}

func lower(state string) string {
	switch state {
	case "DISABLED":
		return "disabled"
	case "DESTROYED":
		return "destroyed"
	}
	return "not enabled"
}

package delivery

import (
	"fmt"
	"slices"
)

// Rules say what a plan may do.
type Rules struct {
	// AllowDestroy are addresses of resources that may be deleted or replaced although they hold data.
	AllowDestroy []string
	// Promoted are the digests that were tried out, by the name that the configuration's output has for them. When it is not nil,
	// the plan must bring these and no others.
	Promoted map[string]string
	// Settled says that nothing may be left to do: it was applied, and holds.
	Settled bool
	// ImagesOutput is the root module's output that tells which images are deployed.
	ImagesOutput string
}

// Review is what may be told of a plan to whoever reads the pull request: addresses, actions and names of attributes.
type Review struct {
	Changes []Line
	Drift   []Line // changed since the last apply by something else
	Outputs []string
	Images  map[string]Image
	Refused []string // why the plan must not be applied, and what to do
}

// Line is one resource of a review.
type Line struct {
	Address    string
	Action     string
	Attributes []string // of an update
	HoldsData  bool
}

// holdsData are the types whose deletion loses what no apply brings back, or what must be kept by law.
var holdsData = []string{
	"august_secret",
	"google_artifact_registry_repository",
	"google_kms_crypto_key",
	"google_kms_key_ring",
	"google_logging_project_bucket_config",
	"google_project",
	"google_project_iam_audit_config",
	"google_pubsub_subscription",
	"google_pubsub_topic",
	"google_secret_manager_secret",
	"google_secret_manager_secret_version",
	"google_sql_database",
	"google_sql_database_instance",
	"google_storage_bucket",
}

// Review holds a plan against rules.
func (p Plan) Review(rules Rules) (Review, error) {
	r := Review{Changes: lines(p.ResourceChanges), Drift: lines(p.ResourceDrift)}
	for name, change := range p.OutputChanges {
		if change.Action() != "" {
			r.Outputs = append(r.Outputs, name)
		}
	}
	slices.Sort(r.Outputs)

	images, err := p.images(rules.ImagesOutput)
	if err != nil {
		return Review{}, err
	}
	r.Images = images

	r.refuseDestruction(rules.AllowDestroy)
	r.refuseOtherImages(rules)
	for _, check := range p.Checks {
		if check.Status == "fail" || check.Status == "error" {
			r.refuse("`%s` does not hold: `terraform plan` says why", check.Address.Display)
		}
	}
	if rules.Settled {
		for _, line := range r.Changes {
			r.refuse("`%s` is still to be changed (%s): what was applied has not stayed, or a rollout was abandoned. The next apply goes on; what failed is mended by a new commit",
				line.Address, line.Action)
		}
	}
	return r, nil
}

func (r *Review) refuse(format string, args ...any) {
	r.Refused = append(r.Refused, fmt.Sprintf(format, args...))
}

func lines(resources []Resource) (all []Line) {
	for _, resource := range resources {
		action := resource.Change.Action()
		if action == "" || resource.Mode == "data" {
			continue
		}
		line := Line{Address: resource.Address, Action: action, HoldsData: slices.Contains(holdsData, resource.Type)}
		if action == Update || action == Replace {
			line.Attributes = resource.Change.Attributes()
		}
		all = append(all, line)
	}
	return all
}

func (r *Review) refuseDestruction(allowed []string) {
	for _, line := range r.Changes {
		if line.HoldsData && (line.Action == Delete || line.Action == Replace) && !slices.Contains(allowed, line.Address) {
			r.refuse("`%s` holds data, and would be lost (%s). If that is meant, name the address in allow_destroy, in a commit that is reviewed", line.Address, line.Action)
		}
	}
}

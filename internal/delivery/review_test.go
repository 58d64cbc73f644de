package delivery_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/feel-august/terraform-provider-august/internal/delivery"
)

var (
	oneDigest   = "sha256:" + strings.Repeat("1", 64)
	otherDigest = "sha256:" + strings.Repeat("2", 64)
)

// planOf is a plan in Terraform's own format, of some resources and outputs.
func planOf(t *testing.T, members ...string) delivery.Plan {
	t.Helper()
	p, err := delivery.ParsePlan([]byte(`{"format_version": "1.2"` + strings.Join(append([]string{""}, members...), ", ") + `}`))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func changes(resources ...string) string {
	return `"resource_changes": [` + strings.Join(resources, ", ") + `]`
}

func resource(address, actions, before, after, unknown string) string {
	kind, _, _ := strings.Cut(address[strings.Index(address, "google_"):], ".")
	return fmt.Sprintf(`{"address": %q, "mode": "managed", "type": %q, "change": {"actions": [%s], "before": %s, "after": %s, "after_unknown": %s}}`,
		address, kind, actions, before, after, unknown)
}

func images(value string) string {
	return `"planned_values": {"outputs": {"images": {"sensitive": false, "value": ` + value + `}}}`
}

func review(t *testing.T, p delivery.Plan, rules delivery.Rules) delivery.Review {
	t.Helper()
	if rules.ImagesOutput == "" {
		rules.ImagesOutput = "images"
	}
	r, err := p.Review(rules)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A pull request can be read by more people than the state: of a plan it is told what changes, and to no purpose what it is or was.
func TestReview_tellsNoValue(t *testing.T) {
	t.Parallel()
	p := planOf(t,
		changes(
			resource("module.database.google_sql_database_instance.this", `"update"`, `{"name": "Jane Roe", "tier": "SECRET-before", "same": 1}`,
				`{"name": "Jane Roe", "tier": "SECRET-after", "same": 1, "added": {"SECRET-key": "SECRET"}}`, `{"address": true, "nested": {"SECRET-name": false}}`),
			resource("google_storage_bucket.new", `"create"`, `null`, `{"name": "SECRET-bucket"}`, `{}`),
			resource("google_project.kept", `"no-op"`, `{"a": "SECRET"}`, `{"a": "SECRET"}`, `{}`),
		),
		`"resource_drift": [`+resource("google_pubsub_topic.moved", `"update"`, `{"labels": "SECRET"}`, `{"labels": "SECRET-other"}`, `{}`)+`]`,
		`"output_changes": {"password": {"actions": ["update"], "before": "SECRET", "after": "SECRET-other"}, "still": {"actions": ["no-op"]}}`,
	)
	r := review(t, p, delivery.Rules{})
	var page strings.Builder
	if err := r.Markdown(&page, "staging"); err != nil {
		t.Fatal(err)
	}
	for _, leak := range []string{"SECRET", "Jane"} {
		if strings.Contains(page.String(), leak) {
			t.Errorf("the review tells %q:\n%s", leak, page.String())
		}
	}
	want := []delivery.Line{
		{Address: "module.database.google_sql_database_instance.this", Action: "update", Attributes: []string{"added", "address", "tier"}, HoldsData: true},
		{Address: "google_storage_bucket.new", Action: "create", HoldsData: true},
	}
	if diff := cmp.Diff(want, r.Changes); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	for _, part := range []string{
		"### staging: 1 to create, 1 to update\n", "| update | `module.database.google_sql_database_instance.this` | `added` `address` `tier` |",
		"since the last apply (1)", "`google_pubsub_topic.moved`", "Outputs that change: `password`\n",
	} {
		if !strings.Contains(page.String(), part) {
			t.Errorf("the review lacks %q:\n%s", part, page.String())
		}
	}
}

func TestReview_refuses(t *testing.T) {
	t.Parallel()
	replaced := resource(`google_sql_database_instance.this["main"]`, `"delete", "create"`, `{}`, `{}`, `{}`)
	deleted := resource("google_storage_bucket.audit", `"delete"`, `{}`, `null`, `{}`)
	bystander := resource("google_compute_address.nat", `"delete"`, `{}`, `null`, `{}`)
	one := `{"sync": "us-docker.pkg.dev/p/august/august-sync@` + oneDigest + `"}`
	for name, test := range map[string]struct {
		plan  []string
		rules delivery.Rules
		want  []string // how each reason begins; none: it may be applied
	}{
		"nothing to do":      {nil, delivery.Rules{Settled: true}, nil},
		"data":               {[]string{changes(replaced, deleted, bystander)}, delivery.Rules{}, []string{"`google_sql_database_instance.this[\"main\"]` holds data", "`google_storage_bucket.audit` holds data"}},
		"data, allowed":      {[]string{changes(replaced, deleted)}, delivery.Rules{AllowDestroy: []string{`google_sql_database_instance.this["main"]`}}, []string{"`google_storage_bucket.audit`"}},
		"left to do":         {[]string{changes(bystander)}, delivery.Rules{Settled: true}, []string{"`google_compute_address.nat` is still to be changed (delete)"}},
		"the same image":     {[]string{images(one)}, delivery.Rules{Promoted: map[string]string{"sync": oneDigest, "other": otherDigest}}, nil},
		"another image":      {[]string{images(one)}, delivery.Rules{Promoted: map[string]string{"sync": otherDigest}}, []string{"image `sync` would be"}},
		"an untried image":   {[]string{images(one)}, delivery.Rules{Promoted: map[string]string{"web": oneDigest}}, []string{"image `sync` is not among"}},
		"one image":          {[]string{images(`"r/web@` + oneDigest + `"`)}, delivery.Rules{Promoted: map[string]string{"image": otherDigest}}, []string{"image `image` would be"}},
		"no image told":      {nil, delivery.Rules{Promoted: map[string]string{"sync": oneDigest}}, []string{"nothing tells which images"}},
		"nothing was tried":  {[]string{images(one)}, delivery.Rules{Promoted: map[string]string{}}, []string{"image `sync` is not among"}},
		"an absent image":    {[]string{images(`{"sync": null, "web": "r/web@` + oneDigest + `"}`)}, delivery.Rules{Promoted: map[string]string{"web": oneDigest}}, nil},
		"a check that fails": {[]string{`"checks": [{"address": {"to_display": "check.slow_log"}, "status": "fail"}, {"address": {"to_display": "check.budget"}, "status": "pass"}, {"address": {"to_display": "check.later"}, "status": "unknown"}]`}, delivery.Rules{}, []string{"`check.slow_log` does not hold"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := review(t, planOf(t, test.plan...), test.rules).Refused
			if !slices.EqualFunc(got, test.want, strings.HasPrefix) {
				t.Errorf("refused %q, want %q", got, test.want)
			}
		})
	}
}

func TestReview_imagesAreKnownByDigest(t *testing.T) {
	t.Parallel()
	for _, value := range []string{`{"sync": "r/sync:v1"}`, `"r/sync@sha256:12"`, `{}`, `7`, `null`, `{"sync": ["r"]}`} {
		if _, err := planOf(t, images(value)).Review(delivery.Rules{ImagesOutput: "images"}); err == nil {
			t.Errorf("images %s: no error", value)
		}
	}
}

func TestParsePlan_refuses(t *testing.T) {
	t.Parallel()
	for document, want := range map[string]string{
		`{"format_version": "1.2", "errored": true}`: "ended with an error",
		`{"format_version": "2.0"}`:                  `"2.0"`,
		`{"version": 4, "serial": 1}`:                "format",
		`Terraform will perform`:                     "terraform show -json",
	} {
		if _, err := delivery.ParsePlan([]byte(document)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", document, err, want)
		}
	}
}

// What a configuration has named stays text in the comment, and however many resources there are, GitHub takes it.
func TestReview_markdownIsSafe(t *testing.T) {
	t.Parallel()
	lines := slices.Repeat([]delivery.Line{{Address: "a[\"` | # @team\n# no\"]", Action: "create"}, {
		Address: "module.observability.google_monitoring_alert_policy.burn[\"a_table_is_synced_in_full/fast\"]", Action: "update",
		Attributes: []string{"alert_strategy", "conditions", "documentation", "notification_channels"},
	}}, 1000)
	r := delivery.Review{Changes: lines, Drift: lines}
	var page strings.Builder
	if err := r.Markdown(&page, "staging"); err != nil {
		t.Fatal(err)
	}
	if page.Len() > 30_000 {
		t.Errorf("the review has %d characters", page.Len())
	}
	if !strings.Contains(page.String(), "| create | `a[\"' \\| # @team # no\"]` |  |\n") || !regexp.MustCompile(`and 1\d{3} more`).MatchString(page.String()) || !strings.Contains(page.String(), "and 2000 more") {
		t.Errorf("%.600s", page.String())
	}
}

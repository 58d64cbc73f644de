package provider

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudsql"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// Validators skip null and unknown values: what is not known is checked when it is.

func projectID() validator.String {
	return stringvalidator.RegexMatches(regexp.MustCompile(`^([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$`),
		"is no project id: 6 to 30 lower-case letters, digits and hyphens, such as \"feel-august-platform\" (not the project's number or display name)")
}

func regionName() validator.String {
	return stringvalidator.RegexMatches(regexp.MustCompile(`^[a-z]+-[a-z]+[0-9]+$`),
		"is no region, such as \"us-central1\" (a zone has one more part, and is not meant here)")
}

func instanceName() validator.String {
	return stringvalidator.RegexMatches(regexp.MustCompile(`^[a-z][a-z0-9-]{0,97}$`),
		"is no instance name: lower-case letters, digits and hyphens, starting with a letter. Of a connection name \"project:region:name\", use the last part")
}

func serviceAccountEmail() validator.String {
	return stringvalidator.RegexMatches(regexp.MustCompile(`^[^@\s/]+@[^@\s/]+\.[^@\s/]+$`),
		"is no service account's e-mail, such as \"terraform@feel-august-platform.iam.gserviceaccount.com\"")
}

// checked wants a string in which problem finds nothing wrong.
type checked struct {
	wants   string // what it is to be, for the documentation
	problem func(value string) (title, detail string)
}

// Description implements validator.Describer.
func (v checked) Description(context.Context) string { return v.wants }

// MarkdownDescription implements validator.Describer.
func (v checked) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateString implements validator.String.
func (v checked) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if title, detail := v.problem(req.ConfigValue.ValueString()); title != "" {
		failAt(&resp.Diagnostics, req.Path, title, detail, nil)
	}
}

// baseURL wants an absolute URL, and HTTPS unless it stays on this machine: access tokens travel to it.
func baseURL() validator.String {
	return checked{"an https URL, or an http URL on loopback", func(value string) (title, detail string) {
		u, err := url.Parse(value)
		switch {
		case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
			return "URL not understood",
				fmt.Sprintf("%q is no absolute URL. Write scheme and host, as in \"https://sqladmin.googleapis.com/\".", value)
		case u.Scheme == "http" && !isLoopback(u.Hostname()):
			return "URL not safe",
				fmt.Sprintf("%q would carry credentials in the clear. Use https; plain http is for this machine alone (127.0.0.1, [::1], localhost).", value)
		}
		return "", ""
	}}
}

func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}

// timeOfDay wants HH:MM on a 24-hour clock.
func timeOfDay() validator.String {
	return checked{"a time of day, HH:MM on a 24-hour clock", func(value string) (title, detail string) {
		if t, err := time.Parse("15:04", value); err != nil || t.Format("15:04") != value {
			return "Time not understood", fmt.Sprintf("%q is no time of day. Write hours and minutes with two digits each, as in \"07:30\".", value)
		}
		return "", ""
	}}
}

// calendarDate wants yyyy-mm-dd, or mm-dd for every year.
func calendarDate() validator.String {
	return checked{"a date, yyyy-mm-dd, or mm-dd for every year", func(value string) (title, detail string) {
		if _, _, err := cloudsql.ParseDate(value); err != nil {
			return "Date not understood",
				fmt.Sprintf("%q is no date. Write year, month and day, as in \"2026-11-20\", or month and day for every year, as in \"11-20\".", value)
		}
		return "", ""
	}}
}

// timeZone wants the name of a time zone. An empty name would be UTC, and Local whatever the planning machine has.
func timeZone() validator.String {
	return checked{"a time zone, such as America/Chicago", func(value string) (title, detail string) {
		if _, err := time.LoadLocation(value); err != nil || value == "" || value == "Local" {
			return "Time zone not known", fmt.Sprintf("%q is no time zone. Use a name such as \"America/Chicago\", or \"UTC\".", value)
		}
		return "", ""
	}}
}

// durationBetween wants a duration as Go writes it, within bounds.
func durationBetween(least, most time.Duration) validator.String {
	wants := fmt.Sprintf("a duration from %s to %s", least, most)
	return checked{wants, func(value string) (title, detail string) {
		if d, err := time.ParseDuration(value); err != nil || d < least || d > most {
			return "Duration not understood",
				fmt.Sprintf("%q is not %s. Write a number with a unit, as in \"20ms\", \"90s\" or \"15m\".", value, wants)
		}
		return "", ""
	}}
}

// pipelineName wants a name that a runtime takes.
func pipelineName() validator.String {
	return checked{"the name of a pipeline", func(value string) (title, detail string) {
		if problem := runtimeapi.ValidateName(value); problem != nil {
			return "Name of a pipeline not valid", sentence(*problem)
		}
		return "", ""
	}}
}

// denyPeriodSpan wants the dates of a deny period to be one to ninety days apart.
type denyPeriodSpan struct{}

// Description implements validator.Describer.
func (denyPeriodSpan) Description(context.Context) string {
	return fmt.Sprintf("a period of 1 to %d days", cloudsql.MaxDenyDays)
}

// MarkdownDescription implements validator.Describer.
func (v denyPeriodSpan) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateObject implements validator.Object.
func (denyPeriodSpan) ValidateObject(ctx context.Context, req validator.ObjectRequest, resp *validator.ObjectResponse) {
	var diags diag.Diagnostics
	period := objectAs[denyPeriodModel](ctx, req.ConfigValue, &diags)
	if period == nil || period.StartDate.IsUnknown() || period.EndDate.IsUnknown() {
		return
	}
	start, end := period.StartDate.ValueString(), period.EndDate.ValueString()
	for _, date := range []string{start, end} {
		if _, _, err := cloudsql.ParseDate(date); err != nil {
			return // said where it is
		}
	}
	switch days, err := (cloudsql.DenyPeriod{Start: start, End: end}).Days(); {
	case err != nil:
		failAt(&resp.Diagnostics, req.Path.AtName("end_date"), "Deny period not possible",
			fmt.Sprintf("From %s to %s is no period: %v.", start, end, err), nil)
	case days > cloudsql.MaxDenyDays:
		failAt(&resp.Diagnostics, req.Path.AtName("end_date"), "Deny period not possible",
			fmt.Sprintf("From %s to %s is %d days, and Cloud SQL can be kept from maintenance for %d at most. End it earlier.", start, end, days, cloudsql.MaxDenyDays), nil)
	}
}

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
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
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

func serviceAccountEmail() validator.String {
	return stringvalidator.RegexMatches(regexp.MustCompile(`^[^@\s/]+@[^@\s/]+\.[^@\s/]+$`),
		"is no service account's e-mail, such as \"terraform@feel-august-platform.iam.gserviceaccount.com\"")
}

// baseURL wants an absolute URL, and HTTPS unless it stays on this machine: access tokens travel to it.
type baseURL struct{}

// Description implements validator.Describer.
func (baseURL) Description(context.Context) string {
	return "an https URL, or an http URL on loopback"
}

// MarkdownDescription implements validator.Describer.
func (v baseURL) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateString implements validator.String.
func (baseURL) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	value := req.ConfigValue.ValueString()
	u, err := url.Parse(value)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
		failAt(&resp.Diagnostics, req.Path, "URL not understood",
			fmt.Sprintf("%q is no absolute URL. Write scheme and host, as in \"https://sqladmin.googleapis.com/\".", value), nil)
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		failAt(&resp.Diagnostics, req.Path, "URL not safe",
			fmt.Sprintf("%q would carry credentials in the clear. Use https; plain http is for this machine alone (127.0.0.1, [::1], localhost).", value), nil)
	}
}

func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}

// timeOfDay wants HH:MM on a 24-hour clock.
type timeOfDay struct{}

// Description implements validator.Describer.
func (timeOfDay) Description(context.Context) string {
	return "a time of day in UTC, HH:MM on a 24-hour clock"
}

// MarkdownDescription implements validator.Describer.
func (v timeOfDay) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateString implements validator.String.
func (timeOfDay) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	value := req.ConfigValue.ValueString()
	if t, err := time.Parse("15:04", value); err != nil || t.Format("15:04") != value {
		failAt(&resp.Diagnostics, req.Path, "Time not understood",
			fmt.Sprintf("%q is no time of day. Write hours and minutes in UTC with two digits each, as in \"07:30\".", value), nil)
	}
}

package provider

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
)

// timeoutsAttribute is the attribute of every resource that waits.
func timeoutsAttribute(ctx context.Context, standard time.Duration, opts timeouts.Opts) schema.Attribute {
	describe := func(description *string, verb string) {
		if *description == "" {
			*description = fmt.Sprintf("How long to wait for the %s, such as `30m` or `1h30m`. Default: `%dm`.", verb, int(standard.Minutes()))
		}
	}
	describe(&opts.CreateDescription, "create")
	describe(&opts.ReadDescription, "read")
	describe(&opts.UpdateDescription, "update")
	describe(&opts.DeleteDescription, "delete")

	attribute := timeouts.Attributes(ctx, opts).(schema.SingleNestedAttribute) //nolint:forcetypeassert // the library's only type
	attribute.MarkdownDescription = "How long to wait, each as a number with a unit (`s`, `m`, `h`)."
	return attribute
}

// withTimeout bounds ctx by one of the resource's timeouts, read as timeouts.Value's methods are written.
func withTimeout(
	ctx context.Context,
	read func(context.Context, time.Duration) (time.Duration, diag.Diagnostics),
	standard time.Duration,
	diags *diag.Diagnostics,
) (context.Context, context.CancelFunc) {
	limit, d := read(ctx, standard)
	diags.Append(d...)
	if d.HasError() {
		limit = standard
	}
	return context.WithTimeout(ctx, limit)
}

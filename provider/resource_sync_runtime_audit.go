package provider

import (
	"context"
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

type auditModel struct {
	Bucket        types.String `tfsdk:"bucket"`
	RetentionDays types.Int64  `tfsdk:"retention_days"`
	Endpoint      types.String `tfsdk:"endpoint"`
}

var auditTypes = map[string]attr.Type{"bucket": types.StringType, "retention_days": types.Int64Type, "endpoint": types.StringType}

func auditAttribute() schema.Attribute {
	return schema.SingleNestedAttribute{
		MarkdownDescription: "The audit trail, which the runtime keeps in any case: how long, and where the proof goes that nobody made it anew.",
		Optional:            true,
		Attributes: map[string]schema.Attribute{
			"bucket": schema.StringAttribute{
				MarkdownDescription: "Bucket for the heads of the trail's blocks, as `gs://bucket/prefix`; a locked retention policy keeps them from everybody. The service account needs " +
					"`roles/storage.objectCreator` on it. Left out, whoever can write everything in the database can make the trail anew unseen.",
				Optional: true,
				Validators: []validator.String{stringvalidator.RegexMatches(regexp.MustCompile(`^gs://[a-z0-9][a-z0-9._-]*[a-z0-9](/[^/?#]+)*$`),
					"is no bucket of Cloud Storage: write gs://bucket or gs://bucket/prefix")},
			},
			"retention_days": schema.Int64Attribute{
				MarkdownDescription: "Days for which entries are kept, from `0`, for ever, to `36500`; `2200` when it is left out, which is the six years of 45 CFR 164.316(b)(2)(i). " +
					"Whole months are removed, and their removal is recorded.",
				Optional:   true,
				Validators: []validator.Int64{int64validator.Between(0, 36500)},
			},
			"endpoint": schema.StringAttribute{
				MarkdownDescription: "Base URL at which the runtime finds Cloud Storage, for `bucket`. Default: the provider's `endpoints.storage`; without that, Google's own.",
				Optional:            true,
				Computed:            true,
				Validators:          []validator.String{baseURL()},
			},
		},
	}
}

// planAudit finds out where the runtime is to find the bucket, which the provider knows when the block does not say.
func (r *syncRuntimeResource) planAudit(ctx context.Context, plan *syncRuntimeModel, config syncRuntimeModel, diags *diag.Diagnostics) {
	a := objectAs[auditModel](ctx, plan.Audit, diags)
	own := objectAs[auditModel](ctx, config.Audit, diags)
	if a == nil || own == nil {
		return
	}
	a.Endpoint = r.storageEndpoint(*own)
	plan.Audit = objectOf(ctx, auditTypes, a, diags)
}

// settleAudit does the same when everything must be known.
func (r *syncRuntimeResource) settleAudit(ctx context.Context, plan *syncRuntimeModel, diags *diag.Diagnostics) {
	a := objectAs[auditModel](ctx, plan.Audit, diags)
	if a == nil || !a.Endpoint.IsUnknown() {
		return
	}
	a.Endpoint = types.StringNull()
	a.Endpoint = r.storageEndpoint(*a)
	plan.Audit = objectOf(ctx, auditTypes, a, diags)
}

// storageEndpoint is where a block's bucket is. Without a bucket nobody needs to know.
func (r *syncRuntimeResource) storageEndpoint(a auditModel) types.String {
	switch s := r.clients.storage; {
	case !a.Endpoint.IsNull() || a.Bucket.IsNull():
		return a.Endpoint
	case s.unknown || a.Bucket.IsUnknown():
		return types.StringUnknown()
	default:
		return stringOrNull(s.value)
	}
}

// auditVariables is what the runtime is told.
func (m syncRuntimeModel) auditVariables(ctx context.Context, env *environment, diags *diag.Diagnostics) {
	a := objectAs[auditModel](ctx, m.Audit, diags)
	if a == nil {
		return
	}
	if !a.Bucket.IsNull() {
		env.value(envAuditBucket, a.Bucket.ValueString())
	}
	if !a.Endpoint.IsNull() {
		env.value(envStorageEndpoint, a.Endpoint.ValueString())
	}
	env.number(envAuditRetention, a.RetentionDays)
}

// flattenAudit takes it from the environment. An empty block declares nothing, and stays.
func (m *syncRuntimeModel) flattenAudit(ctx context.Context, v variables, diags *diag.Diagnostics) {
	is := auditModel{Bucket: v.string(envAuditBucket), RetentionDays: v.numberOrNull(envAuditRetention), Endpoint: v.string(envStorageEndpoint)}
	if was := objectAs[auditModel](ctx, m.Audit, diags); was != nil || v.has(envAuditBucket) || v.has(envAuditRetention) || v.has(envStorageEndpoint) {
		m.Audit = objectOf(ctx, auditTypes, is, diags)
	} else {
		m.Audit = types.ObjectNull(auditTypes)
	}
}

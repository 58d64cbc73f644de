package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// Schema implements resource.Resource.
func (r *stagingAnonymizationResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	attributes := map[string]schema.Attribute{
		"endpoint": schema.StringAttribute{
			MarkdownDescription: "Address of the sync runtime whose database is exported: the `uri` of an `august_sync_runtime`. At every plan it is asked what its database is made of, and the policy held against that.",
			Required:            true,
			Validators:          []validator.String{baseURL()},
		},
		"audience": schema.StringAttribute{
			MarkdownDescription: "Audience to ask the ID token for: the `audience` of the `august_sync_runtime`. Default: the endpoint.",
			Optional:            true, Computed: true,
		},
		"bucket": bucketAttribute("Bucket that exports are published to, as `gs://bucket/prefix`. Whoever plans has to read it too: `roles/storage.objectViewer`."),
		"signing_key_secret": secretAttribute("Ed25519 key, PKCS#8 in PEM, by which the evidence is signed: `openssl genpkey -algorithm ed25519`. "+
			"Who can read it can sign evidence of what nobody scanned.", true),
		"key_secret": secretAttribute("Key of at least 32 bytes from which pseudonyms are derived; with `policy.keys = \"persistent\"`, and only then.", false),
		"policy": policyAttribute(true, "What becomes of each column of each table. `august_schema_coverage` writes one to begin with, and `modules/staging/policy` is one for all that this product keeps. "+
			"**It is closed**: a table or a column that it does not name fails each plan until it does, and the job refuses to begin."),
	}
	for name, fact := range evidenceFacts() {
		attributes[name] = fact
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Publishes production's data, anonymised by a policy, into a bucket, with signed evidence of how: a Cloud Run job of the runtime's image reads one snapshot, transforms it, looks through the whole result for identifiers of the source, " +
			"and writes the manifest last. Where the scan finds anything, nothing is published, the apply fails and says where, and the evidence of before stays in the state.\n\n" +
			"The job runs when the resource is created, and again when the policy, a key, the bucket, the database or `triggers` change; a new image only changes the job. The evidence is verified and pinned in the state: a manifest that is removed or altered later shows as `verified = false`. " +
			"Deleting the resource deletes the job, never an export. An `august_staging_dataset` imports what is published here, in another project. No value of any row is in the plan, the state, a log or an error.",
		Attributes: stagingJobAttributes(ctx,
			"The database that is exported, which has to be the one behind `endpoint`. The user needs `SELECT` on what the policy names, and nothing else.",
			"`roles/storage.objectUser` on the bucket, access to the secrets, and `roles/cloudsql.client`", "", attributes),
	}
}

// evidenceFacts is what an export says of itself.
func evidenceFacts() map[string]schema.Attribute {
	text := func(description string) schema.Attribute {
		return schema.StringAttribute{MarkdownDescription: description, Computed: true}
	}
	number := func(description string) schema.Attribute {
		return schema.Int64Attribute{MarkdownDescription: description, Computed: true}
	}
	counts := func(description string) schema.Attribute {
		return schema.MapAttribute{MarkdownDescription: description, Computed: true, ElementType: types.Int64Type}
	}
	return map[string]schema.Attribute{
		"export":          text("Name of the export that was published last. Names sort by time."),
		"verdict":         text("`passed`: the scan looked through the whole result and found no identifier of the source. Nothing else is ever published."),
		"verified":        schema.BoolAttribute{MarkdownDescription: "Whether the manifest lies in the bucket as it was when it was verified.", Computed: true},
		"policy_hash":     text("Digest of the policy that the export was made by."),
		"key_id":          text("Which key pseudonyms were made with; it does not give the key away. Two exports with another one cannot be linked."),
		"method":          text("`safe_harbor` or `expert_determination`, as attested."),
		"public_key":      text("Key that the evidence verifies with, in PEM: what `august_staging_dataset` is to trust."),
		"manifest_sha256": text("Digest of the signed manifest."),
		"snapshot":        text("The moment that all rows are of, in RFC 3339."),
		"tables":          counts("Rows by table."),
		"remarks":         schema.ListAttribute{MarkdownDescription: "What a reader of the evidence should know, such as what scrubbing of free text cannot promise.", Computed: true, ElementType: types.StringType},
		"scan": schema.SingleNestedAttribute{
			MarkdownDescription: "What the scan looked for, and through what.",
			Computed:            true,
			Attributes: map[string]schema.Attribute{
				"identifiers": counts("Identifiers of the source that were looked for, by kind."),
				"values":      number("Values of the result that were looked through."),
				"candidates":  number("Of them, those that took an exact look, which dismissed them."),
			},
		},
		"k_anonymity": schema.ListNestedAttribute{
			MarkdownDescription: "How many rows of the result share each combination of `policy.quasi_identifiers`.",
			Computed:            true,
			NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"table":    text("The table."),
				"columns":  schema.ListAttribute{MarkdownDescription: "Its columns.", Computed: true, ElementType: types.StringType},
				"classes":  number("Combinations that there are."),
				"smallest": number("Rows of the rarest combination: k."),
				"unique":   number("Rows that nobody shares the combination with."),
				"below":    number("Rows of combinations that fewer than `required` share."),
				"required": number("Rows that each combination had to have at least; `0`: none."),
				"diverse":  number("Values of the sensitive column that each combination has at least: l. Null without such a column."),
			}},
		},
	}
}

var (
	scanTypes       = map[string]attr.Type{"identifiers": types.MapType{ElemType: types.Int64Type}, "values": types.Int64Type, "candidates": types.Int64Type}
	kAnonymityTypes = map[string]attr.Type{
		"table": types.StringType, "columns": types.ListType{ElemType: types.StringType}, "classes": types.Int64Type, "smallest": types.Int64Type,
		"unique": types.Int64Type, "below": types.Int64Type, "required": types.Int64Type, "diverse": types.Int64Type,
	}
)

// IdentitySchema implements resource.ResourceWithIdentity.
func (r *stagingAnonymizationResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = stagingJobIdentitySchema()
}

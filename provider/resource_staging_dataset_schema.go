package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
)

// Schema implements resource.Resource.
func (r *stagingDatasetResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	text := func(description string) schema.Attribute {
		return schema.StringAttribute{MarkdownDescription: description, Computed: true}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Fills a staging database with an export that an `august_staging_anonymization` has published: a Cloud Run job of the runtime's image verifies it, brings the schema up to date, loads into fresh schemas and swaps them in one transaction, " +
			"so that staging has the old set or the new one, and never a half. A job that is cut off goes on where it was when it is run again. It refuses a database that looks like production.\n\n" +
			"The job runs when the resource is created, and again when the export, the bucket, the database or `triggers` change; a new image only changes the job. The provider verifies the manifest before anything is run, and refuses at plan an export of the very instance that it would be loaded into. " +
			"Deleting the resource deletes the job; the data stays where it is.",
		Attributes: stagingJobAttributes(ctx,
			"The staging database that is filled. Whatever its tables of the export hold is replaced. The user has to own them and to have `CREATE` on the database, and needs nothing else.",
			"`roles/storage.objectViewer` on the bucket, and `roles/cloudsql.client`",
			"; an export that is in already it leaves as it is",
			map[string]schema.Attribute{
				"bucket": bucketAttribute("Bucket that the export lies in, as `gs://bucket/prefix`: the `bucket` of the `august_staging_anonymization`. Whoever plans has to read it too: `roles/storage.objectViewer`."),
				"export": schema.StringAttribute{
					MarkdownDescription: "Name of the export to import. Default: the newest that is published when it is planned, so that a new one shows as a change.",
					Optional:            true, Computed: true,
					Validators: []validator.String{checked{"the name of an export", func(value string) (title, detail string) {
						if !evidence.IsName(value) {
							return "Export not understood", fmt.Sprintf("%q is no name of an export: take it from the export attribute of an august_staging_anonymization.", value)
						}
						return "", ""
					}}},
				},
				"public_key": schema.StringAttribute{
					MarkdownDescription: "Ed25519 key in PEM whose signature is trusted: the `public_key` of the `august_staging_anonymization`. What another key has signed is not imported.",
					Required:            true,
					Validators: []validator.String{checked{"an Ed25519 public key in PEM", func(value string) (title, detail string) {
						if _, err := evidence.ParsePublicKey([]byte(value)); err != nil {
							return "Key not understood", upperFirst(err.Error()) + ". Take the public_key of the august_staging_anonymization."
						}
						return "", ""
					}}},
				},
				"rows":            schema.Int64Attribute{MarkdownDescription: "Rows that were imported.", Computed: true},
				"tables":          schema.MapAttribute{MarkdownDescription: "Rows by table.", Computed: true, ElementType: types.Int64Type},
				"policy_hash":     text("Digest of the policy that the export was made by."),
				"method":          text("`safe_harbor` or `expert_determination`, as attested."),
				"snapshot":        text("The moment of production that the rows are of, in RFC 3339."),
				"manifest_sha256": text("Digest of the signed manifest: the same as of the `august_staging_anonymization`."),
			}),
	}
}

// IdentitySchema implements resource.ResourceWithIdentity.
func (r *stagingDatasetResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = stagingJobIdentitySchema()
}

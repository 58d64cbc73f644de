package provider

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudrun"
)

// A runtime with a bucket is told where the provider finds Cloud Storage, and one without is told nothing of it, so that neither an
// upgrade nor another provider's endpoint deploys anything.
func TestSyncRuntime_auditEndpoint(t *testing.T) {
	t.Parallel()
	const local = "http://127.0.0.1:9/"
	null, unknown, bucket := types.StringNull(), types.StringUnknown(), types.StringValue("gs://trail/production")
	for name, tt := range map[string]struct {
		own, bucket types.String
		provider    setting
		want        types.String
	}{
		"of the provider":     {null, bucket, setting{value: local}, types.StringValue(local)},
		"Google's":            {null, bucket, setting{}, null},
		"of its own":          {types.StringValue("https://storage.test"), bucket, setting{value: local}, types.StringValue("https://storage.test")},
		"without a bucket":    {null, null, setting{value: local}, null},
		"not known yet":       {null, bucket, setting{unknown: true}, unknown},
		"bucket not known":    {null, unknown, setting{value: local}, unknown},
		"neither, nor needed": {null, null, setting{unknown: true}, null},
	} {
		r := &syncRuntimeResource{configuredResource{configured{clients: &clients{storage: tt.provider}}}}
		var diags diag.Diagnostics
		of := func(endpoint types.String) syncRuntimeModel {
			return syncRuntimeModel{Audit: objectOf(t.Context(), auditTypes, auditModel{tt.bucket, types.Int64Value(7), endpoint}, &diags)}
		}
		plan := of(unknown)
		r.planAudit(t.Context(), &plan, of(tt.own), &diags)
		got := objectAs[auditModel](t.Context(), plan.Audit, &diags)
		if diags.HasError() || !got.Endpoint.Equal(tt.want) || !got.Bucket.Equal(tt.bucket) {
			t.Errorf("%s: planned %v, %v", name, got, diags)
		}
		if tt.want.IsUnknown() || tt.bucket.IsUnknown() {
			continue
		}
		env := &environment{diags: &diags}
		plan.auditVariables(t.Context(), env, &diags)
		v := variables{byName: map[string]cloudrun.Env{}, asked: map[string]bool{}}
		for _, e := range env.all {
			v.byName[e.Name] = e
		}
		var read syncRuntimeModel
		if read.flattenAudit(t.Context(), v, &diags); diags.HasError() || !read.Audit.Equal(plan.Audit) || v.has(envStorageEndpoint) == tt.want.IsNull() {
			t.Errorf("%s: told %v, which reads as %v, %v", name, env.all, read.Audit, diags)
		}
	}
}

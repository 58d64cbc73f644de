package provider

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudrun"
	"github.com/feel-august/terraform-provider-august/internal/sync/config"
)

// A runtime that reads the log is told where the provider finds Cloud Logging, in variables that it knows; one that reads none is told
// nothing of it, so that an upgrade deploys nothing.
func TestSyncRuntime_advice(t *testing.T) {
	t.Parallel()
	const local = "http://127.0.0.1:9/"
	null, unknown, yes, no := types.StringNull(), types.StringUnknown(), types.BoolValue(true), types.BoolValue(false)
	for name, tt := range map[string]struct {
		own      types.String
		log      types.Bool
		provider setting
		want     types.String
	}{
		"of the provider":  {null, yes, setting{value: local}, types.StringValue(local)},
		"Google's":         {null, yes, setting{}, null},
		"of its own":       {types.StringValue("https://logging.test"), yes, setting{value: local}, types.StringValue("https://logging.test")},
		"not read":         {null, no, setting{value: local}, null},
		"not said":         {null, types.BoolNull(), setting{unknown: true}, null},
		"not known yet":    {null, yes, setting{unknown: true}, unknown},
		"whether is open":  {null, types.BoolUnknown(), setting{value: local}, unknown},
		"open, but of own": {types.StringValue("https://logging.test"), types.BoolUnknown(), setting{}, types.StringValue("https://logging.test")},
	} {
		r := &syncRuntimeResource{configuredResource{configured{clients: &clients{logging: tt.provider}}}}
		var diags diag.Diagnostics
		of := func(endpoint types.String) syncRuntimeModel {
			return syncRuntimeModel{Advice: objectOf(t.Context(), adviceTypes, adviceModel{tt.log, endpoint}, &diags)}
		}
		plan := of(unknown)
		r.planAdvice(t.Context(), &plan, of(tt.own), &diags)
		got := objectAs[adviceModel](t.Context(), plan.Advice, &diags)
		if diags.HasError() || !got.Endpoint.Equal(tt.want) || !got.SlowQueryLog.Equal(tt.log) {
			t.Errorf("%s: planned %v, %v", name, got, diags)
		}
		if tt.want.IsUnknown() || tt.log.IsUnknown() {
			continue
		}
		env := &environment{diags: &diags}
		plan.adviceVariables(t.Context(), env, &diags)
		v := variables{byName: map[string]cloudrun.Env{}, asked: map[string]bool{}}
		for _, e := range env.all {
			v.byName[e.Name] = e
		}
		var read syncRuntimeModel
		if read.flattenAdvice(t.Context(), v, &diags); diags.HasError() || v.has(envLoggingEndpoint) == tt.want.IsNull() || v.has(envAdviceLogs) == tt.log.IsNull() {
			t.Errorf("%s: told %v, %v", name, env.all, diags)
		}
		if len(env.all) == 0 != read.Advice.IsNull() || len(env.all) > 0 && !read.Advice.Equal(plan.Advice) {
			t.Errorf("%s: %v reads as %v", name, env.all, read.Advice)
		}
		empty := of(null)
		empty.flattenAdvice(t.Context(), v, &diags)
		if !empty.Advice.Equal(plan.Advice) {
			t.Errorf("%s: a block that stands reads as %v", name, empty.Advice)
		}
		told := map[string]string{
			"AUGUST_DATABASE_INSTANCE": "p:r:platform", "AUGUST_DATABASE_NAME": "august", "AUGUST_DATABASE_USER": "u",
			"AUGUST_DRCHRONO_OAUTH": `{"client_id":"a","client_secret":"b","refresh_token":"c"}`,
		}
		for _, e := range env.all {
			told[e.Name] = e.Value
		}
		cfg, err := config.Load(func(name string) (string, bool) { value, ok := told[name]; return value, ok })
		if err != nil || cfg.Advice.Logs != tt.log.ValueBool() || (cfg.Advice.Endpoint == "") != tt.want.IsNull() {
			t.Errorf("%s: the runtime reads %+v, %v", name, cfg.Advice, err)
		}
	}
}

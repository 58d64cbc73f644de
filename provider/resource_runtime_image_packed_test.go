package provider

import (
	"encoding/json"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// What was pushed is not packed again while it would be made of the same; of anything else it is.
func TestRuntimeImage_packsOnce(t *testing.T) {
	t.Parallel()
	ctx, private := t.Context(), kept{}
	foresee := func(tail string, labels map[string]attr.Value) string {
		t.Helper()
		var diags diag.Diagnostics
		m := runtimeImageModel{RuntimePath: types.StringValue(tinyRuntime(t, tail)), Labels: types.MapNull(types.StringType)}
		if labels != nil {
			m.Labels = types.MapValueMust(types.StringType, labels)
		}
		p := m.foresee(ctx, private, &diags)
		if diags.HasError() || p == nil {
			t.Fatalf("%v, %v", p, diags)
		}
		if len(private) == 0 {
			p.keep(ctx, private)
		}
		return p.Digest
	}
	packed := foresee("", nil)
	var p packedImage
	if err := json.Unmarshal(private[packedKey], &p); err != nil || p.Digest != packed || p.Of == "" || p.Size == 0 || p.SBOM == "" {
		t.Fatalf("%+v is kept, %v", p, err)
	}
	p.Digest = "sha256:kept"
	p.keep(ctx, private)
	if got := foresee("", nil); got != "sha256:kept" {
		t.Errorf("the same was packed again: %s", got)
	}
	for what, got := range map[string]string{"another runtime": foresee("x", nil), "another label": foresee("", map[string]attr.Value{"team": types.StringValue("billing")})} {
		if got == "sha256:kept" || got == packed {
			t.Errorf("%s: %s", what, got)
		}
	}
	private[packedKey] = []byte("damaged")
	if got := foresee("", nil); got != packed {
		t.Errorf("of what cannot be read: %s, want %s", got, packed)
	}
}

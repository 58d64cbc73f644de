package transform_test

import (
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/transform"
)

var asOf = time.Date(2026, 6, 15, 0, 0, 0, 0, time.UTC)

func TestPlainTransformers(t *testing.T) {
	t.Parallel()
	set, err := transform.New(transform.Config{
		Policy: &policy.Policy{Tables: map[string]policy.Table{"a.t": {Columns: map[string]policy.Rule{
			"kept": {Transformer: policy.Keep}, "gone": {Transformer: policy.Null},
			"fixed": {Transformer: policy.Constant, Value: "a\tb"}, "made": {Transformer: policy.Derived},
		}}}},
		Catalog: &catalog.Catalog{Tables: []catalog.Table{{Schema: "a", Name: "t", Columns: []catalog.Column{
			{Name: "fixed", Type: "text", Base: "text"}, {Name: "gone", Type: "text", Base: "text"},
			{Name: "kept", Type: "text", Base: "text"}, {Name: "made", Type: "text", Base: "text"},
		}}}},
		Keys: transform.EphemeralKeys(), AsOf: asOf,
	})
	if err != nil {
		t.Fatal(err)
	}
	table, err := set.Table("a.t")
	if err != nil {
		t.Fatal(err)
	}
	w := table.Worker()
	for in, want := range map[string]string{
		"x\\ty\n": "a\\tb\t\\N\tx\\ty\n",
		"\\N\n":   "a\\tb\t\\N\t\\N\n",
		"\n":      "a\\tb\t\\N\t\n",
	} {
		if got, err := w.Line(nil, []byte(in)); err != nil || string(got) != want {
			t.Errorf("%q becomes %q (%v), want %q", in, got, err, want)
		}
	}
	if w.Nulls[1] != 3 || w.Nulls[2] != 1 {
		t.Errorf("NULLs were counted as %v", w.Nulls)
	}
}

package provider

import (
	"reflect"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
)

// The attribute has the names of the JSON, all of them and no others, with the types that go with them.
func TestPolicy_schemaIsTheDocuments(t *testing.T) {
	t.Parallel()
	var same func(at string, of reflect.Type, is attr.Type)
	same = func(at string, of reflect.Type, is attr.Type) {
		if of.Kind() == reflect.Pointer {
			of = of.Elem()
		}
		switch of.Kind() {
		case reflect.Struct:
			object, ok := is.(types.ObjectType)
			if !ok {
				t.Errorf("%s is a %s", at, is)
				return
			}
			known := map[string]bool{}
			for i := range of.NumField() {
				name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
				known[name] = true
				inner, ok := object.AttrTypes[name]
				// Rules by path hold no rules by path of their own.
				if !ok && strings.Contains(at, "paths") && (name == "paths" || name == "unknown") {
					continue
				}
				if !ok {
					t.Errorf("%s.%s is in the document and not in the schema", at, name)
					continue
				}
				same(at+"."+name, of.Field(i).Type, inner)
			}
			for name := range object.AttrTypes {
				if !known[name] {
					t.Errorf("%s.%s is in the schema and not in the document", at, name)
				}
			}
		case reflect.Map:
			inner, ok := is.(types.MapType)
			if !ok {
				t.Errorf("%s is a %s", at, is)
				return
			}
			same(at+"[]", of.Elem(), inner.ElemType)
		case reflect.Slice:
			inner, ok := is.(types.ListType)
			if !ok {
				t.Errorf("%s is a %s", at, is)
				return
			}
			same(at+"[]", of.Elem(), inner.ElemType)
		default:
			want := map[reflect.Kind]attr.Type{reflect.String: types.StringType, reflect.Int: types.Int64Type, reflect.Bool: types.BoolType}[of.Kind()]
			if want != is {
				t.Errorf("%s is a %s, and a %s in the document", at, is, of)
			}
		}
	}
	same("policy", reflect.TypeFor[policy.Policy](), types.ObjectType{AttrTypes: policyTypes})
}

// wholePolicy says something of everything.
func wholePolicy() *policy.Policy {
	return &policy.Policy{
		Version: policy.Version, Method: policy.ExpertDetermination, Attestation: policy.Attestation{By: "somebody", ID: "7", Expires: "2030-01-31"},
		Keys: policy.Persistent, AsOf: "2026-11-26", Shift: policy.Shift{Min: -364, Max: -1, Weeks: true}, Subject: policy.Subject{Table: "drchrono.patients", Key: "id"},
		Tables: map[string]policy.Table{
			"drchrono.patients": {Columns: map[string]policy.Rule{
				"id": {Transformer: policy.Permute, Domain: "person"}, "first_name": {Transformer: policy.Name, Part: policy.First},
				"raw":  {Transformer: policy.JSON, Unknown: policy.Drop, Paths: map[string]policy.Rule{"contacts[].phone": {Transformer: policy.Phone}}},
				"note": {Transformer: policy.Text, Class: policy.None, Reason: "${quoted} \"%{too}\"", Type: "text"}, "kind": {Transformer: policy.Constant, Value: "x"}, "hash": {Transformer: policy.Constant},
			}},
			"drchrono.appointments": {Subject: []string{"patient"}, Columns: map[string]policy.Rule{"patient": {Transformer: policy.Permute}}},
		},
		Exclude:    map[string]string{"august.*": "the runtime's own"},
		References: []policy.Reference{{Table: "drchrono.appointments", Column: "patient", To: "drchrono.patients", ToCol: "id", Orphans: true}},
		Subset:     &policy.Subset{Table: "drchrono.patients", Percent: 10, Where: "id > 5"},
		Quasi:      []policy.Quasi{{Table: "drchrono.patients", Columns: []string{"zip", "birth_year"}, K: 5, Sensitive: "kind"}, {Table: "drchrono.patients", Columns: []string{"zip"}}},
		Words:      []string{"Feel August"},
	}
}

// What a job runs with is what was declared, to the last bit, and comes back as it was declared.
func TestPolicy_thereAndBack(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]*policy.Policy{
		"whole": wholePolicy(),
		"least": {
			Version: policy.Version, Method: policy.SafeHarbor, Keys: policy.Ephemeral, Attestation: policy.Attestation{By: "a", Expires: "2030-01-31"},
			Tables: map[string]policy.Table{"a.b": {Columns: map[string]policy.Rule{"c": {Transformer: policy.Keep}}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var diags diag.Diagnostics
			declared := flattenPolicy(p, &diags)
			again := expandPolicy(t.Context(), declared, &diags)
			if diags.HasError() || again == nil {
				t.Fatal(diags)
			}
			if got, want := string(again.Canonical()), string(p.Canonical()); got != want {
				t.Errorf("there and back it is\n%s\nand was\n%s", got, want)
			}
			if !flattenPolicy(again, &diags).Equal(declared) {
				t.Error("declared otherwise")
			}
		})
	}
	unknown := flattenPolicy(wholePolicy(), &diag.Diagnostics{}).Attributes()
	unknown["words"] = types.ListValueMust(types.StringType, []attr.Value{types.StringUnknown()})
	if p := expandPolicy(t.Context(), types.ObjectValueMust(policyTypes, unknown), &diag.Diagnostics{}); p != nil {
		t.Error("a policy of which something is unknown was taken")
	}
}

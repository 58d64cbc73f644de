package provider

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
)

// expandPolicy is the policy that an attribute declares; nil when it declares none, or not all of it is known yet.
func expandPolicy(ctx context.Context, declared types.Object, diags *diag.Diagnostics) *policy.Policy {
	if declared.IsNull() {
		return nil
	}
	value, err := declared.ToTerraformValue(ctx)
	if err != nil || !value.IsFullyKnown() {
		return nil
	}
	document, err := json.Marshal(plain(declared))
	p := &policy.Policy{}
	if err == nil {
		err = json.Unmarshal(document, p)
	}
	if err != nil {
		failAt(diags, path.Root("policy"), "Policy not understood", "This is a bug in the provider.", err)
		return nil
	}
	if p.Version == 0 {
		p.Version = policy.Version
	}
	if p.Keys == "" {
		p.Keys = policy.Ephemeral
	}
	return p
}

// flattenPolicy is the attribute that declares a policy. An object of which nothing is said is left out.
func flattenPolicy(p *policy.Policy, diags *diag.Diagnostics) types.Object {
	var document map[string]any
	if err := json.Unmarshal(p.Canonical(), &document); err != nil {
		failAt(diags, path.Root("policy"), "Policy not understood", "This is a bug in the provider.", err)
		return types.ObjectNull(policyTypes)
	}
	sayConstants(document)
	value, err := valueOf(types.ObjectType{AttrTypes: policyTypes}, document)
	if err != nil {
		failAt(diags, path.Root("policy"), "Policy not understood", "The job runs with a policy that this version of the provider does not know.", err)
		return types.ObjectNull(policyTypes)
	}
	return value.(types.Object) //nolint:forcetypeassert // of an object type
}

// sayConstants gives constants that are empty their value, which JSON leaves out.
func sayConstants(document any) {
	members, _ := document.(map[string]any)
	if _, said := members["value"]; members["transformer"] == policy.Constant && !said {
		members["value"] = ""
	}
	for _, m := range members {
		sayConstants(m)
	}
}

// plain is a known value as JSON has it. What is null is left out.
func plain(v attr.Value) any {
	members := func(of map[string]attr.Value) map[string]any {
		all := map[string]any{}
		for name, v := range of {
			if !v.IsNull() {
				all[name] = plain(v)
			}
		}
		return all
	}
	switch v := v.(type) {
	case types.String:
		return v.ValueString()
	case types.Int64:
		return v.ValueInt64()
	case types.Bool:
		return v.ValueBool()
	case types.Object:
		return members(v.Attributes())
	case types.Map:
		return members(v.Elements())
	case types.List:
		all := []any{}
		for _, e := range v.Elements() {
			all = append(all, plain(e))
		}
		return all
	}
	panic(fmt.Sprintf("no JSON for a %T", v)) // the schema has no other types
}

// saysNothing is of what JSON has no way to leave out.
func saysNothing(v attr.Value) bool {
	return v.IsNull() || v.Equal(types.StringValue("")) || v.Equal(types.Int64Value(0)) || v.Equal(types.BoolValue(false))
}

// valueOf is a value of a type out of JSON. What is empty there is null.
func valueOf(of attr.Type, from any) (attr.Value, error) {
	wrong := func() (attr.Value, error) { return nil, fmt.Errorf("%T is no %s", from, of) }
	switch of := of.(type) {
	case types.ObjectType:
		members, ok := from.(map[string]any)
		if !ok && from != nil {
			return wrong()
		}
		values, empty := map[string]attr.Value{}, true
		for name, inner := range of.AttrTypes {
			v, err := valueOf(inner, members[name])
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			values[name], empty = v, empty && saysNothing(v)
		}
		for name := range members {
			if _, known := of.AttrTypes[name]; !known {
				return nil, fmt.Errorf("%q is not known", name)
			}
		}
		if empty {
			return types.ObjectNull(of.AttrTypes), nil
		}
		return types.ObjectValueMust(of.AttrTypes, values), nil
	case types.MapType:
		members, ok := from.(map[string]any)
		if len(members) == 0 {
			if !ok && from != nil {
				return wrong()
			}
			return types.MapNull(of.ElemType), nil
		}
		values := map[string]attr.Value{}
		for name, m := range members {
			v, err := valueOf(of.ElemType, m)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			values[name] = v
		}
		return types.MapValueMust(of.ElemType, values), nil
	case types.ListType:
		elements, ok := from.([]any)
		if len(elements) == 0 {
			if !ok && from != nil {
				return wrong()
			}
			return types.ListNull(of.ElemType), nil
		}
		var values []attr.Value
		for _, e := range elements {
			v, err := valueOf(of.ElemType, e)
			if err != nil {
				return nil, err
			}
			values = append(values, v)
		}
		return types.ListValueMust(of.ElemType, values), nil
	}
	switch from := from.(type) {
	case nil:
		switch of {
		case types.StringType:
			return types.StringNull(), nil
		case types.Int64Type:
			return types.Int64Null(), nil
		case types.BoolType:
			return types.BoolNull(), nil
		}
	case string:
		if of == types.StringType {
			return types.StringValue(from), nil
		}
	case float64:
		if of == types.Int64Type {
			return types.Int64Value(int64(from)), nil
		}
	case bool:
		if of == types.BoolType {
			return types.BoolValue(from), nil
		}
	}
	return wrong()
}

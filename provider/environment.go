package provider

import (
	"strconv"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudrun"
	"github.com/feel-august/terraform-provider-august/internal/gcp/secrets"
)

// environment is what a runtime or a job of its image is told, with secrets by reference.
type environment struct {
	all     []cloudrun.Env
	project string
	diags   *diag.Diagnostics
}

func (e *environment) value(name, value string) {
	e.all = append(e.all, cloudrun.Env{Name: name, Value: value})
}

func (e *environment) number(name string, n types.Int64) {
	if !n.IsNull() {
		e.value(name, strconv.FormatInt(n.ValueInt64(), 10))
	}
}

func (e *environment) secret(name string, reference types.String) {
	if reference.IsNull() {
		return
	}
	ref, err := secrets.Parse(reference.ValueString(), e.project)
	if err != nil {
		fail(e.diags, "Secret reference not understood", "The reference for "+name+" cannot be used.", err)
		return
	}
	e.all = append(e.all, cloudrun.Env{Name: name, Secret: &ref})
}

// variables reads an environment, and remembers which of it has been asked for.
type variables struct {
	byName  map[string]cloudrun.Env
	asked   map[string]bool
	project string
}

func (v variables) has(name string) bool { _, ok := v.byName[name]; return ok }

func (v variables) text(name string) string {
	v.asked[name] = true
	return v.byName[name].Value
}

func (v variables) string(name string) types.String { return stringOrNull(v.text(name)) }

func (v variables) number(name string, otherwise int64) types.Int64 {
	n, err := strconv.ParseInt(v.text(name), 10, 64)
	if err != nil {
		n = otherwise
	}
	return types.Int64Value(n)
}

// flagOrNull is a flag that is in the environment only where it is declared.
func (v variables) flagOrNull(name string) types.Bool {
	is, err := strconv.ParseBool(v.text(name))
	if err != nil {
		return types.BoolNull()
	}
	return types.BoolValue(is)
}

// numberOrNull is a number that is in the environment only where it is declared.
func (v variables) numberOrNull(name string) types.Int64 {
	n, err := strconv.ParseInt(v.text(name), 10, 64)
	if err != nil {
		return types.Int64Null()
	}
	return types.Int64Value(n)
}

// secret is the reference that a variable holds, in the words of before when it means the same. A variable that holds
// a value instead gives null: the value may be the secret, and must not come into the state.
func (v variables) secret(name string, before types.String) types.String {
	v.asked[name] = true
	ref := v.byName[name].Secret
	if ref == nil {
		return types.StringNull()
	}
	if was, err := secrets.Parse(before.ValueString(), v.project); err == nil && was == *ref {
		return before
	}
	return types.StringValue(ref.Short(v.project))
}

package provider

import (
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// protocol speaks to the provider as Terraform does, without Terraform: for what an old CLI has no command for, and for
// what needs no CLI.
type protocol struct {
	t       *testing.T
	server  tfprotov6.ProviderServer
	schemas *tfprotov6.GetProviderSchemaResponse
}

// unknown stands for a value that is known after apply.
type unknown struct{}

func newProtocol(t *testing.T) *protocol {
	t.Helper()
	server, err := providerserver.NewProtocol6WithError(New("test")())()
	if err != nil {
		t.Fatal(err)
	}
	schemas, err := server.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	noErrors(t, schemas.Diagnostics)
	return &protocol{t, server, schemas}
}

func (p *protocol) validateProvider(config map[string]any) []*tfprotov6.Diagnostic {
	p.t.Helper()
	resp, err := p.server.ValidateProviderConfig(p.t.Context(), &tfprotov6.ValidateProviderConfigRequest{
		Config: p.value(p.schemas.Provider.ValueType(), config),
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.Diagnostics
}

func (p *protocol) configure(config map[string]any) []*tfprotov6.Diagnostic {
	p.t.Helper()
	if config == nil {
		config = map[string]any{} // an empty block, not a missing one
	}
	resp, err := p.server.ConfigureProvider(p.t.Context(), &tfprotov6.ConfigureProviderRequest{
		TerraformVersion: "1.11.4", Config: p.value(p.schemas.Provider.ValueType(), config),
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.Diagnostics
}

func (p *protocol) validate(resource string, config map[string]any) []*tfprotov6.Diagnostic {
	p.t.Helper()
	resp, err := p.server.ValidateResourceConfig(p.t.Context(), &tfprotov6.ValidateResourceConfigRequest{
		TypeName: resource, Config: p.value(p.typeOf(resource), config),
		ClientCapabilities: &tfprotov6.ValidateResourceConfigClientCapabilities{WriteOnlyAttributesAllowed: true},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.Diagnostics
}

// planCreate plans a resource that is not there yet, and returns what would be created.
func (p *protocol) planCreate(resource string, config map[string]any) (tftypes.Value, []*tfprotov6.Diagnostic) {
	p.t.Helper()
	value := p.value(p.typeOf(resource), config)
	resp, err := p.server.PlanResourceChange(p.t.Context(), &tfprotov6.PlanResourceChangeRequest{
		TypeName: resource, Config: value, ProposedNewState: value, PriorState: p.value(p.typeOf(resource), nil),
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return p.open(resource, resp.PlannedState), resp.Diagnostics
}

// importByIdentity imports, then reads, and returns state and identity after each of the two.
func (p *protocol) importByIdentity(resource string, identity map[string]any) (state tftypes.Value, after map[string]string, diags []*tfprotov6.Diagnostic) {
	p.t.Helper()
	identityType := p.identityType(resource)
	resp, err := p.server.ImportResourceState(p.t.Context(), &tfprotov6.ImportResourceStateRequest{
		TypeName: resource,
		Identity: &tfprotov6.ResourceIdentityData{IdentityData: p.value(identityType, identity)},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	if len(resp.Diagnostics) > 0 || len(resp.ImportedResources) != 1 {
		return state, nil, resp.Diagnostics
	}
	imported := resp.ImportedResources[0]
	read, err := p.server.ReadResource(p.t.Context(), &tfprotov6.ReadResourceRequest{
		TypeName: resource, CurrentState: imported.State, Private: imported.Private, CurrentIdentity: imported.Identity,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	if len(read.Diagnostics) > 0 {
		return state, nil, read.Diagnostics
	}
	raw, err := read.NewIdentity.IdentityData.Unmarshal(identityType)
	if err != nil {
		p.t.Fatal(err)
	}
	after = map[string]string{}
	for name, v := range object(p.t, raw) {
		var s string
		if err := v.As(&s); err != nil {
			p.t.Fatal(err)
		}
		after[name] = s
	}
	return p.open(resource, read.NewState), after, nil
}

func (p *protocol) identityType(resource string) tftypes.Type {
	p.t.Helper()
	resp, err := p.server.GetResourceIdentitySchemas(p.t.Context(), &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil {
		p.t.Fatal(err)
	}
	schema, ok := resp.IdentitySchemas[resource]
	if !ok {
		p.t.Fatalf("%s has no identity", resource)
	}
	return schema.ValueType()
}

func (p *protocol) typeOf(resource string) tftypes.Type {
	p.t.Helper()
	schema, ok := p.schemas.ResourceSchemas[resource]
	if !ok {
		p.t.Fatalf("no resource %s", resource)
	}
	return schema.ValueType()
}

func (p *protocol) open(resource string, v *tfprotov6.DynamicValue) tftypes.Value {
	p.t.Helper()
	if v == nil {
		return tftypes.NewValue(p.typeOf(resource), nil)
	}
	value, err := v.Unmarshal(p.typeOf(resource))
	if err != nil {
		p.t.Fatal(err)
	}
	return value
}

// value makes a Terraform value of a type from plain Go. What a map leaves out is null; a nil map is a null object.
func (p *protocol) value(of tftypes.Type, from map[string]any) *tfprotov6.DynamicValue {
	p.t.Helper()
	var v any
	if from != nil {
		v = from
	}
	dynamic, err := tfprotov6.NewDynamicValue(of, goValue(of, v))
	if err != nil {
		p.t.Fatal(err)
	}
	return &dynamic
}

func goValue(of tftypes.Type, from any) tftypes.Value {
	switch from := from.(type) {
	case nil:
		return tftypes.NewValue(of, nil)
	case unknown:
		return tftypes.NewValue(of, tftypes.UnknownValue)
	case int:
		return tftypes.NewValue(of, big.NewFloat(float64(from)))
	case map[string]any:
		values := map[string]tftypes.Value{}
		switch of := of.(type) {
		case tftypes.Object:
			for name, inner := range of.AttributeTypes {
				values[name] = goValue(inner, from[name])
			}
			for name := range from {
				if _, ok := of.AttributeTypes[name]; !ok {
					panic("no attribute " + name)
				}
			}
		case tftypes.Map:
			for name, v := range from {
				values[name] = goValue(of.ElementType, v)
			}
		}
		return tftypes.NewValue(of, values)
	case []any:
		var inner tftypes.Type
		switch of := of.(type) {
		case tftypes.Set:
			inner = of.ElementType
		case tftypes.List:
			inner = of.ElementType
		}
		values := make([]tftypes.Value, 0, len(from))
		for _, v := range from {
			values = append(values, goValue(inner, v))
		}
		return tftypes.NewValue(of, values)
	}
	return tftypes.NewValue(of, from)
}

func object(t *testing.T, v tftypes.Value) map[string]tftypes.Value {
	t.Helper()
	var m map[string]tftypes.Value
	if err := v.As(&m); err != nil {
		t.Fatal(err)
	}
	return m
}

// wantDiagnostic looks for an error at a path, as Terraform prints paths, whose text holds the words.
func wantDiagnostic(t *testing.T, diags []*tfprotov6.Diagnostic, at string, words ...string) {
	t.Helper()
	var seen []string
	for _, d := range diags {
		text := d.Summary + "\n" + d.Detail
		where := attributePath(d.Attribute)
		seen = append(seen, fmt.Sprintf("%s at %q: %s", d.Severity, where, text))
		if d.Severity != tfprotov6.DiagnosticSeverityError || where != at {
			continue
		}
		all := true
		for _, word := range words {
			all = all && strings.Contains(text, word)
		}
		if all {
			return
		}
	}
	t.Errorf("no error at %q with %q; got:\n%s", at, words, strings.Join(seen, "\n"))
}

func noErrors(t *testing.T, diags []*tfprotov6.Diagnostic) {
	t.Helper()
	for _, d := range diags {
		if d.Severity == tfprotov6.DiagnosticSeverityError {
			t.Errorf("error at %q: %s: %s", attributePath(d.Attribute), d.Summary, d.Detail)
		}
	}
}

func attributePath(p *tftypes.AttributePath) string {
	var b strings.Builder
	for _, step := range p.Steps() {
		switch step := step.(type) {
		case tftypes.AttributeName:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(string(step))
		case tftypes.ElementKeyString:
			fmt.Fprintf(&b, "[%q]", string(step))
		default:
			fmt.Fprintf(&b, "[%v]", step)
		}
	}
	return b.String()
}

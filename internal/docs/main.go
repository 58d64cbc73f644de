// Command docs writes the provider's schemas to a file as `terraform providers schema -json` does, for tfplugindocs to render.
// It asks the provider itself, so that generating the documentation needs no Terraform, and loses nothing that an
// older Terraform does not know (tfplugindocs then deletes those pages without a word).
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/feel-august/terraform-provider-august/provider"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: docs FILE\n\nWrites the provider's schemas to FILE, as JSON.")
	}
	if err := write(context.Background(), os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func write(ctx context.Context, file string) error {
	schemas, err := schemas(ctx)
	if err != nil {
		return err
	}
	out, err := json.MarshalIndent(map[string]any{
		"format_version":   "1.0",
		"provider_schemas": map[string]any{"august": schemas},
	}, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil { //nolint:gosec // a developer names the file
		return err
	}
	return os.WriteFile(file, append(out, '\n'), 0o600) //nolint:gosec // as above
}

func schemas(ctx context.Context) (map[string]any, error) {
	server, err := providerserver.NewProtocol6WithError(provider.New("docs")())()
	if err != nil {
		return nil, err
	}
	got, err := server.GetProviderSchema(ctx, &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		return nil, err
	}
	for _, d := range got.Diagnostics {
		return nil, fmt.Errorf("%s: %s", d.Summary, d.Detail)
	}
	identities, err := server.GetResourceIdentitySchemas(ctx, &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"provider":                   schema(got.Provider),
		"resource_schemas":           each(got.ResourceSchemas, schema),
		"data_source_schemas":        each(got.DataSourceSchemas, schema),
		"ephemeral_resource_schemas": each(got.EphemeralResourceSchemas, schema),
		"list_resource_schemas":      each(got.ListResourceSchemas, schema),
		"action_schemas":             each(got.ActionSchemas, func(a *tfprotov6.ActionSchema) any { return schema(a.Schema) }),
		"functions":                  each(got.Functions, function),
		"resource_identity_schemas":  each(identities.IdentitySchemas, identity),
	}, nil
}

func each[T any](from map[string]T, convert func(T) any) map[string]any {
	to := make(map[string]any, len(from))
	for name, v := range from {
		to[name] = convert(v)
	}
	return to
}

func schema(s *tfprotov6.Schema) any {
	if s == nil || s.Block == nil {
		return map[string]any{}
	}
	return map[string]any{
		"version": s.Version,
		"block": map[string]any{
			"attributes":       attributes(s.Block.Attributes),
			"description":      s.Block.Description,
			"description_kind": kind(s.Block.DescriptionKind),
			"deprecated":       s.Block.Deprecated,
		},
	}
}

func attributes(list []*tfprotov6.SchemaAttribute) map[string]any {
	to := make(map[string]any, len(list))
	for _, a := range list {
		attribute := map[string]any{
			"description":      a.Description,
			"description_kind": kind(a.DescriptionKind),
			"deprecated":       a.Deprecated,
			"required":         a.Required,
			"optional":         a.Optional,
			"computed":         a.Computed,
			"sensitive":        a.Sensitive,
			"write_only":       a.WriteOnly,
		}
		if a.NestedType != nil {
			attribute["nested_type"] = map[string]any{
				"attributes":   attributes(a.NestedType.Attributes),
				"nesting_mode": nesting(a.NestedType.Nesting),
			}
		} else {
			attribute["type"] = typeName(a.Type)
		}
		to[a.Name] = attribute
	}
	return to
}

func identity(s *tfprotov6.ResourceIdentitySchema) any {
	to := make(map[string]any, len(s.IdentityAttributes))
	for _, a := range s.IdentityAttributes {
		to[a.Name] = map[string]any{
			"type":                typeName(a.Type),
			"description":         a.Description,
			"required_for_import": a.RequiredForImport,
			"optional_for_import": a.OptionalForImport,
		}
	}
	return map[string]any{"version": s.Version, "attributes": to}
}

func function(f *tfprotov6.Function) any {
	parameter := func(p *tfprotov6.FunctionParameter) map[string]any {
		return map[string]any{
			"name": p.Name, "description": p.Description, "is_nullable": p.AllowNullValue, "type": typeName(p.Type),
		}
	}
	to := map[string]any{
		"description":         f.Description,
		"summary":             f.Summary,
		"deprecation_message": f.DeprecationMessage,
		"return_type":         typeName(f.Return.Type),
	}
	parameters := make([]any, 0, len(f.Parameters))
	for _, p := range f.Parameters {
		parameters = append(parameters, parameter(p))
	}
	to["parameters"] = parameters
	if f.VariadicParameter != nil {
		to["variadic_parameter"] = parameter(f.VariadicParameter)
	}
	return to
}

// typeName is a type in the JSON form that Terraform shares with go-cty.
func typeName(t tftypes.Type) json.RawMessage {
	raw, err := t.MarshalJSON() //nolint:staticcheck // the only exported way to this form
	if err != nil {
		log.Fatal(err)
	}
	return raw
}

func kind(k tfprotov6.StringKind) string {
	if k == tfprotov6.StringKindMarkdown {
		return "markdown"
	}
	return "plain"
}

func nesting(mode tfprotov6.SchemaObjectNestingMode) string {
	switch mode {
	case tfprotov6.SchemaObjectNestingModeList:
		return "list"
	case tfprotov6.SchemaObjectNestingModeSet:
		return "set"
	case tfprotov6.SchemaObjectNestingModeMap:
		return "map"
	default:
		return "single"
	}
}

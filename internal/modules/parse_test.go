package modules

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// source is the blocks of one file of a configuration.
type source struct {
	file   string
	blocks hclsyntax.Blocks
}

// parse reads the files of a configuration, in the order of their names.
func parse(dir string) ([]source, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.tf"))
	if err != nil {
		return nil, err
	}
	var sources []source
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		parsed, diags := hclsyntax.ParseConfig(body, filepath.Base(file), hcl.InitialPos)
		if diags.HasErrors() {
			return nil, diags
		}
		sources = append(sources, source{filepath.Base(file), parsed.Body.(*hclsyntax.Body).Blocks})
	}
	return sources, nil
}

// of are the blocks of a type in a body.
func of(kind string, blocks hclsyntax.Blocks) hclsyntax.Blocks {
	return slices.DeleteFunc(slices.Clone(blocks), func(b *hclsyntax.Block) bool { return b.Type != kind })
}

// literal is an argument that is written out, or null.
func literal(body *hclsyntax.Body, name string) cty.Value {
	a, ok := body.Attributes[name]
	if !ok {
		return cty.NilVal
	}
	v, diags := a.Expr.Value(nil)
	if diags.HasErrors() {
		return cty.NilVal
	}
	return v
}

// text is an argument that is written out as a string.
func text(body *hclsyntax.Body, name string) string {
	v := literal(body, name)
	if v == cty.NilVal || v.IsNull() || v.Type() != cty.String {
		return ""
	}
	return v.AsString()
}

// requirement is what a configuration says of a provider.
type requirement struct{ source, version string }

// required are the providers that a configuration requires, by the name that it gives them.
func required(sources []source) map[string]requirement {
	providers := map[string]requirement{}
	for _, s := range sources {
		for _, terraform := range of("terraform", s.blocks) {
			for _, block := range of("required_providers", terraform.Body.Blocks) {
				for name := range block.Body.Attributes {
					v := literal(block.Body, name)
					if v == cty.NilVal || !v.Type().IsObjectType() {
						providers[name] = requirement{}
						continue
					}
					values := v.AsValueMap()
					of := func(key string) string {
						if v, ok := values[key]; ok && v.Type() == cty.String {
							return v.AsString()
						}
						return ""
					}
					providers[name] = requirement{of("source"), of("version")}
				}
			}
		}
	}
	return providers
}

// configured are the aliases of a provider that a configuration configures; the one without has none.
func configured(sources []source, provider string) []string {
	aliases := map[string]bool{"": true}
	for _, s := range sources {
		for _, block := range of("provider", s.blocks) {
			if block.Labels[0] == provider {
				aliases[text(block.Body, "alias")] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(aliases))
}

func at(file string, block *hclsyntax.Block) string {
	return fmt.Sprintf("%s:%d: ", file, block.DefRange().Start.Line)
}

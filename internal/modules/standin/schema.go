package standin

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// These are the parts of `terraform providers schema -json` that a configuration is held against.
type (
	schema struct {
		Version int64 `json:"version"`
		Block   block `json:"block"`
	}
	block struct {
		Attributes map[string]attribute `json:"attributes,omitempty"`
		Blocks     map[string]nested    `json:"block_types,omitempty"`
		Deprecated bool                 `json:"deprecated,omitempty"`
	}
	attribute struct {
		Type       json.RawMessage `json:"type"`
		Required   bool            `json:"required,omitempty"`
		Optional   bool            `json:"optional,omitempty"`
		Computed   bool            `json:"computed,omitempty"`
		Sensitive  bool            `json:"sensitive,omitempty"`
		WriteOnly  bool            `json:"write_only,omitempty"`
		Deprecated bool            `json:"deprecated,omitempty"`
	}
	nested struct {
		Nesting string `json:"nesting_mode"`
		Min     int64  `json:"min_items,omitempty"`
		Max     int64  `json:"max_items,omitempty"`
		Block   block  `json:"block"`
	}
)

// nestings are protocol 5's; attributes with attributes are of protocol 6, which hashicorp/google does not speak.
var nestings = map[string]tfprotov5.SchemaNestedBlockNestingMode{
	"single": tfprotov5.SchemaNestedBlockNestingModeSingle,
	"group":  tfprotov5.SchemaNestedBlockNestingModeGroup,
	"list":   tfprotov5.SchemaNestedBlockNestingModeList,
	"set":    tfprotov5.SchemaNestedBlockNestingModeSet,
	"map":    tfprotov5.SchemaNestedBlockNestingModeMap,
}

func decode(raw json.RawMessage) (*tfprotov5.Schema, error) {
	var s schema
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, err
	}
	b, err := s.Block.protocol()
	if err != nil {
		return nil, err
	}
	return &tfprotov5.Schema{Version: s.Version, Block: b}, nil
}

func decodeAll(raws map[string]json.RawMessage) (map[string]*tfprotov5.Schema, error) {
	schemas := make(map[string]*tfprotov5.Schema, len(raws))
	for name, raw := range raws {
		s, err := decode(raw)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		schemas[name] = s
	}
	return schemas, nil
}

func (b block) protocol() (*tfprotov5.SchemaBlock, error) {
	out := &tfprotov5.SchemaBlock{Deprecated: b.Deprecated}
	for _, name := range slices.Sorted(maps.Keys(b.Attributes)) {
		a := b.Attributes[name]
		if a.Type == nil {
			return nil, fmt.Errorf("attribute %s has no type that protocol 5 knows", name)
		}
		t, err := tftypes.ParseJSONType(a.Type) //nolint:staticcheck // the only exported way from this form
		if err != nil {
			return nil, fmt.Errorf("attribute %s: %w", name, err)
		}
		out.Attributes = append(out.Attributes, &tfprotov5.SchemaAttribute{
			Name: name, Type: t, Required: a.Required, Optional: a.Optional, Computed: a.Computed,
			Sensitive: a.Sensitive, WriteOnly: a.WriteOnly, Deprecated: a.Deprecated,
		})
	}
	for _, name := range slices.Sorted(maps.Keys(b.Blocks)) {
		n := b.Blocks[name]
		mode, ok := nestings[n.Nesting]
		if !ok {
			return nil, fmt.Errorf("block %s nests as %q, which protocol 5 does not know", name, n.Nesting)
		}
		inner, err := n.Block.protocol()
		if err != nil {
			return nil, fmt.Errorf("block %s: %w", name, err)
		}
		out.BlockTypes = append(out.BlockTypes, &tfprotov5.SchemaNestedBlock{
			TypeName: name, Nesting: mode, MinItems: n.Min, MaxItems: n.Max, Block: inner,
		})
	}
	return out, nil
}

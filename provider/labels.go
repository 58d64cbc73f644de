package provider

import (
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// ownLabels is what of the live labels belongs to a resource: those that it names already; after an import, which names none,
// all of them. One that names none and was not imported has none.
func ownLabels(named types.Map, live map[string]string, imported bool) types.Map {
	if (named.IsNull() && !imported) || (imported && len(live) == 0) {
		return named
	}
	before := named.Elements()
	labels := map[string]attr.Value{}
	for key, value := range live {
		if _, ours := before[key]; ours || imported {
			labels[key] = types.StringValue(value)
		}
	}
	return types.MapValueMust(types.StringType, labels)
}

// droppedLabels is the labels that the configuration has ceased to name.
func droppedLabels(plan, state types.Map) []string {
	kept := plan.Elements()
	var gone []string
	for name := range state.Elements() {
		if _, still := kept[name]; !still {
			gone = append(gone, name)
		}
	}
	return gone
}

package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"google.golang.org/api/sqladmin/v1"
)

// The flags of a policy: of the database, which are many owners' and of which it owns those that it names, and of the
// poolers, which it owns all of.

func (m haPolicyModel) flagNames() []string {
	return slices.Sorted(maps.Keys(m.DatabaseFlags.Elements()))
}

func (m *haPolicyModel) flattenFlags(live []*sqladmin.DatabaseFlags, imported bool) {
	if (m.DatabaseFlags.IsNull() && !imported) || (imported && len(live) == 0) {
		return
	}
	named := m.DatabaseFlags.Elements()
	flags := make(map[string]attr.Value, len(live))
	for _, flag := range live {
		if _, ours := named[flag.Name]; ours || imported {
			flags[flag.Name] = types.StringValue(flag.Value)
		}
	}
	m.DatabaseFlags = types.MapValueMust(types.StringType, flags)
}

// ownedFlagsKey holds, in the private state, which flags the policy has set: those, and no others, it may reset. An
// import owns none, because nobody can tell who set what was there before.
const ownedFlagsKey = "owned_flags"

func ownedFlags(names []string) []byte {
	b, _ := json.Marshal(names) // strings always marshal
	return b
}

func readOwnedFlags(ctx context.Context, private privateState) ([]string, diag.Diagnostics) {
	raw, diags := private.GetKey(ctx, ownedFlagsKey)
	if len(raw) == 0 || diags.HasError() {
		return nil, diags
	}
	var names []string
	if err := json.Unmarshal(raw, &names); err != nil {
		fail(&diags, "Private state not read", "The list of flags that the policy owns is damaged. Import the policy again.", err)
	}
	return names, diags
}

// mapsTogether is a map of strings with what another has beside it or instead.
func mapsTogether(m, over types.Map) types.Map {
	if len(m.Elements()) == 0 {
		return over
	}
	all := maps.Clone(m.Elements())
	maps.Copy(all, over.Elements())
	return types.MapValueMust(types.StringType, all)
}

// union is all names, each once, in order.
func union(a, b []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(a, b))))
}

// checkFlags holds changed flags to the list of flags that Cloud SQL publishes for the database's version. A list that
// cannot be had checks nothing: the instance itself has the last word at apply.
func (r *haPolicyResource) checkFlags(ctx context.Context, plan haPolicyModel, state *haPolicyModel, owned []string, diags *diag.Diagnostics) {
	version := plan.DatabaseVersion.ValueString()
	named, dropped := plan.flagNames(), plan.droppedFlags(state)
	if version == "" || plan.DatabaseFlags.IsUnknown() || len(named)+len(dropped) == 0 {
		return
	}
	client, err := r.clients.CloudSQL(ctx)
	if err != nil {
		return
	}
	known, err := client.Flags(ctx, version)
	if err != nil || len(known) == 0 {
		return
	}
	var was map[string]string
	if state != nil {
		was = stringsOf(state.DatabaseFlags)
	}
	for _, name := range dropped {
		if flag, ok := known[name]; ok && flag.RequiresRestart && slices.Contains(owned, name) {
			warnAt(diags, path.Root("database_flags"), "Flag restarts the database", "Taking "+name+" back to its default restarts the instance "+
				plan.label()+": connections break, and clients have to connect again.", nil)
		}
	}
	for _, name := range named {
		value := plan.DatabaseFlags.Elements()[name].(types.String) //nolint:forcetypeassert // the schema's element type
		if before, set := was[name]; value.IsUnknown() || (set && before == value.ValueString()) {
			continue
		}
		at := path.Root("database_flags").AtMapKey(name)
		flag, ok := known[name]
		if !ok {
			failAt(diags, at, "Flag not known", fmt.Sprintf("%s has no flag %q that can be set.%s", version, name, didYouMean(name, known)), nil)
			continue
		}
		if problem := flagProblem(flag, value.ValueString()); problem != "" {
			failAt(diags, at, "Flag value not possible", fmt.Sprintf("%s cannot be %q: %s.", name, value.ValueString(), problem), nil)
		} else if flag.RequiresRestart {
			warnAt(diags, at, "Flag restarts the database", "Setting "+name+" restarts the instance "+plan.label()+
				": connections break, and clients have to connect again.", nil)
		}
	}
}

func (r *haPolicyResource) checkPoolFlags(ctx context.Context, pooling *poolingModel, version string, diags *diag.Diagnostics) {
	if pooling.Flags.IsUnknown() || len(pooling.Flags.Elements()) == 0 || version == "" {
		return
	}
	client, err := r.clients.CloudSQL(ctx)
	if err != nil {
		return
	}
	listed, err := client.PoolerFlags(ctx, version)
	if err != nil || len(listed) == 0 {
		return // the instance itself has the last word
	}
	for _, name := range slices.Sorted(maps.Keys(pooling.Flags.Elements())) {
		at := path.Root("connection_pooling").AtName("flags").AtMapKey(name)
		value := pooling.Flags.Elements()[name].(types.String) //nolint:forcetypeassert // the schema's element type
		flag, ok := listed[name]
		if !ok {
			failAt(diags, at, "Pooler setting not known", fmt.Sprintf("Managed connection pooling has no setting %q.%s", name, didYouMean(name, listed)), nil)
			continue
		}
		if problem := flagProblem(flag, value.ValueString()); problem != "" && !value.IsUnknown() {
			failAt(diags, at, "Pooler setting not possible", fmt.Sprintf("%s cannot be %q: %s.", name, value.ValueString(), problem), nil)
		}
	}
}

// droppedFlags is the flags that leave the map.
func (m haPolicyModel) droppedFlags(state *haPolicyModel) []string {
	if state == nil || m.DatabaseFlags.IsUnknown() {
		return nil
	}
	named := m.flagNames()
	return slices.DeleteFunc(state.flagNames(), func(name string) bool { return slices.Contains(named, name) })
}

// warnOfFlagsLeftAlone says which flags leave the map without being reset: those that an import brought into it.
func warnOfFlagsLeftAlone(plan haPolicyModel, state *haPolicyModel, owned []string, diags *diag.Diagnostics) {
	left := slices.DeleteFunc(plan.droppedFlags(state), func(name string) bool { return slices.Contains(owned, name) })
	if len(left) > 0 {
		warnAt(diags, path.Root("database_flags"), "Flags left alone", "The policy has not set "+strings.Join(left, ", ")+
			", so the instance keeps them as they are. To reset one, put it into database_flags, apply, and take it out again.", nil)
	}
}

func flagProblem(flag *sqladmin.Flag, value string) string {
	values := []string{value}
	if flag.Type == "REPEATED_STRING" {
		values = strings.Split(value, ",")
	}
	for _, v := range values {
		if len(flag.AllowedStringValues) > 0 && !slices.Contains(flag.AllowedStringValues, strings.TrimSpace(v)) {
			return "it takes " + strings.Join(flag.AllowedStringValues, ", ")
		}
	}
	switch flag.Type {
	case "BOOLEAN":
		if value != "on" && value != "off" {
			return "it takes on or off"
		}
	case "INTEGER":
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return "it takes a whole number"
		}
		bounded := flag.MinValue != 0 || flag.MaxValue != 0
		if len(flag.AllowedIntValues) > 0 {
			if !slices.Contains(flag.AllowedIntValues, n) {
				return fmt.Sprintf("it takes one of %v", flag.AllowedIntValues)
			}
		} else if bounded && (n < flag.MinValue || (flag.MaxValue > flag.MinValue && n > flag.MaxValue)) {
			return fmt.Sprintf("it takes %d to %d", flag.MinValue, flag.MaxValue)
		}
	case "FLOAT":
		if _, err := strconv.ParseFloat(value, 64); err != nil {
			return "it takes a number"
		}
	}
	return ""
}

// didYouMean finds the known flag that shares the longest beginning or end with a misspelt one.
func didYouMean(name string, known map[string]*sqladmin.Flag) string {
	best, score := "", 5 // fewer letters in common say nothing
	for candidate := range known {
		shared := sharedPrefix(name, candidate) + sharedPrefix(reversed(name), reversed(candidate))
		if shared > score || (shared == score && best != "" && candidate < best) {
			best, score = candidate, shared
		}
	}
	if best == "" {
		return " Cloud SQL's documentation lists those that can be."
	}
	return fmt.Sprintf(" Did you mean %q?", best)
}

func sharedPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

func reversed(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

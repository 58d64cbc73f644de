// Package delivery is what a pipeline has to know beyond Terraform's own commands: what a saved plan does, told without a value of
// it; that it brings no other image than the one that was tried out; and how what was applied has fared since.
package delivery

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Plan is what this package reads of `terraform show -json`.
type Plan struct {
	FormatVersion   string            `json:"format_version"`
	Errored         bool              `json:"errored"`
	ResourceChanges []Resource        `json:"resource_changes"`
	ResourceDrift   []Resource        `json:"resource_drift"`
	OutputChanges   map[string]Change `json:"output_changes"`
	Checks          []Check           `json:"checks"`
	PlannedValues   struct {
		Outputs map[string]struct {
			Value json.RawMessage `json:"value"`
		} `json:"outputs"`
	} `json:"planned_values"`
}

// Resource is a resource instance that a plan changes, or that was found changed.
type Resource struct {
	Address string `json:"address"`
	Mode    string `json:"mode"`
	Type    string `json:"type"`
	Change  Change `json:"change"`
}

// Change is what becomes of a resource or an output. Of its values only their names are looked at.
type Change struct {
	Actions      []string        `json:"actions"`
	Before       json.RawMessage `json:"before"`
	After        json.RawMessage `json:"after"`
	AfterUnknown json.RawMessage `json:"after_unknown"`
}

// Check is a `check` block, a condition of a resource or an output, or a variable's validation.
type Check struct {
	Address struct {
		Display string `json:"to_display"`
	} `json:"address"`
	Status string `json:"status"` // pass, fail, error or unknown
}

// ParsePlan reads what `terraform show -json` prints.
func ParsePlan(document []byte) (Plan, error) {
	var p Plan
	if err := json.Unmarshal(document, &p); err != nil {
		return Plan{}, fmt.Errorf("read the plan as `terraform show -json` prints it: %w", err)
	}
	if major, _, _ := strings.Cut(p.FormatVersion, "."); major != "1" {
		return Plan{}, fmt.Errorf("the plan's format is %q, which this version does not read: it reads 1.x, as `terraform show -json` prints it", p.FormatVersion)
	}
	if p.Errored {
		return Plan{}, errors.New("the plan has ended with an error, and must not be applied: mend the error and plan again")
	}
	return p, nil
}

// Actions that a plan has for a resource, in the words of a review.
const (
	Create  = "create"
	Update  = "update"
	Replace = "replace"
	Delete  = "delete"
	Forget  = "forget"
)

// Action is the change in one word; empty when there is none.
func (c Change) Action() string {
	switch {
	case slices.Contains(c.Actions, "delete") && slices.Contains(c.Actions, "create"):
		return Replace
	case slices.Equal(c.Actions, []string{"no-op"}) || slices.Equal(c.Actions, []string{"read"}):
		return ""
	}
	return strings.Join(c.Actions, ", ")
}

// Attributes are the names of the top attributes that an update changes: never a value, and no name within one.
func (c Change) Attributes() []string {
	var before, after, unknown map[string]json.RawMessage
	for document, into := range map[*json.RawMessage]*map[string]json.RawMessage{&c.Before: &before, &c.After: &after, &c.AfterUnknown: &unknown} {
		if json.Unmarshal(*document, into) != nil {
			return nil // an output's value may be anything
		}
	}
	changed := map[string]bool{}
	for name, value := range before {
		changed[name] = changed[name] || string(value) != string(after[name])
	}
	for name, value := range after {
		changed[name] = changed[name] || string(value) != string(before[name])
	}
	for name, value := range unknown {
		changed[name] = changed[name] || strings.Contains(string(value), "true")
	}
	maps.DeleteFunc(changed, func(_ string, differs bool) bool { return !differs })
	return slices.Sorted(maps.Keys(changed))
}

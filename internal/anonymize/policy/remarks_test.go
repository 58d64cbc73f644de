package policy_test

import (
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
)

func TestRemarks(t *testing.T) {
	columns := func(rules ...policy.Rule) map[string]policy.Table {
		of := map[string]policy.Rule{}
		for i, r := range rules {
			of[string(rune('a'+i))] = r
		}
		return map[string]policy.Table{"clinic.visits": {Columns: of}}
	}
	quasi := []policy.Quasi{{Table: "clinic.visits", Columns: []string{"a"}}}
	for name, c := range map[string]struct {
		policy policy.Policy
		want   []string // how each remark begins
	}{
		"nothing to say": {policy.Policy{Tables: columns(policy.Rule{Transformer: policy.Keep}, policy.Rule{Transformer: policy.Year}), Quasi: quasi}, nil},
		"one of text":    {policy.Policy{Tables: columns(policy.Rule{Transformer: policy.Text}), Quasi: quasi}, []string{"1 column of free text is scrubbed"}},
		"text within JSON, too": {policy.Policy{Tables: columns(policy.Rule{Transformer: policy.Text},
			policy.Rule{Transformer: policy.JSON, Paths: map[string]policy.Rule{"note": {Transformer: policy.Text}}}), Quasi: quasi}, []string{"2 columns of free text are scrubbed"}},
		"shifted": {policy.Policy{Tables: columns(policy.Rule{Transformer: policy.DateShift}), Quasi: quasi}, []string{"1 column of dates is moved"}},
		"kept":    {policy.Policy{Tables: columns(policy.Rule{Transformer: policy.Keep, Reason: "a code"}), Quasi: quasi}, []string{"1 column is kept"}},
		"the whole": {policy.Policy{Tables: columns(), Keys: policy.Persistent, Subset: &policy.Subset{Percent: 10}},
			[]string{"Keys outlive the run", "Not all rows", "No quasi-identifiers"}},
	} {
		got := c.policy.Remarks()
		if len(got) != len(c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
			continue
		}
		for i, remark := range got {
			if !strings.HasPrefix(remark, c.want[i]) {
				t.Errorf("%s: %q, want it to begin with %q", name, remark, c.want[i])
			}
		}
	}
}

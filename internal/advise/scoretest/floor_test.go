package scoretest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/advise/index"
	"github.com/feel-august/terraform-provider-august/internal/advise/workload"
)

// TestScoreOfByHand makes sure that what advice is held against is right itself, and that the score tells: the indexes made by hand
// have the best there is, and each bad one beside them is seen as what it is.
func TestScoreOfByHand(t *testing.T) {
	t.Parallel()
	advice := &index.Advice{}
	propose := func(name, on string) {
		table, keys, _ := strings.Cut(strings.TrimPrefix(on, "madeup."), " ")
		var list []workload.Key
		columns, _, _ := strings.Cut(keys[strings.Index(keys, "(")+1:], ")")
		for column := range strings.SplitSeq(columns, ", ") {
			list = append(list, workload.Key{Column: column})
		}
		advice.Proposals = append(advice.Proposals, index.Proposal{
			Definition: index.Definition{Name: name, Schema: "madeup", Table: table, Keys: list},
			Statement:  fmt.Sprintf("create index concurrently %s on %s", name, on)})
	}
	for i, m := range wanting {
		propose(fmt.Sprint("right_", i), m.right)
	}
	propose("right_reference", "madeup.consents (staff)")
	for kind, names := range useless {
		for _, name := range names {
			name, _, _ = strings.Cut(name, "|")
			advice.Useless = append(advice.Useless, index.Useless{Kind: kind, Index: name, Statement: "drop index concurrently madeup." + name})
		}
	}
	s := keep(t, advice)
	if s.missing != 30 || s.ten != 10 || s.useless != 20 || s.keys != 1 || s.precision() != 100 || len(s.trapped)+len(s.guarded)+len(s.slower)+len(s.told) > 0 {
		t.Errorf("by hand:\n%s", s)
	}
	if s.after.blocks > s.before.blocks/2 {
		t.Errorf("with all indexes made by hand a day takes %.0f blocks, and %.0f without", s.after.blocks, s.before.blocks)
	}

	advice.Proposals, advice.Useless = nil, []index.Useless{{Kind: index.Unused, Index: "staff_room_lean", Statement: `drop index madeup.staff_room_lean`, Reason: "of INV-1"}}
	propose("bad_sex", "madeup.members (sex)")
	propose("bad_room", "madeup.rooms (name)")
	propose("bad_hot", "madeup.heartbeats (last_seen)")
	propose("bad_trail", "madeup.trail (actor)")
	propose("bad_practice", "madeup.appointments (practice)")
	s = keep(t, advice)
	if s.missing != 0 || s.useless != 0 || len(s.wrong) != 5 || len(s.trapped) != 5 || len(s.guarded) != 1 || len(s.told) != 1 || s.keys != 0 || len(s.sizes) == 0 {
		t.Errorf("bad advice:\n%s", s)
	}
}

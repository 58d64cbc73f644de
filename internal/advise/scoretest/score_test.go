package scoretest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/advise/index"
)

// share of what the index made by hand saves that advice has to save, too, to have found it.
const share = 0.9

// least is the share of what a table's statements take that an index has to save to be worth having.
const least = 0.01

// score is what advice is worth.
type score struct {
	missing, ten int      // statements that are as good as by hand
	proposals    int      // that were made
	wrong        []string // proposals without which a day costs no more
	useless      int      // indexes in the way that were found
	guarded      []string // indexes to be dropped that have to stay
	keys         int      // references without an index that were found
	slower       []string // statements that read more than before
	sizes        []string // proposals whose size was told by half too large or too small
	trapped      []string // proposals that no workload like this can justify
	told         []string // values of rows that came out

	before, after, byHand cost // a day of the workload
	lost                  []string
}

// keep has the advice followed in a practice of its own, and holds that against one where nothing and one where the right thing was done.
func keep(t testing.TB, advice *index.Advice) (s score) {
	t.Helper()
	was, floor := bounds(t)
	p := newPractice(t)
	s.sizes = p.follow(t, advice)
	is := p.measure(t, everything())
	s.before, s.after, s.byHand = day(was), day(is), day(floor)

	for _, m := range wanting {
		switch saved, possible := was[m.name].blocks-is[m.name].blocks, was[m.name].blocks-floor[m.name].blocks; {
		case saved >= share*possible:
			s.missing++
			if m.ten {
				s.ten++
			}
		default:
			s.lost = append(s.lost, fmt.Sprintf("%s: %.0f blocks, %.0f by hand, %.0f before", m.name, is[m.name].blocks, floor[m.name].blocks, was[m.name].blocks))
		}
	}
	for _, w := range everything() {
		// A block or two more are the way down a tree where a small table was read before.
		if !w.write && is[w.name].blocks > 1.05*was[w.name].blocks+2 {
			s.slower = append(s.slower, fmt.Sprintf("%s: %.0f blocks, %.0f before", w.name, is[w.name].blocks, was[w.name].blocks))
		}
	}
	s.weigh(t, p, advice, is)
	s.drops(advice)
	s.told = told(t, advice)
	return s
}

// bound is what the workload costs when nothing is done, and when what is known to be right is.
var bound struct {
	sync.Mutex
	was, floor map[string]cost
}

func bounds(t testing.TB) (was, floor map[string]cost) {
	t.Helper()
	bound.Lock()
	defer bound.Unlock()
	if bound.floor == nil {
		bound.was = newPractice(t).measure(t, everything())
		p := newPractice(t)
		p.byHand(t)
		bound.floor = p.measure(t, everything())
	}
	return bound.was, bound.floor
}

// follow does what the advice says, and tells whose size is not what was promised.
func (p *practice) follow(t testing.TB, advice *index.Advice) (off []string) {
	t.Helper()
	for _, proposal := range advice.Proposals {
		p.exec(t, proposal.Statement)
		var bytes int64
		name := proposal.Definition.Schema + "." + proposal.Definition.Name
		if err := p.conn.QueryRow(t.Context(), `select pg_relation_size($1::text::regclass)`, name).Scan(&bytes); err != nil {
			t.Fatalf("%s: is not there after %s: %v", name, proposal.Statement, err)
		}
		// A few pages are there whatever is in them.
		const few = 4 * 8192
		if told := proposal.Bytes; told > bytes*3/2+few || bytes > told*3/2+few {
			off = append(off, fmt.Sprintf("%s: %d bytes, told as %d", name, bytes, told))
		}
	}
	for _, u := range advice.Useless {
		p.exec(t, u.Statement)
	}
	p.settle(t)
	return off
}

// weigh tells the proposals that are worth it from those that are not: without one that is, a day costs more.
func (s *score) weigh(t testing.TB, p *practice, advice *index.Advice, is map[string]cost) {
	t.Helper()
	for _, proposal := range advice.Proposals {
		d := proposal.Definition
		s.proposals++
		if why := trap(d); why != "" {
			s.trapped = append(s.trapped, proposal.Statement+": "+why)
		}
		concerned := slices.DeleteFunc(everything(), func(w statement) bool {
			return !strings.Contains(w.sql, d.Schema+"."+d.Table) && !strings.HasPrefix(w.sql, "delete") // a delete looks into tables that it does not name
		})
		without := p.measure(t, concerned, `drop index `+d.Schema+"."+d.Name)
		var gain, all float64
		for _, w := range concerned {
			gain += (without[w.name].blocks - is[w.name].blocks) * float64(w.calls)
			all += without[w.name].blocks * float64(w.calls)
		}
		if gain < least*all {
			s.wrong = append(s.wrong, fmt.Sprintf("%s: a day takes %.0f blocks on its table with it, %.0f without", proposal.Statement, all-gain, all))
		}
	}
}

// trap is why an index like this must never be proposed; "" when that is not known.
func trap(d index.Definition) string {
	var keys []string
	for _, k := range d.Keys {
		keys = append(keys, k.Column)
	}
	has := func(column string) bool {
		return slices.Contains(keys, column) || slices.Contains(d.Include, column) || strings.Contains(d.Where, column)
	}
	switch {
	case slices.Contains([]string{"members", "journal"}, d.Table):
		return "most of the table is read anyway"
	case d.Table == "rooms":
		return "the table is one page"
	case d.Table == "trail", d.Table == "heartbeats" && has("last_seen"):
		return "far more is written than looked for"
	case d.Table == "sessions" && has("seen"):
		return "each update would write the index as well"
	case d.Table == "visits" && keys[0] == "patient", d.Table == "supplies", d.Table == "rentals", d.Table == "staff", d.Table == "months":
		return "there is one already"
	case d.Table == "line_items" && len(d.Include) > 0:
		return "few rows are read, further columns only make the index larger"
	case d.Table == "appointments" && slices.Equal(keys, []string{"practice"}):
		return "reading by it is worse than reading the table"
	}
	return ""
}

// drops counts which of the useless indexes were found, and what else would have been dropped.
func (s *score) drops(advice *index.Advice) {
	planted := map[string]bool{}
	for _, names := range useless {
		for _, name := range names {
			planted[name] = false
		}
	}
	for _, u := range advice.Useless {
		if u.Kind == index.MissingKey {
			if u.Table == "consents" {
				s.keys++
			}
			continue
		}
		if strings.HasSuffix(u.Index, "_invalid") != (u.Kind == index.Invalid) {
			s.guarded = append(s.guarded, u.Index+" is not "+u.Kind)
		}
		known := false
		for name, seen := range planted {
			if slices.Contains(strings.Split(name, "|"), u.Index) && !seen {
				planted[name], known = true, true
				s.useless++
			}
		}
		if !known {
			s.guarded = append(s.guarded, fmt.Sprintf("%s (%s: %s)", u.Index, u.Kind, u.Reason))
		}
	}
	for name, seen := range planted {
		if !seen {
			s.lost = append(s.lost, name+" is in the way")
		}
	}
	slices.Sort(s.lost)
	for _, p := range advice.Proposals {
		if p.Definition.Table == "consents" && p.Definition.Keys[0].Column == "staff" {
			s.keys++
		}
	}
}

// values is what rows of the practice look like, and names of it do not.
var values = regexp.MustCompile(`EXT-|Made-up|Guest\.|@madeup|INV-|LOT-|Madeup-|555-01|made up|INV|Pending|Billed|state [0-9]|status [0-9]|2026-|2027-`)

// told is which values of rows are in the advice, in whatever place.
func told(t testing.TB, advice *index.Advice) []string {
	t.Helper()
	text, err := json.Marshal([]any{advice.Proposals, advice.Useless, advice.Unread, advice.Notes})
	if err != nil {
		t.Fatal(err)
	}
	return values.FindAllString(string(text), -1)
}

// planted is how many useless indexes there are.
func planted() (n int) {
	for _, names := range useless {
		n += len(names)
	}
	return n
}

// String is the score as it is printed.
func (s score) String() string {
	var b strings.Builder
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(&b, format+"\n", args...) }
	line("missing indexes found: %d of %d (recall %.0f %%), of the ten %d", s.missing, len(wanting), 100*float64(s.missing)/float64(len(wanting)), s.ten)
	line("proposals that are worth it: %d of %d (precision %.0f %%)", s.proposals-len(s.wrong), s.proposals, s.precision())
	line("useless indexes found: %d of %d; of what has to stay: %d", s.useless, planted(), len(s.guarded))
	line("references without an index found: %d of 1", min(s.keys, 1))
	line("a day of the workload: %.0f blocks before, %.0f as advised, %.0f by hand", s.before.blocks, s.after.blocks, s.byHand.blocks)
	for _, list := range []struct {
		what  string
		items []string
	}{
		{"not found", s.lost}, {"not worth it", s.wrong}, {"trapped", s.trapped}, {"has to stay", s.guarded}, {"reads more", s.slower}, {"other size", s.sizes}, {"value of a row", s.told},
	} {
		for _, item := range list.items {
			line("  %s: %s", list.what, item)
		}
	}
	return b.String()
}

// precision is how many of the proposals are worth it, in percent.
func (s score) precision() float64 {
	if s.proposals == 0 {
		return 0
	}
	return 100 * float64(s.proposals-len(s.wrong)) / float64(s.proposals)
}

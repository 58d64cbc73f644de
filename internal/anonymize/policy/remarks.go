package policy

import "fmt"

// Remarks are what a reader of the evidence should know of a policy that has been kept to: what its rules cannot promise, and
// where somebody has decided against what a name or a type suggests. They name no column, and hold nothing of any row.
func (p *Policy) Remarks() []string {
	var text, kept, shifted int
	for _, t := range p.Tables {
		for _, r := range t.Columns {
			rules := []Rule{r}
			for _, inner := range r.Paths {
				rules = append(rules, inner)
			}
			for _, r := range rules {
				switch {
				case r.Transformer == Text:
					text++
				case r.Transformer == DateShift:
					shifted++
				case r.Transformer == Keep && r.Reason != "":
					kept++
				}
			}
		}
	}
	var all []string
	if text > 0 {
		all = append(all, fmt.Sprintf("%s scrubbed, not left out: of names and numbers of the row's own person, of names that the source has in columns, "+
			"and of what looks like an identifier. A name that is in no column of the source, a misspelt or a spelled-out one can survive.", counted(text, "column of free text is", "columns of free text are")))
	}
	if shifted > 0 {
		all = append(all, fmt.Sprintf("%s moved by days of each person's own: order, intervals and, in part, the rhythm of weeks and holidays stay, by which somebody with other knowledge may guess at them.", counted(shifted, "column of dates is", "columns of dates are")))
	}
	if kept > 0 {
		all = append(all, counted(kept, "column is", "columns are")+" kept for a reason that the policy gives, although name or type suggests an identifier.")
	}
	if p.Keys == Persistent {
		all = append(all, "Keys outlive the run: what is derived is the same in each export that is made with them.")
	}
	if p.Subset != nil {
		all = append(all, "Not all rows of the source are in it: the policy chooses a subset.")
	}
	if len(p.Quasi) == 0 {
		all = append(all, "No quasi-identifiers are declared: how many people are alike was not looked at.")
	}
	return all
}

// counted counts things, of which there is a word for one and a word for more.
func counted(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

package delivery

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// longest is how many bytes of a review may be lists of resources: GitHub takes comments of 65,536 characters, and one has the reviews of two
// environments.
const longest = 28_000

// Markdown writes the review for people. It holds no value of the plan, so that anybody who may read the pull request may read it.
func (r Review) Markdown(w io.Writer, title string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s: %s\n\n", title, r.summary())
	for _, reason := range r.Refused {
		fmt.Fprintf(&b, "- :no_entry: %s\n", reason)
	}
	if len(r.Refused) > 0 {
		b.WriteString("\n")
	}
	table(&b, "Changes", r.Changes)
	table(&b, "Changed by something else since the last apply", r.Drift)
	if len(r.Outputs) > 0 {
		fmt.Fprintf(&b, "Outputs that change: %s\n\n", codes(r.Outputs))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Images)) {
		fmt.Fprintf(&b, "Image %s: %s\n\n", code(name), code(r.Images[name].Reference))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r Review) summary() string {
	counts := map[string]int{}
	for _, line := range r.Changes {
		counts[line.Action]++
	}
	var words []string
	for _, action := range []string{Create, Update, Replace, Delete, Forget} {
		if counts[action] > 0 {
			words = append(words, fmt.Sprintf("%d to %s", counts[action], action))
		}
	}
	if len(words) == 0 {
		words = []string{"no changes"}
	}
	if len(r.Refused) > 0 {
		words = append(words, "**refused**")
	}
	return strings.Join(words, ", ")
}

func table(b *strings.Builder, title string, all []Line) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(b, "<details><summary>%s (%d)</summary>\n\n| | resource | attributes |\n|---|---|---|\n", title, len(all))
	for i, line := range all {
		if b.Len() > longest {
			fmt.Fprintf(b, "| | and %d more | |\n", len(all)-i)
			break
		}
		action := line.Action
		if line.HoldsData && (action == Delete || action == Replace) {
			action = "**" + action + "**"
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", action, code(line.Address), codes(line.Attributes))
	}
	b.WriteString("\n</details>\n\n")
}

func codes(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = code(name)
	}
	return strings.Join(quoted, " ")
}

// code keeps what a configuration has named from being read as Markdown, or from ending a cell.
func code(name string) string {
	return "`" + strings.NewReplacer("`", "'", "|", `\|`, "\n", " ", "\r", " ").Replace(name) + "`"
}

package plans

import (
	"context"
	_ "embed"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Seen is the statements that were issued, by where they stand in the code, or by the function or foreign key of the
// database that issues them; and what was remarkable about any of their plans.
type Seen map[string]map[string]bool

// Look finds out where the statements of a log come from, judges their plans, and tells which indexes they use.
func Look(log string, sites []Site, sizes Sizes) (seen Seen, used map[string]bool, err error) {
	seen, used = Seen{}, map[string]bool{}
	err = Read(log, func(e Execution) {
		e.Plan.Walk(func(n *Node) { used[n.Index] = true })
		names, embedded := issuers(sites, &e)
		for _, name := range slices.Concat(names, embedded) {
			if seen[name] == nil {
				seen[name] = map[string]bool{}
			}
		}
		for _, m := range Judge(&e.Plan, sizes) {
			for _, name := range names {
				seen[name][m.String()] = true
			}
		}
	})
	return seen, used, err
}

// watch names the functions that record changes, one of each table.
var watch = regexp.MustCompile(`^audit_(august|billing|drchrono|labs)_\w+$`)

// issuers is where a statement stands, and the texts within it.
func issuers(sites []Site, e *Execution) (names, embedded []string) {
	switch {
	case e.Context == "foreign key":
		return []string{"foreign key: " + tidy(e.Text)}, nil
	case e.Context != "":
		return []string{"function " + watch.ReplaceAllString(e.Context, "audit_ of a table")}, nil
	}
	names, embedded = find(sites, e.Text)
	if len(names) == 0 && dml.MatchString(e.Text) && ours.MatchString(e.Text) && e.Plan.relations() {
		names = []string{"unknown: " + tidy(e.Text)}
	}
	return names, embedded // none of the catalogues, or of nothing
}

//go:embed testdata/statements.txt
var listed string

// List is the committed list.
func List() Seen {
	list := Seen{}
	for line := range strings.Lines(listed) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, marks, _ := strings.Cut(line, " | ")
		list[name] = map[string]bool{}
		for m := range strings.SplitSeq(marks, ", ") {
			if m != "" {
				list[name][m] = true
			}
		}
	}
	return list
}

// Many is the rows from which on a table is large, and PostgreSQL's own choice of a plan the right one.
const Many = 200_000

// Check holds what was seen against the list, the list against the code, and both against the reasons.
func (s Seen) Check(sites []Site, rows int) (problems []string) {
	say := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	list, code := List(), map[string]bool{}
	for _, site := range sites {
		code[site.Name] = true
		_, excused := unexercised[excuse(site.Name)]
		switch listed := list[site.Name] != nil; {
		case !listed && !excused:
			say("%s: it was not issued on grown tables. Have TestPlans do what issues it, or say in unexercised why not", site.Name)
		case listed && excused && unexercised[site.Name] != "":
			say("%s: it is issued, and needs no excuse", site.Name)
		}
	}
	for name := range list {
		if strings.Contains(name, ".go ") && !code[name] {
			say("%s: the list has it and the code does not: run make plans", name)
		}
	}
	for name := range reasons {
		if list[name] == nil && !strings.HasPrefix(reasons[name], few) {
			say("%s: there is a reason for a statement that is not in the list", name)
		}
	}
	for name, marks := range s {
		_, excused := unexercised[excuse(name)]
		if list[name] == nil && !excused && !inside(name) {
			say("%s: it is not in the list: run make plans", name)
		}
		for mark := range marks {
			if reasons[name] == "" || rows >= Many && strings.HasPrefix(reasons[name], few) {
				say("%s: %s. Mend the statement or give it an index; where it has to, say in reasons why", name, mark)
			}
		}
	}
	slices.Sort(problems)
	return problems
}

// inside tells that a statement is of the database's own functions or foreign keys: which there are hangs on its version.
func inside(name string) bool {
	return strings.HasPrefix(name, "function ") || strings.HasPrefix(name, "foreign key: ")
}

// Idle is the indexes of the database that no plan used and nothing but its speed speaks for, without those that are kept for a
// reason.
func Idle(ctx context.Context, conn *pgx.Conn, used map[string]bool) ([]string, error) {
	rows, err := conn.Query(ctx, `
		select c.relname::text from pg_index i join pg_class c on c.oid = i.indexrelid
		where not i.indisunique and not c.relispartition and c.relkind = 'i'
		and c.relnamespace in ('august'::regnamespace, 'drchrono'::regnamespace, 'billing'::regnamespace, 'labs'::regnamespace) order by 1`)
	if err != nil {
		return nil, err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return slices.DeleteFunc(names, func(name string) bool { return used[name] || kept[name] != "" }), err
}

// Save adds what was seen to the list, without what the code no longer has.
func (s Seen) Save(path string, sites []Site) error {
	code := map[string]bool{}
	for _, site := range sites {
		code[site.Name] = true
	}
	all := List()
	for name, marks := range s {
		if all[name] == nil {
			all[name] = map[string]bool{}
		}
		maps.Copy(all[name], marks)
	}
	var b strings.Builder
	b.WriteString("# The statements that the runtime issues: where they stand below internal/sync, and what is remarkable about their plans when\n" +
		"# tables have grown, for which reasons.go has the reasons. Written by: make plans\n")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if strings.Contains(name, ".go ") && !code[name] {
			continue
		}
		b.WriteString(name)
		if len(all[name]) > 0 {
			b.WriteString(" | " + strings.Join(slices.Sorted(maps.Keys(all[name])), ", "))
		}
		b.WriteString("\n")
	}
	return os.WriteFile(path, []byte(b.String()), 0o644) //nolint:gosec // a file of the tree
}

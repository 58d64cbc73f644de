package advisor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/advise/index"
	"github.com/feel-august/terraform-provider-august/internal/advise/workload"
)

// mostStatements is how many statements are read, those that take the most time: the others together hardly matter.
const mostStatements = 500

// seen is the workload of a window. Texts may still hold literals.
type seen struct {
	since      string // its first day
	window     workload.Window
	statements []workload.Statement
	unread     []index.Unread
	notes      []string
}

// see reads what happened in the newest days.
func see(ctx context.Context, tx pgx.Tx, length time.Duration) (*seen, error) {
	s := &seen{}
	var from, to *time.Time
	err := tx.QueryRow(ctx, `
		select ((now() - $1::interval) at time zone 'UTC')::date::text, min(first), max(last), coalesce(sum(gaps), 0) > 0, coalesce(sum(evicted), 0)::bigint
		from august.workload_day where day >= ((now() - $1::interval) at time zone 'UTC')::date`, length).Scan(&s.since, &from, &to, &s.window.Gaps, &s.window.Evicted)
	if err != nil {
		return nil, fmt.Errorf("read the days of the workload: %w", err)
	}
	if from != nil {
		s.window.From, s.window.To = *from, *to
	}
	if watched := s.window.To.Sub(s.window.From); watched < length*9/10 {
		s.note("The workload has been watched for %s only, and advice on it is as good as that is typical of it.", words(watched))
	}
	view, err := findStatements(ctx, tx)
	if err != nil {
		return nil, err
	}
	if view == nil {
		s.note("pg_stat_statements is not there, so that no statement is known: create extension pg_stat_statements, and have the server load it.")
		return s, nil
	}
	if err := s.visible(ctx, tx, view); err != nil {
		return nil, err
	}
	return s, s.read(ctx, tx, view)
}

func (s *seen) note(format string, args ...any) {
	s.notes = append(s.notes, fmt.Sprintf(format, args...))
}

func (s *seen) visible(ctx context.Context, tx pgx.Tx, view *statementsView) error {
	var hidden int64
	var track string
	if err := tx.QueryRow(ctx, `select (select count(*) from `+view.own()+` and queryid is null), current_setting('pg_stat_statements.track')`).Scan(&hidden, &track); err != nil {
		return fmt.Errorf("look what of pg_stat_statements is visible: %w", err)
	}
	if hidden > 0 {
		s.note("%d statements of other roles are not visible: grant pg_read_all_stats to the runtime's database role.", hidden)
	}
	if track == "none" {
		s.note("pg_stat_statements counts nothing: set pg_stat_statements.track to top.")
	}
	return nil
}

// read reads the statements, what takes the most time first.
func (s *seen) read(ctx context.Context, tx pgx.Tx, view *statementsView) error {
	paths, err := searchPaths(ctx, tx)
	if err != nil {
		return err
	}
	rows, err := tx.Query(ctx, `
		with texts as materialized (select pg_get_userbyid(userid)::text as role, queryid, min(query) as query from `+view.own()+` and queryid is not null group by 1, 2)
		select role, queryid::text, coalesce(texts.query, ''), sum(d.calls), sum(d.seconds), sum(d.rows), sum(d.blocks)
		from august.workload_statement_day d left join texts using (role, queryid) where d.day >= $1::date
		group by 1, 2, 3 order by 5 desc, 1, 2`, s.since)
	if err != nil {
		return fmt.Errorf("read statements: %w", err)
	}
	gone := index.Unread{Reason: "its text is no longer in pg_stat_statements, which had to make room, or was reset"}
	small := index.Unread{Reason: fmt.Sprintf("%d others take more time", mostStatements)}
	for rows.Next() {
		st := workload.Statement{Source: workload.SourceStatistics}
		if err := rows.Scan(&st.Role, &st.ID, &st.Text, &st.Calls, &st.Seconds, &st.Rows, &st.Blocks); err != nil {
			return fmt.Errorf("read statements: %w", err)
		}
		st.SearchPath = paths.of(st.Role)
		switch {
		case st.Text == "":
			add(&gone, st)
		case len(s.statements) == mostStatements:
			add(&small, st)
		default:
			s.statements = append(s.statements, st)
		}
	}
	for _, u := range []index.Unread{gone, small} {
		if u.Statements > 0 {
			s.unread = append(s.unread, u)
		}
	}
	return rows.Err()
}

func add(u *index.Unread, st workload.Statement) {
	u.Statements++
	u.Seconds += st.Seconds
}

// words is a duration as one says it.
func words(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%.0f days", d.Hours()/24)
	case d >= 2*time.Hour:
		return fmt.Sprintf("%.0f hours", d.Hours())
	}
	return fmt.Sprintf("%.0f minutes", d.Minutes())
}

// paths is where roles look for tables, as far as settings tell: what a session sets itself is not known.
type paths struct {
	byRole map[string]string
	others string
	there  map[string]bool // schemas
}

func searchPaths(ctx context.Context, tx pgx.Tx) (*paths, error) {
	p := &paths{byRole: map[string]string{}, there: map[string]bool{}}
	rows, err := tx.Query(ctx, `
		with set as (
			select s.setrole, s.setdatabase, substr(c, length('search_path=') + 1) as path from pg_db_role_setting s, unnest(s.setconfig) c
			where c like 'search\_path=%' and s.setdatabase in (0, (select oid from pg_database where datname = current_database())))
		select coalesce(r.rolname::text, ''), path from set left join pg_roles r on r.oid = set.setrole order by (set.setrole = 0), (set.setdatabase = 0)`)
	if err != nil {
		return nil, fmt.Errorf("read search paths: %w", err)
	}
	p.others = `"$user", public`
	for first := true; rows.Next(); {
		var role, path string
		if err := rows.Scan(&role, &path); err != nil {
			return nil, fmt.Errorf("read search paths: %w", err)
		}
		if role == "" && first {
			p.others, first = path, false
		} else if _, nearer := p.byRole[role]; role != "" && !nearer {
			p.byRole[role] = path
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read search paths: %w", err)
	}
	var schemas []string
	if err := tx.QueryRow(ctx, `select array_agg(nspname::text) from pg_namespace`).Scan(&schemas); err != nil {
		return nil, fmt.Errorf("read schemas: %w", err)
	}
	for _, s := range schemas {
		p.there[s] = true
	}
	return p, nil
}

// of is the schemas that a role's names are looked for in.
func (p *paths) of(role string) (path []string) {
	text, ok := p.byRole[role]
	if !ok {
		text = p.others
	}
	for item := range strings.SplitSeq(text, ",") {
		item = strings.TrimSpace(item)
		if strings.HasPrefix(item, `"`) {
			item = strings.ReplaceAll(strings.Trim(item, `"`), `""`, `"`)
		} else {
			item = strings.ToLower(item)
		}
		if item == "$user" {
			item = role
		}
		if p.there[item] {
			path = append(path, item)
		}
	}
	return path
}

package dataset

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/inspect"
)

// structure is how the target's tables are made.
type structure struct {
	tables     []*table    // that the export brings, as the manifest has them
	views      []relation  // materialised, over those, in the order in which they are made
	over       []relation  // ordinary views over both
	empty      []relation  // tables that the export leaves out
	statements []statement //
	columns    []columnRow //
	left       []string    //
	defaults   []string    //
	schemas    []string    // of tables and materialised views
}

type relation struct {
	id                       uint32
	schema, name, path, kind string // path: as PostgreSQL prints it
	populated                bool
}

func (r relation) q() string   { return pgx.Identifier{r.schema, r.name}.Sanitize() }
func (r relation) new() string { return pgx.Identifier{r.schema + "_new", r.name}.Sanitize() }

// table is a table that the export brings.
type table struct {
	relation
	manifest *evidence.Table
	fields   []field  // of its lines
	casts    []string // SQL expressions for its columns out of the raw table; nil: rows go right into the table
}

// raw is the table that lines go into first when their columns have types that are not checked here, or PostgreSQL computes some:
// what fails there fails where the server says nothing of it in its log.
func (t *table) raw() string {
	return pgx.Identifier{t.schema + "_new", fmt.Sprintf("raw %d", t.id)}.Sanitize()
}

func (t *table) columns() string {
	names := make([]string, len(t.fields))
	for n, f := range t.fields {
		names[n] = pgx.Identifier{f.name}.Sanitize()
	}
	return strings.Join(names, ", ")
}

type statement struct {
	Relation, Phase string
	Turn            int
	ID              uint32
	Label, SQL      string
}

type columnRow struct {
	Table     uint32
	Name      string
	ID        uint32 // of its type
	Type      string
	NotNull   bool
	Generated bool
	Default   bool
}

// emptied are the names of the tables that are emptied.
func (s *structure) emptied() []string {
	out := make([]string, len(s.empty))
	for n, r := range s.empty {
		out[n] = r.schema + "." + r.name
	}
	return out
}

// of are the statements of a phase, of one relation if it is named.
func (s *structure) of(phase, relation string) []statement {
	var out []statement
	for _, st := range s.statements {
		if st.Phase == phase && (relation == "" || st.Relation == relation) {
			out = append(out, st)
		}
	}
	return out
}

// moved are the relations that others take the place of.
func (s *structure) moved() []relation {
	var out []relation
	for _, t := range s.tables {
		out = append(out, t.relation)
	}
	return append(out, s.views...)
}

func ids(relations []relation) []uint32 {
	out := make([]uint32, len(relations))
	for n, r := range relations {
		out[n] = r.id
	}
	return out
}

// inspect looks at the target, and refuses what the export does not fit or what could not be kept.
func (i *importing) inspect(ctx context.Context) (*structure, error) {
	tx, err := i.holder.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		return nil, failed("look at the target", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	s, err := i.look(ctx, tx)
	if err != nil {
		return nil, err
	}
	i.load = s.digest(i.digest)
	return s, nil
}

func (i *importing) look(ctx context.Context, tx pgx.Tx) (*structure, error) {
	const quiet = `set local search_path = ''`
	if _, err := tx.Exec(ctx, quiet); err != nil {
		return nil, failed("look at the target", err)
	}
	var may, utf8 bool
	if err := tx.QueryRow(ctx, `select has_database_privilege(current_database(), 'create'), current_setting('server_encoding') = 'UTF8'`).Scan(&may, &utf8); err != nil {
		return nil, failed("look at the target", err)
	}
	if !may {
		return nil, refuse("the database user may not create schemas, which new tables are loaded in: grant it CREATE on the database")
	}
	if !utf8 {
		return nil, refuse("the target's encoding is not UTF8: make the database with that encoding")
	}
	known, err := inspect.Read(ctx, tx)
	if err != nil {
		return nil, failed("look at the target", err)
	}
	s, err := i.match(known)
	if err != nil {
		return nil, err
	}
	if err := i.resolve(ctx, tx, s); err != nil {
		return nil, err
	}
	if err := s.describe(); err != nil {
		return nil, err
	}
	return s, nil
}

// match holds the manifest's tables against the target's.
func (i *importing) match(known *catalog.Catalog) (*structure, error) {
	if known.SchemaVersion < i.manifest.Source.SchemaVersion {
		return nil, refuse("the export's tables are of schema version %d and the target's of %d: deploy production's runtime to staging first", i.manifest.Source.SchemaVersion, known.SchemaVersion)
	}
	byPath := map[string]*catalog.Table{}
	for n := range known.Tables {
		byPath[known.Tables[n].Path()] = &known.Tables[n]
	}
	s := &structure{left: []string{}, defaults: []string{}}
	var problems []string
	say := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	named := map[string]bool{}
	for n := range i.manifest.Tables {
		m := &i.manifest.Tables[n]
		named[m.Name] = true
		t, ok := byPath[m.Name]
		if !ok {
			say("the target has no table %s", m.Name)
			continue
		}
		if slices.Contains(i.Keep, m.Name) {
			say("table %s is the target's own", m.Name)
			continue
		}
		s.tables = append(s.tables, &table{relation: relation{schema: t.Schema, name: t.Name}, manifest: m})
		columns := map[string]*catalog.Column{}
		for c := range t.Columns {
			columns[t.Columns[c].Name] = &t.Columns[c]
		}
		for _, c := range m.Columns {
			switch have := columns[c.Name]; {
			case have == nil:
				say("table %s of the target has no column %s", m.Name, c.Name)
			case have.Type != c.Type:
				say("column %s of %s is %s in the target and %s in the export", c.Name, m.Name, have.Type, c.Type)
			case have.Generated:
				say("column %s of %s is computed in the target", c.Name, m.Name)
			case have.NotNull && c.Nulls > 0:
				say("column %s of %s is NOT NULL in the target, and NULL in %d rows of the export", c.Name, m.Name, c.Nulls)
			}
		}
	}
	for _, name := range i.manifest.Empty {
		named[name] = true
		if t := byPath[name]; t != nil && (t.Kind == catalog.KindTable || t.Kind == catalog.KindPartitioned) && !slices.Contains(i.Keep, name) {
			s.empty = append(s.empty, relation{schema: t.Schema, name: t.Name})
		}
	}
	for _, t := range known.Tables {
		if (t.Kind == catalog.KindTable || t.Kind == catalog.KindPartitioned) && !named[t.Path()] && !slices.Contains(i.Keep, t.Path()) &&
			!strings.HasSuffix(t.Schema, "_new") && !strings.HasSuffix(t.Schema, "_old") {
			s.left = append(s.left, t.Path())
		}
	}
	if len(problems) > 0 {
		return nil, refuse("the export does not fit the target: %s. Bring both to one schema: deploy the same runtime, make the same changes by hand", list(problems))
	}
	return s, nil
}

// resolve finds what the tables are made of, and what hangs on them.
func (i *importing) resolve(ctx context.Context, tx pgx.Tx, s *structure) error {
	find := func(r *relation) error {
		return tx.QueryRow(ctx, `select c.oid, format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = $2`, r.schema, r.name).Scan(&r.id, &r.path)
	}
	var loaded []uint32
	for _, t := range s.tables {
		if err := find(&t.relation); err != nil {
			return failed("look at "+t.manifest.Name, err)
		}
		loaded = append(loaded, t.id)
	}
	for n := range s.empty {
		if err := find(&s.empty[n]); err != nil {
			return failed("look at the tables that the export leaves out", err)
		}
	}
	rows, _ := tx.Query(ctx, qClosure, loaded)
	closure, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r relation, err error) {
		return r, row.Scan(&r.id, &r.schema, &r.name, &r.path, &r.kind, &r.populated)
	})
	if err != nil {
		return failed("look at the views of the target", err)
	}
	for _, r := range closure {
		switch {
		case slices.Contains(loaded, r.id):
		case r.kind == "v":
			s.over = append(s.over, r)
		default:
			s.views = append(s.views, r)
		}
	}
	rows, _ = tx.Query(ctx, qReferring, ids(s.empty), loaded)
	referring, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r relation, err error) {
		return r, row.Scan(&r.id, &r.schema, &r.name, &r.path)
	})
	if err != nil {
		return failed("look at the tables that the export leaves out", err)
	}
	for _, r := range referring {
		if slices.Contains(i.Keep, r.schema+"."+r.name) {
			return refuse("table %s is the target's own, and refers to one that is emptied", r.path)
		}
		s.left = slices.DeleteFunc(s.left, func(name string) bool { return name == r.schema+"."+r.name })
	}
	s.empty = append(s.empty, referring...)
	moved, over, empty := ids(s.moved()), ids(s.over), ids(s.empty)
	rows, _ = tx.Query(ctx, qStray, moved, over, empty)
	stray, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return failed("look at what hangs on the target's tables", err)
	}
	if len(stray) > 0 {
		return refuse("the import makes the target's tables anew and could not keep this: %s. Remove it, import, and make it again afterwards", list(stray))
	}
	rows, _ = tx.Query(ctx, qColumns, loaded)
	if s.columns, err = pgx.CollectRows(rows, pgx.RowToStructByPos[columnRow]); err != nil {
		return failed("look at the columns of the target", err)
	}
	rows, _ = tx.Query(ctx, qStatements, moved, over)
	s.statements, err = pgx.CollectRows(rows, pgx.RowToStructByPos[statement])
	if err != nil {
		return failed("look at how the target's tables are made", err)
	}
	for _, r := range s.moved() {
		if !slices.Contains(s.schemas, r.schema) {
			s.schemas = append(s.schemas, r.schema)
		}
	}
	return s.define(ctx, tx)
}

// define adds how the materialised views are made. Their text is printed, and read, with the schemas of the tables on the path:
// so its names lead to the new ones.
func (s *structure) define(ctx context.Context, tx pgx.Tx) error {
	for _, v := range s.views {
		if _, err := tx.Exec(ctx, "set local search_path = "+path(s.schemas, "")); err != nil {
			return failed("look at "+v.q(), err)
		}
		st := statement{Relation: v.path, Phase: "view", ID: v.id, Label: v.name}
		err := tx.QueryRow(ctx, `select format('create materialized view %s%s as %s with no data', $2::text,
			' with (' || (select string_agg(format('%s=%L', split_part(o, '=', 1), substr(o, strpos(o, '=') + 1)), ', ') from unnest(c.reloptions) o) || ')', rtrim(pg_get_viewdef(c.oid), ';'))
			from pg_class c where c.oid = $1`, v.id, v.new()).Scan(&st.SQL)
		if err != nil {
			return failed("look at "+v.q(), err)
		}
		s.statements = append(s.statements, st)
	}
	_, err := tx.Exec(ctx, `set local search_path = ''`)
	return err
}

// path is a search_path of schemas with a suffix to their names.
func path(schemas []string, suffix string) string {
	quoted := make([]string, len(schemas))
	for n, s := range schemas {
		quoted[n] = pgx.Identifier{s + suffix}.Sanitize()
	}
	return strings.Join(quoted, ", ")
}

// describe says how the lines of each table go into the database.
func (s *structure) describe() error {
	for _, t := range s.tables {
		var have []columnRow
		plain := len(s.of("early", t.path)) == 0 // triggers that fill a column for full-text search, which no export brings
		for _, c := range s.columns {
			if c.Table == t.id {
				have = append(have, c)
				plain = plain && !c.Generated
			}
		}
		for _, m := range t.manifest.Columns {
			c := have[slices.IndexFunc(have, func(c columnRow) bool { return c.Name == m.Name })]
			plain = plain && encoders[c.ID] != nil
		}
		t.fields, t.casts = nil, nil
		for _, m := range t.manifest.Columns {
			c := have[slices.IndexFunc(have, func(c columnRow) bool { return c.Name == m.Name })]
			f, name := field{name: m.Name, encode: encoders[c.ID], notNull: c.NotNull}, pgx.Identifier{m.Name}.Sanitize()
			if f.encode == nil {
				f.encode, name = text, name+"::"+c.Type
			}
			t.fields = append(t.fields, f)
			if !plain {
				t.casts = append(t.casts, name)
			}
		}
		for _, c := range have {
			if c.Generated || slices.ContainsFunc(t.manifest.Columns, func(m evidence.Column) bool { return m.Name == c.Name }) {
				continue
			}
			if c.NotNull && !c.Default {
				return refuse("column %s of %s is NOT NULL in the target, and the export does not bring it: bring both to one schema, or give it a default", c.Name, t.manifest.Name)
			}
			s.defaults = append(s.defaults, t.manifest.Name+"."+c.Name)
		}
	}
	return nil
}

// digest changes with the manifest and with whatever the new tables are made like.
func (s *structure) digest(manifest string) string {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "august dataset 1\n%s\n%v\n", manifest, s.empty)
	for _, c := range s.columns {
		_, _ = fmt.Fprintf(h, "%v\n", c)
	}
	for _, st := range s.statements {
		_, _ = fmt.Fprintf(h, "%q %q %d %q\n", st.Relation, st.Phase, st.Turn, st.SQL)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// list joins what is wrong, and stops where nobody would read on.
func list(problems []string) string {
	const most = 20
	if len(problems) > most {
		problems = append(slices.Clone(problems[:most]), fmt.Sprintf("and %d more", len(problems)-most))
	}
	return strings.Join(problems, "; ")
}

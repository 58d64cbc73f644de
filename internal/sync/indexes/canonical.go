package indexes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// An expression comes from a caller and becomes part of a statement. It cannot be a parameter, so four things hold it:
//
//  1. runtimeapi's lexer lets through only what stays within the parentheses that it is put in;
//  2. every such statement travels by the extended protocol, which takes one statement and no more;
//  3. PostgreSQL reads it first as a view, in a transaction that is rolled back. A view is analysed, and neither planned nor
//     executed: of what is constant only literals become values, and types that would ask somebody's function for that are
//     refused before (types.go). What it depends on is in pg_depend then, and only what PostgreSQL and
//     its extensions bring may be there: no function, operator, cast, domain or table of anybody else;
//  4. then the index is made on an empty copy of the table, in the same transaction. PostgreSQL refuses functions that are not
//     immutable, subqueries, aggregates, and all that cannot be indexed, and prints the index as it understands it.

// viewName is the view that reads expressions; tables of that name are not served.
const viewName = "august_index_check"

// canonical is how PostgreSQL would print the index. It needs a transaction that is rolled back. What is wrong with the
// declaration is a *runtimeapi.Error.
func canonical(ctx context.Context, tx pgx.Tx, schema, name string, spec runtimeapi.IndexSpec) (string, error) {
	if err := nameable(schema, name); err != nil {
		return "", err
	}
	if found := spec.Validate(true); len(found) > 0 {
		return "", &found[0]
	}
	if err := fit(ctx, tx, schema, spec.Table); err != nil {
		return "", err
	}
	// Nothing here takes long, unless an expression wants it to; and no lock is waited for.
	for _, set := range []string{
		`set local statement_timeout = '5s'`, `set local lock_timeout = '3s'`, `set local standard_conforming_strings = on`,
		`set local client_min_messages = error`, searchPath("set local", schema),
	} {
		if err := run(ctx, tx.Conn(), set); err != nil {
			return "", err
		}
	}
	if err := vetted(ctx, tx, schema, spec); err != nil {
		return "", err
	}
	local := pgx.Identifier{"pg_temp", spec.Table}.Sanitize()
	table := pgx.Identifier{schema, spec.Table}.Sanitize()
	if err := run(ctx, tx.Conn(), `create temporary table `+local+` (like `+table+`) on commit drop`); err != nil {
		return "", refused("table", err)
	}
	if err := run(ctx, tx.Conn(), statement(local, name, spec, false)); err != nil {
		return "", refused("columns", err)
	}
	if err := run(ctx, tx.Conn(), `set local `+plainPath); err != nil {
		return "", err
	}
	var printed, temporary string
	err := tx.QueryRow(ctx, `
		select pg_get_indexdef(i.indexrelid), n.nspname
		from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
		where n.oid = pg_my_temp_schema() and c.relname = $1`, name).Scan(&printed, &temporary)
	if err != nil {
		return "", err
	}
	made, err := live(ctx, tx, temporary, name)
	if err != nil || made == nil {
		return "", errors.Join(err, errors.New("the index that was made to be looked at is not there"))
	}
	if at := shape(made.Spec, spec); at != "" {
		return "", wrong(at, "is not what it says: PostgreSQL reads it as %s", printed)
	}
	// The temporary schema is named once, before the table; newer versions call it pg_temp.
	before, after, found := strings.Cut(printed, " ON "+temporary+".")
	if !found {
		before, after, _ = strings.Cut(printed, " ON pg_temp.")
	}
	return before + " ON " + quoted(ctx, tx, schema) + "." + after, nil
}

// quoted is a name as PostgreSQL's own printing has it.
func quoted(ctx context.Context, tx pgx.Tx, name string) string {
	var out string
	if err := tx.QueryRow(ctx, `select quote_ident($1)`, name).Scan(&out); err != nil {
		return pgx.Identifier{name}.Sanitize()
	}
	return out
}

const qTable = `
select c.relkind::text, c.relpersistence::text, pg_has_role(c.relowner, 'usage'), has_schema_privilege(n.oid, 'create'),
    has_database_privilege(current_database(), 'temporary')
from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = $2`

// fit says whether a table can have an index of ours.
func fit(ctx context.Context, tx pgx.Tx, schema, table string) error {
	var kind, persistence string
	var owner, create, temporary bool
	err := tx.QueryRow(ctx, qTable, schema, table).Scan(&kind, &persistence, &owner, &create, &temporary)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return lacking("table", fmt.Sprintf("%s.%s does not exist", schema, table))
	case err != nil:
		return err
	case kind == "p":
		return wrong("table", "%s.%s is partitioned: PostgreSQL makes an index on a partitioned table under a lock that stops every write, and drops it under an exclusive one. "+
			"Declare an index for each partition instead, with for_each; new partitions then get theirs with the next apply", schema, table)
	case kind != "r" && kind != "m" || persistence == "t":
		return wrong("table", "%s.%s is no table", schema, table)
	case table == viewName:
		return wrong("table", "has a name that is taken here")
	case !owner:
		return wrong("table", "%s.%s is of another role: PostgreSQL lets only the owner make an index. Grant that role to the runtime's database user, or give it the table", schema, table)
	case !create:
		return wrong("schema", "%s: the runtime's database user may create nothing in it; grant it CREATE", schema)
	case !temporary:
		return wrong("table", "the declaration cannot be tried out: grant the runtime's database user TEMPORARY on the database")
	}
	return nil
}

// qStrangers is what a view depends on that neither PostgreSQL nor an extension has brought. What PostgreSQL brings is pinned, and
// no dependency on it is kept.
const qStrangers = `
select distinct o.type || ' ' || o.identity
from pg_depend d
join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
cross join lateral pg_identify_object(d.refclassid, d.refobjid, 0) o
where r.ev_class = $1::regclass and d.refobjid <> r.ev_class
  and not (d.refclassid = 'pg_class'::regclass and d.refobjid = $2::regclass)
  and not (d.refclassid = 'pg_type'::regclass and exists (select from pg_type t where t.oid = d.refobjid
      and (t.typtype in ('e', 'm', 'r') or exists (select from pg_type e where e.oid = t.typelem and e.typtype = 'e'))))
  and not (d.refclassid = 'pg_type'::regclass and exists (select from pg_attribute a where a.attrelid = $2::regclass and a.atttypid = d.refobjid)
      and exists (select from pg_type t where t.oid = d.refobjid and t.typtype <> 'd'))
  and d.refclassid <> 'pg_collation'::regclass
  and not exists (select from pg_depend e where e.classid = d.refclassid and e.objid = d.refobjid and e.deptype = 'e')
order by 1`

// vetted has PostgreSQL read the expressions without computing anything, and looks at what they are made of.
func vetted(ctx context.Context, tx pgx.Tx, schema string, spec runtimeapi.IndexSpec) error {
	table, view := pgx.Identifier{schema, spec.Table}.Sanitize(), pgx.Identifier{"pg_temp", viewName}.Sanitize()
	try := func(field, expression, sql string) error {
		made, err := madeTypes(ctx, tx, expression)
		if err != nil {
			return err
		}
		if len(made) > 0 {
			return strange(field, prefixed("type ", made))
		}
		if err := run(ctx, tx.Conn(), sql); err != nil {
			return refused(field, err)
		}
		rows, err := tx.Query(ctx, qStrangers, view, table)
		if err != nil {
			return err
		}
		strangers, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		if len(strangers) > 0 {
			return strange(field, strangers)
		}
		return run(ctx, tx.Conn(), `drop view `+view)
	}
	for i, c := range spec.Columns {
		if c.Expression != "" {
			if err := try("columns["+strconv.Itoa(i)+"].expression", c.Expression, `create temporary view `+view+` as select (`+c.Expression+`) as e from only `+table); err != nil {
				return err
			}
		}
	}
	if spec.Where != "" {
		return try("where", spec.Where, `create temporary view `+view+` as select 1 as e from only `+table+` where (`+spec.Where+`)`)
	}
	return nil
}

func strange(field string, what []string) error {
	return wrong(field, "uses %s, which neither PostgreSQL nor an extension of it has brought. An index is computed with every write, by the table's owner: "+
		"only functions, operators, casts and types of PostgreSQL and its extensions are taken", strings.Join(what, ", "))
}

func prefixed(with string, all []string) []string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = with + s
	}
	return out
}

// shape says which part of a declaration became something else, "" when none did.
func shape(made, spec runtimeapi.IndexSpec) string {
	made, spec = made.Normal(), spec.Normal()
	switch {
	case made.Method != spec.Method:
		return "method"
	case made.Unique != spec.Unique:
		return "unique"
	case made.Fillfactor != spec.Fillfactor:
		return "fillfactor"
	case !slices.Equal(made.Include, spec.Include):
		return "include"
	case (made.Where == "") != (spec.Where == ""):
		return "where"
	case len(made.Columns) != len(spec.Columns):
		return "columns"
	}
	for i, c := range spec.Columns {
		is := made.Columns[i]
		if c.Column != "" && is.Column != c.Column || is.Order != c.Order || is.Nulls != c.Nulls {
			return "columns[" + strconv.Itoa(i) + "]"
		}
	}
	return ""
}

// statement makes an index on a table, whose name is quoted already.
func statement(table, name string, spec runtimeapi.IndexSpec, concurrently bool) string {
	var b strings.Builder
	b.WriteString("create ")
	if spec.Unique {
		b.WriteString("unique ")
	}
	b.WriteString("index ")
	if concurrently {
		b.WriteString("concurrently ")
	}
	keys := make([]string, len(spec.Columns))
	for i, c := range spec.Columns {
		keys[i] = key(c)
	}
	fmt.Fprintf(&b, "%s on %s using %s (%s)", pgx.Identifier{name}.Sanitize(), table, pgx.Identifier{spec.Normal().Method}.Sanitize(), strings.Join(keys, ", "))
	if len(spec.Include) > 0 {
		b.WriteString(" include (" + strings.Join(quotedAll(spec.Include), ", ") + ")")
	}
	if spec.Fillfactor > 0 {
		b.WriteString(" with (fillfactor = " + strconv.Itoa(spec.Fillfactor) + ")")
	}
	if spec.Where != "" {
		b.WriteString(" where (" + spec.Where + ")")
	}
	return b.String()
}

func key(c runtimeapi.IndexColumn) string {
	out := "(" + c.Expression + ")"
	if c.Column != "" {
		out = pgx.Identifier{c.Column}.Sanitize()
	}
	if c.Collation != "" {
		out += " collate " + pgx.Identifier{c.Collation}.Sanitize()
	}
	if c.OperatorClass != "" {
		out += " " + pgx.Identifier(strings.Split(c.OperatorClass, ".")).Sanitize()
	}
	if c.Order == runtimeapi.OrderDescending {
		out += " desc"
	}
	if c.Nulls != "" {
		out += " nulls " + map[bool]string{true: "first", false: "last"}[c.Nulls == runtimeapi.NullsFirst]
	}
	return out
}

func quotedAll(names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = pgx.Identifier{name}.Sanitize()
	}
	return out
}

// searchPath is where names in expressions are looked for: PostgreSQL's own first, whatever the role is set to.
func searchPath(set, schema string) string {
	return set + ` search_path = pg_catalog, ` + pgx.Identifier{schema}.Sanitize() + `, public`
}

// plainPath is for what PostgreSQL prints: the same text whatever the role is set to.
const plainPath = `search_path = pg_catalog`

// run executes one statement. pgx's Exec would send it by the simple protocol, which takes any number of them.
func run(ctx context.Context, conn *pgx.Conn, sql string) error {
	_, err := conn.PgConn().ExecParams(ctx, sql, nil, nil, nil, nil).Close()
	return err
}

// lacking says that a table or a column is not there, or not there yet.
func lacking(field, message string) error {
	return &runtimeapi.Error{Code: runtimeapi.CodeNotFound, Field: field, Message: message}
}

func busy(field, message string) error {
	return &runtimeapi.Error{Code: runtimeapi.CodeUnavailable, Field: field, Message: message}
}

// refused turns PostgreSQL's word on a declaration into the caller's error. No row was looked at, so its message tells of
// names and of what the caller has written; of an error of another kind only the class is told.
func refused(field string, err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err
	}
	if pg.Code == "42703" || pg.Code == "42P01" {
		return lacking(field, pg.Message)
	}
	switch pg.Code[:2] {
	case "42", "0A", "22", "54":
		return wrong(field, "%s", pg.Message)
	}
	switch pg.Code {
	case "57014":
		return busy(field, "PostgreSQL takes longer than 5 s to read it; try again, with something simpler if it stays so")
	case "55P03":
		return busy(field, "another session holds a lock on the table; try again")
	}
	return err
}

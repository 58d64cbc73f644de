package advisor

import (
	"context"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
)

// known reads the values that the schema itself allows in a column: labels of an enumeration, and what a CHECK constraint
// lists. They are no row's values.
func (d *inspected) known(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `
		select a.attrelid, a.attname::text, array(select enumlabel::text from pg_enum e where e.enumtypid = t.oid order by enumsortorder), ''
		from pg_attribute a join pg_type t on t.oid = a.atttypid and t.typtype = 'e'
		where a.attnum > 0 and not a.attisdropped
		union all
		select c.conrelid, a.attname::text, '{}', coalesce(pg_get_expr(c.conbin, c.conrelid), '')
		from pg_constraint c join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
		where c.contype = 'c' and array_length(c.conkey, 1) = 1 and c.convalidated`)
	if err != nil {
		return err
	}
	for rows.Next() {
		var table uint32
		var name, check string
		var values []string
		if err := rows.Scan(&table, &name, &values, &check); err != nil {
			return err
		}
		if check != "" {
			values = listed(check)
		}
		t := d.byOID[table]
		if t == nil || len(values) == 0 || len(values) > mostKnown {
			continue
		}
		for i := range t.Columns {
			if t.Columns[i].Name == name && t.Columns[i].Known == nil {
				t.Columns[i].Known = values
			}
		}
	}
	return rows.Err()
}

const mostKnown = 32

var (
	listForm  = regexp.MustCompile(`^\(\(?[a-z_"][^ ()]*\)?(?:::text)? = ANY \((?:\()?ARRAY\[(.*?)\]\)?(?:::text\[\])?\)\)$`)
	valueForm = regexp.MustCompile(`^'((?:[^']|'')*)'::[a-z ]+(?:\([0-9]+\))?$`)
)

// listed is what a constraint of the form column IN ('a', 'b') lists, as PostgreSQL prints it; none if it has another form.
func listed(check string) []string {
	m := listForm.FindStringSubmatch(check)
	if m == nil {
		return nil
	}
	var all []string
	for _, item := range splitItems(m[1]) {
		item = strings.TrimSuffix(item, "::text") // ('a'::character varying)::text
		item = strings.TrimSuffix(strings.TrimPrefix(item, "("), ")")
		v := valueForm.FindStringSubmatch(item)
		if v == nil {
			if v = valueForm.FindStringSubmatch(item + "::text"); v == nil {
				return nil
			}
		}
		all = append(all, strings.ReplaceAll(v[1], "''", "'"))
	}
	return all
}

// splitItems splits at the commas that are in no quotes.
func splitItems(list string) (items []string) {
	quoted, from := false, 0
	for i := range len(list) {
		switch {
		case list[i] == '\'':
			quoted = !quoted
		case list[i] == ',' && !quoted:
			items = append(items, strings.TrimSpace(list[from:i]))
			from = i + 1
		}
	}
	return append(items, strings.TrimSpace(list[from:]))
}

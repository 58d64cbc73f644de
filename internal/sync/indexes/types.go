package indexes

import (
	"context"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
)

// A literal becomes a value while PostgreSQL reads, also of a view: '{x}' as an array of a domain asks the domain's CHECK, which may call
// anybody's function. So names where a type may stand are looked up before.
const (
	wordForm = `(?:"(?:[^"]|"")+"|[A-Za-z_\x{80}-\x{10FFFF}][A-Za-z0-9_\x{80}-\x{10FFFF}]*)` // also what is not ASCII and no letter
	nameForm = `(` + wordForm + `(?:\s*\.\s*` + wordForm + `)*)`
)

var (
	literalForm = regexp.MustCompile(`'(?:[^']|'')*'`)
	castForm    = regexp.MustCompile(`(?i)(?:::|\bas\b)\s*` + nameForm)
	calledForm  = regexp.MustCompile(nameForm + `\s*(?:\[\s*\d*\s*\]\s*)*(?:\(|')`)
	partForm    = regexp.MustCompile(wordForm)
)

// typeNames are the names in an expression, without their schemas, that may be those of types.
func typeNames(expression string) (names []string) {
	plain := literalForm.ReplaceAllString(expression, "''")
	for _, form := range []*regexp.Regexp{castForm, calledForm} {
		for _, m := range form.FindAllStringSubmatch(plain, -1) {
			parts := partForm.FindAllString(m[1], -1)
			name := parts[len(parts)-1]
			if strings.HasPrefix(name, `"`) {
				name = strings.ReplaceAll(name[1:len(name)-1], `""`, `"`)
			} else {
				name = strings.Map(lower, name)
			}
			for cut := len(name); cut >= 0 && len(name) > 63; cut-- { // so does PostgreSQL
				if cut <= 63 && utf8.ValidString(name[:cut]) {
					name = name[:cut]
				}
			}
			names = append(names, name)
		}
	}
	return names
}

// lower is how PostgreSQL reads a name without quotes: ASCII letters only.
func lower(r rune) rune {
	if r >= 'A' && r <= 'Z' {
		return r + 'a' - 'A'
	}
	return r
}

const qMadeTypes = `
select distinct (pg_identify_object('pg_type'::regclass, t.oid, 0)).identity
from pg_type t left join pg_type e on e.oid = t.typelem and t.typlen = -1
where t.typname = any ($1) and t.typnamespace <> 'pg_catalog'::regnamespace and coalesce(e.typtype, t.typtype) in ('d', 'c', 'r', 'm')
  and not exists (select from pg_depend d where d.classid = 'pg_type'::regclass and d.objid in (t.oid, e.oid) and d.deptype = 'e')
order by 1`

// madeTypes are the types among them whose values are made by what their makers say: domains, rows and ranges.
func madeTypes(ctx context.Context, tx pgx.Tx, expression string) ([]string, error) {
	names := typeNames(expression)
	if len(names) == 0 {
		return nil, nil
	}
	rows, err := tx.Query(ctx, qMadeTypes, names)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

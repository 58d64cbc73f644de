package index

import (
	"fmt"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/advise/workload"
)

// SQL creates the index, without standing in the way of anybody who reads or writes.
func (d Definition) SQL() string { return d.create("CONCURRENTLY ") + ";" }

// Plain is the same as HypoPG takes it: never run as it is, since it would lock the table.
func (d Definition) Plain() string { return d.create("") }

func (d Definition) create(how string) string {
	var b strings.Builder
	b.WriteString("CREATE ")
	if d.Unique {
		b.WriteString("UNIQUE ")
	}
	fmt.Fprintf(&b, "INDEX %s%s ON %s USING %s (", how, ident(d.Name), path(d.Schema, d.Table), d.Method)
	for i, k := range d.Keys {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(keySQL(k))
	}
	b.WriteString(")")
	if len(d.Include) > 0 {
		quoted := make([]string, len(d.Include))
		for i, c := range d.Include {
			quoted[i] = ident(c)
		}
		fmt.Fprintf(&b, " INCLUDE (%s)", strings.Join(quoted, ", "))
	}
	if d.Where != "" {
		fmt.Fprintf(&b, " WHERE %s", d.Where)
	}
	return b.String()
}

func keySQL(k workload.Key) string {
	s := ident(k.Column)
	if k.Column == "" {
		s = "(" + k.Expression + ")"
	}
	if k.Collation != "" {
		s += " COLLATE " + ident(k.Collation)
	}
	if k.Class != "" {
		s += " " + ident(k.Class)
	}
	if k.Descending {
		s += " DESC"
	}
	if k.NullsFirst != k.Descending { // the default of either direction
		if k.NullsFirst {
			return s + " NULLS FIRST"
		}
		return s + " NULLS LAST"
	}
	return s
}

// HCL is the index as a resource.
func (d Definition) HCL() string {
	var b strings.Builder
	fmt.Fprintf(&b, "resource \"august_index\" %s {\n", hclString(label(d.Name)))
	b.WriteString("  endpoint = august_sync_runtime.sync.uri\n  audience = august_sync_runtime.sync.audience\n\n")
	set := [][2]string{{"schema", hclString(d.Schema)}, {"table", hclString(d.Table)}, {"name", hclString(d.Name)}}
	if d.Method != BTree {
		set = append(set, [2]string{"method", hclString(d.Method)})
	}
	if d.Unique {
		set = append(set, [2]string{"unique", "true"})
	}
	attributes(&b, set)
	b.WriteString("\n  columns = [\n")
	for _, k := range d.Keys {
		fmt.Fprintf(&b, "    { %s },\n", keyHCL(k))
	}
	b.WriteString("  ]\n")
	set = nil
	if len(d.Include) > 0 {
		quoted := make([]string, len(d.Include))
		for i, c := range d.Include {
			quoted[i] = hclString(c)
		}
		set = append(set, [2]string{"include", "[" + strings.Join(quoted, ", ") + "]"})
	}
	if d.Where != "" {
		set = append(set, [2]string{"where", hclString(d.Where)})
	}
	if len(set) > 0 {
		b.WriteString("\n")
		attributes(&b, set)
	}
	b.WriteString("}\n")
	return b.String()
}

// attributes writes them as terraform fmt would.
func attributes(b *strings.Builder, set [][2]string) {
	wide := 0
	for _, a := range set {
		wide = max(wide, len(a[0]))
	}
	for _, a := range set {
		fmt.Fprintf(b, "  %-*s = %s\n", wide, a[0], a[1])
	}
}

func keyHCL(k workload.Key) string {
	parts := []string{"column = " + hclString(k.Column)}
	if k.Column == "" {
		parts[0] = "expression = " + hclString(k.Expression)
	}
	if k.Descending {
		parts = append(parts, `order = "desc"`)
	}
	if k.NullsFirst != k.Descending {
		nulls := "last"
		if k.NullsFirst {
			nulls = "first"
		}
		parts = append(parts, "nulls = "+hclString(nulls))
	}
	if k.Class != "" {
		parts = append(parts, "operator_class = "+hclString(k.Class))
	}
	return strings.Join(parts, ", ")
}

// hclString quotes for HCL, where ${ and %{ would begin a template.
func hclString(s string) string {
	r := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "${", "$${", "%{", "%%{")
	return `"` + r.Replace(s) + `"`
}

// label makes a resource's label of a name.
func label(name string) string {
	var b strings.Builder
	for i, r := range name {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r == '_', i > 0 && r >= '0' && r <= '9':
			b.WriteRune(r)
		default:
			b.WriteByte('_')
		}
	}
	return b.String()
}

// path is a table's or an index's name with its schema, quoted where it has to be.
func path(schema, name string) string {
	if schema == "" {
		return ident(name)
	}
	return ident(schema) + "." + ident(name)
}

// ident quotes a name unless it means itself without.
func ident(name string) string {
	plain := name != "" && !reserved[name]
	for i, r := range name {
		if r != '_' && (r < 'a' || r > 'z') && (i == 0 || r < '0' || r > '9') {
			plain = false
		}
	}
	if plain {
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// reserved is what PostgreSQL does not take as a column's or a table's name unquoted: its reserved words, those that may be names of
// functions or types included.
var reserved = func() map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(`all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean
both case cast char character check coalesce collate collation column concurrently constraint create cross current_catalog current_date
current_role current_schema current_time current_timestamp current_user dec decimal default deferrable desc distinct do else end except
exists extract false fetch float for foreign freeze from full grant greatest group grouping having ilike in initially inner inout int
integer intersect interval into is isnull join json_array json_arrayagg json_exists json_object json_objectagg json_query json_scalar
json_serialize json_table json_value lateral leading least left like limit localtime localtimestamp merge_action national natural nchar
none normalize not notnull null nullif numeric offset on only or order out outer overlaps overlay placing position precision primary real
references returning right row select session_user setof similar smallint some substring symmetric system_user table tablesample then
time timestamp to trailing treat trim true union unique user using values varchar variadic verbose when where window with xmlattributes
xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable`) {
		m[w] = true
	}
	return m
}()

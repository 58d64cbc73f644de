package index

import (
	"regexp"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/advise/workload"
)

// same brings an expression to the form in which two ways to write it are equal: as a statement has it, and as pg_get_indexdef prints
// it, with casts of constants and parentheses of its own. It may hold two expressions for one that are not: then an index is not
// proposed that could have been; nothing is ever dropped by it.
func same(expression string) string {
	var b strings.Builder
	at := 0
	for _, l := range quoted.FindAllStringIndex(expression, -1) {
		b.WriteString(bare(expression[at:l[0]]))
		b.WriteString(expression[l[0]:l[1]])
		at = l[1]
	}
	b.WriteString(bare(expression[at:]))
	return b.String()
}

// bare is what is not a literal, without what only looks different.
func bare(s string) string {
	s = textCast.ReplaceAllString(strings.ToLower(s), "")
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \t\n\r()\"", r) {
			return -1
		}
		return r
	}, strings.ReplaceAll(s, "pg_catalog.", ""))
}

var textCast = regexp.MustCompile(`::\s*(text|varchar|character varying|bpchar)\b(\[\])?`)

// Functions whose result depends on nothing but what they are given, whatever that is. An expression of others is not proposed:
// PostgreSQL would refuse the index, or worse, take it from a function that is falsely called immutable.
var immutable = set("lower", "upper", "btrim", "ltrim", "rtrim", "trim", "length", "char_length", "md5", "abs", "coalesce", "left", "right",
	"substring", "substr", "replace", "reverse", "split_part", "floor", "ceil", "round", "jsonb_extract_path_text", "jsonb_extract_path",
	"json_extract_path_text", "jsonb_array_length", "nullif", "greatest", "least", "starts_with", "strpos", "initcap")

// These are, of what has no time zone.
var zoneless = set("date_trunc", "extract", "date_part")

// Types that a cast reaches from any of the plain types without looking at settings.
var castable = set("text", "varchar", "int", "int2", "int4", "int8", "integer", "bigint", "smallint", "numeric", "uuid", "boolean", "bool", "float8")

// Types whose text, and what is cast of them, depends on no setting.
var plainTypes = set("int2", "int4", "int8", "text", "varchar", "bpchar", "uuid", "bool", "numeric", "json", "jsonb")

func set(words ...string) map[string]bool {
	m := map[string]bool{}
	for _, w := range words {
		m[w] = true
	}
	return m
}

var (
	called = regexp.MustCompile(`(?:pg_catalog\.)?([a-z_][a-z0-9_.]*)\s*\(`)
	cast   = regexp.MustCompile(`::\s*([a-z_][a-z0-9_]*)`)
	quoted = regexp.MustCompile(`'(?:[^']|'')*'`)
)

// indexable tells whether an expression over columns of a table can be an index's key.
func indexable(t *workload.Table, expression string, columns []string) bool {
	code := quoted.ReplaceAllString(strings.ToLower(expression), "''")
	if expression == "" || len(columns) == 0 || strings.ContainsAny(code, "$;") || strings.Contains(code, "--") || strings.Contains(code, "select") ||
		strings.Contains(code, "at time zone") || strings.Contains(code, "current_") {
		return false
	}
	timed, plain := true, true
	for _, name := range columns {
		c := column(t, name)
		if c == nil {
			return false
		}
		timed = timed && (c.Base == "timestamp" || c.Base == "date")
		plain = plain && plainTypes[c.Base]
	}
	for _, f := range called.FindAllStringSubmatch(code, -1) {
		if !immutable[f[1]] && (!zoneless[f[1]] || !timed) && f[1] != "and" && f[1] != "or" && f[1] != "not" {
			return false
		}
	}
	for _, c := range cast.FindAllStringSubmatch(code, -1) {
		if (!castable[c[1]] || !plain) && (c[1] != "date" || !timed) {
			return false
		}
	}
	return plain || timed
}

// keeps tells that an expression has as many values as its column, or nearly so.
func keeps(expression string) bool {
	for _, f := range []string{"lower", "upper", "btrim"} {
		if strings.HasPrefix(same(expression), f) {
			return true
		}
	}
	return false
}

// namesIn is the names that an expression has outside of literals.
func namesIn(expression string) []string {
	return name.FindAllString(strings.ReplaceAll(quoted.ReplaceAllString(expression, ""), `"`, " "), -1)
}

var name = regexp.MustCompile(`[\pL_][\pL\pN_$]*`)

package runtimeapi

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func validIndex() IndexSpec {
	return IndexSpec{
		Table: "visits", Method: "btree", Where: "deleted_at is null", Include: []string{"doctor"}, Fillfactor: 80,
		Columns: []IndexColumn{{Column: "status"}, {Expression: "lower(name)", Order: "desc", Nulls: "last", OperatorClass: "text_pattern_ops", Collation: "C"}},
	}
}

func TestIndexSpec_Validate(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*IndexSpec)
		field  string // of the only finding; empty: the spec is right
		says   string
	}{
		"right":           {func(*IndexSpec) {}, "", ""},
		"quotes":          {func(s *IndexSpec) { s.Where = `"a;b" = 'it''s; -- (' or (status in ('a', 'b'))` }, "", ""},
		"array":           {func(s *IndexSpec) { s.Where = `status = any (array['a', 'b'])` }, "", ""},
		"no table":        {func(s *IndexSpec) { s.Table = "" }, "table", "must start"},
		"qualified table": {func(s *IndexSpec) { s.Table = "a.b" }, "table", "must start"},
		"method":          {func(s *IndexSpec) { *s = IndexSpec{Table: "t", Method: "hnsw", Columns: []IndexColumn{{Column: "a"}}} }, "method", "btree"},
		"unique": {func(s *IndexSpec) {
			*s = IndexSpec{Table: "t", Method: "gin", Unique: true, Columns: []IndexColumn{{Column: "a"}}}
		}, "unique", "btree only"},
		"include": {func(s *IndexSpec) {
			*s = IndexSpec{Table: "t", Method: "gin", Include: []string{"b"}, Columns: []IndexColumn{{Column: "a"}}}
		}, "include", "btree, gist"},
		"fillfactor": {func(s *IndexSpec) { s.Fillfactor = 5 }, "fillfactor", "10 to 100"},
		"fillfactor of brin": {func(s *IndexSpec) {
			*s = IndexSpec{Table: "t", Method: "brin", Fillfactor: 50, Columns: []IndexColumn{{Column: "a"}}}
		}, "fillfactor", "goes with"},
		"no columns": {func(s *IndexSpec) { s.Columns = nil }, "columns", "at least one"},
		"too many":   {func(s *IndexSpec) { s.Include = strings.Split(strings.Repeat("a ", 32), " ")[:31] }, "columns", "more than 32"},
		"neither":    {func(s *IndexSpec) { s.Columns[0].Column = "" }, "columns[0].column", "is empty"},
		"both":       {func(s *IndexSpec) { s.Columns[0].Expression = "a" }, "columns[0].expression", "exclude"},
		"order":      {func(s *IndexSpec) { s.Columns[0].Order = "down" }, "columns[0].order", "desc"},
		"nulls":      {func(s *IndexSpec) { s.Columns[0].Nulls = "gone" }, "columns[0].nulls", "first"},
		"order of hash": {func(s *IndexSpec) {
			*s = IndexSpec{Table: "t", Method: "hash", Columns: []IndexColumn{{Column: "a", Order: "desc"}}}
		}, "columns[0].order", "no order"},
		"class":         {func(s *IndexSpec) { s.Columns[0].OperatorClass = "x) where (true" }, "columns[0].operator_class", "operator class"},
		"collation":     {func(s *IndexSpec) { s.Columns[0].Collation = `C" desc` }, "columns[0].collation", "collation"},
		"long column":   {func(s *IndexSpec) { s.Columns[0].Column = strings.Repeat("a", 64) }, "columns[0].column", "63 bytes"},
		"nul":           {func(s *IndexSpec) { s.Include[0] = "a\x00" }, "include[0]", "name of a column"},
		"nul in where":  {func(s *IndexSpec) { s.Where = "a = 'x\x00'" }, "where", "not closed"},
		"bell in where": {func(s *IndexSpec) { s.Where = "a\x07" }, "where", "control"},
		"no text":       {func(s *IndexSpec) { s.Where = " " }, "where", "is empty"},
		"long":          {func(s *IndexSpec) { s.Where = strings.Repeat("a", 2001) }, "where", "longer"},
		"bracket":       {func(s *IndexSpec) { s.Where = "(a[1)]" }, "where", "do not match"},
		"unicode":       {func(s *IndexSpec) { s.Where = `U&"a"` }, "where", "prefix"},
		"backslash":     {func(s *IndexSpec) { s.Where = `a \ b` }, "where", `\`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec := validIndex()
			test.change(&spec)
			found := spec.Validate(true)
			if test.field == "" {
				if len(found) > 0 {
					t.Fatalf("found %v in a right spec", found)
				}
				return
			}
			if len(found) != 1 || found[0].Field != test.field || !strings.Contains(found[0].Message, test.says) || found[0].Code != CodeInvalid {
				t.Errorf("found %v, want %q at %s", found, test.says, test.field)
			}
		})
	}
	if found := (IndexSpec{Columns: []IndexColumn{{}}}).Validate(false); len(found) > 0 {
		t.Errorf("what is not known yet is wrong: %v", found)
	}
}

func TestValidateIndexSchema(t *testing.T) {
	t.Parallel()
	for schema, right := range map[string]bool{"drchrono": true, "Clinic_2": true, "august": false, "pg_catalog": false, "pg_temp_3": false, "information_schema": false, "": false, "a.b": false} {
		if e := ValidateIndexSchema(schema); (e == nil) != right {
			t.Errorf("%q: %v", schema, e)
		}
	}
}

// FuzzLexExpression holds the lexer to what it is for: read by another, simpler reader, what it lets through begins and ends at
// the same depth, never goes below it, and has nothing outside of quotes that ends a statement or hides what follows.
func FuzzLexExpression(f *testing.F) {
	for _, text := range []string{"lower(a)", "a) or (b", "'", "''", "'a''b'", `"a""b"`, "a -- b", "a /* b */", "E'\\''", "$$a$$", "a;b", "(a, b)", "a, b", "a[1]", "U&'a'", "a'b'", "-'-'-"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if lexExpression(text) != "" {
			return
		}
		depth, rest := 0, text
		for rest != "" {
			r := rest[0]
			if r == '\'' || r == '"' {
				end := strings.IndexByte(rest[1:], r)
				if end < 0 {
					t.Fatalf("%q: an open quote", text)
				}
				rest = rest[end+2:]
				continue
			}
			switch {
			case r == '(' || r == '[':
				depth++
			case r == ')' || r == ']':
				depth--
			case r == ',' && depth == 0, r == ';', r == '$', r == '\\', r == 0, strings.HasPrefix(rest, "--"), strings.HasPrefix(rest, "/*"):
				t.Fatalf("%q: %q", text, rest)
			}
			if depth < 0 {
				t.Fatalf("%q leads out of its parentheses", text)
			}
			rest = rest[1:]
		}
		if depth != 0 {
			t.Fatalf("%q leaves parentheses open", text)
		}
	})
}

// Names follow from what an index is: another index has another one, and the same always the same.
func TestIndexSpec_DefaultName(t *testing.T) {
	t.Parallel()
	name := IndexSpec{Table: "visits", Columns: []IndexColumn{{Column: "status", Order: "asc", Nulls: "last"}, {Column: "at"}}}.DefaultName()
	if name != "august_visits_status_at_idx" {
		t.Errorf("named %s", name)
	}
	spec := func(t *rapid.T, label string) IndexSpec {
		s := IndexSpec{Table: rapid.StringMatching(`[a-zé]{1,40}`).Draw(t, label+" table"), Unique: rapid.Bool().Draw(t, label+" unique"),
			Method: rapid.SampledFrom([]string{"", "btree", "hash"}).Draw(t, label+" method"), Where: rapid.SampledFrom([]string{"", "a is null", "b is null"}).Draw(t, label+" where")}
		for range rapid.IntRange(1, 3).Draw(t, label+" columns") {
			s.Columns = append(s.Columns, IndexColumn{Column: rapid.SampledFrom([]string{"a", "b", "é"}).Draw(t, label+" column"), Order: rapid.SampledFrom([]string{"", "asc", "desc"}).Draw(t, label+" order")})
		}
		return s
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := spec(t, "a"), spec(t, "b")
		for _, s := range []IndexSpec{a, b} {
			if name := s.DefaultName(); len(name) > 63 || name != s.DefaultName() || strings.ToValidUTF8(name, "") != name {
				t.Fatalf("%q, of %d bytes", name, len(name))
			}
		}
		same := stringOf(t, a) == stringOf(t, b)
		if same != (a.DefaultName() == b.DefaultName()) {
			t.Fatalf("%+v is %s, %+v is %s", a, a.DefaultName(), b, b.DefaultName())
		}
	})
}

// stringOf is a declaration in one text.
func stringOf(t *rapid.T, s IndexSpec) string {
	text, err := json.Marshal(s.Normal())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

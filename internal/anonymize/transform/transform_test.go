package transform

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/copytext"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
)

var asOf = time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)

// fixed are keys that are always the same, so that what follows from them can be judged.
func fixed(t testing.TB, n byte) *Keys {
	t.Helper()
	secret := make([]byte, keySize)
	for i := range secret {
		secret[i] = byte(i)*37 + n
	}
	k, err := NewKeys(secret)
	if err != nil {
		t.Fatal(err)
	}
	k.run = append([]byte("run"), secret...)
	return k
}

// bed is a small database and its policy.
type bed struct {
	Config
	once bool // ids that nothing refers to may have another code when they are asked for again
}

// col declares a column in the words of a test: "name type"; types are written as PostgreSQL's format_type does.
func col(words string) catalog.Column {
	name, typ, _ := strings.Cut(words, " ")
	c := catalog.Column{Name: name, Type: typ, Base: typ, Kind: "b"}
	c.Base, c.Array = strings.CutSuffix(c.Base, "[]")
	if base, length, ok := strings.Cut(strings.TrimSuffix(c.Base, ")"), "("); ok && base != "numeric" {
		c.Base = base
		c.MaxLength, _ = strconv.Atoi(length)
	} else if ok {
		c.Base = base
	}
	return c
}

func newBed(t testing.TB, keys *Keys) *bed {
	return &bed{Config: Config{
		Policy:  &policy.Policy{Version: policy.Version, Tables: map[string]policy.Table{}, Shift: policy.Shift{Min: -364, Max: -1}},
		Catalog: &catalog.Catalog{}, Keys: keys, AsOf: asOf,
	}}
}

// table adds a table whose first column is its key; columns and rules come in turns.
func (b *bed) table(path string, subject []string, columns ...any) {
	schema, name, _ := strings.Cut(path, ".")
	t := catalog.Table{Schema: schema, Name: name, Kind: catalog.KindTable}
	rules := policy.Table{Subject: subject, Columns: map[string]policy.Rule{}}
	for i := 0; i < len(columns); i += 2 {
		c := col(columns[i].(string))
		rule, ok := columns[i+1].(policy.Rule)
		if !ok {
			rule = policy.Rule{Transformer: columns[i+1].(string)}
		}
		t.Columns = append(t.Columns, c)
		rules.Columns[c.Name] = rule
	}
	t.PrimaryKey = []string{t.Columns[0].Name}
	b.Catalog.Tables = append(b.Catalog.Tables, t)
	b.Policy.Tables[path] = rules
}

func (b *bed) refer(table, column, to, key string) {
	b.Policy.References = append(b.Policy.References, policy.Reference{Table: table, Column: column, To: to, ToCol: key})
}

func (b *bed) set(t testing.TB) *Set {
	t.Helper()
	s, err := New(b.Config)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range s.domains {
		d.once = d.once && b.once
	}
	return s
}

func worker(t testing.TB, s *Set, table string) *Worker {
	t.Helper()
	tab, err := s.Table(table)
	if err != nil {
		t.Fatal(err)
	}
	return tab.Worker()
}

// null is a field that is NULL.
const null = "\x00"

// row sends a row of values through a worker.
func send(t testing.TB, w *Worker, values ...string) []string {
	t.Helper()
	out, err := trySend(w, values...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func trySend(w *Worker, values ...string) ([]string, error) {
	var line []byte
	for i, v := range values {
		if i > 0 {
			line = append(line, '\t')
		}
		if v == null {
			line = append(line, copytext.Null...)
		} else {
			line = copytext.Escape(line, []byte(v))
		}
	}
	got, err := w.Line([]byte("before"), append(line, '\n'))
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(got, []byte("before")) || got[len(got)-1] != '\n' || bytes.Count(got, []byte("\n")) != 1 {
		return nil, fmt.Errorf("no line: %q", got)
	}
	var out []string
	for _, f := range copytext.Split(nil, got[len("before"):]) {
		if copytext.IsNull(f) {
			out = append(out, null)
		} else {
			out = append(out, string(copytext.Unescape(nil, f)))
		}
	}
	return out, nil
}

// one makes a worker of a table that has nothing but a key and a column, whose rows are about themselves.
func one(t testing.TB, keys *Keys, column string, rule any) func(key int, value string) string {
	t.Helper()
	b := newBed(t, keys)
	b.table("a.t", nil, "id int8", policy.Surrogate, column, rule)
	w := worker(t, b.set(t), "a.t")
	return func(key int, value string) string { return send(t, w, fmt.Sprint(key), value)[1] }
}

func TestPlainTransformers(t *testing.T) {
	t.Parallel()
	b := newBed(t, EphemeralKeys())
	b.table("a.t", nil, "fixed text", policy.Rule{Transformer: policy.Constant, Value: "a\tb"},
		"gone text", policy.Null, "kept text", policy.Keep, "made tsvector", policy.Derived)
	s := b.set(t)
	table, _ := s.Table("a.t")
	if got := fmt.Sprint(table.Read, len(table.Write), table.Hidden); got != "[kept] 3 []" {
		t.Errorf("reads, writes and hidden are %s", got)
	}
	w := table.Worker()
	for in, want := range map[string]string{
		"x\\ty\n": "a\\tb\t\\N\tx\\ty\n",
		"\\N\n":   "a\\tb\t\\N\t\\N\n",
		"\n":      "a\\tb\t\\N\t\n",
	} {
		if got, err := w.Line(nil, []byte(in)); err != nil || string(got) != want {
			t.Errorf("%q becomes %q (%v), want %q", in, got, err, want)
		}
	}
}

func TestSetIsClosed(t *testing.T) {
	t.Parallel()
	for want, spoil := range map[string]func(b *bed){
		"a.t.b: the policy has no rule for the column": func(b *bed) { delete(b.Policy.Tables["a.t"].Columns, "b") },
		"a.t.c: the table has no such column":          func(b *bed) { b.Policy.Tables["a.t"].Columns["c"] = policy.Rule{Transformer: policy.Keep} },
		"a.u: the database has no such table":          func(b *bed) { b.Policy.Tables["a.u"] = policy.Table{} },
		`a.t.b: the transformer "magic" is not known`:  func(b *bed) { b.Policy.Tables["a.t"].Columns["b"] = policy.Rule{Transformer: "magic"} },
		"a.t.b: shift is not for its type":             func(b *bed) { b.Policy.Tables["a.t"].Columns["b"] = policy.Rule{Transformer: policy.DateShift} },
		"a.t.b: part is first, middle, last or full":   func(b *bed) { b.Policy.Tables["a.t"].Columns["b"] = policy.Rule{Transformer: policy.Name} },
		"all needed": func(b *bed) { b.AsOf = time.Time{} },
	} {
		b := newBed(t, EphemeralKeys())
		b.table("a.t", nil, "id int8", policy.Surrogate, "b bool", policy.Keep)
		spoil(b)
		if _, err := New(b.Config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

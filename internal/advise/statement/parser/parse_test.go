package parser

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/feel-august/terraform-provider-august/internal/advise/statement"
)

// shown is a shape in a line for each scope.
func shown(s *statement.Shape) string {
	var b strings.Builder
	for _, scope := range s.Scopes {
		var parts []string
		of := func(o statement.Operand) string {
			what := o.Column
			if o.Expression != "" {
				what = o.Expression + fmt.Sprint(o.Columns)
			}
			switch {
			case o.Up > 0:
				return strings.Repeat("^", o.Up) + fmt.Sprint(o.Ref) + "." + what
			case o.Ref < 0:
				return "?" + o.Qualifier + "." + what
			}
			return scope.Refs[o.Ref].Name + "." + what
		}
		list := func(name string, all []string) {
			if len(all) > 0 {
				parts = append(parts, name+" "+strings.Join(all, ", "))
			}
		}
		var refs, predicates, order, group, outputs []string
		for _, r := range scope.Refs {
			text := r.Name
			if r.Schema != "" {
				text = r.Schema + "." + text
			}
			if r.Target {
				text += "!"
			}
			if r.Outer {
				text += "?"
			}
			refs = append(refs, text)
		}
		for _, p := range scope.Predicates {
			text := string(p.Class) + "(" + of(p.Of)
			if p.With != nil {
				text += " with " + of(*p.With)
			}
			if p.Param > 0 {
				text += fmt.Sprint(" $", p.Param)
			}
			predicates = append(predicates, text+")")
		}
		for _, o := range scope.Order {
			text := of(o.Of)
			if o.Descending {
				text += " desc"
			}
			if o.NullsFirst != nil {
				text += fmt.Sprint(" nulls first ", *o.NullsFirst)
			}
			order = append(order, text)
		}
		for _, o := range scope.Group {
			group = append(group, of(o))
		}
		for _, o := range scope.Outputs {
			outputs = append(outputs, of(o))
		}
		list("from", refs)
		list("where", predicates)
		list("order", order)
		list("group", group)
		list("reads", outputs)
		list("sets", scope.Set)
		for i, is := range []bool{scope.Limit, scope.Star, scope.Locks} {
			if is {
				parts = append(parts, []string{"limit", "star", "locks"}[i])
			}
		}
		fmt.Fprintf(&b, "  %d: %s\n", scope.Parent, strings.Join(parts, "; "))
	}
	return b.String()
}

var update = flag.Bool("update", false, "write the shapes anew")

// The shapes of all kinds of statements are what somebody has looked at and found right.
func TestParse(t *testing.T) {
	const file = "testdata/shapes.txt"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for block := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n\n") {
		sql, _, _ := strings.Cut(block, "\n")
		s, err := Parse(sql)
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		fmt.Fprintf(&got, "%s\n  %s, %d: %s\n%s\n", sql, s.Kind, s.Params, s.Text, shown(s))
		if again, err := Parse(s.Text); s.Kind != statement.Utility && (err != nil || again.Text != s.Text || shown(again) != shown(s)) {
			t.Errorf("%s: read again it is another: %v, %s", sql, err, cmp.Diff(s, again))
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(strings.TrimSpace(string(text)), strings.TrimSpace(got.String())); diff != "" && !*update {
		t.Error(diff)
	}
}

// deepened is a statement n deep, by what is in each other.
func deepened(kind string, n int) string {
	r := strings.Repeat
	return map[string]string{
		"not":      "select a from t where " + r("not ", n) + "b",
		"plus":     "select a from t where b = " + r("c + ", n) + "2",
		"group":    "select a from t where b = " + r("c + (", n) + "2" + r(")", n),
		"cast":     "select a from t where b = 1" + r("::x", n),
		"from":     r("select * from (", n) + "select 1 from t" + r(") q", n),
		"in":       r("select a from t where a in (", n) + "select 1 from t" + r(")", n),
		"exists":   r("select a from t where exists (", n) + "select 1 from t" + r(")", n),
		"union":    r("select 1 union ", n) + "select 2",
		"join":     "select 1 from a " + r("join b using (c) ", n),
		"case":     "select " + r("case when a then b else ", n) + "1" + r(" end", n),
		"call":     "select " + r("f(", n) + "1" + r(")", n),
		"array":    "select " + r("array[", n) + "1" + r("]", n),
		"and":      "select 1 from t where " + r("(a and (b or ", n) + "c" + r("))", n),
		"with":     r("with c as (", n) + "select 1" + r(") select 1 from c", n),
		"null":     "select a" + r(" is null", n),
		"coalesce": "select " + r("coalesce(a,", n) + "1" + r(")", n),
		"row":      "select " + r("(a,", n) + "1" + r(")", n),
		"collate":  "select a" + r(` collate "C"`, n),
		"window":   "select " + r("sum(", n) + "1" + r(") over (order by x)", n),
		"brackets": "select " + r("(", n) + "1" + r(")", n),
	}[kind]
}

var kinds = strings.Fields("not plus group cast from in exists union join case call array and with null coalesce row collate window brackets")

// What would overwrite the parser's memory is not read, whatever it is deep by; what nearly would leaves the parser whole.
func TestParse_deep(t *testing.T) {
	for _, kind := range kinds {
		deepestRead := 0
		for _, n := range []int{2, 4, 8, 10, 12, 16, 20, 30, 38, 60, 98, 300, 5000} {
			if _, err := Parse(deepened(kind, n)); err == nil {
				deepestRead = n
			} else if !errors.Is(err, ErrDeep) && !errors.Is(err, errPrint) {
				t.Errorf("%d %s: %v", n, kind, err)
			}
			if err := Sound(); err != nil {
				t.Fatalf("%d %s: %v", n, kind, err)
			}
		}
		if deepestRead < 8 || deepestRead > 40 && kind != "brackets" {
			t.Errorf("%s is read %d deep", kind, deepestRead)
		}
	}
}

package advisor

import (
	"context"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/feel-august/terraform-provider-august/internal/advise/index"
	"github.com/feel-august/terraform-provider-august/internal/advise/statement"
)

// draws is how many sets of values a statement is planned for.
const draws = 5

// widths is which share of a column's values a range asks for, from draw to draw: how wide the ranges of an application are
// is not in the statistics, and most ask for little.
var widths = [draws]float64{0.3, 0.1, 0.03, 0.01, 0.003}

// asked is what a statement compares a parameter with.
type asked struct {
	class    statement.Class
	operator string
	column   string // "schema.table.column"
	fold     func(string) string
	of       *spread
}

// draw makes up sets of values for the parameters of a statement: for those that are compared with a column, values as its
// statistics have them; for others, such as are in a SELECT list, something of the type. There are none when a
// parameter is compared with what the statistics do not know, or when no value would be out of them.
func (v *values) draw(ctx context.Context, s *index.Statement, types []uint32) ([][][]byte, error) {
	asks := map[int][]asked{}
	for i := range s.Shape.Scopes {
		scope := &s.Shape.Scopes[i]
		for _, p := range scope.Predicates {
			if p.Param < 1 || p.Param > len(types) || p.Class == statement.Other {
				continue
			}
			a, err := v.asked(ctx, s, scope, p)
			if err != nil {
				return nil, err
			}
			if a.of == nil || !v.fits(a, types[p.Param-1]) {
				return nil, nil
			}
			asks[p.Param] = append(asks[p.Param], a)
		}
	}
	if len(asks) == 0 {
		return nil, nil
	}
	sets := make([][][]byte, draws)
	for n, typ := range types {
		for k := range sets {
			var value string
			ok := true
			if list := asks[n+1]; len(list) > 0 {
				value = v.value(list[0], asks, n+1, k, typ)
			} else if value, ok = counted(s, n+1); !ok {
				value, ok = v.anything(typ)
			}
			if !ok {
				return nil, nil
			}
			sets[k] = append(sets[k], []byte(value))
		}
	}
	return sets, nil
}

// asked finds the column that a condition is on.
func (v *values) asked(ctx context.Context, s *index.Statement, scope *statement.Scope, p statement.Predicate) (a asked, err error) {
	a = asked{class: p.Class, operator: p.Operator, fold: func(s string) string { return s }}
	column := p.Of.Column
	if p.Of.Expression != "" && len(p.Of.Columns) == 1 {
		column = p.Of.Columns[0]
		switch p.Of.Expression {
		case "lower(" + column + ")":
			a.fold = strings.ToLower
		case "upper(" + column + ")":
			a.fold = strings.ToUpper
		default:
			return a, nil
		}
	}
	if p.Of.Ref < 0 || p.Of.Ref >= len(scope.Refs) || column == "" {
		return a, nil
	}
	t := v.db.find(s.SearchPath, scope.Refs[p.Of.Ref])
	if t == nil {
		return a, nil
	}
	a.column = t.Path() + "." + column
	a.of, err = v.of(ctx, t.Schema, t.Name, column)
	return a, err
}

// fits tells whether a parameter of the type takes the column's values, so that none is refused, and quoted in an error.
func (v *values) fits(a asked, param uint32) bool {
	p, c := v.types[param], v.types[a.of.typ]
	if a.class == statement.In && p.element != 0 && p.category == "A" {
		param, p = p.element, v.types[p.element]
	}
	switch a.class {
	case statement.Equal, statement.In, statement.Range:
		return param == a.of.typ || p.category == "S" && c.category == "S" && p.name != "char" ||
			p.category == "N" && c.category == "N" && size(p.name) > size(c.name)
	case statement.Like:
		return p.category == "S" && c.category == "S"
	}
	return false
}

// size orders the types of numbers: each takes what those before it take.
func size(name string) int {
	return slices.Index([]string{"int2", "int4", "int8", "numeric"}, name)
}

// value is what the k-th draw has for a parameter.
func (v *values) value(a asked, asks map[int][]asked, n, k int, typ uint32) string {
	u := func(of int) float64 { // spread evenly over the draws, another way for each parameter
		_, f := math.Modf((float64(k)+0.5)/draws + float64(of)*0.6180339887)
		return f
	}
	switch a.class {
	case statement.In:
		if v.types[typ].category != "A" {
			return a.fold(a.of.at(u(n)))
		}
		var list []string
		for i := range 3 {
			list = append(list, `"`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(a.fold(a.of.at(u(n+i))))+`"`)
		}
		return "{" + strings.Join(list, ",") + "}"
	case statement.Range:
		return a.fold(a.of.quantile(v.edge(a, asks, n, k, u)))
	case statement.Like:
		return pattern(a.fold(a.of.at(u(n))))
	}
	return a.fold(a.of.at(u(n)))
}

// pattern is what the beginning of a value would be looked for by. Its last letter is another one: what the histogram holds itself
// is estimated as a hundredth of the table, and hardly any value is there.
func pattern(value string) string {
	of := []rune(value)
	of = of[:min(len(of), max(3, len(of)*2/3))]
	if n := len(of); n > 0 && utf8.ValidRune(of[n-1]+1) {
		of[n-1]++
	}
	return strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(string(of)) + "%"
}

// edge is where the range ends or begins that the k-th draw asks for.
func (v *values) edge(a asked, asks map[int][]asked, n, k int, u func(int) float64) float64 {
	width := widths[k]
	low := strings.HasPrefix(a.operator, ">")
	for other, list := range asks {
		for _, b := range list {
			if other == n || b.column != a.column || b.class != statement.Range || strings.HasPrefix(b.operator, ">") == low {
				continue
			}
			from := u(min(n, other)) * (1 - width)
			if low {
				return from
			}
			return from + width
		}
	}
	if low {
		return 1 - width // the newest, mostly
	}
	return width
}

var (
	limitForm  = regexp.MustCompile(`(?i)\blimit \$(\d+)`)
	offsetForm = regexp.MustCompile(`(?i)\boffset \$(\d+)`)
)

// counted is the value of a parameter that says how many rows to give: as many as it was on average.
func counted(s *index.Statement, n int) (string, bool) {
	is := func(form *regexp.Regexp) bool {
		return slices.ContainsFunc(form.FindAllStringSubmatch(s.Shape.Text, -1), func(m []string) bool { return m[1] == strconv.Itoa(n) })
	}
	switch {
	case is(limitForm):
		rows := 20.0
		if s.Calls > 0 && s.Rows > 0 {
			rows = max(1, math.Ceil(s.Rows/s.Calls))
		}
		return strconv.FormatFloat(rows, 'f', 0, 64), true
	case is(offsetForm):
		return "0", true
	}
	return "", false
}

// anything is a value of a type.
func (v *values) anything(typ uint32) (string, bool) {
	t := v.types[typ]
	switch {
	case t.category == "A":
		return "{}", true
	case t.category == "N" && t.name != "money":
		return "1", true
	case t.category == "S":
		return "x", t.name != "char"
	case t.category == "B":
		return "true", true
	case t.name == "time" || t.name == "timetz":
		return "12:00", true
	case t.category == "D":
		return "2026-01-01", true
	case t.name == "interval":
		return "1 day", true
	case t.name == "json" || t.name == "jsonb":
		return "{}", true
	case t.name == "uuid":
		return "00000000-0000-0000-0000-000000000000", true
	case t.name == "bytea":
		return "", true
	}
	return "", false
}

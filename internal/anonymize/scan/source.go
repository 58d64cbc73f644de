package scan

import (
	"bytes"
	"context"
	"regexp"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/copytext"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/identify"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
)

// origin is a column of the source that holds identifiers.
type origin struct {
	name  string
	kinds want
	shape shape
	array bool
	group string // of names: columns of one person's have the same
	whole bool   // of names: one value is the whole name

	root  *node // of JSON
	paths map[*node]origin
}

// origins are the columns of a table that hold identifiers, a column that only repeats those of another left out.
func (s *Scanner) origins(path string) []origin {
	t := s.find(path)
	if t == nil {
		return nil
	}
	var out []origin
	for _, c := range t.Columns {
		rule, ok := s.policy.Tables[path].Columns[c.Name]
		if !ok || s.repeats(path, c.Name) {
			continue
		}
		if o := s.origin(t, c, rule); o.kinds != 0 {
			out = append(out, o)
		}
	}
	return out
}

func (s *Scanner) origin(t *catalog.Table, c catalog.Column, rule policy.Rule) origin {
	o := origin{name: c.Name, kinds: s.kinds(t, c, rule), shape: shapeOf(c), array: c.Array}
	o.group, o.whole = nameGroup(c.Name, rule.Part)
	if rule.Transformer != policy.JSON || o.shape != object {
		return o
	}
	o.root, o.paths = tree(rule.Paths), map[*node]origin{}
	o.root.each(func(n *node) {
		name := strings.Trim(n.path[strings.LastIndexByte(n.path, '.')+1:], "[]*")
		inner := origin{name: name, kinds: s.kinds(t, catalog.Column{Name: name, Base: "text"}, *n.rule), shape: plain}
		inner.group, inner.whole = nameGroup(n.path, n.rule.Part)
		o.kinds |= inner.kinds
		o.paths[n] = inner
	})
	return o
}

// repeats says whether a column holds nothing but ids of another that is read as well.
func (s *Scanner) repeats(table, column string) bool {
	for _, l := range s.policy.Links(s.catalog) {
		if l.Table != table || l.Column != column || l.Orphans || l.To == table && l.ToColumn == column {
			continue
		}
		to := s.find(l.To)
		rules, exported := s.policy.Tables[l.To]
		if to == nil || !exported {
			continue
		}
		for _, c := range to.Columns {
			if c.Name == l.ToColumn && s.kinds(to, c, rules.Columns[c.Name]).has(identify.Record) {
				return true
			}
		}
	}
	return false
}

var namePart = regexp.MustCompile(`(?i)(first|given|fore|middle|last|family|sur|nick|maiden|full|preferred)?[ _-]*name$|[ _-]*(first|middle|last)$`)

// nameGroup parts the name of a column such as guarantor_first_name into what its neighbours share, and whether it is a
// person's whole name.
func nameGroup(column, part string) (group string, whole bool) {
	at := namePart.FindStringSubmatchIndex(column)
	if at == nil {
		return column, part == "" || part == "full"
	}
	partial := at[2] >= 0 && at[3] > at[2] || at[4] >= 0
	if partial && strings.EqualFold(column[max(at[2], 0):max(at[3], 0)], "full") {
		partial = false
	}
	if part == "full" || part == "" && !partial {
		return column, true
	}
	return column[:at[0]], part == "full"
}

// collector takes identifiers out of rows of the source, in the normal forms that a lexer finds them in.
type collector struct {
	lex   lexer
	yield func(k identify.Kind, normal []byte)

	walker walker
	value  []byte
	array  []byte
	buf    []byte
	people []person // of the row, by group
	guard  bool     // nothing of redaction's is to be asked
	words  []byte
}

type person struct {
	group string
	words [][]byte
	whole []bool
}

func newCollector(yield func(identify.Kind, []byte)) *collector {
	c := &collector{yield: yield}
	c.lex.to = c
	return c
}

// row takes all of a row.
func (c *collector) row(origins []origin, fields [][]byte) {
	c.people, c.words = c.people[:0], c.words[:0]
	for i := range origins {
		if i < len(fields) {
			c.field(&origins[i], fields[i])
		}
	}
	for i := range c.people {
		c.pairs(&c.people[i])
	}
}

func (c *collector) field(o *origin, field []byte) {
	if copytext.IsNull(field) {
		return
	}
	v := field
	if !copytext.Plain(field) {
		c.value = copytext.Unescape(c.value[:0], field)
		v = c.value
	}
	one := func(v []byte) { c.one(o, v) }
	if o.root != nil {
		one = func(v []byte) {
			c.walker.walk(o.root, v, func(at *node, text []byte) {
				if inner, ok := o.paths[at]; ok {
					c.one(&inner, text)
				}
			}, func([]byte, bool) {})
		}
	}
	if o.array {
		c.array = elements(c.array, v, one)
		return
	}
	one(v)
}

func (c *collector) one(o *origin, v []byte) {
	for k := identify.Name; k <= identify.IP; k++ {
		if !o.kinds.has(k) {
			continue
		}
		switch k {
		case identify.Name:
			c.name(o, v)
		case identify.FullName:
		case identify.Record:
			c.record(v)
		case identify.Street:
			c.buf = append(c.buf[:0], make([]byte, 96)...)
			if normal := streetNormal(c.buf[:0], v); normal != nil {
				c.yield(identify.Street, normal)
			}
		default:
			if k == identify.URL {
				if c.buf = urlNormal(c.buf[:0], bytes.TrimSpace(v)); len(c.buf) > 6 {
					c.yield(k, c.buf)
				}
			}
			c.lex.want = 1 << k
			c.lex.text(v)
		}
	}
}

// code is called by the lexer: what stands in a column of the kind.
func (c *collector) code(k identify.Kind, normal []byte) { c.yield(k, normal) }

// record takes a code as a whole, and the number that it may end with.
func (c *collector) record(v []byte) {
	c.buf = fold(c.buf[:0], v)
	if normal := record(c.buf); normal != nil && len(normal) <= 64 {
		c.yield(identify.Record, normal)
	}
	n := len(c.buf)
	for n > 0 && digit(c.buf[n-1]) {
		n--
	}
	if n > 0 && n <= 8 && bytes.IndexFunc(c.buf[:n], func(r rune) bool { return r >= '0' && r <= '9' }) < 0 {
		if number := record(c.buf[n:]); number != nil {
			c.yield(identify.Record, number)
		}
	}
}

// particles are parts of names that single nobody out.
var particles = func() map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq("and da das de del della den der des di do dos du e el ii iii iv jr la las le los mc miss mr mrs ms dr md of or san sr st sta the van von y zu") {
		m[w] = true
	}
	return m
}()

// name takes the words of a name, and keeps them for the row's pairs.
func (c *collector) name(o *origin, v []byte) {
	if !c.guard { // in the form, too, that redaction asks for
		identify.Words(c.buf[:0], v, func(word []byte) { c.yield(identify.Name, word) })
	}
	var p *person
	for i := range c.people {
		if c.people[i].group == o.group && !o.whole {
			p = &c.people[i]
		}
	}
	if p == nil {
		if len(c.people) < cap(c.people) {
			c.people = c.people[:len(c.people)+1]
		} else {
			c.people = append(c.people, person{})
		}
		p = &c.people[len(c.people)-1]
		p.group, p.words, p.whole = o.group, p.words[:0], p.whole[:0]
	}
	from := len(p.words)
	c.lex.want = wanted(identify.Name)
	c.into(p, v, o.whole, false)
	if len(p.words) == from {
		c.into(p, v, o.whole, true)
	}
}

// into adds the words of a name to those of a person.
func (c *collector) into(p *person, v []byte, whole, particle bool) {
	c.lex.to = wordSink(func(word []byte) {
		if particles[string(word)] != particle || len(p.words) >= 8 {
			return
		}
		at := len(c.words)
		c.words = append(c.words, word...)
		p.words, p.whole = append(p.words, c.words[at:]), append(p.whole, whole)
		c.yield(identify.Name, word)
	})
	c.lex.text(v)
	c.lex.to = c
	if !whole && len(p.words) > 0 { // what another column holds is another part
		p.words, p.whole = append(p.words, nil), append(p.whole, false)
	}
}

// pairs takes each two words of a person's name, those of one column only where it holds the whole name.
func (c *collector) pairs(p *person) {
	for i, a := range p.words {
		if a == nil {
			continue
		}
		next := false
		for j := i + 1; j < len(p.words); j++ {
			b := p.words[j]
			if b == nil {
				next = true
				continue
			}
			if p.whole[i] && p.whole[j] || next {
				c.yield(identify.FullName, pair(&c.buf, a, b))
			}
		}
	}
}

func pair(buf *[]byte, a, b []byte) []byte {
	if bytes.Compare(a, b) > 0 {
		a, b = b, a
	}
	*buf = append(append(append((*buf)[:0], a...), ' '), b...)
	return *buf
}

func (c *collector) word([]byte, bool) {}

type wordSink func(word []byte)

func (w wordSink) word(folded []byte, _ bool) { w(folded) }
func (w wordSink) code(identify.Kind, []byte) {}

// read goes through the identifiers of the source, of the kinds that are wanted, several tables at a time. Each goroutine has
// its own yield.
func (s *Scanner) read(ctx context.Context, from Source, kinds want, workers int, yield func() func(identify.Kind, []byte)) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(workers, 1))
	for _, path := range s.tables {
		var origins []origin
		var columns []string
		for _, o := range s.origins(path) {
			if o.kinds&kinds != 0 {
				origins = append(origins, o)
				columns = append(columns, quote(o.name))
			}
		}
		if origins == nil {
			continue
		}
		group.Go(func() error {
			c := newCollector(yield())
			lines := &lineWriter{}
			var fields [][]byte
			lines.line = func(line []byte) {
				fields = copytext.Split(fields[:0], line)
				c.row(origins, fields)
			}
			only := "only "
			if t := s.find(path); t.Kind != catalog.KindTable {
				only = ""
			}
			schema, table, _ := strings.Cut(path, ".")
			return from(ctx, "select "+strings.Join(columns, ", ")+" from "+only+quote(schema)+"."+quote(table), lines)
		})
	}
	return group.Wait()
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// lineWriter parts what is written to it into lines.
type lineWriter struct {
	rest []byte
	line func(line []byte)
}

func (w *lineWriter) Write(p []byte) (int, error) {
	n := len(p)
	for {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			w.rest = append(w.rest, p...)
			return n, nil
		}
		if len(w.rest) == 0 {
			w.line(p[:i])
		} else {
			w.rest = append(w.rest, p[:i]...)
			w.line(w.rest)
			w.rest = w.rest[:0]
		}
		p = p[i+1:]
	}
}

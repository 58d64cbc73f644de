package policy

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// HCL is a policy as an object in Terraform's language, as terraform fmt leaves it: for the attribute policy of
// august_staging_anonymization, or for a local value.
func HCL(p *Policy) []byte {
	var w hclWriter
	w.open("", "{")
	w.attributes([]attribute{
		{"version", strconv.Itoa(p.Version)},
		{"method", quote(string(p.Method))},
		{"keys", quote(string(p.Keys))},
		{"as_of", optional(p.AsOf)},
	})
	w.gap()
	w.object("attestation", []attribute{{"by", quote(p.Attestation.By)}, {"id", optional(p.Attestation.ID)}, {"expires", quote(p.Attestation.Expires)}})
	if p.Shift != (Shift{}) {
		w.gap()
		w.object("shift", []attribute{{"min", strconv.Itoa(p.Shift.Min)}, {"max", strconv.Itoa(p.Shift.Max)}, {"weeks", flag(p.Shift.Weeks)}})
	}
	w.gap()
	w.object("subject", []attribute{{"table", quote(p.Subject.Table)}, {"key", quote(p.Subject.Key)}})
	w.gap()
	w.tables(p)
	if len(p.Exclude) > 0 {
		w.gap()
		w.open("exclude", "{")
		var of []attribute
		for _, pattern := range slices.Sorted(maps.Keys(p.Exclude)) {
			of = append(of, attribute{quote(pattern), quote(p.Exclude[pattern])})
		}
		w.attributes(of)
		w.close("}")
	}
	if len(p.References) > 0 {
		w.gap()
		w.open("references", "[")
		for _, r := range p.References {
			w.line("{ " + inline([]attribute{{"table", quote(r.Table)}, {"column", quote(r.Column)}, {"to", quote(r.To)}, {"to_column", quote(r.ToCol)}, {"orphans", strconv.FormatBool(r.Orphans)}}) + " },")
		}
		w.close("]")
	}
	if s := p.Subset; s != nil {
		w.gap()
		w.object("subset", []attribute{{"table", quote(s.Table)}, {"percent", number(s.Percent)}, {"where", optional(s.Where)}})
	}
	if len(p.Quasi) > 0 {
		w.gap()
		w.open("quasi_identifiers", "[")
		for _, q := range p.Quasi {
			w.line("{ " + inline([]attribute{{"table", quote(q.Table)}, {"columns", list(q.Columns)}, {"k", strconv.Itoa(q.K)}, {"sensitive", optional(q.Sensitive)}}) + " },")
		}
		w.close("]")
	}
	if len(p.Words) > 0 {
		w.gap()
		w.line("words = " + list(p.Words))
	}
	w.close("}")
	return w.out.Bytes()
}

func (w *hclWriter) tables(p *Policy) {
	w.open("tables", "{")
	for i, path := range slices.Sorted(maps.Keys(p.Tables)) {
		if i > 0 {
			w.gap()
		}
		t := p.Tables[path]
		w.open(quote(path), "{")
		if len(t.Subject) > 0 {
			w.line("subject = " + list(t.Subject))
		}
		w.open("columns", "{")
		w.rules(t.Columns)
		w.close("}")
		w.close("}")
	}
	w.close("}")
}

// rules writes one a line, in runs that are aligned: what takes several lines ends a run.
func (w *hclWriter) rules(rules map[string]Rule) {
	var run []attribute
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		r := rules[name]
		if len(r.Paths) == 0 {
			run = append(run, attribute{key(name), "{ " + inline(r.attributes()) + " }"})
			continue
		}
		w.attributes(run)
		run = nil
		w.open(key(name), "{")
		w.attributes(r.attributes())
		w.open("paths", "{")
		w.rules(r.Paths)
		w.close("}")
		w.close("}")
	}
	w.attributes(run)
}

func (r Rule) attributes() []attribute {
	return []attribute{
		{"transformer", quote(r.Transformer)}, {"domain", optional(r.Domain)}, {"value", optionalUnless(r.Value, r.Transformer == Constant)}, {"part", optional(r.Part)},
		{"unknown", optional(r.Unknown)}, {"class", optional(r.Class)}, {"type", optional(r.Type)}, {"reason", optional(r.Reason)},
	}
}

// attribute is a name and an expression, which is empty for one that is left out.
type attribute struct{ name, value string }

type hclWriter struct {
	out   bytes.Buffer
	depth int
}

func (w *hclWriter) line(text string) {
	w.out.WriteString(strings.Repeat("  ", w.depth) + text + "\n")
}

func (w *hclWriter) gap() { w.out.WriteByte('\n') }

func (w *hclWriter) open(name, bracket string) {
	if name != "" {
		name += " = "
	}
	w.line(name + bracket)
	w.depth++
}

func (w *hclWriter) close(bracket string) {
	w.depth--
	w.line(bracket)
}

func (w *hclWriter) object(name string, of []attribute) {
	w.open(name, "{")
	w.attributes(of)
	w.close("}")
}

func (w *hclWriter) attributes(of []attribute) {
	of = present(of)
	width := 0
	for _, a := range of {
		width = max(width, len([]rune(a.name)))
	}
	for _, a := range of {
		w.line(fmt.Sprintf("%-*s = %s", width, a.name, a.value))
	}
}

func present(of []attribute) []attribute {
	return slices.DeleteFunc(slices.Clone(of), func(a attribute) bool { return a.value == "" })
}

func inline(of []attribute) string {
	var parts []string
	for _, a := range present(of) {
		parts = append(parts, a.name+" = "+a.value)
	}
	return strings.Join(parts, ", ")
}

var bare = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

// key is a name as a key of an object: as it is where it can be. An object that begins with for would be a comprehension.
func key(name string) string {
	if bare.MatchString(name) && name != "for" {
		return name
	}
	return quote(name)
}

// quote is a string in Terraform's language, in which ${ and %{ begin templates.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case (r == '$' || r == '%') && strings.HasPrefix(s[i+1:], "{"):
			b.WriteRune(r)
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func optional(s string) string { return optionalUnless(s, false) }

// optionalUnless leaves an empty string out unless it says something.
func optionalUnless(s string, says bool) string {
	if s == "" && !says {
		return ""
	}
	return quote(s)
}

func flag(b bool) string {
	if !b {
		return ""
	}
	return "true"
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func list(of []string) string {
	quoted := make([]string, len(of))
	for i, s := range of {
		quoted[i] = quote(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// Local is HCL as a local value in a file of its own, under a comment.
func Local(name, comment string, p *Policy) []byte {
	var out bytes.Buffer
	for line := range strings.Lines(strings.TrimSpace(comment)) {
		out.WriteString("# " + strings.TrimSpace(line) + "\n")
	}
	out.WriteString("locals {\n  " + name + " = ")
	for i, line := range bytes.SplitAfter(HCL(p), []byte("\n")) {
		if i > 0 && len(bytes.TrimSpace(line)) > 0 {
			out.WriteString("  ")
		}
		out.Write(line)
	}
	out.WriteString("}\n")
	return out.Bytes()
}

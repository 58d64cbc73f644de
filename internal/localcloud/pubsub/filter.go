package pubsub

import (
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// filter tells from a message's attributes whether a subscription gets it.
type filter func(attributes map[string]string) bool

const maxFilter = 256

// parseFilter reads Pub/Sub's filter language:
//
//	attributes:key, attributes.key = "v", attributes.key != "v", hasPrefix(attributes.key, "v"),
//	joined by AND or by OR, negated by NOT or -, in parentheses.
//
// As Pub/Sub, it refuses AND beside OR without parentheses. No filter takes everything.
func parseFilter(text string) (filter, error) {
	if len(text) > maxFilter {
		return nil, gapi.Invalid("The filter is longer than %d bytes.", maxFilter)
	}
	if strings.TrimSpace(text) == "" {
		return func(map[string]string) bool { return true }, nil
	}
	p := &filterParser{rest: text}
	p.next()
	f := p.expression()
	if p.token != "" {
		p.bad = true
	}
	if p.bad {
		return nil, gapi.Invalid("The filter %q is not valid.", text)
	}
	return f, nil
}

// filterParser goes through a filter by recursive descent; once bad, what it answers means nothing.
type filterParser struct {
	rest  string
	token string // "" at the end
	word  string // of a string or a word, without quotes
	kind  byte   // 's' string, 'w' word, 'o' operator
	bad   bool
}

func isWordByte(c byte) bool {
	return c == '_' || c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// next reads a token.
func (p *filterParser) next() {
	p.rest = strings.TrimLeft(p.rest, " \t\r\n")
	p.token, p.word, p.kind = "", "", 0
	if p.rest == "" {
		return
	}
	n := 1
	switch c := p.rest[0]; {
	case c == '"':
		p.kind = 's'
		p.text()
		return
	case strings.HasPrefix(p.rest, "!="):
		p.kind, n = 'o', 2
	case c == '-', !isWordByte(c):
		p.kind = 'o'
	default:
		p.kind = 'w'
		for n < len(p.rest) && isWordByte(p.rest[n]) {
			n++
		}
	}
	p.token, p.rest = p.rest[:n], p.rest[n:]
	p.word = p.token
}

// text reads a quoted string.
func (p *filterParser) text() {
	var b strings.Builder
	for i := 1; i < len(p.rest); i++ {
		switch c := p.rest[i]; {
		case c == '"':
			p.token, p.word, p.rest = p.rest[:i+1], b.String(), p.rest[i+1:]
			return
		case c == '\\' && i+1 < len(p.rest):
			i++
			_ = b.WriteByte(p.rest[i])
		default:
			_ = b.WriteByte(c)
		}
	}
	p.bad, p.token, p.rest = true, "", ""
}

func (p *filterParser) accept(token string) bool {
	if p.kind == 's' || p.token != token {
		return false
	}
	p.next()
	return true
}

func (p *filterParser) expect(token string) {
	if !p.accept(token) {
		p.bad = true
	}
}

func (p *filterParser) expression() filter {
	terms := []filter{p.term()}
	joint := p.token
	if p.kind != 'w' || joint != "AND" && joint != "OR" {
		return terms[0]
	}
	for p.accept(joint) {
		terms = append(terms, p.term())
	}
	all := joint == "AND"
	return func(a map[string]string) bool {
		for _, t := range terms {
			if t(a) != all {
				return !all
			}
		}
		return all
	}
}

func (p *filterParser) term() filter {
	switch {
	case p.accept("NOT"), p.accept("-"):
		f := p.term()
		return func(a map[string]string) bool { return !f(a) }
	case p.accept("("):
		f := p.expression()
		p.expect(")")
		return f
	case p.accept("hasPrefix"):
		p.expect("(")
		p.expect("attributes")
		p.expect(".")
		key := p.name()
		p.expect(",")
		prefix := p.value()
		p.expect(")")
		return func(a map[string]string) bool { v, ok := a[key]; return ok && strings.HasPrefix(v, prefix) }
	}
	p.expect("attributes")
	if p.accept(":") {
		key := p.name()
		return func(a map[string]string) bool { _, ok := a[key]; return ok }
	}
	p.expect(".")
	key := p.name()
	equal := p.accept("=")
	if !equal {
		p.expect("!=")
	}
	value := p.value()
	// A message without the attribute is unequal to any value.
	return func(a map[string]string) bool { v, ok := a[key]; return (ok && v == value) == equal }
}

// name is an attribute's key, quoted or not.
func (p *filterParser) name() string {
	if p.kind != 's' && p.kind != 'w' {
		p.bad = true
	}
	word := p.word
	p.next()
	return word
}

// value is a quoted string.
func (p *filterParser) value() string {
	if p.kind != 's' {
		p.bad = true
	}
	word := p.word
	p.next()
	return word
}

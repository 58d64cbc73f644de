package modules

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// join rewrites the tests in a folder so that a plan is made once for all that is asserted of it in a row. They are written apart, each
// under the name of what it promises.
func join(t *testing.T, dir string) {
	t.Helper()
	for file, body := range texts(t, filepath.Join(dir, "*.tftest.hcl")) {
		write(t, file, joined(body))
	}
}

// joined is a file of tests in which runs in a row that ask the same are one, with the assertions of all.
func joined(body string) string {
	parsed, diags := hclsyntax.ParseConfig([]byte(body), "", hcl.InitialPos)
	if diags.HasErrors() {
		return body // Terraform says what is wrong
	}
	var out, before string
	from := 0
	for _, b := range parsed.Body.(*hclsyntax.Body).Blocks {
		begin, end := b.TypeRange.Start.Byte, b.CloseBraceRange.End.Byte
		question, asserts := "", ""
		if b.Type == "run" {
			question, asserts = asks(body, b)
		}
		if question != "" && question == before {
			out = strings.TrimSuffix(out, "}") + asserts + "}"
		} else {
			out += body[from:begin] + body[begin:end]
		}
		from, before = end, question
	}
	return out + body[from:]
}

// asks is what a run has Terraform do, in one spelling, and what it asserts of that.
func asks(body string, run *hclsyntax.Block) (question, asserts string) {
	from := run.OpenBraceRange.Start.Byte
	for _, b := range of("assert", run.Body.Blocks) {
		begin, end := b.TypeRange.Start.Byte, b.CloseBraceRange.End.Byte
		question += body[from:begin]
		asserts += "\n  " + body[begin:end] + "\n"
		from = end
	}
	question += body[from:run.CloseBraceRange.End.Byte]
	tokens, _ := hclsyntax.LexConfig([]byte(question), "", hcl.InitialPos) // it has been parsed
	var words []string
	for _, token := range tokens {
		if token.Type != hclsyntax.TokenComment && token.Type != hclsyntax.TokenNewline {
			words = append(words, string(token.Bytes))
		}
	}
	return strings.Join(words, " "), asserts
}

func TestJoined(t *testing.T) {
	t.Parallel()
	const assert = "\n  assert {\n    condition     = var.%\n    error_message = \"%.\"\n  }\n"
	run := func(name, rest string, asserts ...string) string {
		for _, a := range asserts {
			rest += strings.ReplaceAll(assert, "%", a)
		}
		return "run \"" + name + "\" {\n" + rest + "}\n"
	}
	const plan, other = "  command = plan\n", "  command = plan\n\n  variables {\n    x = 1\n  }\n"
	for name, tt := range map[string]struct{ body, want string }{
		"the same":            {run("a", plan, "x") + "\n" + run("b", "  # Why.\n"+plan, "y", "z"), run("a", plan, "x", "y", "z")},
		"three":               {run("a", plan, "x") + run("b", plan, "y") + run("c", plan, "z"), run("a", plan, "x", "y", "z")},
		"other variables":     {run("a", plan, "x") + run("b", other, "y"), run("a", plan, "x") + run("b", other, "y")},
		"not in a row":        {run("a", plan, "x") + run("b", other, "y") + run("c", plan, "z"), run("a", plan, "x") + run("b", other, "y") + run("c", plan, "z")},
		"what is around":      {"# Head.\nvariables {\n}\n\n" + run("a", plan, "x") + "# Foot.\n", "# Head.\nvariables {\n}\n\n" + run("a", plan, "x") + "# Foot.\n"},
		"what cannot be read": {"run {", "run {"},
	} {
		if got := joined(tt.body); got != tt.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, tt.want)
		}
	}
}

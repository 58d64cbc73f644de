package index

import (
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/feel-august/terraform-provider-august/internal/advise/workload"
)

func TestNamesAreQuotedWhereTheyMust(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"practice": "practice", "line_items2": "line_items2", "select": `"select"`, "user": `"user"`, "left": `"left"`, "Größe": `"Größe"`, "größe": `"größe"`, "2nd": `"2nd"`, "": `""`,
		`say "it"`: `"say ""it"""`, "a;drop table b": `"a;drop table b"`, "Upper": `"Upper"`, "name": "name", "state": "state", "date": "date", "a$b": `"a$b"`,
	} {
		if got := ident(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// What is printed for Terraform says the same to Terraform.
func TestHCLSaysTheSame(t *testing.T) {
	t.Parallel()
	evil := "a\"b\\c\n${file(\"x\")}%{if true}d"
	d := Definition{Name: evil, Schema: evil, Table: evil, Method: GIN, Unique: true, Include: []string{evil, "id"}, Where: "state = '" + evil + "'",
		Keys: []workload.Key{{Column: evil, Descending: true}, {Expression: "lower('" + evil + "')", Class: evil}}}
	text := strings.NewReplacer("august_sync_runtime.sync.uri", `"u"`, "august_sync_runtime.sync.audience", `"a"`).Replace(d.HCL())
	file, diags := hclsyntax.ParseConfig([]byte(text), "advice.tf", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("%v\n%s", diags, text)
	}
	block := file.Body.(*hclsyntax.Body).Blocks[0]
	if block.Labels[0] != "august_index" || !hclsyntax.ValidIdentifier(block.Labels[1]) {
		t.Errorf("%s %q", block.Type, block.Labels)
	}
	value := func(name string) string {
		v, diags := block.Body.Attributes[name].Expr.Value(nil)
		if diags.HasErrors() {
			t.Fatalf("%s: %v", name, diags)
		}
		return v.AsString()
	}
	for name, want := range map[string]string{"name": evil, "schema": evil, "table": evil, "where": d.Where, "method": GIN} {
		if got := value(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	columns, diags := block.Body.Attributes["columns"].Expr.Value(nil)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	first, second := columns.AsValueSlice()[0].AsValueMap(), columns.AsValueSlice()[1].AsValueMap()
	if first["column"].AsString() != evil || first["order"].AsString() != "desc" || first["nulls"].AsString() != "last" ||
		second["expression"].AsString() != d.Keys[1].Expression || second["operator_class"].AsString() != evil {
		t.Errorf("columns: %v, %v", first, second)
	}
}

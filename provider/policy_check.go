package provider

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

const (
	policyNotUsable = "Policy not usable"
	columnsUnmapped = "Columns not mapped"
	tableUnmapped   = "Table not mapped"
)

// catalogOf asks a runtime what its database is made of.
func (c *clients) catalogOf(ctx context.Context, endpoint, audience string) (*catalog.Catalog, error) {
	client, err := c.Runtime(ctx, endpoint, audience)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, stagingPatience)
	defer cancel()
	is, err := client.WithPatience(drillPatience).Catalog(ctx)
	return &is, err
}

// blameCatalog says why the catalogue could not be had, and what to do.
func blameCatalog(err error, title, then string, diags *diag.Diagnostics) {
	var e *runtimeapi.Error
	at := path.Root("endpoint")
	switch {
	case !errors.As(err, &e):
		failAt(diags, at, title, "The runtime could not be asked what its database is made of."+then, err)
	case e.Code == runtimeapi.CodeUnauthenticated:
		failAt(diags, path.Root("audience"), title, "The runtime does not accept the token. Check that audience is the audience attribute of the august_sync_runtime, "+
			"and that its control.issuer signs the tokens of the account that runs Terraform.", err)
	case e.Code == runtimeapi.CodeDenied:
		failAt(diags, at, title, "The runtime does not let this account in. Add it to control.allowed_callers of the august_sync_runtime; "+
			"and unless the service is public, grant it roles/run.invoker.", err)
	case e.Code == runtimeapi.CodeNotFound:
		failAt(diags, at, title, "The runtime is older than anonymisation is. Deploy a newer image with the august_sync_runtime first.", err)
	default:
		failAt(diags, at, title, "The runtime does not answer, so that nobody can say whether the policy still covers its database."+then, err)
	}
}

// checkPolicy holds a policy against a database, and says all that is in its way. Paths lead to what has to be changed.
func checkPolicy(p *policy.Policy, c *catalog.Catalog, now time.Time, diags *diag.Diagnostics) {
	missing := map[string][]string{} // by table; what is missing of one is said at once
	found := policy.Check(p, c, now)
	for _, f := range found {
		if unmapped(p, c, f) {
			missing[f.Table] = append(missing[f.Table], f.Column)
		}
	}
	for _, f := range found {
		columns, first := missing[f.Table]
		switch {
		case !unmapped(p, c, f):
			failAt(diags, pathOf(p, f), policyNotUsable, upperFirst(f.Problem)+suggested(f), nil)
		case first:
			reportUnmapped(p, c.Table(f.Table), columns, diags)
			delete(missing, f.Table)
		}
	}
}

// unmapped says whether a finding is of a table of rows, or a column of one, that the policy does not name.
func unmapped(p *policy.Policy, c *catalog.Catalog, f policy.Finding) bool {
	table := c.Table(f.Table)
	if table == nil || table.Kind != catalog.KindTable && table.Kind != catalog.KindPartitioned {
		return false
	}
	t, listed := p.Tables[f.Table]
	if !listed || f.Column == "" {
		return !listed && f.Attribute == "tables"
	}
	_, named := t.Columns[f.Column]
	return !named && table.Column(f.Column) != nil
}

func reportUnmapped(p *policy.Policy, table *catalog.Table, columns []string, diags *diag.Diagnostics) {
	name, at := table.Path(), path.Root("policy").AtName("tables")
	if _, listed := p.Tables[name]; !listed {
		failAt(diags, at, tableUnmapped, "The policy does not name the table "+name+", so that nothing may leave. Decide what becomes of each column, and add it to `tables`; "+
			"or add it to `exclude`, with the reason. To begin with:\n\n    "+quoted(name)+" = {\n      columns = {\n"+suggestions(table, nil, "        ")+"      }\n    }\n\nor\n\n"+
			"    exclude = {\n      "+quoted(name)+" = \"why it is left out\"\n    }", nil)
		return
	}
	failAt(diags, at.AtMapKey(name).AtName("columns"), columnsUnmapped,
		fmt.Sprintf("%s has columns that the policy does not name, so that nothing may leave: %s. Decide what becomes of each, and add it. To begin with:\n\n%s",
			name, strings.Join(columns, ", "), strings.TrimRight(suggestions(table, columns, "    "), "\n")), nil)
}

// suggestions are rules for a table's columns, or for some of them, as they can be pasted.
func suggestions(t *catalog.Table, only []string, indent string) string {
	var b strings.Builder
	width := 0
	for _, c := range t.Columns {
		if only == nil || slices.Contains(only, c.Name) {
			width = max(width, len(attributeName(c.Name)))
		}
	}
	for i := range t.Columns {
		c := &t.Columns[i]
		if only != nil && !slices.Contains(only, c.Name) {
			continue
		}
		rule, class := policy.Suggest(t, c)
		about := c.Type
		if class != "" && class != "none" {
			about += ", class " + class
		}
		fmt.Fprintf(&b, "%s%-*s = %s # %s\n", indent, width, attributeName(c.Name), ruleHCL(rule), about)
	}
	return b.String()
}

// suggested is the rule that a finding suggests, if it does.
func suggested(f policy.Finding) string {
	text := ""
	if !strings.HasSuffix(f.Problem, ".") {
		text = "."
	}
	if f.Suggestion != nil && f.Column != "" {
		text += "\n\nFor instance:\n\n    " + attributeName(f.Column) + " = " + ruleHCL(*f.Suggestion)
	}
	return text
}

// pathOf is where in the configuration a finding is about.
func pathOf(p *policy.Policy, f policy.Finding) path.Path {
	at := path.Root("policy")
	if f.Table == "" {
		return along(at, f.Attribute)
	}
	t, listed := p.Tables[f.Table]
	if at = at.AtName("tables"); !listed {
		return at
	}
	at = at.AtMapKey(f.Table)
	if _, named := t.Columns[f.Column]; named {
		return along(at.AtName("columns").AtMapKey(f.Column), f.Attribute)
	}
	if f.Attribute == "subject" {
		return at.AtName("subject")
	}
	return at.AtName("columns")
}

// step is one of a path as findings write it: a name, a key or an index.
var step = regexp.MustCompile(`([a-z_0-9]+)|\[("(?:[^"\\]|\\.)*")\]|\[(\d+)\]`)

// along is a path that goes on from another.
func along(at path.Path, steps string) path.Path {
	for _, found := range step.FindAllStringSubmatch(steps, -1) {
		switch name, key, index := found[1], found[2], found[3]; {
		case index != "":
			n, _ := strconv.Atoi(index) // digits
			at = at.AtListIndex(n)
		case key != "":
			text, _ := strconv.Unquote(key) // as they were written
			at = at.AtMapKey(text)
		case name == "columns" && strings.HasSuffix(at.String(), "]"): // the rule as a whole
		default:
			at = at.AtName(name)
		}
	}
	return at
}

// quoted is a text as HCL writes it.
func quoted(s string) string {
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(strconv.Quote(s))
}

var plainName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_-]*$`)

// attributeName is a key of an object as HCL writes it.
func attributeName(s string) string {
	if plainName.MatchString(s) {
		return s
	}
	return quoted(s)
}

// ruleHCL is a rule in a line of HCL.
func ruleHCL(r policy.Rule) string {
	parts := []string{"transformer = " + quoted(r.Transformer)}
	for _, a := range []struct{ name, value string }{
		{"domain", r.Domain}, {"value", r.Value}, {"part", r.Part}, {"unknown", r.Unknown}, {"class", r.Class}, {"reason", r.Reason}, {"type", r.Type},
	} {
		if a.value != "" {
			parts = append(parts, a.name+" = "+quoted(a.value))
		}
	}
	return "{ " + strings.Join(parts, ", ") + " }"
}

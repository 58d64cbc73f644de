package modules

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/feel-august/terraform-provider-august/internal/sync/telemetry"
)

const observability = "../../modules/observability"

// TestObservability_metrics has the runtime's exporter name all that its source measures, and finds each name that the module asks for among them.
func TestObservability_metrics(t *testing.T) {
	t.Parallel()
	runtime := readRuntime(t)
	m, err := telemetry.NewMetrics()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range runtime.instruments {
		if err := i.record(m.Meter("test")); err != nil {
			t.Errorf("%s: %v", i.name, err)
		}
	}
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	exported := map[string]bool{}
	for _, found := range regexp.MustCompile(`(?m)^(august_\w+)`).FindAllString(w.Body.String(), -1) {
		exported[found] = true
	}
	asked := 0
	for _, file := range []string{"prometheus.tf", "charts.tf"} {
		text, err := os.ReadFile(filepath.Join(observability, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`august_\w+`).FindAllString(string(text), -1) {
			asked++
			if !exported[name] {
				t.Errorf("%s asks for %s, which the runtime does not measure", file, name)
			}
		}
		for _, label := range regexp.MustCompile(`(\w+)(?:=|!=|=~|!~)\\"([^"\\]*)\\"`).FindAllStringSubmatch(string(text), -1) {
			if !runtime.labels[label[1]] {
				t.Errorf("%s asks for the label %s, which nothing has", file, label[1])
			}
			if plain := regexp.MustCompile(`^\w+$`).MatchString(label[2]); plain && !runtime.words[label[2]] {
				t.Errorf("%s asks for %s = %q, which nothing says", file, label[1], label[2])
			}
		}
		for _, by := range regexp.MustCompile(`by \(([^)]*)\)`).FindAllStringSubmatch(string(text), -1) {
			for label := range strings.SplitSeq(by[1], ", ") {
				if label != "le" && !runtime.labels[label] {
					t.Errorf("%s groups by %s, which nothing has", file, label)
				}
			}
		}
	}
	if asked < 15 {
		t.Errorf("only %d names were found: look at where this test looks", asked)
	}
}

// TestObservability_logs finds each line that the module looks for, and each field of it, in the runtime's source.
func TestObservability_logs(t *testing.T) {
	t.Parallel()
	runtime := readRuntime(t)
	logs := local(t, filepath.Join(observability, "logs.tf"), "sync_logs")
	if len(logs) < 10 {
		t.Fatalf("only %d logs were found: look at where this test looks", len(logs))
	}
	for name, log := range logs {
		want := log.AsValueMap()
		said := slices.IndexFunc(runtime.lines, func(l line) bool {
			if message, ok := want["message"]; ok {
				return slices.Equal(l.message, []string{message.AsString()})
			}
			return slices.ContainsFunc(l.message, func(part string) bool { return strings.Contains(part, want["contains"].AsString()) })
		})
		if said < 0 {
			t.Errorf("%s: the runtime says nothing of the kind", name)
			continue
		}
		var fields []string
		if value, ok := want["value"]; ok {
			fields = append(fields, value.AsString())
		}
		if where, ok := want["where"]; ok {
			fields = append(fields, strings.Fields(where.AsString())[0])
		}
		if labels, ok := want["labels"]; ok {
			for _, label := range labels.AsValueSlice() {
				fields = append(fields, label.AsString())
			}
		}
		for _, field := range fields {
			if l := runtime.lines[said]; !slices.Contains(l.fields, field) && !runtime.with[l.dir][field] {
				t.Errorf("%s: %q is said without the field %s", name, strings.Join(l.message, "…"), field)
			}
		}
	}
}

// local is a value of a module's that needs nothing to be known.
func local(t *testing.T, file, name string) map[string]cty.Value {
	t.Helper()
	sources, err := parse(filepath.Dir(file))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sources {
		for _, b := range of("locals", s.blocks) {
			if a := attribute(b, name); a != nil && s.file == filepath.Base(file) {
				value, said := a.Expr.Value(nil)
				if said.HasErrors() {
					t.Fatal(said)
				}
				return value.AsValueMap()
			}
		}
	}
	t.Fatalf("%s has no local %s", file, name)
	return nil
}

func attribute(b *hclsyntax.Block, name string) *hclsyntax.Attribute { return b.Body.Attributes[name] }

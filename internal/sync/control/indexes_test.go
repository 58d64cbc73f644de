package control

import (
	"context"
	"net/http"
	"testing"

	"golang.org/x/oauth2"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// fakeIndexes writes down what it was asked.
type fakeIndexes struct{ asked []string }

func (f *fakeIndexes) say(what, schema, name string) (runtimeapi.Index, error) {
	f.asked = append(f.asked, what+" "+schema+"."+name)
	return runtimeapi.Index{Schema: schema, Name: name, State: runtimeapi.IndexQueued}, nil
}

func (f *fakeIndexes) Get(_ context.Context, schema, name string) (runtimeapi.Index, error) {
	return f.say("get", schema, name)
}

func (f *fakeIndexes) Put(_ context.Context, schema, name string, _ runtimeapi.IndexSpec) (runtimeapi.Index, error) {
	return f.say("put", schema, name)
}

func (f *fakeIndexes) Create(_ context.Context, schema, name string, _ runtimeapi.IndexSpec) (runtimeapi.Index, error) {
	return f.say("create", schema, name)
}

func (f *fakeIndexes) Check(_ context.Context, schema, name string, _ runtimeapi.IndexSpec) (runtimeapi.IndexCheck, error) {
	_, err := f.say("check", schema, name)
	return runtimeapi.IndexCheck{Definition: "CREATE INDEX"}, err
}

func (f *fakeIndexes) Delete(_ context.Context, schema, name, tag string) (runtimeapi.Index, error) {
	return f.say("delete "+tag, schema, name)
}

func TestIndexes(t *testing.T) {
	t.Parallel()
	b, f := setup(t), &fakeIndexes{}
	b.server.Ready(Backend{Pipelines: &fake{}, Indexes: f})
	token := b.token(t, b.key, nil)
	c := runtimeapi.NewClient(b.url, oauth2.StaticTokenSource(&oauth2.Token{AccessToken: token}), nil).WithPatience(0)
	spec := runtimeapi.IndexSpec{Table: "visits", Method: "btree", Columns: []runtimeapi.IndexColumn{{Column: "status"}}}
	const name = "visits$open-2"
	for want, ask := range map[string]func() error{
		"get clinic.":    func() error { _, err := c.GetIndex(t.Context(), "clinic", name); return err },
		"put clinic.":    func() error { _, err := c.PutIndex(t.Context(), "clinic", name, spec); return err },
		"create clinic.": func() error { _, err := c.CreateIndex(t.Context(), "clinic", name, spec); return err },
		"check clinic.": func() error {
			check, err := c.CheckIndex(t.Context(), "clinic", name, spec)
			if check.Findings == nil || check.Definition == "" {
				t.Errorf("checked as %+v", check)
			}
			return err
		},
		"delete " + runtimeapi.IndexTag("CREATE INDEX") + " clinic.": func() error { _, err := c.DeleteIndex(t.Context(), "clinic", name, "CREATE INDEX"); return err },
	} {
		f.asked = nil
		if err := ask(); err != nil || len(f.asked) != 1 || f.asked[0] != want+name {
			t.Errorf("asked %q, want %q: %v", f.asked, want+name, err)
		}
	}
	f.asked = nil
	for path, field := range map[string]string{"/v1/indexes/august/a": "schema", "/v1/indexes/pg_catalog/a": "schema", "/v1/indexes/clinic/a%2Fb": "name", "/v1/indexes/clinic/a%22b": "name"} {
		if code, e := b.do(t, http.MethodPut, path, token, `{"table": "visits", "columns": [{"column": "a"}]}`); code != http.StatusBadRequest || e.Field != field {
			t.Errorf("%s: %d %+v, want %s", path, code, e, field)
		}
	}
	for body, field := range map[string]string{`{"table": "visits"}`: "columns", `{"table": "visits", "columns": [{"expression": "a); drop table b"}]}`: "columns[0].expression", `{"tabel": "x"}`: "tabel"} {
		if code, e := b.do(t, http.MethodPut, "/v1/indexes/clinic/a", token, body); code != http.StatusBadRequest || e.Field != field {
			t.Errorf("%s: %d %+v, want %s", body, code, e, field)
		}
	}
	if code, _ := b.do(t, http.MethodPost, "/v1/indexes/clinic/a:build", token, "{}"); code != http.StatusNotFound {
		t.Errorf("another verb: %d", code)
	}
	if code, _ := b.do(t, http.MethodDelete, "/v1/indexes/clinic/a", "", ""); code != http.StatusUnauthorized {
		t.Errorf("without a token: %d", code)
	}
	if len(f.asked) > 0 {
		t.Errorf("what was refused was asked: %q", f.asked)
	}
}

package control

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

type fakeSchema struct {
	c   *catalog.Catalog
	err error
}

func (f fakeSchema) Catalog(context.Context) (*catalog.Catalog, error) { return f.c, f.err }

func TestCatalog(t *testing.T) {
	t.Parallel()
	b := setup(t)
	want := catalog.Catalog{SchemaVersion: 15, Tables: []catalog.Table{{
		Schema: "labs", Name: "review", Kind: catalog.KindTable, Rows: 3, PrimaryKey: []string{"id"}, Uniques: [][]string{{"a", "b"}},
		Columns:     []catalog.Column{{Name: "id", Type: "bigint", Base: "int8", Kind: "b", NotNull: true, Sequence: true}},
		ForeignKeys: []catalog.ForeignKey{{Columns: []string{"id"}, Table: "labs.other", References: []string{"id"}}},
	}}}
	serve := func(f fakeSchema) {
		b.server.Ready(Backend{Pipelines: &fake{}, Probes: &fakeProbes{}, Shelf: &fakeShelf{}, Tester: fakeTester{}, Schema: f})
	}
	serve(fakeSchema{c: &want})
	c := runtimeapi.NewClient(b.url, oauth2.StaticTokenSource(&oauth2.Token{AccessToken: b.token(t, b.key, nil)}), nil).WithPatience(0)
	if got, err := c.Catalog(t.Context()); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if code, _ := b.do(t, http.MethodGet, runtimeapi.PathCatalog, "", ""); code != http.StatusUnauthorized {
		t.Errorf("without a token: %d", code)
	}
	serve(fakeSchema{err: errors.New("secret detail of the database")})
	var e *runtimeapi.Error
	if _, err := c.Catalog(t.Context()); !errors.As(err, &e) || e.Code != runtimeapi.CodeInternal || strings.Contains(err.Error(), "secret") {
		t.Errorf("a failure is told as %v", err)
	}
}

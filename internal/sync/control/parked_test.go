package control

import (
	"context"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/audit"
)

// fakeShelf notes what it was asked.
type fakeShelf struct {
	asked string
	which runtimeapi.ParkedSelection
	after int64
	limit int
	who   audit.Source
}

func (f *fakeShelf) List(ctx context.Context, which runtimeapi.ParkedSelection, after int64, limit int) (runtimeapi.ParkedList, error) {
	*f = fakeShelf{"list", which, after, limit, audit.From(ctx)}
	return runtimeapi.ParkedList{Deliveries: []runtimeapi.Parked{{ID: 7}}, Next: 7}, nil
}

func (f *fakeShelf) Replay(ctx context.Context, which runtimeapi.ParkedSelection) (int64, error) {
	*f = fakeShelf{asked: "replay", which: which, who: audit.From(ctx)}
	return 3, nil
}

func (f *fakeShelf) Discard(ctx context.Context, which runtimeapi.ParkedSelection) (int64, error) {
	*f = fakeShelf{asked: "discard", which: which, who: audit.From(ctx)}
	return 2, nil
}

func TestParked(t *testing.T) {
	t.Parallel()
	b := setup(t)
	shelf := &fakeShelf{}
	b.server.Ready(Backend{Pipelines: &fake{}, Probes: &fakeProbes{}, Shelf: shelf, Tester: fakeTester{}, Schema: fakeSchema{}})
	token := b.token(t, b.key, nil)
	server := httptest.NewServer(b.server)
	t.Cleanup(server.Close)
	c := runtimeapi.NewClient(server.URL, oauth2.StaticTokenSource(&oauth2.Token{AccessToken: token}), nil)
	at := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	which := runtimeapi.ParkedSelection{Kind: "line_items", Key: "9", From: &at}
	list, err := c.Parked(t.Context(), which, 5)
	if err != nil || len(list.Deliveries) != 1 || list.Next != 7 || shelf.asked != "list" || !reflect.DeepEqual(shelf.which, which) || shelf.after != 5 || shelf.limit != 100 {
		t.Errorf("%+v, %v; asked %+v", list, err, shelf)
	}
	if a, err := c.Replay(t.Context(), which); err != nil || a.Deliveries != 3 || shelf.asked != "replay" || !reflect.DeepEqual(shelf.which, which) {
		t.Errorf("%+v, %v; asked %+v", a, err, shelf)
	}
	which = runtimeapi.ParkedSelection{IDs: []int64{1, 2}, Reason: "synthetic"}
	if a, err := c.Discard(t.Context(), which); err != nil || a.Deliveries != 2 || shelf.asked != "discard" || shelf.who.ID != caller || !reflect.DeepEqual(shelf.which, which) {
		t.Errorf("%+v, %v; asked %+v", a, err, shelf)
	}
	shelf.asked = ""
	for _, test := range []struct{ method, path, body, field string }{
		{http.MethodPost, ":replay", `{}`, ""},
		{http.MethodPost, ":replay", `{"ids":[1],"kind":"line_items"}`, "ids"},
		{http.MethodPost, ":replay", `{"key":"1"}`, "key"},
		{http.MethodPost, ":replay", `{"from":"2026-03-04T12:00:00Z","to":"2026-03-04T12:00:00Z"}`, "to"},
		{http.MethodPost, ":replay", `{"kinds":"x"}`, "kinds"},
		{http.MethodGet, "?since=2026-03-04T12:00:00Z", "", "since"},
		{http.MethodGet, "?from=yesterday", "", "from"},
		{http.MethodGet, "?limit=1000", "", "limit"},
		{http.MethodGet, "?key=1", "", "key"},
	} {
		if status, e := b.do(t, test.method, runtimeapi.PathParked+test.path, token, test.body); status != 400 || e.Field != test.field || shelf.asked != "" {
			t.Errorf("%s %s: %d %+v, asked %q", test.path, test.body, status, e, shelf.asked)
		}
	}
	if status, _ := b.do(t, http.MethodPost, runtimeapi.PathParked+":burn", token, "{}"); status != 404 {
		t.Errorf("an unknown verb is %d", status)
	}
	if status, _ := b.do(t, http.MethodPost, runtimeapi.PathParked+":discard", "", "{}"); status != 401 {
		t.Errorf("without a token: %d", status)
	}
}

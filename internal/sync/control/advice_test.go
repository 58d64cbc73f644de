package control

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/oauth2"

	"github.com/feel-august/terraform-provider-august/internal/advise/index"
	"github.com/feel-august/terraform-provider-august/internal/advise/workload"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// fakeAdviser says what it was asked.
type fakeAdviser struct {
	asked runtimeapi.IndexAdviceRequest
	time  time.Duration // that it was given
	gives *index.Advice
	err   error
}

func (f *fakeAdviser) Indexes(ctx context.Context, req runtimeapi.IndexAdviceRequest) (*index.Advice, error) {
	f.asked = req
	if deadline, ok := ctx.Deadline(); ok {
		f.time = time.Until(deadline)
	}
	return f.gives, f.err
}

func TestIndexAdvice(t *testing.T) {
	t.Parallel()
	b := setup(t)
	want := index.Advice{
		Window: workload.Window{From: time.Unix(1, 0).UTC(), To: time.Unix(2, 0).UTC()}, Proof: index.ProofHypoPG, Unread: []index.Unread{}, Useless: []index.Useless{}, Notes: []string{"n"},
		Proposals: []index.Proposal{{Definition: index.Definition{Name: "i", Schema: "s", Table: "t", Method: "btree",
			Keys: []workload.Key{{Column: "a"}, {Expression: "lower(b)", Descending: true, NullsFirst: true, Class: "text_pattern_ops"}}}, Warnings: []string{}}},
	}
	f := &fakeAdviser{gives: &want}
	b.server.Ready(Backend{Adviser: f})
	c := runtimeapi.NewClient(b.url, oauth2.StaticTokenSource(&oauth2.Token{AccessToken: b.token(t, b.key, nil)}), nil).WithPatience(0)
	least := 0.0
	req := runtimeapi.IndexAdviceRequest{WindowDays: 3, Schemas: []string{"billing"}, LeastPercent: &least, UnusedDays: 9, MostProposals: 4}
	if got, err := c.IndexAdvice(t.Context(), req); err != nil || !reflect.DeepEqual(got, want) || !reflect.DeepEqual(f.asked, req) {
		t.Errorf("%+v, %v, asked %+v", got, err, f.asked)
	}
	if f.time <= callTime || f.time > runtimeapi.AdviceTime {
		t.Errorf("it was given %s", f.time)
	}
	if code, _ := b.do(t, http.MethodPost, runtimeapi.PathIndexAdvice, "", ""); code != http.StatusUnauthorized {
		t.Errorf("without a token: %d", code)
	}
	hundred := 101.0
	var e *runtimeapi.Error
	for field, wrong := range map[string]runtimeapi.IndexAdviceRequest{
		"window_days": {WindowDays: 91}, "unused_days": {UnusedDays: -1}, "least_percent": {LeastPercent: &hundred}, "most_proposals": {MostProposals: 201}, "schemas[0]": {Schemas: []string{`a"b`}},
	} {
		if _, err := c.IndexAdvice(t.Context(), wrong); !errors.As(err, &e) || e.Code != runtimeapi.CodeInvalid || e.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	if found := (runtimeapi.IndexAdviceRequest{WindowDays: math.NaN()}).Validate(); len(found) != 1 {
		t.Errorf("a window of no number is right: %v", found)
	}
	f.err = fmt.Errorf("secret detail of the database: %w", context.DeadlineExceeded)
	if _, err := c.IndexAdvice(t.Context(), req); !errors.As(err, &e) || e.Code != runtimeapi.CodeUnavailable || strings.Contains(err.Error(), "secret") {
		t.Errorf("what took too long: %v", err)
	}
	f.err = fmt.Errorf("secret detail: %w", &pgconn.PgError{Code: "XX000", Message: "cache lookup failed for relation 7"})
	if _, err := c.IndexAdvice(t.Context(), req); !errors.As(err, &e) || e.Code != runtimeapi.CodeUnavailable || strings.Contains(err.Error(), "relation 7") {
		t.Errorf("what was dropped meanwhile: %v", err)
	}
	f.err = errors.New("secret detail of the database")
	if _, err := c.IndexAdvice(t.Context(), runtimeapi.IndexAdviceRequest{}); !errors.As(err, &e) || e.Code != runtimeapi.CodeInternal || strings.Contains(err.Error(), "secret") {
		t.Errorf("a failure is told as %v", err)
	}
}

// What is left out of a request is chosen well, and what is said is taken at its word.
func TestWhatARequestForAdviceLeavesOut(t *testing.T) {
	t.Parallel()
	var none runtimeapi.IndexAdviceRequest
	if o := none.Options(); none.Window() != 7*24*time.Hour || o.LeastShare != 1 || o.UnusedDays != 30 || o.MostProposals != 20 {
		t.Errorf("%s %+v", none.Window(), o)
	}
	half := 0.5
	some := runtimeapi.IndexAdviceRequest{WindowDays: 0.5, LeastPercent: &half, UnusedDays: 60, MostProposals: 3, Schemas: []string{"a"}}
	if o := some.Options(); some.Window() != 12*time.Hour || o.LeastShare != 0.5 || o.UnusedDays != 60 || o.MostProposals != 3 || len(o.Schemas) != 1 {
		t.Errorf("%s %+v", some.Window(), o)
	}
}

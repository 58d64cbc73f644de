package control

import (
	"context"
	"net/http"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

type measured struct{ asked chan time.Duration }

func (m measured) Measures(_ context.Context, window time.Duration) (runtimeapi.Measures, error) {
	m.asked <- window
	return runtimeapi.Measures{MaxConnections: 100, Roles: []runtimeapi.RoleMeasures{{Role: "web", Connections: 3, Window: &runtimeapi.RoleWindow{MeanActive: 0.5, MeanIdleInTransaction: 0.25}}}}, nil
}

func TestMeasures(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := measured{make(chan time.Duration, 1)}
	b.server.Ready(Backend{Measurer: m})
	c := runtimeapi.NewClient(b.url, oauth2.StaticTokenSource(&oauth2.Token{AccessToken: b.token(t, b.key, nil)}), nil).WithPatience(0)
	for window, want := range map[time.Duration]time.Duration{90 * time.Minute: 90 * time.Minute, 1000 * time.Hour: runtimeapi.MeasuresKept} {
		got, err := c.Measures(t.Context(), window)
		if err != nil || got.MaxConnections != 100 || len(got.Roles) != 1 || got.Roles[0].Window.Busy() != 0.75 {
			t.Errorf("%+v, %v", got, err)
		}
		if asked := <-m.asked; asked != want {
			t.Errorf("asked for %s, want %s", asked, want)
		}
	}
	token := b.token(t, b.key, nil)
	if code, _ := b.do(t, http.MethodGet, runtimeapi.PathMeasures, token, ""); code != http.StatusOK || <-m.asked != dayOfMeasures {
		t.Errorf("without a window: %d", code)
	}
	for _, wrong := range []string{"soon", "59s", "-1h", "24"} {
		if code, e := b.do(t, http.MethodGet, runtimeapi.PathMeasures+"?window="+wrong, token, ""); code != http.StatusBadRequest || e.Field != "window" {
			t.Errorf("%s: %d %+v", wrong, code, e)
		}
	}
	if code, _ := b.do(t, http.MethodGet, runtimeapi.PathMeasures, "", ""); code != http.StatusUnauthorized {
		t.Errorf("without a token: %d", code)
	}
}

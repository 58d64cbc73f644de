package drchrono_test

import (
	"net/http"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/drchrono"
)

func refreshForm(token string) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}, "client_id": {"app"}, "client_secret": {"secret"}}
}

func TestRefreshRotates(t *testing.T) {
	r := newRig(t)
	first := r.json(http.MethodPost, "/o/token/", refreshForm("test-refresh"), 200)
	if first["token_type"] != "Bearer" || first["expires_in"] != 172800.0 || first["scope"] != drchrono.AllScopes {
		t.Errorf("the answer is %v", first)
	}
	if got, _, _ := r.do(http.MethodGet, "/api/doctors", nil); got != 401 {
		t.Errorf("the old access token answers %d", got)
	}
	r.token = first["access_token"].(string)
	r.get("/api/doctors", 200)
	if got := r.json(http.MethodPost, "/o/token/", refreshForm("test-refresh"), 400); got["error"] != "invalid_grant" {
		t.Errorf("the old refresh token: %v", got)
	}
	r.json(http.MethodPost, "/o/token/", refreshForm(first["refresh_token"].(string)), 200)

	r.server.Set(func(s *drchrono.Settings) { s.Rotate = false })
	bad := refreshForm("x")
	bad.Set("client_secret", "wrong")
	if got := r.json(http.MethodPost, "/o/token/", bad, 401); got["error"] != "invalid_client" {
		t.Errorf("a wrong secret: %v", got)
	}
}

func TestRefreshWithoutRotation(t *testing.T) {
	r := newRig(t)
	r.server.Set(func(s *drchrono.Settings) { s.Rotate = false })
	for range 2 {
		if got := r.json(http.MethodPost, "/o/token/", refreshForm("test-refresh"), 200); got["refresh_token"] != "test-refresh" {
			t.Fatal("the refresh token changed")
		}
	}
}

func TestAccessTokenLife(t *testing.T) {
	r := newRig(t)
	r.token = r.json(http.MethodPost, "/o/token/", refreshForm("test-refresh"), 200)["access_token"].(string)
	r.clock.pass(48*time.Hour - time.Second)
	r.get("/api/doctors", 200)
	r.clock.pass(time.Second)
	r.get("/api/doctors", 401)
}

func TestFreshTokenLag(t *testing.T) {
	r := newRig(t)
	r.server.Set(func(s *drchrono.Settings) { s.FreshTokenMillis = 500 })
	r.token = r.json(http.MethodPost, "/o/token/", refreshForm("test-refresh"), 200)["access_token"].(string)
	r.get("/api/doctors", 401)
	r.clock.pass(time.Second)
	r.get("/api/doctors", 200)
}

func TestAuthorizeCode(t *testing.T) {
	r := newRig(t)
	ask := "/o/authorize/?response_type=code&client_id=app&state=xyz&redirect_uri=" + url.QueryEscape("http://127.0.0.1:1/back?a=b") +
		"&scope=" + url.QueryEscape("user:read billing:read")
	status, header, _ := r.do(http.MethodGet, ask, nil)
	back, err := url.Parse(header.Get("Location"))
	if err != nil || status != 302 || back.Query().Get("state") != "xyz" || back.Query().Get("a") != "b" {
		t.Fatalf("authorize: %d %v", status, back)
	}
	form := url.Values{"grant_type": {"authorization_code"}, "code": {back.Query().Get("code")}, "redirect_uri": {"http://127.0.0.1:1/back?a=b"},
		"client_id": {"app"}, "client_secret": {"secret"}}
	got := r.json(http.MethodPost, "/o/token/", form, 200)
	if got["scope"] != "user:read billing:read" {
		t.Errorf("scope %v", got["scope"])
	}
	r.json(http.MethodPost, "/o/token/", form, 400) // single use
	r.token = got["access_token"].(string)
	r.get("/api/transactions", 200)
	r.get("/api/patients", 403)
	if s, _, _ := r.do(http.MethodPost, "/o/token", form); s != 301 {
		t.Errorf("without the slash: %d", s)
	}
	revoke := url.Values{"token": {r.token}, "client_id": {"app"}, "client_secret": {"secret"}}
	if s, _, body := r.do(http.MethodPost, "/o/revoke_token/", revoke); s != 200 || len(body) != 0 {
		t.Errorf("revoke: %d %s", s, body)
	}
	r.get("/api/transactions", 401)
	r.json(http.MethodPost, "/o/token/", refreshForm(got["refresh_token"].(string)), 400)
}

func TestCodeDies(t *testing.T) {
	r := newRig(t)
	_, header, _ := r.do(http.MethodGet, "/o/authorize/?response_type=code&client_id=app&redirect_uri=http://127.0.0.1/", nil)
	back, _ := url.Parse(header.Get("Location"))
	r.clock.pass(time.Minute)
	r.json(http.MethodPost, "/o/token/", url.Values{"grant_type": {"authorization_code"}, "code": {back.Query().Get("code")},
		"redirect_uri": {"http://127.0.0.1/"}, "client_id": {"app"}, "client_secret": {"secret"}}, 400)
}

// A sandbox that starts again knows the tokens it gave, and that the first one is used up.
func TestTokensSurviveRestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "oauth.json")
	keep := func(o *drchrono.Options) { o.StateFile = file }
	r := newRig(t, keep)
	pair := r.json(http.MethodPost, "/o/token/", refreshForm("test-refresh"), 200)
	again := newRig(t, keep)
	again.token = pair["access_token"].(string)
	again.get("/api/doctors", 200)
	again.json(http.MethodPost, "/o/token/", refreshForm("test-refresh"), 400)
	again.json(http.MethodPost, "/o/token/", refreshForm(pair["refresh_token"].(string)), 200)
}

func TestCurrentUserAndSingles(t *testing.T) {
	r := newRig(t)
	status, header, _ := r.do(http.MethodGet, "/api/users/current", nil)
	if status != 302 {
		t.Fatalf("users/current: %d", status)
	}
	if u := r.get(header.Get("Location"), 200); u["is_doctor"] != true || u["permissions"] == nil {
		t.Errorf("user %v", u)
	}
	for _, row := range r.clinic.View(clinic.Appointments, 0)[:5] {
		if got := r.get("/api/appointments/"+row.Key(), 200); got["id"] != row.Key() {
			t.Errorf("appointment %v", got["id"])
		}
	}
	r.token = ""
	r.get("/api/doctors", 401)
}

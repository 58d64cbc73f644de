package auth

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

const account = "terraform@feel-august-platform.iam.gserviceaccount.com"

// iam answers as the IAM Credentials API does, and keeps what it was asked.
func iam(t *testing.T) (url string, asked *[]string) {
	t.Helper()
	asked = &[]string{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		*asked = append(*asked, r.URL.Path+" "+r.Header.Get("Authorization")+" "+string(body)+" "+r.Header.Get("X-Goog-User-Project"))
		answer := map[string]string{"token": idToken(time.Now().Add(time.Hour))}
		if strings.HasSuffix(r.URL.Path, ":generateAccessToken") {
			answer = map[string]string{"accessToken": "impersonated", "expireTime": time.Now().Add(time.Hour).Format(time.RFC3339)}
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(srv.Close)
	return srv.URL + "/", asked
}

// idToken is a token that nobody has signed.
func idToken(expiry time.Time) string {
	claims := fmt.Sprintf(`{"email":%q,"exp":%d}`, account, expiry.Unix())
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
}

func TestTokenSource_accessToken(t *testing.T) {
	t.Parallel()
	ts, err := TokenSource(t.Context(), Config{AccessToken: "given"})
	if err != nil {
		t.Fatal(err)
	}
	if token, err := ts.Token(); err != nil || token.AccessToken != "given" {
		t.Errorf("got %v, %v", token, err)
	}
}

func TestTokenSource_impersonates(t *testing.T) {
	t.Parallel()
	url, asked := iam(t)
	ts, err := TokenSource(t.Context(), Config{AccessToken: "given", Impersonate: account, IAMCredentials: url})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second comes out of the cache
		if token, err := ts.Token(); err != nil || token.AccessToken != "impersonated" {
			t.Fatalf("got %v, %v", token, err)
		}
	}
	if len(*asked) != 1 || !strings.HasPrefix((*asked)[0], "/v1/projects/-/serviceAccounts/"+account+":generateAccessToken Bearer given ") {
		t.Errorf("asked %q", *asked)
	}
}

func TestIDTokenSource_impersonates(t *testing.T) {
	t.Parallel()
	url, asked := iam(t)
	ts, err := IDTokenSource(t.Context(), Config{AccessToken: "given", Impersonate: account, IAMCredentials: url}, "https://runtime.example.test")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second comes out of the cache
		token, err := ts.Token()
		if err != nil || time.Until(token.Expiry) < 55*time.Minute {
			t.Fatalf("got %v, %v", token, err)
		}
	}
	if len(*asked) != 1 || !strings.Contains((*asked)[0], `"audience":"https://runtime.example.test"`) || !strings.Contains((*asked)[0], `"includeEmail":true`) {
		t.Errorf("asked %q", *asked)
	}
}

func TestIDTokenSource_needsAnIdentity(t *testing.T) {
	t.Parallel()
	if _, err := IDTokenSource(t.Context(), Config{AccessToken: "given"}, "https://runtime.example.test"); !errors.Is(err, ErrNoIdentity) {
		t.Errorf("got %v, want ErrNoIdentity", err)
	}
}

func TestDelegates(t *testing.T) {
	t.Parallel()
	url, asked := iam(t)
	const first, second = "ci@feel-august-platform.iam.gserviceaccount.com", "deploy@feel-august-platform.iam.gserviceaccount.com"
	c := Config{AccessToken: "given", Impersonate: account, Delegates: []string{first, second}, IAMCredentials: url}
	access, err := TokenSource(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := IDTokenSource(t.Context(), c, "https://runtime.example.test")
	if err != nil {
		t.Fatal(err)
	}
	for _, ts := range []oauth2.TokenSource{access, ids} {
		if _, err := ts.Token(); err != nil {
			t.Fatal(err)
		}
	}
	// In order, and named as the API names accounts.
	want := `"delegates":["projects/-/serviceAccounts/` + first + `","projects/-/serviceAccounts/` + second + `"]`
	if len(*asked) != 2 || !strings.Contains((*asked)[0], want) || !strings.Contains((*asked)[1], want) {
		t.Errorf("asked %q", *asked)
	}
}

func TestReadIDToken(t *testing.T) {
	t.Parallel()
	expiry := time.Date(2026, 11, 26, 5, 0, 0, 0, time.UTC)
	if got, err := ReadIDToken(idToken(expiry)); err != nil || got.Email != account || !got.Expiry.Equal(expiry) {
		t.Errorf("got %+v, %v", got, err)
	}
	claims := func(json string) string { return "e30." + base64.RawURLEncoding.EncodeToString([]byte(json)) + ".c2ln" }
	for _, token := range []string{
		"", "secret-opaque-token", "secret.se*ret.secret", claims(`{"email":"secret"}`), claims(`{"exp":"secret"}`), claims(`secret`), claims(`{"exp":-1}`),
	} {
		if _, err := ReadIDToken(token); err == nil {
			t.Errorf("%q has an expiry", token)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error holds the token: %v", err)
		}
	}
}

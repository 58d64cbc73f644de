package auth

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const account = "terraform@feel-august-platform.iam.gserviceaccount.com"

// iam answers as the IAM Credentials API does, and keeps what it was asked.
func iam(t *testing.T) (url string, asked *[]string) {
	t.Helper()
	asked = &[]string{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		*asked = append(*asked, r.URL.Path+" "+r.Header.Get("Authorization")+" "+string(body))
		answer := map[string]string{"token": "id-token"}
		if strings.HasSuffix(r.URL.Path, ":generateAccessToken") {
			answer = map[string]string{"accessToken": "impersonated", "expireTime": time.Now().Add(time.Hour).Format(time.RFC3339)}
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(srv.Close)
	return srv.URL + "/", asked
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
	if token, err := ts.Token(); err != nil || token.AccessToken != "id-token" {
		t.Fatalf("got %v, %v", token, err)
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

package secrets

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/api/option"
	"google.golang.org/api/secretmanager/v1"
	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for reference, want := range map[string]string{
		"coda-token":                                 "projects/here/secrets/coda-token/versions/latest",
		"coda-token:3":                               "projects/here/secrets/coda-token/versions/3",
		"coda-token:latest":                          "projects/here/secrets/coda-token/versions/latest",
		"projects/there/secrets/coda-token":          "projects/there/secrets/coda-token/versions/latest",
		"projects/123/secrets/coda_token/versions/7": "projects/123/secrets/coda_token/versions/7",
		"": "", "coda token": "", "coda-token:0": "", "coda-token:v1": "", "projects/there/coda-token": "", "secrets/coda-token": "",
		"projects/there/secrets/coda-token/versions/": "", "sk_live/abc+def==": "",
	} {
		ref, err := Parse(reference, "here")
		if want == "" {
			if err == nil {
				t.Errorf("%q means %s", reference, ref)
			}
		} else if err != nil || ref.String() != want {
			t.Errorf("%q: %s, %v", reference, ref, err)
		}
	}
}

// The short form of a reference means the same reference.
func TestShort_roundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		project := rapid.SampledFrom([]string{"here", "there"})
		ref := Ref{
			Project: project.Draw(t, "project"), Name: rapid.StringMatching(`[A-Za-z0-9_-]{1,20}`).Draw(t, "name"),
			Version: rapid.SampledFrom([]string{"latest", "1", "42"}).Draw(t, "version"),
		}
		of := project.Draw(t, "of")
		if back, err := Parse(ref.Short(of), of); err != nil || back != ref {
			t.Fatalf("%s as %q is %s, %v", ref, ref.Short(of), back, err)
		}
	})
}

func TestCheck(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1/projects/p/secrets/good/versions/latest":
			_, _ = fmt.Fprint(w, `{"state":"ENABLED"}`)
		case "/v1/projects/p/secrets/good/versions/1":
			_, _ = fmt.Fprint(w, `{"state":"DISABLED"}`)
		case "/v1/projects/p/secrets/good", "/v1/projects/p/secrets/empty":
			_, _ = fmt.Fprint(w, `{}`)
		case "/v1/projects/closed/secrets/good/versions/latest":
			w.WriteHeader(http.StatusForbidden)
		default:
			w.WriteHeader(http.StatusNotFound)
			_, _ = fmt.Fprint(w, `{"error":{"code":404,"status":"NOT_FOUND","message":"not found"}}`)
		}
	}))
	t.Cleanup(server.Close)
	api, err := secretmanager.NewService(t.Context(), option.WithEndpoint(server.URL+"/"), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		ref     Ref
		problem string
	}{
		{Ref{"p", "good", "latest"}, ""},
		{Ref{"p", "good", "1"}, "is disabled"},
		{Ref{"p", "good", "2"}, "has no version 2"},
		{Ref{"p", "empty", "latest"}, "has no version yet"},
		{Ref{"p", "bad", "latest"}, `secret "bad" does not exist in project p; create it with august_secret or choose another`},
	} {
		err := Check(t.Context(), api, tt.ref)
		var problem Problem
		if tt.problem == "" && err != nil || tt.problem != "" && (!errors.As(err, &problem) || !strings.Contains(err.Error(), tt.problem)) {
			t.Errorf("%s: %v, want %q", tt.ref, err, tt.problem)
		}
	}
	var problem Problem
	if err := Check(t.Context(), api, Ref{"closed", "good", "latest"}); err == nil || errors.As(err, &problem) {
		t.Errorf("what cannot be looked up is taken for missing: %v", err)
	}
}

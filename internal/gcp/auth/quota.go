package auth

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
)

// A person has no project that calls could count against, so Application Default Credentials of one name it, and some APIs
// refuse calls without. A service account has its own, so what is called as one is told no other.

// QuotaProject is the project that calls with these credentials are to name, if any.
func QuotaProject(ctx context.Context, c Config) (string, error) {
	if c.Impersonate != "" {
		return "", nil
	}
	b, err := findBase(ctx, c)
	return b.project, err
}

// quotaProject reads it from where Google's own tools write it.
func quotaProject(credentials []byte) string {
	if project := os.Getenv("GOOGLE_CLOUD_QUOTA_PROJECT"); project != "" {
		return project
	}
	var file struct {
		Project string `json:"quota_project_id"`
	}
	_ = json.Unmarshal(credentials, &file) // there is no file on a machine of Google's
	return file.Project
}

// ForProject is a transport whose calls name a project to count them against. An empty one is nobody's.
func ForProject(transport http.RoundTripper, project string) http.RoundTripper {
	if transport == nil {
		transport = http.DefaultTransport
	}
	if project == "" {
		return transport
	}
	return forProject{transport, project}
}

type forProject struct {
	http.RoundTripper
	project string
}

// RoundTrip implements http.RoundTripper.
func (t forProject) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("X-Goog-User-Project", t.project)
	return t.RoundTripper.RoundTrip(req)
}

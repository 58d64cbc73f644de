package identity

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// DefaultProject is what the metadata server says to a process that did not come through a path of
// its own.
const DefaultProject = "august-local"

// region is where every local service is.
const region = "us-central1"

// MetadataHost is the value of GCE_METADATA_HOST for a service of project that runs as the service
// account: base is the Google port's host and port. Google's libraries put the value between
// "http://" and "/computeMetadata/v1/", so that it can carry a path, and the path carries the
// identity that a real metadata server tells from the machine which asks.
func MetadataHost(base, project, email string) string {
	return fmt.Sprintf("%s/metadata/%s/%s", base, project, email)
}

func (f *Face) registerMetadata(mux *http.ServeMux) {
	mux.HandleFunc("GET /computeMetadata/v1/{path...}", f.metadata)
	mux.HandleFunc("GET /metadata/{project}/{email}/computeMetadata/v1/{path...}", f.metadata)
}

// metadata is the part of the metadata server that Google's libraries ask: project, place, tokens.
// Anything but JSON is plain text there.
func (f *Face) metadata(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Metadata-Flavor", "Google")
	w.Header().Set("Server", "Metadata Server for VM")
	// The header keeps a browser, or a server tricked into fetching a URL, from getting a token.
	if r.Header.Get("Metadata-Flavor") != "Google" {
		http.Error(w, "Missing Metadata-Flavor:Google header.", http.StatusForbidden)
		return
	}
	project, email := r.PathValue("project"), r.PathValue("email")
	if project == "" {
		project = DefaultProject
	}
	if email == "" {
		email = "default@" + project + ".iam.gserviceaccount.com"
	}

	path := strings.TrimSuffix(r.PathValue("path"), "/")
	switch path {
	case "project/project-id":
		text(w, project)
		return
	case "project/numeric-project-id":
		text(w, uniqueID(project)[:12])
		return
	case "instance/region":
		text(w, fmt.Sprintf("projects/%s/regions/%s", uniqueID(project)[:12], region))
		return
	case "instance/zone":
		text(w, fmt.Sprintf("projects/%s/zones/%s-a", uniqueID(project)[:12], region))
		return
	case "instance/id":
		text(w, uniqueID(project+"/"+email))
		return
	case "universe/universe-domain":
		text(w, "googleapis.com")
		return
	}
	account, ok := strings.CutPrefix(path, "instance/service-accounts")
	if !ok {
		http.NotFound(w, r)
		return
	}
	f.serviceAccount(w, r, strings.TrimPrefix(account, "/"), email)
}

var scopes = []string{"https://www.googleapis.com/auth/cloud-platform", "https://www.googleapis.com/auth/userinfo.email"}

// serviceAccount answers below instance/service-accounts: "default/token", or the e-mail address in
// place of default.
func (f *Face) serviceAccount(w http.ResponseWriter, r *http.Request, path, email string) {
	describe := map[string]any{"aliases": []string{"default"}, "email": email, "scopes": scopes}
	if path == "" {
		if r.URL.Query().Get("recursive") == "true" {
			sendJSON(w, map[string]any{"default": describe, email: describe})
			return
		}
		text(w, "default/\n"+email+"/\n")
		return
	}
	who, what, _ := strings.Cut(path, "/")
	if who != "default" && who != email {
		http.NotFound(w, r)
		return
	}
	switch what {
	case "":
		sendJSON(w, describe)
	case "email":
		text(w, email)
	case "aliases":
		text(w, "default\n")
	case "scopes":
		text(w, strings.Join(scopes, "\n")+"\n")
	case "token":
		sendJSON(w, map[string]any{"access_token": accessToken(), "expires_in": int(lifetime.Seconds()), "token_type": "Bearer"})
	case "identity":
		audience := r.URL.Query().Get("audience")
		if audience == "" {
			http.Error(w, "non-empty audience parameter required", http.StatusBadRequest)
			return
		}
		token, err := f.IDToken(email, audience, r.URL.Query().Get("format") == "full")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		text(w, token)
	default:
		http.NotFound(w, r)
	}
}

func text(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "application/text")
	_, _ = w.Write([]byte(body)) //nolint:gosec // plain text, and only for askers with the metadata header
}

func sendJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

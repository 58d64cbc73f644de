package drchrono

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// grant is one user's authorisation of one application: at most one pair of tokens is alive.
type grant struct {
	Client  string    `json:"client"`
	Scope   string    `json:"scope"`
	Access  string    `json:"access,omitempty"`
	Born    time.Time `json:"born"`
	Expires time.Time `json:"expires"`
	Refresh string    `json:"refresh,omitempty"`
}

type code struct {
	client, redirect, scope string
	expires                 time.Time
}

// oauth is the token store. Every change is on disk before the caller hears of it.
type oauth struct {
	clock func() time.Time
	file  string

	mu     sync.Mutex
	grants map[string]*grant // by client: the sandbox has one user per application
	seeds  map[string]string // the refresh token each application was started with
	codes  map[string]code
}

type oauthState struct {
	Grants map[string]*grant `json:"grants"`
	Seeds  map[string]string `json:"seeds"`
}

func newOAuth(clock func() time.Time, file string, apps []App) (*oauth, error) {
	o := &oauth{clock: clock, file: file, grants: map[string]*grant{}, seeds: map[string]string{}, codes: map[string]code{}}
	if file != "" {
		state := oauthState{o.grants, o.seeds}
		switch body, err := os.ReadFile(file); {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, err
		default:
			if err := json.Unmarshal(body, &state); err != nil {
				return nil, fmt.Errorf("%s is damaged, delete it to start afresh: %w", file, err)
			}
		}
	}
	for _, a := range apps {
		if a.RefreshToken == "" && a.AccessToken == "" {
			continue
		}
		if seed := a.RefreshToken + "/" + a.AccessToken; o.seeds[a.ClientID] != seed {
			scope := a.Scope
			if scope == "" {
				scope = AllScopes
			}
			o.seeds[a.ClientID] = seed
			o.grants[a.ClientID] = &grant{Client: a.ClientID, Scope: scope, Refresh: a.RefreshToken, Access: a.AccessToken,
				Expires: clock().Add(48 * time.Hour)}
		}
	}
	return o, o.save()
}

// save writes the store in one step. The caller holds the lock, or is alone.
func (o *oauth) save() error {
	if o.file == "" {
		return nil
	}
	body, err := json.Marshal(oauthState{o.grants, o.seeds})
	if err != nil {
		return err
	}
	tmp := filepath.Join(filepath.Dir(o.file), "."+filepath.Base(o.file)+".new")
	if err := os.WriteFile(tmp, body, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, o.file)
}

// check finds the grant behind a bearer token.
func (o *oauth) check(token string, s Settings) (grant, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.clock()
	for _, g := range o.grants {
		if token != "" && g.Access == token && now.Before(g.Expires) &&
			(g.Born.IsZero() || now.Sub(g.Born) >= time.Duration(s.FreshTokenMillis)*time.Millisecond) {
			return *g, true
		}
	}
	return grant{}, false
}

func (o *oauth) mint(g *grant, s Settings, refresh bool) {
	g.Access, g.Born = secret(), o.clock()
	g.Expires = g.Born.Add(time.Duration(s.AccessTokenSeconds) * time.Second)
	if refresh {
		g.Refresh = secret()
	}
}

func secret() string {
	b := make([]byte, 15)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// authorize plays the practice's administrator: it approves at once.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	back, err := url.Parse(q.Get("redirect_uri"))
	switch {
	case s.apps[q.Get("client_id")] == nil:
		reply(w, http.StatusBadRequest, map[string]string{"error": "invalid_request", "error_description": "Invalid client_id parameter value."})
		return
	case err != nil || !back.IsAbs():
		reply(w, http.StatusBadRequest, map[string]string{"error": "invalid_request", "error_description": "Mismatching redirect URI."})
		return
	}
	scope := strings.Join(strings.Fields(q.Get("scope")), " ")
	if scope == "" {
		scope = AllScopes
	}
	answer := back.Query()
	if state := q.Get("state"); state != "" {
		answer.Set("state", state)
	}
	switch {
	case s.Settings().DenyAuthorize:
		answer.Set("error", "access_denied")
	case q.Get("response_type") != "code":
		answer.Set("error", "unsupported_response_type")
	case !subset(scope, AllScopes):
		answer.Set("error", "invalid_scope")
	default:
		c := secret()
		s.oauth.mu.Lock()
		s.oauth.codes[c] = code{q.Get("client_id"), q.Get("redirect_uri"), scope, s.clock().Add(time.Minute)}
		s.oauth.mu.Unlock()
		answer.Set("code", c)
	}
	back.RawQuery = answer.Encode()
	w.Header().Set("Location", back.String())
	w.WriteHeader(http.StatusFound)
}

func subset(scope, of string) bool {
	for one := range strings.FieldsSeq(scope) {
		if !strings.Contains(" "+of+" ", " "+one+" ") {
			return false
		}
	}
	return true
}

// client checks the application's credentials, from the form or basic authentication.
func (s *Server) client(w http.ResponseWriter, r *http.Request) *app {
	id, key, ok := r.BasicAuth()
	if !ok {
		id, key = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	a := s.apps[id]
	if a == nil || a.ClientSecret != key {
		reply(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
		return nil
	}
	return a
}

func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<16)
	a := s.client(w, r)
	if a == nil {
		return
	}
	a.count("o/token", 0)
	if f := s.fault(early, a.ClientID, "o/token", 0); f != nil && s.inject(w, r, f, func(w http.ResponseWriter) { s.grant(w, r, a) }) {
		return
	}
	s.grant(w, r, a)
}

// grant answers the token endpoint, and rotates whether or not the answer arrives.
func (s *Server) grant(w http.ResponseWriter, r *http.Request, a *app) {
	settings := s.Settings()
	bad := func(what string) { reply(w, http.StatusBadRequest, map[string]string{"error": what}) }
	o := s.oauth
	o.mu.Lock()
	defer o.mu.Unlock()
	var next grant
	switch r.PostFormValue("grant_type") {
	case "authorization_code":
		c, ok := o.codes[r.PostFormValue("code")]
		delete(o.codes, r.PostFormValue("code")) // single use, also when the rest is wrong
		if !ok || c.client != a.ClientID || c.redirect != r.PostFormValue("redirect_uri") || !o.clock().Before(c.expires) {
			bad("invalid_grant")
			return
		}
		next = grant{Client: a.ClientID, Scope: c.scope}
		o.mint(&next, settings, true)
	case "refresh_token":
		old := o.grants[a.ClientID]
		if old == nil || old.Refresh == "" || old.Refresh != r.PostFormValue("refresh_token") {
			bad("invalid_grant")
			return
		}
		next = *old
		o.mint(&next, settings, settings.Rotate)
	default:
		bad("unsupported_grant_type")
		return
	}
	before := o.grants[a.ClientID]
	o.grants[a.ClientID] = &next
	if err := o.save(); err != nil {
		o.grants[a.ClientID] = before
		s.log.Error("drchrono sandbox cannot keep its tokens", "error", err)
		refuse(w, http.StatusInternalServerError, "The sandbox cannot write its state file.")
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	answer := map[string]any{"access_token": next.Access, "token_type": "Bearer",
		"expires_in": settings.AccessTokenSeconds, "refresh_token": next.Refresh, "scope": next.Scope}
	if settings.RefreshUnsaid && !settings.Rotate && before != nil && before.Refresh == next.Refresh {
		delete(answer, "refresh_token")
	}
	reply(w, http.StatusOK, answer)
}

// revoke kills the pair that a token belongs to. As with the real thing, an unknown token is no error.
func (s *Server) revoke(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<16)
	a := s.client(w, r)
	if a == nil {
		return
	}
	token := r.PostFormValue("token")
	s.oauth.mu.Lock()
	defer s.oauth.mu.Unlock()
	if g := s.oauth.grants[a.ClientID]; g != nil && token != "" && (g.Access == token || g.Refresh == token) {
		delete(s.oauth.grants, a.ClientID)
		if err := s.oauth.save(); err != nil {
			s.log.Error("drchrono sandbox cannot keep its tokens", "error", err)
		}
	}
	w.WriteHeader(http.StatusOK)
}

// Deauthorise is what removing the application from the practice's App Directory does: both of its
// tokens die.
func (s *Server) Deauthorise(clientID string) error {
	s.oauth.mu.Lock()
	defer s.oauth.mu.Unlock()
	delete(s.oauth.grants, clientID)
	return s.oauth.save()
}

// ExpireAccessToken ends the life of an application's access token; the refresh token lives on.
func (s *Server) ExpireAccessToken(clientID string) error {
	s.oauth.mu.Lock()
	defer s.oauth.mu.Unlock()
	if g := s.oauth.grants[clientID]; g != nil {
		g.Access = ""
	}
	return s.oauth.save()
}

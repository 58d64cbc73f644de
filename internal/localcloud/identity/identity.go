// Package identity is who is who in the local cloud: an OIDC issuer, the IAM Credentials API that
// signs with its key, and the metadata server that a service asks for its own tokens.
//
// Nothing here proves an identity. Whoever reaches the loopback port may be anyone, as on a laptop
// whose owner holds every role anyway; what is real is the form of the tokens and their signature.
package identity

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/face"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// lifetime is that of Google's own tokens.
const lifetime = time.Hour

const keyBits = 2048

// Options is what the face needs.
type Options struct {
	Dir    string // holds the signing key; made when absent
	Issuer string // http://127.0.0.1:P/identity
}

// Face is the issuer and the APIs around it.
type Face struct {
	issuer string
	key    *rsa.PrivateKey
	keyID  string
	signer jose.Signer
}

var _ face.Face = (*Face)(nil)

// New reads the signing key, or makes one: tokens outlive a restart.
func New(opts Options) (*Face, error) {
	if err := os.MkdirAll(opts.Dir, 0o700); err != nil {
		return nil, err
	}
	key, err := signingKey(filepath.Join(opts.Dir, "key.pem"))
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	sum := sha256.Sum256(x509.MarshalPKCS1PublicKey(&key.PublicKey))
	f := &Face{issuer: strings.TrimSuffix(opts.Issuer, "/"), key: key, keyID: fmt.Sprintf("%x", sum[:8])}
	f.signer, err = jose.NewSigner(
		jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: f.keyID}},
		(&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	return f, nil
}

func signingKey(path string) (*rsa.PrivateKey, error) {
	body, err := os.ReadFile(path)
	if err == nil {
		block, _ := pem.Decode(body)
		if block == nil {
			return nil, fmt.Errorf("%s is damaged: remove it, and a new key is made", path)
		}
		return x509.ParsePKCS1PrivateKey(block.Bytes)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, err
	}
	body = pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	return key, os.WriteFile(path, body, 0o600)
}

// Name is the face's folder and its name in the status report.
func (f *Face) Name() string { return "identity" }

// Start has nothing to bring back.
func (f *Face) Start(context.Context) error { return nil }

// Close has nothing to stop.
func (f *Face) Close(context.Context) error { return nil }

// Report names the issuer.
func (f *Face) Report() []face.Line {
	return []face.Line{{Kind: "OIDC issuer", Name: f.issuer, State: "ACTIVE", Detail: "key " + f.keyID}}
}

// Register mounts the issuer, IAM Credentials, Service Usage and the metadata server.
func (f *Face) Register(mux *http.ServeMux) {
	mux.Handle("GET /identity/.well-known/openid-configuration", gapi.Handler(f.discovery))
	mux.Handle("GET /identity/jwks", gapi.Handler(f.jwks))
	mux.Handle("POST /v1/projects/{project}/serviceAccounts/{account}", gapi.Handler(f.credentials))
	mux.Handle("GET /v1/projects/{project}/services/{service}", gapi.Handler(serviceUsage))
	f.registerMetadata(mux)
}

func (f *Face) discovery(*http.Request) (any, error) {
	return map[string]any{
		"issuer":                                f.issuer,
		"jwks_uri":                              f.issuer + "/jwks",
		"authorization_endpoint":                f.issuer + "/authorize", // required by the standard, used by nobody
		"response_types_supported":              []string{"id_token"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"claims_supported":                      []string{"aud", "azp", "email", "email_verified", "exp", "iat", "iss", "sub"},
		"scopes_supported":                      []string{"openid", "email"},
	}, nil
}

func (f *Face) jwks(*http.Request) (any, error) {
	return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &f.key.PublicKey, KeyID: f.keyID, Algorithm: "RS256", Use: "sig"}}}, nil
}

// idClaims are those of Google's ID tokens for service accounts.
type idClaims struct {
	jwt.Claims
	AuthorizedParty string `json:"azp"`
	Email           string `json:"email,omitempty"`
	EmailVerified   bool   `json:"email_verified,omitempty"`
}

// IDToken signs a token that names the service account email to audience.
func (f *Face) IDToken(email, audience string, includeEmail bool) (string, error) {
	now := time.Now()
	claims := idClaims{
		Claims: jwt.Claims{
			Issuer:   f.issuer,
			Subject:  uniqueID(email),
			Audience: jwt.Audience{audience},
			IssuedAt: jwt.NewNumericDate(now),
			Expiry:   jwt.NewNumericDate(now.Add(lifetime)),
		},
		AuthorizedParty: uniqueID(email),
	}
	if includeEmail {
		claims.Email, claims.EmailVerified = email, true
	}
	return jwt.Signed(f.signer).Claims(claims).Serialize()
}

// uniqueID is the number that a service account has beside its e-mail address, always the same.
func uniqueID(email string) string {
	sum := sha256.Sum256([]byte(email))
	return "1" + fmt.Sprintf("%020d", binary.BigEndian.Uint64(sum[:8]))
}

// accessToken is opaque, and says where it is from to whoever finds it somewhere else.
func accessToken() string {
	var b [24]byte
	_, _ = rand.Read(b[:]) // never fails
	return "august-local." + base64.RawURLEncoding.EncodeToString(b[:])
}

// credentials is IAM Credentials: the verbs on projects/-/serviceAccounts/{email}. A service account
// exists by being named.
func (f *Face) credentials(r *http.Request) (any, error) {
	email, verb, _ := strings.Cut(r.PathValue("account"), ":")
	if r.PathValue("project") != "-" {
		return nil, gapi.Invalid("The project of a service account is given as -, not %s.", r.PathValue("project"))
	}
	if !strings.Contains(email, "@") {
		return nil, gapi.NotFound("Service account %s does not exist: it is named by its e-mail address here.", email)
	}
	switch verb {
	case "generateIdToken":
		var req struct {
			Audience     string `json:"audience"`
			IncludeEmail bool   `json:"includeEmail"`
		}
		if err := gapi.ReadJSON(r, &req); err != nil {
			return nil, err
		}
		if req.Audience == "" {
			return nil, gapi.Invalid("The audience field is required.")
		}
		token, err := f.IDToken(email, req.Audience, req.IncludeEmail)
		return map[string]string{"token": token}, err
	case "generateAccessToken":
		var req struct {
			Scope    []string `json:"scope"`
			Lifetime string   `json:"lifetime"` // "3600s"
		}
		if err := gapi.ReadJSON(r, &req); err != nil {
			return nil, err
		}
		if len(req.Scope) == 0 {
			return nil, gapi.Invalid("The scope field is required.")
		}
		age := lifetime
		if req.Lifetime != "" {
			seconds, err := strconv.Atoi(strings.TrimSuffix(req.Lifetime, "s"))
			if err != nil || seconds <= 0 || seconds > int((12*time.Hour).Seconds()) {
				return nil, gapi.Invalid("The lifetime %q is not between 1s and 43200s.", req.Lifetime)
			}
			age = time.Duration(seconds) * time.Second
		}
		return map[string]string{
			"accessToken": accessToken(),
			"expireTime":  time.Now().Add(age).UTC().Format(time.RFC3339),
		}, nil
	}
	return nil, gapi.NotFound("IAM Credentials has no method %q here.", verb)
}

// serviceUsage says of every API that it is enabled; gcloud asks before it deploys.
func serviceUsage(r *http.Request) (any, error) {
	parent := "projects/" + r.PathValue("project")
	return map[string]any{
		"name":   parent + "/services/" + r.PathValue("service"),
		"parent": parent,
		"state":  "ENABLED",
		"config": map[string]string{"name": r.PathValue("service")},
	}, nil
}

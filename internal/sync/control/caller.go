package control

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// OIDC lets in callers with an identity token of the issuer, for one of the audiences, whose
// verified e-mail address is listed. The issuer is asked for its keys on the first call, so that
// the runtime starts without it.
type OIDC struct {
	Issuer    string
	Audiences []string
	Callers   []string // lower case
	Readers   []string // lower case: may ask for everything, and change nothing
	HTTP      *http.Client
	Log       *slog.Logger

	mu       sync.Mutex
	verifier *oidc.IDTokenVerifier
	failed   time.Time
}

// The answers say nothing about what was wrong with a token: that is for the log.
var (
	errNoToken     = &runtimeapi.Error{Code: runtimeapi.CodeUnauthenticated, Message: "an OIDC identity token is needed, for one of the runtime's audiences"}
	errNotListed   = &runtimeapi.Error{Code: runtimeapi.CodeDenied, Message: "the caller is not on the runtime's list of allowed callers"}
	errReads       = &runtimeapi.Error{Code: runtimeapi.CodeDenied, Message: "the caller is on the runtime's list of readers, who change nothing"}
	errControlOff  = &runtimeapi.Error{Code: runtimeapi.CodeUnavailable, Message: "the control API is off: AUGUST_CONTROL_AUDIENCE is not set"}
	errIssuerAway  = &runtimeapi.Error{Code: runtimeapi.CodeUnavailable, Message: "the issuer of identity tokens cannot be reached; try again"}
	errMissing     = errors.New("no bearer token")
	errAudience    = errors.New("token is for another audience")
	errUnverified  = errors.New("token has no verified e-mail address")
	discoveryPause = time.Second
)

// maxToken bounds the token before any work is done on it.
const maxToken = 8 << 10

// Check implements Caller.
func (o *OIDC) Check(r *http.Request) (string, error) {
	if len(o.Audiences) == 0 {
		return "", errControlOff
	}
	raw, err := bearer(r)
	if err != nil {
		return "", o.refuse(r.Context(), errNoToken, err)
	}
	verifier, err := o.keys(r.Context())
	if err != nil {
		return "", o.refuse(r.Context(), errIssuerAway, err)
	}
	token, err := verifier.Verify(r.Context(), raw)
	if err != nil {
		// The keys are fetched while verifying; an issuer that is away is not the caller's fault.
		if strings.Contains(err.Error(), "fetching keys") {
			return "", o.refuse(r.Context(), errIssuerAway, errors.New("the issuer's keys could not be fetched"))
		}
		return "", o.refuse(r.Context(), errNoToken, reason(err))
	}
	if !slices.ContainsFunc(token.Audience, func(a string) bool { return slices.Contains(o.Audiences, a) }) {
		return "", o.refuse(r.Context(), errNoToken, errAudience)
	}
	var claims struct {
		Email    string `json:"email"`
		Verified any    `json:"email_verified"`
	}
	if token.Claims(&claims) != nil || claims.Email == "" || (claims.Verified != true && claims.Verified != "true") {
		return "", o.refuse(r.Context(), errNotListed, errUnverified)
	}
	who := strings.ToLower(claims.Email)
	switch {
	case slices.Contains(o.Callers, who):
	case !slices.Contains(o.Readers, who):
		return "", o.refuse(r.Context(), errNotListed, errNotListed)
	case !asks(r):
		return "", o.refuse(r.Context(), errReads, errReads)
	}
	return who, nil
}

// asks says that a call changes nothing: all that a plan needs, and no more.
func asks(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet:
		return true
	case http.MethodPost:
		return strings.HasSuffix(r.URL.Path, runtimeapi.VerbCheck) || r.URL.Path == runtimeapi.PathIndexAdvice
	}
	return false
}

func (o *OIDC) refuse(ctx context.Context, answer *runtimeapi.Error, why error) error {
	o.Log.WarnContext(ctx, "control call refused", "code", answer.Code, "reason", why)
	return answer
}

func bearer(r *http.Request) (string, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > maxToken {
		return "", errMissing
	}
	return token, nil
}

// keys discovers the issuer once; failures are repeated at most once a second.
func (o *OIDC) keys(ctx context.Context) (*oidc.IDTokenVerifier, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.verifier != nil {
		return o.verifier, nil
	}
	if time.Since(o.failed) < discoveryPause {
		return nil, errors.New("the issuer did not answer a moment ago")
	}
	// The provider keeps the context's client for later fetches, so the context must not end with
	// this request; the client's own timeout bounds each.
	provider, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), o.HTTP), o.Issuer)
	if err != nil {
		o.failed = time.Now()
		return nil, errors.New("the issuer's discovery document could not be had from " + o.Issuer)
	}
	// Several audiences are allowed; Check compares them itself.
	o.verifier = provider.Verifier(&oidc.Config{SkipClientIDCheck: true})
	return o.verifier, nil
}

// reason classes a verification error without repeating anything of the token.
func reason(err error) error {
	var expired *oidc.TokenExpiredError
	switch text := err.Error(); {
	case errors.As(err, &expired):
		return errors.New("token has expired")
	case strings.Contains(text, "issued by a different provider"):
		return errors.New("token is of another issuer")
	case strings.Contains(text, "signature"):
		return errors.New("token's signature does not verify")
	default:
		return errors.New("token is malformed")
	}
}

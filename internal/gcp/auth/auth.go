// Package auth says who the provider is: where access tokens and ID tokens come from.
package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
	"google.golang.org/api/iamcredentials/v1"
	"google.golang.org/api/idtoken"
	"google.golang.org/api/option"

	"github.com/feel-august/terraform-provider-august/internal/gcp"
)

// Scope is the only one asked for; IAM roles decide what it allows.
const Scope = "https://www.googleapis.com/auth/cloud-platform"

// Config says which credentials to use.
type Config struct {
	AccessToken    string            // used as it is; it cannot be renewed
	Impersonate    string            // service account to act as, through the base credentials
	Delegates      []string          // service accounts on the way there: each may act as the next, and the last as Impersonate
	IAMCredentials string            // endpoint of the IAM Credentials API; empty: Google's own
	Base           http.RoundTripper // carries the calls this package makes; nil: http.DefaultTransport
}

// ErrNoCredentials says that there is nothing to authenticate with.
var ErrNoCredentials = errors.New("no Google credentials found")

// ErrNoIdentity says that the credentials at hand cannot make ID tokens.
var ErrNoIdentity = errors.New("these credentials cannot make an ID token")

// renewEarly is how long before its end a token is no longer used for a new call, which may itself take a while.
const renewEarly = 5 * time.Minute

// TokenSource gives access tokens for Google's APIs.
func TokenSource(ctx context.Context, c Config) (oauth2.TokenSource, error) {
	base, err := findBase(ctx, c)
	if err != nil {
		return nil, err
	}
	if c.Impersonate == "" {
		return base.tokens, nil
	}
	svc, err := c.iam(ctx, base)
	if err != nil {
		return nil, err
	}
	return oauth2.ReuseTokenSource(nil, sourceFunc(func() (*oauth2.Token, error) {
		resp, err := svc.Projects.ServiceAccounts.GenerateAccessToken(accountName(c.Impersonate),
			&iamcredentials.GenerateAccessTokenRequest{Delegates: c.delegates(), Scope: []string{Scope}, Lifetime: "3600s"}).Do()
		if err != nil {
			return nil, fmt.Errorf("act as %s: %w", c.account(), err)
		}
		expiry, err := time.Parse(time.RFC3339, resp.ExpireTime)
		if err != nil {
			return nil, fmt.Errorf("act as %s: token's expiry: %w", c.account(), err)
		}
		return &oauth2.Token{AccessToken: resp.AccessToken, TokenType: "Bearer", Expiry: expiry}, nil
	})), nil
}

// IDTokenSource gives ID tokens for one audience, with the caller's e-mail in them.
func IDTokenSource(ctx context.Context, c Config, audience string) (oauth2.TokenSource, error) {
	if c.Impersonate == "" {
		if c.AccessToken != "" {
			return nil, fmt.Errorf("%w: an access token alone carries no identity to sign with", ErrNoIdentity)
		}
		ts, err := idtoken.NewTokenSource(ctx, audience)
		if err != nil {
			// None were found, or those of a person, whom Google signs no ID token for another audience.
			return nil, fmt.Errorf("%w for %s: %w", ErrNoIdentity, audience, err)
		}
		return sourceFunc(ts.Token), nil
	}
	base, err := findBase(ctx, c)
	if err != nil {
		return nil, err
	}
	svc, err := c.iam(ctx, base)
	if err != nil {
		return nil, err
	}
	return oauth2.ReuseTokenSourceWithExpiry(nil, sourceFunc(func() (*oauth2.Token, error) {
		resp, err := svc.Projects.ServiceAccounts.GenerateIdToken(accountName(c.Impersonate),
			&iamcredentials.GenerateIdTokenRequest{Delegates: c.delegates(), Audience: audience, IncludeEmail: true}).Do()
		if err != nil {
			return nil, fmt.Errorf("ID token of %s for %s: %w", c.account(), audience, err)
		}
		claims, err := ReadIDToken(resp.Token) // the API gives no expiry beside it
		if err != nil {
			return nil, fmt.Errorf("ID token of %s for %s: %w", c.account(), audience, err)
		}
		return &oauth2.Token{AccessToken: resp.Token, TokenType: "Bearer", Expiry: claims.Expiry}, nil
	}), renewEarly), nil
}

// base is the credentials that everything begins with.
type base struct {
	tokens  oauth2.TokenSource
	project string // whose quota the calls count against, when the credentials name one
}

func findBase(ctx context.Context, c Config) (base, error) {
	if c.AccessToken != "" {
		return base{tokens: oauth2.StaticTokenSource(&oauth2.Token{AccessToken: c.AccessToken, TokenType: "Bearer"})}, nil
	}
	credentials, err := google.FindDefaultCredentials(ctx, Scope)
	if err != nil {
		return base{}, fmt.Errorf("%w: %w", ErrNoCredentials, err)
	}
	return base{sourceFunc(credentials.TokenSource.Token), quotaProject(credentials.JSON)}, nil
}

func (c Config) iam(ctx context.Context, b base) (*iamcredentials.Service, error) {
	options := []option.ClientOption{
		// Token sources take no context: without a time limit, a silent server would hold up Terraform for ever.
		option.WithHTTPClient(&http.Client{
			Transport: &oauth2.Transport{Source: b.tokens, Base: ForProject(c.Base, b.project)},
			Timeout:   30 * time.Second,
		}),
	}
	if c.IAMCredentials != "" {
		options = append(options, option.WithEndpoint(c.IAMCredentials))
	}
	return iamcredentials.NewService(ctx, options...)
}

func (c Config) delegates() []string {
	var names []string
	for _, email := range c.Delegates {
		names = append(names, accountName(email))
	}
	return names
}

// account is who to act as, and by whom.
func (c Config) account() string {
	if len(c.Delegates) == 0 {
		return c.Impersonate
	}
	return c.Impersonate + " through " + strings.Join(c.Delegates, ", ")
}

func accountName(email string) string { return "projects/-/serviceAccounts/" + email }

// sourceFunc is a token source made of one function, whose errors are told apart from those of what the token is for.
type sourceFunc func() (*oauth2.Token, error)

// Token implements oauth2.TokenSource.
func (f sourceFunc) Token() (*oauth2.Token, error) {
	token, err := f()
	if err != nil {
		return nil, &gcp.CredentialsError{Err: err}
	}
	return token, nil
}

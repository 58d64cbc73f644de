// Package auth says who the provider is: where access tokens and ID tokens come from.
package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
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
	IAMCredentials string            // endpoint of the IAM Credentials API; empty: Google's own
	Base           http.RoundTripper // carries the calls this package makes; nil: http.DefaultTransport
}

// ErrNoCredentials says that there is nothing to authenticate with.
var ErrNoCredentials = errors.New("no Google credentials found")

// ErrNoIdentity says that the credentials at hand cannot make ID tokens.
var ErrNoIdentity = errors.New("these credentials cannot make an ID token")

// TokenSource gives access tokens for Google's APIs.
func TokenSource(ctx context.Context, c Config) (oauth2.TokenSource, error) {
	base, err := baseSource(ctx, c)
	if err != nil || c.Impersonate == "" {
		return base, err
	}
	svc, err := c.iam(ctx, base)
	if err != nil {
		return nil, err
	}
	return oauth2.ReuseTokenSource(nil, sourceFunc(func() (*oauth2.Token, error) {
		resp, err := svc.Projects.ServiceAccounts.GenerateAccessToken(accountName(c.Impersonate),
			&iamcredentials.GenerateAccessTokenRequest{Scope: []string{Scope}, Lifetime: "3600s"}).Do()
		if err != nil {
			return nil, fmt.Errorf("act as %s: %w", c.Impersonate, err)
		}
		expiry, err := time.Parse(time.RFC3339, resp.ExpireTime)
		if err != nil {
			return nil, fmt.Errorf("act as %s: token's expiry: %w", c.Impersonate, err)
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
	base, err := baseSource(ctx, c)
	if err != nil {
		return nil, err
	}
	svc, err := c.iam(ctx, base)
	if err != nil {
		return nil, err
	}
	return oauth2.ReuseTokenSource(nil, sourceFunc(func() (*oauth2.Token, error) {
		resp, err := svc.Projects.ServiceAccounts.GenerateIdToken(accountName(c.Impersonate),
			&iamcredentials.GenerateIdTokenRequest{Audience: audience, IncludeEmail: true}).Do()
		if err != nil {
			return nil, fmt.Errorf("ID token of %s for %s: %w", c.Impersonate, audience, err)
		}
		// The API gives no expiry beside the token. Google's ID tokens live an hour; half of it is safe.
		return &oauth2.Token{AccessToken: resp.Token, TokenType: "Bearer", Expiry: time.Now().Add(30 * time.Minute)}, nil
	})), nil
}

func baseSource(ctx context.Context, c Config) (oauth2.TokenSource, error) {
	if c.AccessToken != "" {
		return oauth2.StaticTokenSource(&oauth2.Token{AccessToken: c.AccessToken, TokenType: "Bearer"}), nil
	}
	credentials, err := google.FindDefaultCredentials(ctx, Scope)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoCredentials, err)
	}
	return sourceFunc(credentials.TokenSource.Token), nil
}

func (c Config) iam(ctx context.Context, base oauth2.TokenSource) (*iamcredentials.Service, error) {
	options := []option.ClientOption{
		// Token sources take no context: without a time limit, a silent server would hold up Terraform for ever.
		option.WithHTTPClient(&http.Client{
			Transport: &oauth2.Transport{Source: base, Base: c.Base},
			Timeout:   30 * time.Second,
		}),
	}
	if c.IAMCredentials != "" {
		options = append(options, option.WithEndpoint(c.IAMCredentials))
	}
	return iamcredentials.NewService(ctx, options...)
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

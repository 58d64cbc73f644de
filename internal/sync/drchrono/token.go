package drchrono

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// Token is a pair of OAuth tokens.
type Token struct {
	Access  string
	Refresh string
	Expires time.Time // when the access token counts as stale, a little before its end; zero when unknown
	Minted  time.Time // by whichever process; zero when unknown
}

// Vault keeps an application's tokens where all its processes find them.
type Vault interface {
	// Token is the current pair; the first time, and whenever the seed changes, one with the seed as
	// refresh token and no access token.
	Token(ctx context.Context, application, seed string) (Token, error)
	// Refresh replaces the pair whose access token is stale, or returns the pair that another process
	// has put there meanwhile. One process at a time calls mint, and what mint returns is durable
	// before Refresh returns. An error of kind Unauthorized is remembered until the seed changes.
	Refresh(ctx context.Context, application, seed, stale string, mint func(ctx context.Context, refresh string) (Token, error)) (Token, error)
}

// early is how long before its end an access token counts as stale; at most a quarter of its life.
const early = 5 * time.Minute

// accessToken is a token to call with. A stale one, that the source refused, is replaced.
func (c *Client) accessToken(ctx context.Context, stale string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	app, seed := c.cfg.Credential.ClientID, c.cfg.Credential.RefreshToken
	if c.token.Access == "" {
		t, err := c.cfg.Vault.Token(ctx, app, seed)
		if err != nil {
			return "", err
		}
		c.token = t
	}
	if fresh(c.token) && c.token.Access != stale {
		return c.token.Access, nil
	}
	// The budget comes before the lock: a wait must not hold up other processes' refreshes, nor two
	// connections of a small pool.
	if _, err := c.wait(ctx); err != nil {
		return "", err
	}
	t, err := c.cfg.Vault.Refresh(ctx, app, seed, c.token.Access, c.mint)
	if err != nil {
		c.token = Token{} // look again at what the vault holds
		return "", err
	}
	c.token = t
	return t.Access, nil
}

// tokenFor is accessToken with retries of what may pass.
func (c *Client) tokenFor(ctx context.Context, stale string) (string, error) {
	for attempt := 1; ; {
		token, err := c.accessToken(ctx, stale)
		if k := KindOf(err); err == nil || (k != Unavailable && k != Malformed) {
			return token, err
		}
		if attempt++; attempt > tries {
			return "", err
		}
		if err := c.backoff(ctx, attempt); err != nil {
			return "", err
		}
	}
}

func fresh(t Token) bool {
	return t.Access != "" && (t.Expires.IsZero() || time.Now().Before(t.Expires))
}

// youth is how long the source may take to know a new access token.
func (c *Client) youth() time.Duration { return 2 * c.cfg.Backoff }

// young tells of an access token that the source may not have known yet at a moment.
func (c *Client) young(access string, at time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.token.Access == access && at.Sub(c.token.Minted) < c.youth()
}

// mint asks the source for a new pair. It ignores cancellation for a moment: a rotated token that is
// dropped on the way is lost for good.
func (c *Client) mint(ctx context.Context, refresh string) (Token, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	const endpoint = "POST /o/token/"
	// The slash matters: a redirected POST would lose its form.
	resp, err := c.http.R().SetContext(ctx).SetFormData(map[string]string{
		"grant_type": "refresh_token", "refresh_token": refresh,
		"client_id": c.cfg.Credential.ClientID, "client_secret": c.cfg.Credential.ClientSecret,
	}).Post(c.base.JoinPath("/o/token/").String())
	if err != nil {
		c.count(ctx, endpoint, 0)
		return Token{}, transport(endpoint, err)
	}
	status := resp.StatusCode()
	c.count(ctx, endpoint, status)
	switch {
	case status == http.StatusTooManyRequests:
		pause := throttlePause(resp.Body(), resp.Header(), 0)
		if err := c.cfg.Ledger.Pause(ctx, c.cfg.Credential.ClientID, pause); err != nil {
			return Token{}, err
		}
		return Token{}, &Error{Kind: Throttled, Endpoint: endpoint, Status: status, Until: time.Now().Add(pause)}
	case status == http.StatusBadRequest || status == http.StatusUnauthorized:
		var e struct {
			Error string `json:"error"`
		}
		_ = json.Unmarshal(resp.Body(), &e)
		switch e.Error {
		case "invalid_grant":
			return Token{}, &Error{Kind: Unauthorized, Endpoint: endpoint, Status: status, Err: ErrGrant,
				Detail: "authorise the application again in DrChrono and store the new refresh token in the OAuth secret"}
		case "invalid_client":
			return Token{}, &Error{Kind: Unauthorized, Endpoint: endpoint, Status: status,
				Detail: "the client id or client secret is refused: correct the OAuth secret"}
		}
		return Token{}, &Error{Kind: Unauthorized, Endpoint: endpoint, Status: status, Detail: "the token was not refreshed"}
	case status != http.StatusOK:
		return Token{}, ofStatus(endpoint, status)
	}
	var t struct {
		Access    string  `json:"access_token"`
		Refresh   string  `json:"refresh_token"`
		ExpiresIn float64 `json:"expires_in"`
	}
	if json.Unmarshal(resp.Body(), &t) != nil || t.Access == "" {
		return Token{}, &Error{Kind: Malformed, Endpoint: endpoint, Status: status, Detail: "no access token in the answer"}
	}
	token := Token{Access: t.Access, Refresh: t.Refresh, Minted: time.Now()}
	if token.Refresh == "" {
		token.Refresh = refresh // not rotated
	}
	if t.ExpiresIn > 0 {
		life := time.Duration(t.ExpiresIn * float64(time.Second))
		token.Expires = time.Now().Add(life - min(early, life/4))
	}
	return token, nil
}

// ErrGrant is the cause of an Unauthorized error that only a person can clear.
var ErrGrant = errors.New("the refresh token is refused")

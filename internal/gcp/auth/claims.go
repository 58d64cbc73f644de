package auth

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// IDToken is what an ID token says of itself.
type IDToken struct {
	Email  string // whom it names; may be empty
	Expiry time.Time
}

// ReadIDToken reads a token that came from where tokens are made. It does not verify it: that is for whoever it is shown to.
// Its errors never hold any of the token.
func ReadIDToken(token string) (IDToken, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return IDToken{}, errors.New("the token is no JWT")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return IDToken{}, errors.New("the token's claims are not base64")
	}
	var claims struct {
		Email  string `json:"email"`
		Expiry int64  `json:"exp"`
	}
	if json.Unmarshal(payload, &claims) != nil || claims.Expiry <= 0 {
		return IDToken{}, errors.New("the token does not say when it expires")
	}
	return IDToken{Email: claims.Email, Expiry: time.Unix(claims.Expiry, 0).UTC()}, nil
}

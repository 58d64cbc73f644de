package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"net/http"

	"golang.org/x/time/rate"
)

// secrets is what a delivery may be signed with: DrChrono sends the secret itself, not a MAC. During a rotation there
// are two. They are compared as hashes, so that the time of it tells nothing of a secret, not even its length.
type secrets [][sha256.Size]byte

func newSecrets(texts ...string) secrets {
	var s secrets
	for _, text := range texts {
		if text != "" {
			s = append(s, sha256.Sum256([]byte(text)))
		}
	}
	return s
}

// accept tells whether a delivery's signature is one of the secrets. It always looks at all of them.
func (s secrets) accept(signature string) bool {
	sum := sha256.Sum256([]byte(signature))
	right := 0
	for i := range s {
		right |= subtle.ConstantTimeCompare(sum[:], s[i][:])
	}
	return right == 1
}

// DrChrono asks for a proof when a person presses the button "Verify webhook", with a short text of its own. Whoever
// asks gets it, so the text is bounded and so are the questions. The proof is no use for a delivery.
const (
	mostMessage  = 512
	proofsEvery  = rate.Limit(1) // a second
	proofsAtOnce = 10
)

// handshake proves that the secret is known: the text's HMAC under it.
type handshake struct {
	secret string
	asked  *rate.Limiter
}

func newHandshake(secret string) *handshake {
	return &handshake{secret: secret, asked: rate.NewLimiter(proofsEvery, proofsAtOnce)}
}

func (h *handshake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	message := r.URL.Query().Get("msg")
	switch {
	case h.secret == "":
		refuse(w, http.StatusServiceUnavailable, unconfigured)
	case message == "" || len(message) > mostMessage:
		refuse(w, http.StatusBadRequest, "msg must have 1 to 512 bytes")
	case !h.asked.Allow():
		refuse(w, http.StatusTooManyRequests, "asked too often; try again in a few seconds")
	default:
		mac := hmac.New(sha256.New, []byte(h.secret))
		_, _ = mac.Write([]byte(message))
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_ = json.NewEncoder(w).Encode(map[string]string{"secret_token": hex.EncodeToString(mac.Sum(nil))})
	}
}

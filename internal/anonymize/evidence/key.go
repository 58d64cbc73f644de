package evidence

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
)

// Errors of keys. They say nothing of what was given: it may be a secret.
var (
	errPrivate = errors.New("the signing key has to be an Ed25519 key in PKCS#8 PEM (-----BEGIN PRIVATE KEY-----), as of `openssl genpkey -algorithm ed25519`")
	errPublic  = errors.New("the public key has to be an Ed25519 key in PEM (-----BEGIN PUBLIC KEY-----), as of `openssl pkey -pubout`")
)

// ParsePrivateKey reads a signing key.
func ParsePrivateKey(text []byte) (ed25519.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, errPrivate
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errPrivate
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, errPrivate
	}
	return key, nil
}

// ParsePublicKey reads a key to verify with.
func ParsePublicKey(text []byte) (ed25519.PublicKey, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PUBLIC KEY" {
		return nil, errPublic
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, errPublic
	}
	key, ok := parsed.(ed25519.PublicKey)
	if !ok {
		return nil, errPublic
	}
	return key, nil
}

// PublicPEM writes a key to verify with.
func PublicPEM(key ed25519.PublicKey) string {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "" // of no key of the right length
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

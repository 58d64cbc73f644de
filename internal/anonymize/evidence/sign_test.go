package evidence_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
)

func key(t *testing.T) (ed25519.PublicKey, ed25519.PrivateKey) {
	t.Helper()
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return pub, priv
}

func manifest() *evidence.Manifest {
	return &evidence.Manifest{
		Format: evidence.Format, Export: "20261126-080000-<&>", Begun: time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC),
		Tables: []evidence.Table{{Name: "drchrono.patients", Rows: 7, Objects: []evidence.Object{{Name: "exports/x/1.zst", Rows: 7, SHA256: "ab"}}}},
		Scan:   evidence.Scan{Passed: true, Identifiers: map[string]int64{"name": 14, "email": 7}},
	}
}

func TestSigned(t *testing.T) {
	pub, priv := key(t)
	signed, err := evidence.Sign(manifest(), priv)
	if err != nil {
		t.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, signed); err != nil {
		t.Fatal(err)
	}
	for _, document := range [][]byte{signed, compact.Bytes()} {
		got, err := evidence.Open(document, pub)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, manifest()) {
			t.Errorf("read %+v", got)
		}
	}

	other, otherPriv := key(t)
	if _, err := evidence.Open(signed, other); !errors.Is(err, evidence.ErrSigner) {
		t.Errorf("with another key: %v", err)
	}
	// Who puts his own key into the document, and even signs with it, is not believed.
	theirs, err := evidence.Sign(manifest(), otherPriv)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := evidence.Open(theirs, pub); !errors.Is(err, evidence.ErrSigner) {
		t.Errorf("signed by another key: %v", err)
	}
}

// TestAltered changes each byte of a document: it is refused, or says what it said.
func TestAltered(t *testing.T) {
	pub, priv := key(t)
	signed, err := evidence.Sign(manifest(), priv)
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for i := range signed {
		altered := bytes.Clone(signed)
		altered[i] ^= 1
		got, err := evidence.Open(altered, pub)
		if err != nil {
			refused++
		} else if !reflect.DeepEqual(got, manifest()) {
			t.Fatalf("byte %d altered: read %+v", i, got)
		}
	}
	if refused < len(signed)/2 {
		t.Errorf("only %d of %d alterations were refused", refused, len(signed))
	}
}

func TestKeys(t *testing.T) {
	pub, priv := key(t)
	der, err := x509.MarshalPKCS8PrivateKey(priv)
	if err != nil {
		t.Fatal(err)
	}
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if got, err := evidence.ParsePrivateKey(private); err != nil || !got.Equal(priv) {
		t.Errorf("private key: %v", err)
	}
	public := []byte(evidence.PublicPEM(pub))
	if got, err := evidence.ParsePublicKey(public); err != nil || !got.Equal(pub) {
		t.Errorf("public key: %v", err)
	}

	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	curveDER, err := x509.MarshalPKCS8PrivateKey(curve)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]byte{nil, []byte("secret"), public, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: curveDER}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der[:20]})} {
		if _, err := evidence.ParsePrivateKey(bad); err == nil || bytes.Contains([]byte(err.Error()), []byte("secret")) {
			t.Errorf("%q is taken, or told: %v", bad, err)
		}
	}
	if _, err := evidence.ParsePublicKey(private); err == nil {
		t.Error("a private key is taken for a public one")
	}
}

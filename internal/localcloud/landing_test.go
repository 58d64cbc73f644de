package localcloud_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"testing"

	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
	"google.golang.org/api/secretmanager/v1"
	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest"
)

// Only production can sign what it hands over, and only staging has a place for it.
func TestLandingOfAnonymisedData(t *testing.T) {
	c := localtest.Shared(t)
	block, _ := pem.Decode([]byte(secretOf(t, c.Description, localtest.Production, "anonymization-signing-key")))
	if block == nil {
		t.Fatal("the signing key is not PEM")
	}
	if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err != nil || len(key.(ed25519.PrivateKey)) != ed25519.PrivateKeySize {
		t.Errorf("the signing key is none of Ed25519: %v", err)
	}
	secrets, err := secretmanager.NewService(t.Context(), option.WithEndpoint(c.Endpoints.SecretManager), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	_, err = secrets.Projects.Secrets.Get("projects/" + localtest.Staging + "/secrets/anonymization-signing-key").Do()
	wantMissing(t, "staging's signing key", err)

	sql, err := sqladmin.NewService(t.Context(), option.WithEndpoint(c.Endpoints.CloudSQL), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sql.Databases.Get(localtest.Staging, "platform", "clinic").Do(); err != nil {
		t.Error(err)
	}
	_, err = sql.Databases.Get(localtest.Production, "platform", "clinic").Do()
	wantMissing(t, "production's database of anonymised data", err)
}

func wantMissing(t *testing.T, what string, err error) {
	t.Helper()
	var refusal *googleapi.Error
	if !errors.As(err, &refusal) || refusal.Code != http.StatusNotFound {
		t.Errorf("%s: %v", what, err)
	}
}

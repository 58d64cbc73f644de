package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/cloudsqlconn"
	"golang.org/x/oauth2"
)

// An instance is reached at the address that it has; one that has none, by the name of its Private Service Connect endpoint.
func TestDial(t *testing.T) {
	t.Parallel()
	cert := selfSigned(t)
	at := func(kind, ip string) map[string]any {
		return map[string]any{"ipAddresses": []any{map[string]any{"type": kind, "ipAddress": ip}}}
	}
	for name, c := range map[string]struct {
		settings map[string]any
		want     string
	}{
		"public":  {at("PRIMARY", "192.0.2.7"), "192.0.2.7:3307"},
		"private": {at("PRIVATE", "10.0.0.7"), "10.0.0.7:3307"},
		"private service connect": {
			map[string]any{"pscEnabled": true, "dnsName": "synthetic.us-central1.sql.goog"}, "synthetic.us-central1.sql.goog:3307",
		},
		"no address": {map[string]any{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int64
			api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				reply := map[string]any{"ephemeralCert": map[string]any{"cert": cert}}
				if strings.HasSuffix(r.URL.Path, "/connectSettings") {
					asked.Add(1)
					c.settings["backendType"], c.settings["region"] = "SECOND_GEN", "us-central1"
					c.settings["databaseVersion"], c.settings["serverCaCert"] = "POSTGRES_15", map[string]any{"cert": cert}
					reply = c.settings
				}
				if err := json.NewEncoder(w).Encode(reply); err != nil {
					t.Error(err)
				}
			}))
			defer api.Close()
			var dialled []string
			unreachable := errors.New("nobody is there")
			d, err := cloudsqlconn.NewDialer(t.Context(), cloudsqlconn.WithLazyRefresh(), cloudsqlconn.WithBuiltInMetrics(false),
				cloudsqlconn.WithAdminAPIEndpoint(api.URL), cloudsqlconn.WithTokenSource(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "synthetic"})),
				cloudsqlconn.WithDialFunc(func(_ context.Context, _, address string) (net.Conn, error) {
					dialled = append(dialled, address)
					return nil, unreachable
				}))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = d.Close() }()
			connector := &connector{}
			_, err = connector.dial(t.Context(), d, "feel-august-platform:us-central1:platform")
			if c.want == "" {
				if err == nil || len(dialled) > 0 || !strings.Contains(err.Error(), "no supported IP addresses") {
					t.Errorf("an instance without an address: %v, dialled %v", err, dialled)
				}
				return
			}
			if !errors.Is(err, unreachable) || len(dialled) == 0 || dialled[0] != c.want {
				t.Errorf("dialled %v (%v), want %s", dialled, err, c.want)
			}

			// What it has is found out once: when it is asked for what it has not, the connector forgets the instance.
			first := asked.Load()
			dialled = nil
			if _, err := connector.dial(t.Context(), d, "feel-august-platform:us-central1:platform"); !errors.Is(err, unreachable) || len(dialled) == 0 || dialled[0] != c.want {
				t.Errorf("dialled %v again (%v), want %s", dialled, err, c.want)
			}
			if again := asked.Load() - first; again > 1 {
				t.Errorf("the second connection has asked for the instance %d times", again)
			}
		})
	}
}

func selfSigned(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

package engine

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// validity is how long Cloud SQL's per-instance certificates live.
const validity = 10 * 365 * 24 * time.Hour

// certificates are an instance's own authority and server certificate, made once.
type certificates struct{ dir string }

// ensure makes what is missing. The name is the certificate's common name, project:instance.
func (c certificates) ensure(name, host string) error {
	if _, err := os.Stat(c.path("server.crt")); err == nil {
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return err
	}
	now := time.Now().Add(-time.Minute) // clocks differ
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	ca := &x509.Certificate{
		SerialNumber: serial(),
		Subject: pkix.Name{
			Country: []string{"US"}, Organization: []string{"Google, Inc"}, CommonName: "Google Cloud SQL Server CA",
		},
		NotBefore: now, NotAfter: now.Add(validity),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	leaf := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{Country: []string{"US"}, Organization: []string{"Google, Inc"}, CommonName: name},
		NotBefore:    now, NotAfter: now.Add(validity),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.ParseIP(host)},
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	if err != nil {
		return err
	}
	caKeyDER, err := x509.MarshalECPrivateKey(caKey)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	for _, f := range []struct { // server.crt last: its presence says that all are there
		name, kind string
		der        []byte
	}{
		{"ca.key", "EC PRIVATE KEY", caKeyDER}, {"ca.crt", "CERTIFICATE", caDER},
		{"server.key", "EC PRIVATE KEY", keyDER}, {"server.crt", "CERTIFICATE", der},
	} {
		body := pem.EncodeToMemory(&pem.Block{Type: f.kind, Bytes: f.der})
		if err := os.WriteFile(c.path(f.name), body, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// install puts what the server needs into its data directory; the authority's key stays outside.
func (c certificates) install(b Binaries, data string) error {
	for _, name := range []string{"ca.crt", "server.crt", "server.key"} {
		body, err := os.ReadFile(c.path(name))
		if err != nil {
			return err
		}
		if err := b.write(filepath.Join(data, name), string(body)); err != nil {
			return err
		}
	}
	return nil
}

// authority answers the CA's certificate as PEM.
func (c certificates) authority() (string, error) {
	body, err := os.ReadFile(c.path("ca.crt"))
	if err != nil {
		return "", fmt.Errorf("read the instance's server CA: %w", err)
	}
	return string(body), nil
}

func (c certificates) path(name string) string { return filepath.Join(c.dir, name) }

func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic(err) // the system has no randomness: nothing here can go on
	}
	return n
}

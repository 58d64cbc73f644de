package cloudsql

import (
	"crypto/sha1" // #nosec G505 -- the API identifies certificates by it
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"

	"google.golang.org/api/sqladmin/v1"
)

// describeCert is a certificate as the API shows it.
func describeCert(pemText, instance string) (*sqladmin.SslCert, error) {
	block, _ := pem.Decode([]byte(pemText))
	if block == nil {
		return nil, errors.New("the instance's server CA is not PEM")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	sum := sha1.Sum(block.Bytes) // #nosec G401 -- as above
	return &sqladmin.SslCert{
		Kind: "sql#sslCert", CertSerialNumber: "0", Cert: pemText, CommonName: cert.Subject.String(), Instance: instance,
		CreateTime: stamp(cert.NotBefore), ExpirationTime: stamp(cert.NotAfter), Sha1Fingerprint: hex.EncodeToString(sum[:]),
	}, nil
}

// getConnectSettings answers what a connector needs before it dials.
func (f *Face) getConnectSettings(c *call) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.find(c)
	if err != nil {
		return nil, err
	}
	return &sqladmin.ConnectSettings{
		Kind: "sql#connectSettings", BackendType: i.Instance.BackendType, DatabaseVersion: i.Instance.DatabaseVersion,
		Region: i.Instance.Region, IpAddresses: i.Instance.IpAddresses, ServerCaCert: i.Instance.ServerCaCert,
		ServerCaMode: i.settings().IpConfiguration.ServerCaMode,
	}, nil
}

func (f *Face) listServerCas(c *call) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.find(c)
	if err != nil {
		return nil, err
	}
	list := &sqladmin.InstancesListServerCasResponse{Kind: "sql#instancesListServerCas"}
	if ca := i.Instance.ServerCaCert; ca != nil {
		list.Certs, list.ActiveVersion = []*sqladmin.SslCert{ca}, ca.Sha1Fingerprint
	}
	return list, nil
}

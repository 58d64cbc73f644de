package config

import (
	"crypto/ed25519"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
	"github.com/feel-august/terraform-provider-august/internal/bucket"
)

// Anonymize says how the database's rows become staging's, and where they go.
type Anonymize struct {
	Policy   *policy.Policy
	Bucket   string // gs://bucket/prefix or file:///folder
	Key      Secret // the master key, when the policy's keys are persistent
	Signing  ed25519.PrivateKey
	Workers  int
	Endpoint string // of Cloud Storage; empty: Google's
}

// LoadAnonymize reads what an export needs: the database, the policy, and where to.
func LoadAnonymize(lookup Lookup) (Config, Anonymize, error) {
	r := reader{lookup: lookup}
	cfg := Config{LogLevel: r.level(), Database: r.database()}
	a := Anonymize{
		Bucket:   r.required("AUGUST_ANONYMIZE_BUCKET", "where the export goes, gs://bucket/prefix or file:///folder"),
		Key:      r.secret("AUGUST_ANONYMIZE_KEY"),
		Workers:  r.number("AUGUST_ANONYMIZE_WORKERS", 2, 1, 32),
		Endpoint: r.host("AUGUST_STORAGE_ENDPOINT"),
	}
	if a.Bucket != "" {
		if err := bucket.CheckURL(a.Bucket); err != nil {
			r.wrong("AUGUST_ANONYMIZE_BUCKET", err.Error())
		}
	}
	const given, signing, key = "AUGUST_ANONYMIZE_POLICY", "AUGUST_ANONYMIZE_SIGNING_KEY", "AUGUST_ANONYMIZE_KEY"
	if text := r.required(given, "the policy, as the provider or `august-sync policy` encodes it"); text != "" {
		var err error
		if a.Policy, err = policy.Decode(text); err != nil {
			r.wrong(given, "cannot be read: "+err.Error())
		}
	}
	if text := r.required(signing, "an Ed25519 key in PKCS#8 PEM, as `openssl genpkey -algorithm ed25519` makes it"); text != "" {
		var err error
		if a.Signing, err = evidence.ParsePrivateKey([]byte(text)); err != nil {
			r.wrong(signing, "cannot be read: "+err.Error())
		}
	}
	switch {
	case a.Policy == nil:
	case a.Policy.Keys == policy.Persistent && len(a.Key.Reveal()) < 32:
		r.wrong(key, "must have 32 bytes or more when the policy's keys are persistent: give what `openssl rand -hex 32` makes")
	case a.Policy.Keys != policy.Persistent && a.Key.Set():
		r.wrong(key, "is not for a policy whose keys are ephemeral: leave it out, or let the policy say persistent")
	}
	return cfg, a, r.err()
}

// Package export takes a database's rows out, as its policy lets them become staging's, into a bucket: one snapshot, read by
// several connections, each line transformed on its way into compressed parts; the parts are scanned for what must not have
// survived, and only then a signed manifest makes an export of them. No error, log line or object holds a value of a row
// as it was.
package export

import (
	"crypto/ed25519"
	"log/slog"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
	"github.com/feel-august/terraform-provider-august/internal/bucket"
)

// Config is what a run is told.
type Config struct {
	Source   *pgx.ConnConfig // the database; a replica will do
	Instance string          // its Cloud SQL connection name; empty: not known
	Bucket   bucket.Bucket
	Export   string // its name, unique in the bucket; sorts by time
	Policy   *policy.Policy
	Key      []byte // the master key, when keys are persistent
	Sign     ed25519.PrivateKey
	Workers  int    // connections that read, beside the one that holds the snapshot; 0: 2
	Runtime  string // version of who runs this
	Log      *slog.Logger

	PartBytes int64 // of COPY's text in a part; 0: 64 MB
	SpanPages int64 // of a table that one COPY reads; 0: 8192, which is 64 MB; four times as much where others are read beside
}

const (
	defaultWorkers = 2
	defaultPart    = 64 << 20
	defaultSpan    = 8192
)

func (c *Config) defaults() {
	if c.Workers <= 0 {
		c.Workers = defaultWorkers
	}
	if c.PartBytes <= 0 {
		c.PartBytes = defaultPart
	}
	if c.SpanPages <= 0 {
		c.SpanPages = defaultSpan
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

package dataset

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
)

// manifestMax bounds a manifest: 10,000 chunks take about two megabytes.
const manifestMax = 64 << 20

// open reads the manifest, and believes it only if it is signed by who is trusted and of an export that has passed its scan.
func (i *importing) open(ctx context.Context) error {
	if !evidence.IsName(i.Export) {
		return refuse("the name of an export has lower-case letters, digits, dots, dashes and underscores only, 100 at most")
	}
	from, err := i.Bucket.Open(ctx, evidence.ManifestName(i.Export))
	if errors.Is(err, fs.ErrNotExist) {
		return refuse("there is no export %s: what is published has a manifest in the folder %s of the bucket", i.Export, evidence.ManifestFolder)
	}
	if err != nil {
		return &bucketError{fmt.Errorf("read the manifest of export %s: %w", i.Export, err)}
	}
	defer func() { _ = from.Close() }()
	signed, err := io.ReadAll(io.LimitReader(from, manifestMax))
	if err != nil {
		return &bucketError{fmt.Errorf("read the manifest of export %s: %w", i.Export, err)}
	}
	m, err := evidence.Open(signed, i.Trusted)
	if err != nil {
		return refuse("export %s is not imported: %v", i.Export, err)
	}
	sum := sha256.Sum256(signed)
	i.manifest, i.digest = m, hex.EncodeToString(sum[:])
	return check(m, i.Export)
}

// check holds a manifest that is signed to what an import relies on.
func check(m *evidence.Manifest, export string) error {
	switch {
	case m.Export != export:
		return refuse("the manifest under the name %s is of export %s: somebody has copied it", export, m.Export)
	case !m.Scan.Passed || len(m.Scan.Findings) > 0:
		return refuse("export %s has not passed its scan for identifiers: make another one", export)
	case m.Source.System == "":
		return refuse("export %s does not say which database it is of, so that nobody could tell it from the target", export)
	case len(m.Tables) == 0:
		return refuse("export %s has no tables", export)
	}
	named := map[string]bool{}
	for _, t := range m.Tables {
		if named[t.Name] || slices.Contains(m.Empty, t.Name) {
			return refuse("the manifest of export %s names table %s twice", export, t.Name)
		}
		named[t.Name] = true
		rows, columns := int64(0), map[string]bool{}
		for _, o := range t.Objects {
			if named[o.Name] || !strings.HasPrefix(o.Name, evidence.DataFolder(export)+"/") {
				return refuse("the manifest of export %s names object %s, which is named twice or another export's", export, o.Name)
			}
			named[o.Name] = true
			rows += o.Rows
		}
		for _, c := range t.Columns {
			if columns[c.Name] {
				return refuse("the manifest of export %s names column %s of %s twice", export, c.Name, t.Name)
			}
			columns[c.Name] = true
		}
		if rows != t.Rows || len(t.Columns) == 0 {
			return refuse("the manifest of export %s does not add up at table %s: make another export", export, t.Name)
		}
	}
	return nil
}

// expired refuses an export that no longer counts as de-identified: whoever attested to that has said until when.
func expired(m *evidence.Manifest, now time.Time) error {
	last, err := time.Parse(time.DateOnly, m.Attestation.Expires)
	if err != nil {
		return refuse("the manifest of export %s does not say until when it counts as de-identified: make another export", m.Export)
	}
	if now.UTC().Before(last.AddDate(0, 0, 1)) {
		return nil
	}
	return refuse("what export %s counts as de-identified by (%s, by %s) has expired on %s: have it renewed, and make another export", m.Export, m.Method, m.Attestation.By, m.Attestation.Expires)
}

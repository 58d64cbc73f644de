package export

import (
	"context"
	"errors"
	"path"
	"strings"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
	"github.com/feel-august/terraform-provider-august/internal/bucket"
)

// longest is for how long no run lasts: Cloud Run ends each task after seven days.
const longest = 8 * 24 * time.Hour

// dataFolder holds the folders of all exports.
var dataFolder = path.Dir(evidence.DataFolder("x"))

// sweep removes the parts of runs that were killed so long ago that none of them can still be running. Nobody has scanned them, and
// nobody would ever remove them else: who runs an export again gives it a new name. Exports that somebody named otherwise are left.
func sweep(ctx context.Context, b bucket.Bucket, now time.Time) (removed int, err error) {
	dead := map[string]bool{}
	for name, err := range b.List(ctx, dataFolder, "") {
		if err != nil {
			return 0, err
		}
		export, folder := strings.CutSuffix(name, "/")
		if at, ok := evidence.NamedAt(export); folder && ok && now.Sub(at) > longest {
			dead[export] = true
		}
	}
	for name, err := range b.List(ctx, evidence.ManifestFolder, "") {
		if err != nil {
			return 0, err
		}
		delete(dead, strings.TrimSuffix(name, ".json"))
	}
	for export := range dead {
		n, failed := discard(ctx, b, export, "")
		removed, err = removed+n, errors.Join(err, failed)
	}
	return removed, err
}

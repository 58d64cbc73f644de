package export

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
	"github.com/feel-august/terraform-provider-august/internal/bucket"
)

// unpublished makes sure that there is no export of the name.
func unpublished(ctx context.Context, b bucket.Bucket, export string) error {
	manifest, err := b.Open(ctx, evidence.ManifestName(export))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("look for an export of the name: %w", err)
	}
	_ = manifest.Close() // nothing was read
	return fmt.Errorf("the export %s is published already, and stays as it is: give this one another name", export)
}

// discard removes an export's parts: those of one run, or all. They are those of a run that failed, or was killed.
func discard(ctx context.Context, b bucket.Bucket, export, run string) (removed int, err error) {
	folder := evidence.DataFolder(export)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for name, err := range b.List(ctx, folder, run) {
		if err != nil {
			return removed, errors.Join(err, group.Wait())
		}
		if !strings.HasPrefix(name, run) {
			break
		}
		removed++
		group.Go(func() error { return b.Delete(ctx, folder+"/"+name) })
	}
	return removed, group.Wait()
}

// farewell bounds the cleaning up of a run that was stopped: Cloud Run gives ten seconds after SIGTERM.
const farewell = 8 * time.Second

// undo removes the parts of a run that has failed. One that Cloud Storage had on its way when the run ended may still arrive: the next
// run of the name removes it.
func (r *run) undo(ctx context.Context, failed error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	if _, err := discard(ctx, r.Bucket, r.Export, r.id); err != nil {
		return fmt.Errorf("%w; and its parts are left in the bucket, unpublished (%w): the next run of this name removes them", failed, err)
	}
	return failed
}

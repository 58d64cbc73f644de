package export

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
	"github.com/feel-august/terraform-provider-august/internal/bucket"
)

// published tells whether there is an export of a name.
func published(ctx context.Context, b bucket.Bucket, export string) (bool, error) {
	manifest, err := b.Open(ctx, evidence.ManifestName(export))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("look for an export of the name: %w", err)
	}
	return true, manifest.Close()
}

// makeRoom makes sure that there is no export of the run's name, and removes what others have left: they are dead, for the run has
// the lock on the name. It is looked for under the lock only, since the one who had it before may have published meanwhile.
func (r *run) makeRoom(ctx context.Context) error {
	is, err := published(ctx, r.Bucket, r.Export)
	if err != nil {
		return err
	}
	if is {
		return fmt.Errorf("the export %s is published already, and stays as it is: give this one another name", r.Export)
	}
	removed, err := discard(ctx, r.Bucket, r.Export, "")
	if err != nil {
		return fmt.Errorf("remove what an earlier run of this name has left: %w", err)
	}
	if removed > 0 {
		r.Log.InfoContext(ctx, "removed what an earlier run of this name has left", "objects", removed)
	}
	if err := r.sweep(ctx); err != nil && ctx.Err() == nil {
		r.Log.WarnContext(ctx, "what runs of other names have left could not be removed; the next run tries again", "error", err.Error())
	}
	return nil
}

// abandoned is the age at which parts without a manifest are taken for those of a run that was killed, if nobody has its lock. The lock
// tells of runs on this server only; others may write into the bucket, too.
const abandoned = 24 * time.Hour

// sweep removes the parts of killed runs of other names. Nobody may ever use these again, and no scan has passed them.
func (r *run) sweep(ctx context.Context) error {
	whole := map[string]bool{}
	for name, err := range r.Bucket.List(ctx, evidence.ManifestFolder, "") {
		if err != nil {
			return err
		}
		whole[strings.TrimSuffix(name, ".json")] = true
	}
	for folder, err := range r.Bucket.List(ctx, path.Dir(evidence.DataFolder(r.Export)), "") {
		if err != nil {
			return err
		}
		export, is := strings.CutSuffix(folder, "/")
		if !is || whole[export] || CheckName(export) != nil {
			continue
		}
		if old, err := r.isAbandoned(ctx, export); err != nil {
			return err
		} else if !old {
			continue
		}
		removed, err := discard(ctx, r.Bucket, export, "")
		if err != nil {
			return err
		}
		r.Log.InfoContext(ctx, "removed what a killed run has left", "export", export, "objects", removed)
	}
	return nil
}

// isAbandoned tells whether all parts of an export are old, nobody is making it, and it was not published.
func (r *run) isAbandoned(ctx context.Context, export string) (bool, error) {
	for part, err := range r.Bucket.List(ctx, evidence.DataFolder(export), "") {
		if err != nil {
			return false, err
		}
		if begun, ok := begunAt(part); !ok || r.snapshot.at.Sub(begun) < abandoned {
			return false, nil
		}
	}
	if alone, err := r.snapshot.lock(ctx, export); err != nil || !alone {
		return false, err
	}
	is, err := published(ctx, r.Bucket, export)
	return err == nil && !is, err
}

// newID names a run in the names of its parts: by when it began, and at random.
func newID(now time.Time) string {
	var some [4]byte
	_, _ = rand.Read(some[:]) // never fails
	return fmt.Sprintf("%08x%x", now.Unix(), some)
}

// begunAt is when the run of a part began.
func begunAt(part string) (time.Time, bool) {
	id, _, _ := strings.Cut(part, "-")
	if len(id) != 16 {
		return time.Time{}, false
	}
	seconds, err := strconv.ParseInt(id[:8], 16, 64)
	return time.Unix(seconds, 0), err == nil
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

// undo removes the parts of a run that has failed, and takes its time if nobody stops it: a scan that has found something did so in these
// parts. One that Cloud Storage had on its way when the run ended may still arrive: the next run of the name removes it.
func (r *run) undo(stop context.Context, failed error) error {
	ctx, cancel := context.WithCancel(context.WithoutCancel(stop))
	defer cancel()
	defer context.AfterFunc(stop, func() { time.AfterFunc(farewell, cancel) })()
	if _, err := discard(ctx, r.Bucket, r.Export, r.id); err != nil {
		return fmt.Errorf("%w; and its parts are left in the bucket, unpublished (%w): the next run of this name removes them", failed, err)
	}
	return failed
}

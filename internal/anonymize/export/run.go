package export

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/identify"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/inspect"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/scan"
	"github.com/feel-august/terraform-provider-august/internal/bucket"
)

// run is one export in the making.
type run struct {
	Config
	id       string // of this run, in the names of its parts: a run that was killed has left others
	source   *pgx.ConnConfig
	snapshot *snapshot
	progress progress
	parts    atomic.Int64
}

// CheckName tells whether an export may have a name.
func CheckName(name string) error {
	if !evidence.IsName(name) {
		return errors.New("must begin with a lower-case letter or a digit, and have nothing but these, dots, hyphens and underscores, 100 at most")
	}
	return nil
}

// Run makes an export. When it fails, or the context ends, nothing of it is left.
func Run(ctx context.Context, cfg Config) (*evidence.Manifest, error) {
	cfg.defaults()
	if err := CheckName(cfg.Export); err != nil {
		return nil, fmt.Errorf("the name of the export %w", err)
	}
	r := &run{Config: cfg, id: newID(time.Now()), source: shape(cfg.Source), progress: progress{log: cfg.Log, every: 5 * time.Second}}
	var err error
	if r.snapshot, err = hold(ctx, r.source, cfg.Export); err != nil {
		return nil, err
	}
	defer func() { end(ctx, r.snapshot.conn) }()
	if err := r.makeRoom(ctx); err != nil {
		return nil, err
	}
	m, err := r.export(ctx)
	switch {
	case errors.Is(err, errUnsure): // the parts may be a published export's
		return nil, err
	case err != nil:
		if cause := context.Cause(ctx); cause != nil {
			err = fmt.Errorf("interrupted, nothing is published: %w", cause)
		}
		return nil, r.undo(ctx, err)
	}
	return m, nil
}

// partName names the next part. Neither table nor row can be told from it.
func (r *run) partName() string {
	return fmt.Sprintf("%s/%s-%06d.zst", evidence.DataFolder(r.Export), r.id, r.parts.Add(1))
}

func (r *run) export(ctx context.Context) (*evidence.Manifest, error) {
	m, c, err := r.describe(ctx)
	if err != nil {
		return nil, err
	}
	if err := check(r.Policy, c, m.Begun); err != nil {
		return nil, err
	}
	e, err := r.engine(c)
	if err != nil {
		return nil, err
	}
	m.KeyID = e.transform.Keys.ID()
	if err := r.snapshot.measure(ctx, e.tables); err != nil {
		return nil, err
	}

	// From here on the holder only lives, and what all others do depends on it.
	working, done := context.WithCancelCause(ctx)
	var beside sync.WaitGroup
	beside.Go(func() { r.snapshot.watch(working, done) })
	beside.Go(func() { r.progress.tell(working) })
	err = r.make(working, e, m)
	if cause := context.Cause(working); err != nil && errors.Is(cause, ErrHolder) {
		err = cause
	}
	done(nil)
	beside.Wait()
	if err != nil {
		return nil, err
	}
	// That it lives now says that it lived all the while: no table was rewritten between two spans, nobody else had the name.
	if err := r.snapshot.conn.Ping(ctx); err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrHolder, safe(err))
	}
	return m, r.publish(ctx, m)
}

// describe begins the manifest, and reads the catalogue.
func (r *run) describe(ctx context.Context) (*evidence.Manifest, *catalog.Catalog, error) {
	c, err := inspect.Read(ctx, r.snapshot.conn)
	if err != nil {
		return nil, nil, fmt.Errorf("read the catalogue: %w", safe(err))
	}
	system, err := inspect.System(ctx, r.snapshot.conn)
	if err != nil {
		return nil, nil, safe(err)
	}
	m := &evidence.Manifest{
		Format: evidence.Format, Export: r.Export, Runtime: r.Runtime, Begun: time.Now().UTC(),
		Source:     evidence.Source{Instance: r.Instance, Database: r.source.Database, System: system, SchemaVersion: c.SchemaVersion, Snapshot: r.snapshot.at.UTC()},
		PolicyHash: r.Policy.Hash(), Method: r.Policy.Method, Attestation: r.Policy.Attestation, Keys: r.Policy.Keys,
		Empty: []string{}, Remarks: r.Policy.Remarks(),
	}
	for i := range c.Tables {
		t := &c.Tables[i]
		if _, out := r.Policy.Excluded(c, t); out && (t.Kind == catalog.KindTable || t.Kind == catalog.KindPartitioned) {
			if _, exported := r.Policy.Tables[t.Path()]; !exported {
				m.Empty = append(m.Empty, t.Path())
			}
		}
	}
	return m, c, nil
}

// make does all the reading and writing between the snapshot's begin and the manifest.
func (r *run) make(ctx context.Context, e *engine, m *evidence.Manifest) error {
	from := newSessions(r, r.Workers)
	defer from.close(ctx)
	if err := r.refer(ctx, e, from); err != nil {
		return err
	}
	began := time.Now()
	if err := e.scanner.Collect(ctx, from.copy, e.identifiers); err != nil {
		return fmt.Errorf("read the identifiers that must not leave: %w", safe(err))
	}
	r.Log.InfoContext(ctx, "read the identifiers that must not leave", "took", time.Since(began), "taken_for_one_by_mistake", e.identifiers.Strangers(identify.Record))
	if err := e.arm(); err != nil {
		return err
	}

	began = time.Now()
	for _, t := range e.tables {
		r.progress.pages.Add(t.pages)
	}
	if err := r.read(ctx, from, tasks(e.tables, r.SpanPages, r.Workers)); err != nil {
		return err
	}
	for _, t := range e.tables {
		if t.rows != t.counted {
			return tableError(t.path, fmt.Errorf("has %d rows, and %d were read: this is a mistake of august-sync", t.counted, t.rows))
		}
		m.Tables = append(m.Tables, t.evidence())
	}
	slices.SortFunc(m.Tables, byName)
	r.Log.InfoContext(ctx, "anonymised", "rows", r.progress.rows.Load(), "bytes", r.progress.bytes.Load(), "took", time.Since(began))

	began = time.Now()
	result, err := e.scanner.Run(ctx, r.Bucket, m.Tables, from.copy, e.identifiers, scan.Options{Workers: r.Workers})
	if err != nil {
		return fmt.Errorf("look through the result: %w", safe(err))
	}
	if err := result.Err(); err != nil {
		return err
	}
	m.Scan, m.K = result.Scan, result.K
	r.Log.InfoContext(ctx, "looked through the result", "values", m.Scan.Values, "candidates", m.Scan.Candidates, "took", time.Since(began))
	return nil
}

// evidence is what the manifest says of a table. The order of its parts would tell the order of its rows.
func (t *table) evidence() evidence.Table {
	mathrand.Shuffle(len(t.objects), func(i, j int) { t.objects[i], t.objects[j] = t.objects[j], t.objects[i] }) //nolint:gosec // ChaCha8 that the system has seeded
	if t.objects == nil {
		t.objects = []evidence.Object{}
	}
	return evidence.Table{Name: t.path, Columns: t.columns, Rows: t.rows, Bytes: t.bytes, Objects: t.objects}
}

func byName(a, b evidence.Table) int {
	if a.Name < b.Name {
		return -1
	}
	return 1
}

// refer makes sure that virtual references hold, where the policy does not allow for others.
func (r *run) refer(ctx context.Context, e *engine, from *sessions) error {
	for _, ref := range e.references {
		if !ref.virtual || ref.orphans {
			continue
		}
		var n int64
		err := from.with(ctx, func(conn *pgx.Conn) error { return conn.QueryRow(ctx, ref.orphaned(e.subset)).Scan(&n) })
		if err != nil {
			return tableError(ref.table, fmt.Errorf("look for what %s refers to: %w", ref.columns[0], safe(err)))
		}
		if n > 0 {
			return tableError(ref.table, fmt.Errorf("%d rows refer by %s to %s.%s that is not there: mend them, or let the policy's reference say orphans = true", n, ref.columns[0], ref.to, ref.references[0]))
		}
	}
	return nil
}

// publish signs the manifest and writes it, last of all: with it the export exists.
func (r *run) publish(ctx context.Context, m *evidence.Manifest) error {
	m.Ended = time.Now().UTC()
	signed, err := evidence.Sign(m, r.Sign)
	if err != nil {
		return fmt.Errorf("sign the manifest: %w", err)
	}
	if err := write(ctx, r.Bucket, evidence.ManifestName(r.Export), signed); err != nil {
		switch there, unsure := r.written(ctx, signed); {
		case unsure != nil:
			return fmt.Errorf("%w: %w; and %w", errUnsure, err, unsure)
		case !there:
			return fmt.Errorf("publish the manifest: %w", err)
		}
	}
	r.Log.InfoContext(ctx, "published", "export", r.Export, "tables", len(m.Tables), "policy_hash", m.PolicyHash, "key_id", m.KeyID)
	return nil
}

func write(ctx context.Context, b bucket.Bucket, name string, body []byte) error {
	w, err := b.Write(ctx, name)
	if err != nil {
		return err
	}
	if _, err := w.Write(body); err != nil {
		bucket.Abandon(w)
		return err
	}
	return w.Close()
}

// errUnsure is that the bucket said neither that the manifest was written nor that it was not.
var errUnsure = errors.New("whether the export was published is not known: it was if its manifest is in the bucket, and then it is whole; if not, the next run of this name removes its parts")

// written tells whether the manifest is there all the same: an answer may get lost on its way. Parts of a published export
// must not be removed.
func (r *run) written(ctx context.Context, signed []byte) (bool, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	there, err := r.Bucket.Open(ctx, evidence.ManifestName(r.Export))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = there.Close() }() // it was only read
	body, err := io.ReadAll(there)
	return bytes.Equal(body, signed), err
}

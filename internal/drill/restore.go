package drill

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/gcp"
	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudsql"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// moment is a point in time, and what the database held around it.
type moment struct {
	at       time.Time                         // by the database's clock
	ours     time.Time                         // the same by our own clock
	before   []ack                             // rows that were acknowledged before it
	after    int64                             // number that no row from before it has reached
	rows     int64                             // acknowledged before and after it
	tables   map[string]runtimeapi.TableDigest // that are the same before and after it
	changing int64                             // tables that are not
}

// restore clones the instance as it was at a moment between two groups of rows, and looks whether the clone holds the
// first, nothing of the second, and the tables as they were.
func (d Drill) restore(ctx context.Context) (rec *Record, err error) {
	inUse, err := d.Sweep(ctx)
	if err != nil {
		return nil, fmt.Errorf("clean up after earlier drills: %w", err)
	}
	probe := newProbe()
	defer func() { d.sweepProbe(ctx, probe, rec) }()

	m, err := d.mark(ctx, probe)
	if err != nil {
		return nil, err
	}
	rec = &Record{RanAt: m.at, Acknowledged: m.rows, Restored: &Restored{To: m.at, Changing: m.changing}, Left: inUse}
	failed := &Failed{}
	if rec.Restored.Recoverable, err = d.recoverable(ctx, m); err != nil {
		failed.step(ctx, err, "The instance could not be recovered to "+stamp(m.at))
		return d.conclude(rec, failed)
	}

	clone := cloneName(d.Instance, d.Owner, d.deadline(ctx))
	d.tell("cloning", map[string]any{"clone": clone, "to": stamp(m.at)})
	called := time.Now()
	operation, err := d.SQL.Clone(ctx, d.Project, d.Instance, clone, m.at)
	defer func() { d.remove(ctx, clone, rec) }() // also when the call failed: it may have come through
	if err == nil {
		err = d.SQL.Wait(ctx, d.Project, operation, d.waiting)
	}
	rec.Restored.Clone = time.Since(called)
	if err == nil {
		err = d.compare(ctx, rec, probe, clone, m, failed)
		rec.Restored.Verify = time.Since(called) - rec.Restored.Clone
	}
	rec.RTO = time.Since(called)
	if err != nil {
		failed.step(ctx, err, "The clone "+clone+" could not be made and asked")
	}
	return d.conclude(rec, failed)
}

// lookTime is how long a look at the tables before a restore is tried again.
const lookTime = 5 * time.Minute

// mark commits a group of rows, chooses a moment, and commits another group. Tables are looked at close before the moment
// and close after it.
func (d Drill) mark(ctx context.Context, probe string) (moment, error) {
	var m moment
	var err error
	d.tell("committing rows before the point in time", map[string]any{"probe": probe})
	if m.before, err = d.group(ctx, probe, 1); err != nil {
		return m, err
	}
	tables := d.Tables
	if len(tables) == 0 {
		tables = []string{"*"}
	}
	look := runtimeapi.VerifyRequest{Acknowledged: ranges(m.before), Digest: tables}
	runtime := d.Runtime.WithPatience(lookTime) // it says what to do when its tables take too long to read
	before, err := runtime.Verify(ctx, probe, look)
	if err != nil {
		return m, fmt.Errorf("read the database before the point in time: %w", err)
	}
	if before.Missing > 0 {
		return m, fmt.Errorf("%d of %d rows that the database has just acknowledged are not there", before.Missing, len(m.before))
	}
	// Half-way between that look and the next. Cloud SQL goes by milliseconds.
	m.at = before.Clock.Add(d.Pace.Pause / 2).Truncate(time.Millisecond)
	var after runtimeapi.VerifyResult
	for waited := time.Now(); !after.Clock.After(m.at); {
		if err := gcp.Sleep(ctx, d.Pace.Pause); err != nil {
			return m, err
		}
		if after, err = runtime.Verify(ctx, probe, look); err != nil {
			return m, fmt.Errorf("read the database after the point in time: %w", err)
		}
		if time.Since(waited) > d.Pace.Settle+d.Pace.Pause {
			return m, fmt.Errorf("the database's clock stands still at %s", stamp(after.Clock))
		}
	}
	m.ours = time.Now().Add(-after.Clock.Sub(m.at))
	m.tables = byName(before.Tables)
	now := byName(after.Tables)
	maps.DeleteFunc(m.tables, func(name string, was runtimeapi.TableDigest) bool { return now[name] != was })
	m.changing = int64(max(len(before.Tables), len(now)) - len(m.tables))
	m.after = m.before[len(m.before)-1].number + skip
	d.tell("committing rows after the point in time", map[string]any{"point_in_time": stamp(m.at)})
	second, err := d.group(ctx, probe, m.after)
	m.rows = int64(len(m.before) + len(second))
	return m, err
}

// group commits rows for a while.
func (d Drill) group(ctx context.Context, probe string, first int64) ([]ack, error) {
	w := d.watch(ctx, probe, first)
	defer w.stop()
	if err := d.settle(ctx, w); err != nil {
		return nil, err
	}
	w.stop()
	return w.heard(), nil
}

// recoverable waits until the instance can be recovered to the moment, and says how long after it that was: so much work
// would have been lost had the instance been lost then.
func (d Drill) recoverable(ctx context.Context, m moment) (time.Duration, error) {
	err := gcp.Poll(ctx, d.Pace.Look, func(ctx context.Context) (bool, error) {
		earliest, latest, err := d.SQL.RecoveryWindow(ctx, d.Project, d.Instance)
		if err != nil {
			return false, err
		}
		if earliest.After(m.at) {
			return false, fmt.Errorf("it can only be recovered to moments from %s on: its first backup with logs may still be under way", stamp(earliest))
		}
		d.tell("waiting until the moment can be recovered to", map[string]any{
			"point_in_time": stamp(m.at), "latest": stamp(latest), "waited": time.Since(m.ours).Round(time.Second).String(),
		})
		return !latest.Before(m.at), nil
	})
	return time.Since(m.ours), err
}

// compare asks the clone what it holds.
func (d Drill) compare(ctx context.Context, rec *Record, probe, clone string, m moment, failed *Failed) error {
	live, err := d.SQL.Get(ctx, d.Project, clone)
	if err != nil {
		return err
	}
	names := slices.Sorted(maps.Keys(m.tables))
	d.tell("asking the clone", map[string]any{"clone": clone, "tables": len(names)})
	ask := runtimeapi.VerifyRequest{
		Acknowledged: ranges(m.before), Digest: names, Target: &runtimeapi.ProbeTarget{Instance: live.ConnectionName},
	}
	found, err := d.patient(ctx).Verify(ctx, probe, ask)
	if refused := (*runtimeapi.Error)(nil); errors.As(err, &refused) && refused.Field == "target.address" {
		// This runtime goes without a connector. One that has a connector would not take an address.
		ask.Target.Address = direct(live)
		found, err = d.patient(ctx).Verify(ctx, probe, ask)
	}
	if err != nil {
		return err
	}
	rec.Verified, rec.Lost = true, found.Missing
	if found.Missing > 0 {
		rec.RPO = lostWork(m.before, found.FirstMissing, found.LastMissing, m.at, func(a ack) time.Time { return a.clock })
	}
	if found.Highest >= m.after {
		failed.add("", "The clone holds rows that were committed after %s, the moment that it was to be restored to.", stamp(m.at))
	}
	there := byName(found.Tables)
	for _, name := range names {
		if there[name] == m.tables[name] {
			rec.Restored.Tables++
		} else {
			rec.Restored.Different = append(rec.Restored.Different, name)
		}
	}
	if n := len(rec.Restored.Different); n > 0 {
		failed.add("verify_tables", "Of %d tables that did not change around %s, %d are not on the clone as they were then: %s.",
			len(names), stamp(m.at), n, strings.Join(rec.Restored.Different, ", "))
	}
	return nil
}

func byName(tables []runtimeapi.TableDigest) map[string]runtimeapi.TableDigest {
	all := make(map[string]runtimeapi.TableDigest, len(tables))
	for _, table := range tables {
		all[table.Table] = table
	}
	return all
}

// direct is the address for a runtime that goes without a connector; never a public one.
func direct(live *sqladmin.DatabaseInstance) string {
	address, err := netip.ParseAddr(cloudsql.Address(live))
	if err != nil || (!address.IsPrivate() && !address.IsLoopback()) {
		return ""
	}
	return address.String()
}

// remove deletes the clone, whatever became of the drill.
func (d Drill) remove(ctx context.Context, clone string, rec *Record) {
	ctx, cancel := d.aside(ctx)
	defer cancel()
	d.tell("deleting the clone", map[string]any{"clone": clone})
	if err := d.SQL.Delete(ctx, d.Project, clone, d.waiting); err != nil {
		rec.Left = append(rec.Left, fmt.Sprintf("The clone %s could not be deleted (%v). The next drill or destroy of this resource deletes it; "+
			"sooner: gcloud sql instances delete %[1]s --project=%[3]s.", clone, err, d.Project))
	}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

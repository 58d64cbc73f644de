package drill

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/gcp"
	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudsql"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// failover has the standby take over while rows are being committed, and looks what became of them.
func (d Drill) failover(ctx context.Context, live *sqladmin.DatabaseInstance) (rec *Record, err error) {
	probe := newProbe()
	defer func() { d.sweepProbe(ctx, probe, rec) }()
	w := d.watch(ctx, probe, 1)
	defer w.stop()

	d.tell("probing the database before the failover", map[string]any{"probe": probe})
	if err := d.settle(ctx, w); err != nil {
		return nil, err
	}

	d.tell("failing over", map[string]any{"zone": live.GceZone, "standby": live.SecondaryGceZone})
	called := time.Now()
	operation, begun, err := d.begin(ctx, live)
	if !begun {
		return nil, err
	}
	rec = &Record{RanAt: called, ZoneBefore: live.GceZone, SecondaryBefore: live.SecondaryGceZone}
	failed := &Failed{}
	if err == nil {
		err = d.SQL.Wait(ctx, d.Project, operation, d.waiting)
	}
	if err != nil {
		failed.step(ctx, err, "Cloud SQL did not fail over")
	}
	// A failover that Cloud SQL calls failed may have cut the database off all the same: that is measured too.
	if err := w.steady(ctx, time.Now()); err != nil {
		failed.step(ctx, w.why(err), "The database did not take up its work again")
	}
	back := time.Now()
	w.stop()
	acks := w.heard()
	out := outageOf(acks, called, back, d.Pace.Calm)
	rec.Acknowledged, rec.RTO, rec.Downtime = int64(len(acks)), out.longest, out.total

	if ctx.Err() == nil {
		d.look(ctx, rec, probe, acks, out, failed)
		d.zones(ctx, rec, failed)
	}
	return d.conclude(rec, failed)
}

// settle waits until rows come steadily, before anything is done to the instance.
func (d Drill) settle(ctx context.Context, w *witness) error {
	short, cancel := context.WithTimeout(ctx, d.Pace.Settle)
	defer cancel()
	err := w.steady(short, time.Time{})
	if err == nil || ctx.Err() != nil {
		return err
	}
	return fmt.Errorf("the database acknowledged no steady stream of rows before the drill, so nothing was done to it: %w", w.why(err))
}

// begin calls for the failover. It has not begun when Cloud SQL refused the call; any other error leaves that open, and
// open means begun.
func (d Drill) begin(ctx context.Context, live *sqladmin.DatabaseInstance) (operation *sqladmin.Operation, begun bool, err error) {
	version := live.Settings.SettingsVersion
	err = gcp.Retry(ctx, d.Pace.Settle, func(ctx context.Context) (err error) {
		operation, err = d.SQL.Failover(ctx, d.Project, d.Instance, version)
		if gcp.KindOf(err) == gcp.Stale {
			if fresh, e := d.SQL.Get(ctx, d.Project, d.Instance); e == nil {
				version = fresh.Settings.SettingsVersion
			}
		}
		return err
	}, gcp.Stale, gcp.Throttled)
	switch gcp.KindOf(err) {
	case gcp.InProgress:
		return nil, false, refuse("instance", "Another operation on the instance %s came first, perhaps another drill. Wait for its end and apply again.", d.label())
	case gcp.Stale, gcp.Throttled, gcp.Denied, gcp.Invalid, gcp.NotFound, gcp.Conflict:
		return nil, false, err
	}
	return operation, true, err
}

// look asks the database which of the acknowledged rows are there.
func (d Drill) look(ctx context.Context, rec *Record, probe string, acks []ack, out outage, failed *Failed) {
	d.tell("reading the acknowledged rows back", map[string]any{"acknowledged": len(acks)})
	found, err := d.patient(ctx).Verify(ctx, probe, runtimeapi.VerifyRequest{Acknowledged: ranges(acks)})
	if err != nil {
		failed.step(ctx, err, "The acknowledged rows could not be read back")
		return
	}
	rec.Verified, rec.Lost = true, found.Missing
	if found.Missing > 0 {
		rec.RPO = lostWork(acks, found.FirstMissing, found.LastMissing, out.began, func(a ack) time.Time { return a.at })
	}
}

// zones waits until the instance shows that the zones are swapped and that it has a standby again.
func (d Drill) zones(ctx context.Context, rec *Record, failed *Failed) {
	short, cancel := context.WithTimeout(ctx, d.Pace.Return)
	defer cancel()
	var live *sqladmin.DatabaseInstance
	err := gcp.Poll(short, d.Pace.Look, func(context.Context) (bool, error) {
		now, err := d.SQL.Get(ctx, d.Project, d.Instance) // a look is finished, however late: there is one
		if err != nil {
			return false, err
		}
		live = now
		d.tell("looking at the zones", map[string]any{"zone": live.GceZone, "standby": live.SecondaryGceZone, "state": live.State})
		return live.GceZone != rec.ZoneBefore && live.SecondaryGceZone != "" && live.State == cloudsql.Runnable, nil
	})
	if live != nil {
		rec.ZoneAfter, rec.SecondaryAfter = live.GceZone, live.SecondaryGceZone
	}
	switch {
	case err == nil:
	case short.Err() == nil || ctx.Err() != nil || live == nil:
		failed.step(ctx, err, "The instance's zones could not be read")
	case live.GceZone == rec.ZoneBefore:
		failed.add("", "The instance still serves from %s: Cloud SQL did not fail over.", live.GceZone)
	default:
		failed.add("", "The instance has no standby again after %s (state %s, standby in %q): another failure would find none.",
			d.Pace.Return, live.State, live.SecondaryGceZone)
	}
}

// patient is the runtime's client that tries until ctx ends.
func (d Drill) patient(ctx context.Context) *runtimeapi.Client {
	return d.Runtime.WithPatience(time.Until(d.deadline(ctx)))
}

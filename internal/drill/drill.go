// Package drill rehearses the recovery of a Cloud SQL instance, and measures it: a failover, or a restore to a point in
// time. Rows that the sync runtime commits are the measure. The drill keeps the numbers of those that were acknowledged,
// so that the witness is outside of both the database and its runtime, and asks afterwards which of them are there.
package drill

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/gcp"
	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudsql"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// Kind is what a drill rehearses.
type Kind string

// Kinds of drills.
const (
	Failover Kind = "failover"
	Restore  Kind = "point_in_time_restore"
)

// Drill is one rehearsal, to be run once.
type Drill struct {
	Kind              Kind
	Project, Instance string
	SQL               *cloudsql.Client
	Runtime           *runtimeapi.Client // of the runtime whose database it is

	MaxRTO  time.Duration // the promise: longest time without the database
	MaxLost int64         // the promise: most rows that were acknowledged and are gone

	Interval time.Duration // between two probe rows; zero: the runtime's standard
	Tables   []string      // to compare on the clone; none: all that the runtime syncs
	Owner    string        // from NewOwner: clones of this owner are nobody else's
	Pace     Pace
	Progress func(step string, fields map[string]any) // may be nil
}

// Pace is how long a drill takes over each thing. What is zero is as Standard has it.
type Pace struct {
	Steady  time.Duration // of unbroken acknowledgements before the event, and after it
	Calm    time.Duration // longest pause that counts as unbroken
	Settle  time.Duration // longest wait for the first rows; nothing has been done yet, so it is short
	Silence time.Duration // of a stream, after which it is dead and another is begun
	Pause   time.Duration // between the rows before a point in time and those after it
	Look    time.Duration // between two looks at something that takes its time
	Return  time.Duration // longest wait for the instance to show its zones and its standby
	CleanUp time.Duration // for removing what the drill has made; runs also after an interrupt
}

// Standard is the pace of real drills.
var Standard = Pace{
	Steady: 2 * time.Second, Calm: time.Second, Settle: time.Minute, Silence: 5 * runtimeapi.ProbeBeat, Pause: 2 * time.Second,
	Look: 5 * time.Second, Return: 10 * time.Minute, CleanUp: 10 * time.Minute,
}

func (p Pace) orStandard() Pace {
	for _, field := range []struct {
		own      *time.Duration
		standard time.Duration
	}{
		{&p.Steady, Standard.Steady},
		{&p.Calm, Standard.Calm},
		{&p.Settle, Standard.Settle},
		{&p.Silence, Standard.Silence},
		{&p.Pause, Standard.Pause},
		{&p.Look, Standard.Look},
		{&p.Return, Standard.Return},
		{&p.CleanUp, Standard.CleanUp},
	} {
		if *field.own <= 0 {
			*field.own = field.standard
		}
	}
	return p
}

// Record is what a drill has measured.
type Record struct {
	Passed  bool
	Failure string // why it did not pass
	RanAt   time.Time

	Acknowledged int64 // probe rows that the database acknowledged
	Verified     bool  // whether Lost and RPO were found out
	Lost         int64
	RPO          time.Duration // how much of the latest work is gone
	RTO          time.Duration // longest time without the database: from the last acknowledgement to the next, or from asking for a clone to its answer
	Downtime     time.Duration // of a failover: all of its pauses longer than Pace.Calm together

	ZoneBefore, SecondaryBefore string
	ZoneAfter, SecondaryAfter   string

	Restored *Restored // of a restore that got as far as choosing a moment

	// Left is what could not be removed, in sentences that say how to.
	Left []string
}

// Restored is what only a restore measures.
type Restored struct {
	To          time.Time
	Recoverable time.Duration // until that moment could be recovered to
	Clone       time.Duration // until the clone was there
	Verify      time.Duration // until it had been asked

	Tables    int64 // compared and equal
	Changing  int64 // changed between two looks around the moment, and so not compared
	Different []string
}

// Refusal is a drill that was not begun: nothing has happened to the instance.
type Refusal struct {
	Attribute string // at fault: "instance", "endpoint" …
	Message   string // one sentence or more
}

// Error implements error.
func (r *Refusal) Error() string { return r.Message }

func refuse(attribute, format string, args ...any) error {
	return &Refusal{Attribute: attribute, Message: fmt.Sprintf(format, args...)}
}

// Failed is a drill that was begun and not passed.
type Failed struct {
	Reasons []Refusal // a promise that was not kept, or a step that failed
	Cause   error     // of the step that failed, when there is one
}

// Error implements error.
func (f *Failed) Error() string {
	texts := make([]string, 0, len(f.Reasons))
	for _, r := range f.Reasons {
		texts = append(texts, r.Message)
	}
	return strings.Join(texts, " ")
}

// Unwrap gives the cause.
func (f *Failed) Unwrap() error { return f.Cause }

// Run runs the drill. Without a record nothing has happened to the instance, and the error says why. With a record and an
// error, which is a *Failed, it was begun and not passed: the record holds what was measured until then.
func (d Drill) Run(ctx context.Context) (*Record, error) {
	d.Pace = d.Pace.orStandard()
	if d.Interval <= 0 {
		d.Interval = runtimeapi.ProbeEveryDefault
	}
	// Whether the runtime answers at once is what is being measured, so each call decides for itself how patient it is.
	d.Runtime = d.Runtime.WithPatience(0)
	live, err := d.check(ctx)
	if err != nil {
		return nil, err
	}
	if d.Kind == Restore {
		return d.restore(ctx)
	}
	return d.failover(ctx, live)
}

// check refuses what cannot be drilled.
func (d Drill) check(ctx context.Context) (*sqladmin.DatabaseInstance, error) {
	live, err := d.SQL.Get(ctx, d.Project, d.Instance)
	if cloudsql.IsNotFound(err) {
		return nil, refuse("instance", "There is no Cloud SQL instance %s.", d.label())
	}
	if err != nil {
		return nil, err
	}
	if err := Fits(d.Kind, d.Project, live); err != nil {
		return nil, err
	}
	if err := Ready(d.Kind, live); err != nil {
		return nil, err
	}
	running, err := d.SQL.Running(ctx, d.Project, d.Instance)
	if err != nil {
		return nil, err
	}
	if running != nil {
		return nil, refuse("instance", "Another operation, %s, is running on the instance %s since %s. Wait for its end and apply again.",
			running.OperationType, d.label(), running.InsertTime)
	}
	info, err := d.Runtime.WithPatience(d.Pace.Settle).Info(ctx)
	if err != nil {
		return nil, err
	}
	return live, Same(info, live)
}

// Fits refuses an instance that a drill of that kind can never run on as it was made.
func Fits(kind Kind, project string, live *sqladmin.DatabaseInstance) error {
	label := project + "/" + live.Name
	switch {
	case !strings.HasPrefix(live.DatabaseVersion, "POSTGRES_"):
		return refuse("instance", "The instance %s runs %s; drills are for PostgreSQL.", label, live.DatabaseVersion)
	case cloudsql.IsReplica(live):
		return refuse("instance", "The instance %s is a read replica of %s. Drill the primary.", label, cloudsql.Primary(live))
	case kind == Restore && len(project)+len(":")+len(live.Name)+suffixLength > longestName:
		return refuse("instance", "The names of project and instance are too long to add %d characters to for a clone: Cloud SQL allows %d in all.",
			suffixLength, longestName)
	}
	return nil
}

// Ready refuses an instance that lacks what is to be drilled. It may still get it.
func Ready(kind Kind, live *sqladmin.DatabaseInstance) error {
	backup := live.Settings.BackupConfiguration
	switch {
	case live.State != cloudsql.Runnable:
		return refuse("instance", "The instance %s is %s, and has to be %s to be drilled.", live.Name, live.State, cloudsql.Runnable)
	case backup == nil || !backup.Enabled || !backup.PointInTimeRecoveryEnabled:
		return refuse("instance", "The instance %s has no point-in-time recovery. An august_cloudsql_ha_policy switches it on.", live.Name)
	case kind == Failover && live.Settings.AvailabilityType != cloudsql.Regional:
		return refuse("instance", "The instance %s is %s: there is no standby that could take over. An august_cloudsql_ha_policy gives it one.",
			live.Name, live.Settings.AvailabilityType)
	case kind == Failover && live.SecondaryGceZone == "":
		return refuse("instance", "The instance %s shows no zone of a standby at the moment. Wait until it has one again, and apply again.", live.Name)
	}
	return nil
}

// Same refuses a runtime whose database is on another instance: its rows would say nothing about this one.
func Same(info runtimeapi.Info, live *sqladmin.DatabaseInstance) error {
	switch info.Instance {
	case live.ConnectionName:
		return nil
	case "":
		return refuse("endpoint", "The runtime does not say which Cloud SQL instance its database is on, so its rows may say nothing about %s. "+
			"Deploy it with an august_sync_runtime that names the instance in database.instance.", live.ConnectionName)
	}
	return refuse("endpoint", "The runtime's database is on the instance %s, not on %s: its rows say nothing about the instance that is to be drilled.",
		info.Instance, live.ConnectionName)
}

func (d Drill) label() string { return d.Project + "/" + d.Instance }

func (d Drill) tell(step string, fields map[string]any) {
	if d.Progress == nil {
		return
	}
	all := map[string]any{"instance": d.label(), "kind": string(d.Kind)}
	for name, value := range fields {
		all[name] = value
	}
	d.Progress(step, all)
}

// waiting tells about an operation that is being waited for.
func (d Drill) waiting(operation *sqladmin.Operation, waited time.Duration) {
	d.tell("waiting for Cloud SQL", map[string]any{
		"operation": operation.Name, "type": operation.OperationType, "status": operation.Status, "waited": waited.Round(time.Second).String(),
	})
}

// conclude gives the verdict over what was measured.
func (d Drill) conclude(rec *Record, failed *Failed) (*Record, error) {
	what := "The database was away for"
	if d.Kind == Restore {
		what = "From the call for a clone to its answer it took"
	}
	if down := max(rec.RTO, rec.Downtime); down > d.MaxRTO {
		failed.add("max_rto", "%s %s, longer than max_rto, which is %s.", what, Short(down), Short(d.MaxRTO))
	}
	if rec.Verified && rec.Lost > d.MaxLost {
		failed.add("max_lost_rows", "Of %d rows that the database had acknowledged, %d are gone, and max_lost_rows is %d: the work of the last %s before the event is lost.",
			rec.Acknowledged, rec.Lost, d.MaxLost, Short(rec.RPO))
	}
	if rec.Passed = len(failed.Reasons) == 0; rec.Passed {
		d.tell("the drill has passed", map[string]any{"rto": Short(rec.RTO), "lost_rows": rec.Lost, "acknowledged_rows": rec.Acknowledged})
		return rec, nil
	}
	rec.Failure = failed.Error()
	d.tell("the drill has failed", map[string]any{"failure": rec.Failure})
	return rec, failed
}

func (f *Failed) add(attribute, format string, args ...any) {
	f.Reasons = append(f.Reasons, Refusal{attribute, fmt.Sprintf(format, args...)})
}

// step notes a step that failed. What ended the drill from outside is said in its own words.
func (f *Failed) step(ctx context.Context, err error, what string) {
	if f.Cause == nil {
		f.Cause = err
	}
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		f.add("timeouts", "%s: the time that timeouts allows ran out.", what)
	case ctx.Err() != nil:
		f.add("", "%s: the drill was interrupted.", what)
	default:
		f.add("", "%s: %s.", what, strings.TrimRight(err.Error(), "."))
	}
}

// aside is a context for removing what the drill has made: it outlives the drill's own, within a bound.
func (d Drill) aside(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), d.Pace.CleanUp)
}

// sweepProbe removes the probe's rows.
func (d Drill) sweepProbe(ctx context.Context, probe string, rec *Record) {
	ctx, cancel := d.aside(ctx)
	defer cancel()
	// The runtime finishes the attempt that it was at when its stream was hung up, which may take it a second.
	_ = gcp.Sleep(ctx, d.Pace.Steady/2) // ended early, the call below says so
	// The rows are small and harmless: a runtime that is away is not waited for as long as a clone is.
	if err := d.Runtime.WithPatience(min(d.Pace.Settle, d.Pace.CleanUp)).DeleteProbe(ctx, probe); err != nil && rec != nil {
		rec.Left = append(rec.Left, fmt.Sprintf("The rows of the probe %s could not be removed from the runtime's database (%v). They hold numbers and times only.", probe, err))
	}
}

// newProbe names a drill's rows.
func newProbe() string { return "drill-" + letters(12) }

// letters is so many letters and digits at random.
func letters(n int) string {
	const from = "abcdefghijklmnopqrstuvwxyz0123456789"
	b := make([]byte, n)
	for i := range b {
		b[i] = from[rand.IntN(len(from))] //nolint:gosec // a name that has to be unlike others; nothing hangs on its being hard to guess
	}
	return string(b)
}

// Short is a duration as one reads it.
func Short(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

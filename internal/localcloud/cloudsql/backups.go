package cloudsql

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// Kinds of backups.
const (
	automated = "AUTOMATED"
	onDemand  = "ON_DEMAND"
)

// newBackup describes a backup about to be taken. Ids are times, as Cloud SQL's are.
func newBackup(i *instance, kind, description string) *sqladmin.BackupRun {
	location := i.settings().BackupConfiguration.Location
	fill(&location, "us")
	return &sqladmin.BackupRun{
		Kind: "sql#backupRun", Id: time.Now().UnixMilli(), Type: kind, Description: description, Status: "ENQUEUED",
		Instance: i.Instance.Name, EnqueuedTime: now(), WindowStartTime: now(), Location: location, BackupKind: "PHYSICAL",
		DatabaseVersion: i.Instance.DatabaseVersion, TimeZone: "UTC",
	}
}

// runBackup takes a base backup and lets old ones go. The face's mutex is not held.
func (f *Face) runBackup(ctx context.Context, i *instance, b *sqladmin.BackupRun) error {
	f.mu.Lock()
	b.Status, b.StartTime = "RUNNING", now()
	if !slices.Contains(i.Backups, b) {
		i.Backups = append([]*sqladmin.BackupRun{b}, i.Backups...)
	}
	f.mu.Unlock()
	made, err := i.cluster.Backup(ctx, strconv.FormatInt(b.Id, 10))
	f.mu.Lock()
	defer f.mu.Unlock()
	b.EndTime, b.Status = now(), "SUCCESSFUL"
	if err != nil {
		b.Status = "FAILED"
		b.Error = &sqladmin.OperationError{Kind: "sql#operationError", Code: "INTERNAL_ERROR", Message: err.Error()}
	}
	b.MaxChargeableBytes = made.Bytes
	if err == nil {
		err = f.retire(ctx, i)
	}
	if saved := i.save(); err == nil {
		err = saved
	}
	return err
}

// retire removes automated backups beyond the number retained, but none that point-in-time recovery
// reaches back through. The face's mutex is held.
func (f *Face) retire(ctx context.Context, i *instance) error {
	c := i.settings().BackupConfiguration
	since := time.Now().AddDate(0, 0, -int(c.TransactionLogRetentionDays))
	kept, covered := 0, false
	var left []*sqladmin.BackupRun
	for _, b := range i.Backups { // newest first
		if b.Type != automated || b.Status != "SUCCESSFUL" {
			left = append(left, b)
			continue
		}
		ended, err := time.Parse(time.RFC3339, b.EndTime)
		if err != nil {
			return err
		}
		needed := c.PointInTimeRecoveryEnabled && !covered
		covered = covered || ended.Before(since)
		kept++
		if int64(kept) <= c.BackupRetentionSettings.RetainedBackups || needed {
			left = append(left, b)
			continue
		}
		if err := i.cluster.DeleteBackup(ctx, strconv.FormatInt(b.Id, 10)); err != nil {
			return err
		}
	}
	i.Backups = left
	return nil
}

func (c *call) showBackup(b *sqladmin.BackupRun) *sqladmin.BackupRun {
	v := clone(b)
	v.SelfLink = c.link("projects", c.project, "instances", c.instance, "backupRuns", strconv.FormatInt(b.Id, 10))
	return v
}

func (f *Face) insertBackup(c *call) (any, error) {
	doc, err := c.body()
	if err != nil {
		return nil, err
	}
	want, err := decode[sqladmin.BackupRun](doc)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.writable(c)
	if err != nil {
		return nil, err
	}
	b := newBackup(i, onDemand, want.Description)
	if want.Location != "" {
		b.Location = want.Location
	}
	i.Backups = append([]*sqladmin.BackupRun{b}, i.Backups...)
	f.operate(c, i, "BACKUP_VOLUME", func(ctx context.Context) error { return f.runBackup(ctx, i, b) })
	op := f.operations[len(f.operations)-1]
	op.BackupContext = &sqladmin.BackupContext{Kind: "sql#backupContext", BackupId: b.Id}
	return c.showOperation(op), nil
}

func (f *Face) listBackups(c *call) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.find(c)
	if err != nil {
		return nil, err
	}
	var items []*sqladmin.BackupRun
	for _, b := range i.Backups {
		items = append(items, c.showBackup(b))
	}
	items, next, err := page(c, items)
	if err != nil {
		return nil, err
	}
	return &sqladmin.BackupRunsListResponse{Kind: "sql#backupRunsList", Items: items, NextPageToken: next}, nil
}

// backup finds the call's backup. The face's mutex is held.
func (i *instance) backup(c *call) (*sqladmin.BackupRun, error) {
	id := c.PathValue("id")
	for _, b := range i.Backups {
		if strconv.FormatInt(b.Id, 10) == id {
			return b, nil
		}
	}
	return nil, gapi.Errorf(http.StatusNotFound, "NOT_FOUND", "backupRunDoesNotExist", "The backup run %s does not exist.", id)
}

func (f *Face) getBackup(c *call) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.find(c)
	if err != nil {
		return nil, err
	}
	b, err := i.backup(c)
	if err != nil {
		return nil, err
	}
	return c.showBackup(b), nil
}

func (f *Face) deleteBackup(c *call) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.idle(c)
	if err != nil {
		return nil, err
	}
	b, err := i.backup(c)
	if err != nil {
		return nil, err
	}
	return f.operate(c, i, "DELETE_BACKUP", func(ctx context.Context) error {
		if err := i.cluster.DeleteBackup(ctx, strconv.FormatInt(b.Id, 10)); err != nil {
			return err
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		i.Backups = slices.DeleteFunc(i.Backups, func(x *sqladmin.BackupRun) bool { return x == b })
		return i.save()
	}), nil
}

// getLatestRecoveryTime answers the window that point-in-time recovery reaches now.
func (f *Face) getLatestRecoveryTime(c *call) (any, error) {
	f.mu.Lock()
	i, err := f.find(c)
	var days int64
	if err == nil {
		b := i.settings().BackupConfiguration
		days = b.TransactionLogRetentionDays
		if !b.PointInTimeRecoveryEnabled {
			err = gapi.Invalid("Invalid request: Point-in-time recovery is not enabled for instance %s.", i.Instance.Name)
		}
	}
	f.mu.Unlock()
	if err != nil {
		return nil, err
	}
	earliest, latest, err := i.cluster.Window(c.Context(), time.Duration(days)*24*time.Hour)
	if err != nil {
		return nil, err
	}
	answer := &sqladmin.SqlInstancesGetLatestRecoveryTimeResponse{Kind: "sql#getLatestRecoveryTime"}
	if !earliest.IsZero() && !latest.Before(earliest) {
		answer.EarliestRecoveryTime, answer.LatestRecoveryTime = stamp(earliest), stamp(latest)
	}
	return answer, nil
}

// schedule takes the daily backups of the instances that want them, at their start time or as soon
// after it as the local cloud runs.
func (f *Face) schedule() {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-f.life.Done():
			return
		case at := <-tick.C:
			f.startDueBackups(at)
		}
	}
}

func (f *Face) startDueBackups(at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, i := range f.instances {
		if i.running() && i.busy == "" && i.backupDue(at) {
			c := &call{base: "/v1", project: i.Instance.Project, instance: i.Instance.Name}
			b := newBackup(i, automated, "")
			f.operate(c, i, "BACKUP_VOLUME", func(ctx context.Context) error { return f.runBackup(ctx, i, b) })
		}
	}
}

// backupDue tells whether the last start time has passed without an automated backup since.
func (i *instance) backupDue(at time.Time) bool {
	c := i.settings().BackupConfiguration
	clock, err := time.Parse("15:04", c.StartTime)
	if err != nil || !c.Enabled {
		return false
	}
	at = at.UTC()
	slot := time.Date(at.Year(), at.Month(), at.Day(), clock.Hour(), clock.Minute(), 0, 0, time.UTC)
	if slot.After(at) {
		slot = slot.AddDate(0, 0, -1)
	}
	for _, b := range i.Backups {
		if b.Type != automated {
			continue
		}
		if began, err := time.Parse(time.RFC3339, b.EnqueuedTime); err == nil && !began.Before(slot) {
			return false
		}
	}
	return true
}

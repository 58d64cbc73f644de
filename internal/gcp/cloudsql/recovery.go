package cloudsql

import (
	"context"
	"fmt"
	"strings"
	"time"

	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/gcp"
)

// Runnable is the state of an instance that serves.
const Runnable = "RUNNABLE"

// Running is the operation that holds the instance at the moment, or nil.
func (c *Client) Running(ctx context.Context, project, instance string) (*sqladmin.Operation, error) {
	var running *sqladmin.Operation
	err := gcp.Retry(ctx, c.ReadBudget, func(ctx context.Context) error {
		running = nil
		// The newest come first, and what runs is among them: one operation holds an instance at a time.
		list, err := c.api.Operations.List(project).Instance(instance).MaxResults(50).Context(ctx).Do()
		if err != nil {
			return err
		}
		for _, operation := range list.Items {
			if operation.Status != "DONE" {
				running = operation
				return nil
			}
		}
		return nil
	}, gcp.Throttled, gcp.Transient, gcp.Unavailable)
	if err != nil {
		return nil, fmt.Errorf("list operations of instance %s/%s: %w", project, instance, err)
	}
	return running, nil
}

// Wait follows an operation to its end, and fails with it.
func (c *Client) Wait(ctx context.Context, project string, operation *sqladmin.Operation, progress Progress) error {
	return c.wait(ctx, project, operation, progress)
}

// Failover has the standby take over, and returns as soon as that has begun. It is refused when the instance is busy or
// its settings are not at that version any more.
func (c *Client) Failover(ctx context.Context, project, instance string, settingsVersion int64) (*sqladmin.Operation, error) {
	operation, err := c.api.Instances.Failover(project, instance, &sqladmin.InstancesFailoverRequest{
		FailoverContext: &sqladmin.FailoverContext{SettingsVersion: settingsVersion},
	}).Context(ctx).Do()
	if err != nil {
		return nil, fmt.Errorf("fail over instance %s/%s: %w", project, instance, err)
	}
	return operation, nil
}

// Clone makes a new instance as the source was at a moment, and returns as soon as that has begun. An instance that is
// busy is tried again until ctx ends.
func (c *Client) Clone(ctx context.Context, project, source, name string, at time.Time) (*sqladmin.Operation, error) {
	var operation *sqladmin.Operation
	err := gcp.Retry(ctx, 0, func(ctx context.Context) (err error) {
		operation, err = c.api.Instances.Clone(project, source, &sqladmin.InstancesCloneRequest{
			CloneContext: &sqladmin.CloneContext{DestinationInstanceName: name, PointInTime: at.UTC().Format(timeForm)},
		}).Context(ctx).Do()
		return err
	}, gcp.InProgress, gcp.Throttled)
	if err != nil {
		return nil, fmt.Errorf("clone instance %s/%s to %s: %w", project, source, name, err)
	}
	return operation, nil
}

// timeForm is RFC 3339 with the milliseconds that the API goes by.
const timeForm = "2006-01-02T15:04:05.000Z07:00"

// RecoveryWindow is what Recovery answers, as times; both are zero when there is no such time yet.
func (c *Client) RecoveryWindow(ctx context.Context, project, instance string) (earliest, latest time.Time, err error) {
	first, last, err := c.Recovery(ctx, project, instance)
	if err != nil {
		return earliest, latest, err
	}
	for _, moment := range []struct {
		text string
		to   *time.Time
	}{{first, &earliest}, {last, &latest}} {
		if moment.text == "" {
			continue
		}
		if *moment.to, err = time.Parse(time.RFC3339Nano, moment.text); err != nil {
			return earliest, latest, fmt.Errorf("read recovery window of %s/%s: %w", project, instance, err)
		}
	}
	return earliest, latest, nil
}

// WithPrefix lists the instances of a project whose names begin so.
func (c *Client) WithPrefix(ctx context.Context, project, prefix string) ([]*sqladmin.DatabaseInstance, error) {
	var found []*sqladmin.DatabaseInstance
	err := gcp.Retry(ctx, c.ReadBudget, func(ctx context.Context) error {
		found = nil
		return c.api.Instances.List(project).Pages(ctx, func(page *sqladmin.InstancesListResponse) error {
			for _, instance := range page.Items {
				if strings.HasPrefix(instance.Name, prefix) {
					found = append(found, instance)
				}
			}
			return nil
		})
	}, gcp.Throttled, gcp.Transient, gcp.Unavailable)
	if err != nil {
		return nil, fmt.Errorf("list instances of project %s: %w", project, err)
	}
	return found, nil
}

// Delete deletes an instance, protected or not, and returns when it is gone. One that is not there is no error; one that
// is busy is tried again until ctx ends.
func (c *Client) Delete(ctx context.Context, project, instance string, progress Progress) error {
	err := gcp.Retry(ctx, 0, func(ctx context.Context) error {
		if _, err := c.Change(ctx, project, instance, unprotected, progress); err != nil {
			return err
		}
		operation, err := c.api.Instances.Delete(project, instance).Context(ctx).Do()
		if err != nil {
			return fmt.Errorf("delete instance %s/%s: %w", project, instance, err)
		}
		if err := c.wait(ctx, project, operation, progress); err != nil {
			return fmt.Errorf("delete instance %s/%s: %w", project, instance, err)
		}
		return nil
	}, gcp.InProgress, gcp.Throttled, gcp.Stale)
	if err != nil && !IsNotFound(err) {
		return err
	}
	// The operation's word is not enough: what is left costs money.
	return gcp.Poll(ctx, c.Every, func(ctx context.Context) (bool, error) {
		_, err := c.Get(ctx, project, instance)
		if IsNotFound(err) {
			return true, nil
		}
		return false, err
	})
}

func unprotected(live *sqladmin.DatabaseInstance) (*sqladmin.Settings, error) {
	if !live.Settings.DeletionProtectionEnabled {
		return nil, nil
	}
	return &sqladmin.Settings{ForceSendFields: []string{"DeletionProtectionEnabled"}}, nil
}

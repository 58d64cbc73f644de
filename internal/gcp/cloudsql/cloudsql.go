// Package cloudsql is a thin client of the Cloud SQL Admin API: what a policy on an existing instance needs.
package cloudsql

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/gcp"
)

// Client calls the Cloud SQL Admin API.
type Client struct {
	api *sqladmin.Service

	// Every is the longest pause between two looks at a running operation.
	Every time.Duration
	// ReadBudget is how long a read is tried again when no server answers, or a broken one does.
	ReadBudget time.Duration
}

// New makes a client. It dials nothing.
func New(ctx context.Context, options ...option.ClientOption) (*Client, error) {
	api, err := sqladmin.NewService(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("cloud sql client: %w", err)
	}
	return &Client{api: api, Every: 8 * time.Second, ReadBudget: 3 * time.Second}, nil
}

// Get reads an instance.
func (c *Client) Get(ctx context.Context, project, instance string) (*sqladmin.DatabaseInstance, error) {
	var got *sqladmin.DatabaseInstance
	err := gcp.Retry(ctx, c.ReadBudget, func(ctx context.Context) (err error) {
		got, err = c.api.Instances.Get(project, instance).Context(ctx).Do()
		return err
	}, gcp.Throttled, gcp.Transient, gcp.Unavailable)
	if err != nil {
		return nil, fmt.Errorf("read instance %s/%s: %w", project, instance, err)
	}
	if got.Settings == nil {
		return nil, fmt.Errorf("read instance %s/%s: the answer holds no settings", project, instance)
	}
	return got, nil
}

// Progress is told about a running operation each time its state is looked at.
type Progress func(operation *sqladmin.Operation, waited time.Duration)

// Change patches an instance's settings: change gets the instance as it is now, and returns the settings to write, or nil
// when there is nothing to do. The rest is as ChangeInstance has it.
func (c *Client) Change(
	ctx context.Context, project, instance string,
	change func(*sqladmin.DatabaseInstance) (*sqladmin.Settings, error),
	progress Progress,
) (*sqladmin.DatabaseInstance, error) {
	return c.ChangeInstance(ctx, project, instance, func(live *sqladmin.DatabaseInstance) (*sqladmin.DatabaseInstance, error) {
		settings, err := change(live)
		if err != nil || settings == nil {
			return nil, err
		}
		return &sqladmin.DatabaseInstance{Settings: settings}, nil
	}, progress)
}

// ChangeInstance patches an instance: change gets it as it is now, and returns what to write, or nil when there is nothing
// to do. The write is refused by the server when anybody else changed the instance in between; then,
// and when another operation holds the instance, everything starts over with a fresh read until ctx ends. So change may be called
// more than once, and must depend on nothing but its argument. ChangeInstance returns the instance as it is afterwards.
func (c *Client) ChangeInstance(
	ctx context.Context, project, instance string,
	change func(*sqladmin.DatabaseInstance) (*sqladmin.DatabaseInstance, error),
	progress Progress,
) (*sqladmin.DatabaseInstance, error) {
	var got *sqladmin.DatabaseInstance
	err := gcp.Retry(ctx, 0, func(ctx context.Context) (err error) {
		if got, err = c.Get(ctx, project, instance); err != nil {
			return err
		}
		patch, err := change(got)
		if err != nil || patch == nil {
			return err
		}
		if patch.Settings == nil {
			patch.Settings = &sqladmin.Settings{}
		}
		patch.Settings.SettingsVersion = got.Settings.SettingsVersion
		operation, err := c.api.Instances.Patch(project, instance, patch).Context(ctx).Do()
		if err != nil {
			return fmt.Errorf("patch instance %s/%s: %w", project, instance, err)
		}
		if err := c.wait(ctx, project, operation, progress); err != nil {
			return fmt.Errorf("patch instance %s/%s: %w", project, instance, err)
		}
		got, err = c.Get(ctx, project, instance)
		return err
	}, gcp.Stale, gcp.InProgress, gcp.Throttled)
	if err != nil {
		return nil, err
	}
	return got, nil
}

// Insert makes an instance and returns it as it is then. An instance that it is to replicate may be busy; that is waited for.
func (c *Client) Insert(
	ctx context.Context, project string, instance *sqladmin.DatabaseInstance, progress Progress,
) (*sqladmin.DatabaseInstance, error) {
	err := gcp.Retry(ctx, 0, func(ctx context.Context) error {
		operation, err := c.api.Instances.Insert(project, instance).Context(ctx).Do()
		if err == nil {
			err = c.wait(ctx, project, operation, progress)
		}
		return err
	}, gcp.InProgress, gcp.Throttled)
	if err != nil {
		return nil, fmt.Errorf("create instance %s/%s: %w", project, instance.Name, err)
	}
	return c.Get(ctx, project, instance.Name)
}

// Made waits until an instance that somebody has begun to make is there, and returns it.
func (c *Client) Made(ctx context.Context, project, instance string) (*sqladmin.DatabaseInstance, error) {
	var got *sqladmin.DatabaseInstance
	err := gcp.Poll(ctx, c.Every, func(ctx context.Context) (done bool, err error) {
		got, err = c.Get(ctx, project, instance)
		return err == nil && got.State != "PENDING_CREATE", err
	})
	if err != nil {
		return nil, fmt.Errorf("wait for instance %s/%s: %w", project, instance, err)
	}
	if got.State == "FAILED" {
		return nil, fmt.Errorf("wait for instance %s/%s: it has failed", project, instance)
	}
	return got, nil
}

// Recovery is the times between which the instance can be restored to any moment, as the API writes them. Both are empty
// when there is no such time yet.
func (c *Client) Recovery(ctx context.Context, project, instance string) (earliest, latest string, err error) {
	var got *sqladmin.SqlInstancesGetLatestRecoveryTimeResponse
	err = gcp.Retry(ctx, c.ReadBudget, func(ctx context.Context) (err error) {
		got, err = c.api.Projects.Instances.GetLatestRecoveryTime(project, instance).Context(ctx).Do()
		return err
	}, gcp.Throttled, gcp.Transient, gcp.Unavailable)
	if err != nil {
		return "", "", fmt.Errorf("read recovery window of %s/%s: %w", project, instance, err)
	}
	return got.EarliestRecoveryTime, got.LatestRecoveryTime, nil
}

// Backups lists the backups that there are and those that failed, newest first.
func (c *Client) Backups(ctx context.Context, project, instance string) ([]*sqladmin.BackupRun, error) {
	var all []*sqladmin.BackupRun
	err := gcp.Retry(ctx, c.ReadBudget, func(ctx context.Context) error {
		all = nil
		return c.api.BackupRuns.List(project, instance).Pages(ctx, func(page *sqladmin.BackupRunsListResponse) error {
			all = append(all, page.Items...)
			return nil
		})
	}, gcp.Throttled, gcp.Transient, gcp.Unavailable)
	if err != nil {
		return nil, fmt.Errorf("list backups of %s/%s: %w", project, instance, err)
	}
	slices.SortStableFunc(all, func(a, b *sqladmin.BackupRun) int { return cmp.Compare(b.Id, a.Id) }) // ids are times
	return all, nil
}

// wait follows an operation to its end. The server goes on with it whether anybody looks or not, so a read of its
// state that fails is tried again for a while before giving up on what may well succeed.
func (c *Client) wait(ctx context.Context, project string, operation *sqladmin.Operation, progress Progress) error {
	started := time.Now()
	name := operation.Name
	err := gcp.Poll(ctx, c.Every, func(ctx context.Context) (bool, error) {
		if operation.Status != "DONE" {
			// NotFound is among them because a fresh operation is not always visible at once.
			err := gcp.Retry(ctx, 2*time.Minute, func(ctx context.Context) error {
				latest, err := c.api.Operations.Get(project, name).Context(ctx).Do()
				if err == nil {
					operation = latest
				}
				return err
			}, gcp.NotFound, gcp.Throttled, gcp.Transient, gcp.Unavailable)
			if gcp.KindOf(err) == gcp.NotFound { // the operation is missing, which must not read as the instance being so
				return false, fmt.Errorf("read operation %s: it is not there: %v", name, err) //nolint:errorlint // see above
			}
			if err != nil {
				return false, fmt.Errorf("read operation %s: %w", name, err)
			}
		}
		if progress != nil {
			progress(operation, time.Since(started))
		}
		return operation.Status == "DONE", operationError(operation)
	})
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return fmt.Errorf("operation %s was still running after %s; it goes on: %w", name, time.Since(started).Round(time.Second), err)
	}
	return err
}

func operationError(operation *sqladmin.Operation) error {
	if operation.Status != "DONE" || operation.Error == nil || len(operation.Error.Errors) == 0 {
		return nil
	}
	failed := &gcp.OperationError{
		Operation: operation.Name, Type: operation.OperationType,
		Code: operation.Error.Errors[0].Code,
	}
	messages := make([]string, 0, len(operation.Error.Errors))
	for _, e := range operation.Error.Errors {
		messages = append(messages, e.Message)
	}
	failed.Message = strings.Join(messages, "; ")
	return failed
}

// IsNotFound says that the instance does not exist.
func IsNotFound(err error) bool { return gcp.KindOf(err) == gcp.NotFound }

// Message is what Google said, without the wrapping: the part of an error that a user can act on.
func Message(err error) string {
	var api *googleapi.Error
	if errors.As(err, &api) && api.Message != "" {
		return api.Message
	}
	var op *gcp.OperationError
	if errors.As(err, &op) && op.Message != "" {
		return op.Message
	}
	return ""
}

// Flags lists the flags that a version of the database understands, by name.
func (c *Client) Flags(ctx context.Context, databaseVersion string) (map[string]*sqladmin.Flag, error) {
	return c.flags(ctx, databaseVersion, c.api.Flags.List().DatabaseVersion(databaseVersion))
}

// PoolerFlags lists the flags that managed connection pooling understands, by name.
func (c *Client) PoolerFlags(ctx context.Context, databaseVersion string) (map[string]*sqladmin.Flag, error) {
	return c.flags(ctx, databaseVersion, c.api.Flags.List().DatabaseVersion(databaseVersion).FlagScope("SQL_FLAG_SCOPE_CONNECTION_POOL"))
}

func (c *Client) flags(ctx context.Context, databaseVersion string, call *sqladmin.FlagsListCall) (map[string]*sqladmin.Flag, error) {
	var list *sqladmin.FlagsListResponse
	err := gcp.Retry(ctx, c.ReadBudget, func(ctx context.Context) (err error) {
		list, err = call.Context(ctx).Do()
		return err
	}, gcp.Throttled, gcp.Transient, gcp.Unavailable)
	if err != nil {
		return nil, fmt.Errorf("list flags of %s: %w", databaseVersion, err)
	}
	flags := make(map[string]*sqladmin.Flag, len(list.Items))
	for _, flag := range list.Items {
		flags[flag.Name] = flag
	}
	return flags, nil
}

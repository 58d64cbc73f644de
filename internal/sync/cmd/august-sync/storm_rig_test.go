package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"google.golang.org/api/option"
	secretmanager "google.golang.org/api/secretmanager/v1"
	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// platform is a local cloud with a database of two zones, and instances of the runtime that a test may kill. Cloud Run's
// part, to send a request to an instance that lives, is not played: a request to a dead one fails, as it may.
type platform struct {
	*bundle
	cloud *localtest.Cloud
	sql   *sqladmin.Service
	pool  *pgxpool.Pool

	mu        sync.Mutex
	instances []*process
}

const (
	project  = localtest.Production
	database = "platform"
)

func newPlatform(t testing.TB, instances int) *platform {
	t.Helper()
	p := &platform{cloud: localtest.Start(t)}
	opts := []option.ClientOption{option.WithEndpoint(p.cloud.Endpoints.Google), option.WithoutAuthentication()}
	var err error
	if p.sql, err = sqladmin.NewService(t.Context(), opts...); err != nil {
		t.Fatal(err)
	}
	secrets, err := secretmanager.NewService(t.Context(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	secret := func(name string) string {
		t.Helper()
		v, err := secrets.Projects.Secrets.Versions.Access("projects/" + project + "/secrets/" + name + "/versions/latest").Do()
		if err != nil {
			t.Fatal(err)
		}
		plain, err := base64.StdEncoding.DecodeString(v.Payload.Data)
		if err != nil {
			t.Fatal(err)
		}
		return string(plain)
	}
	issuer, token := newIssuer(t)
	p.bundle = &bundle{t: t, token: token}
	p.operate(p.sql.Instances.Patch(project, database, &sqladmin.DatabaseInstance{Settings: &sqladmin.Settings{
		AvailabilityType:    "REGIONAL",
		BackupConfiguration: &sqladmin.BackupConfiguration{Enabled: true, PointInTimeRecoveryEnabled: true}}}).Do())
	d, err := p.sql.Instances.Get(project, database).Do()
	if err != nil {
		t.Fatal(err)
	}
	host, password := d.IpAddresses[0].IpAddress, secret("august-db-password")
	p.env = map[string]string{
		"K_SERVICE": "august-sync", "K_REVISION": "august-sync-00001-abc",
		"AUGUST_DATABASE_INSTANCE": d.ConnectionName,
		"AUGUST_DATABASE_NAME":     "august", "AUGUST_DATABASE_USER": "august-sync", "AUGUST_DATABASE_PASSWORD": password,
		"AUGUST_DATABASE_HOST":           host,
		"AUGUST_DRCHRONO_URL":            p.cloud.Endpoints.DrChrono,
		"AUGUST_DRCHRONO_OAUTH":          secret("drchrono-oauth"),
		"AUGUST_DRCHRONO_WEBHOOK_SECRET": webhookSecret,
		"AUGUST_PUBSUB_TOPIC":            "projects/" + project + "/topics/drchrono-deliveries",
		"AUGUST_PUBSUB_SUBSCRIPTION":     "projects/" + project + "/subscriptions/august-sync",
		"AUGUST_PUBSUB_ENDPOINT":         strings.TrimSuffix(p.cloud.Endpoints.PubSub, "/"),
		"AUGUST_WEBHOOK_INBOX_MAX_MB":    "1",
		"AUGUST_CONTROL_AUDIENCE":        audience, "AUGUST_CONTROL_CALLERS": caller, "AUGUST_OIDC_ISSUER": issuer,
	}
	if p.pool, err = pgxpool.New(t.Context(), fmt.Sprintf("host=%s user=august-sync password=%s dbname=august pool_max_conns=3 connect_timeout=5", host, password)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.pool.Close)
	for range instances {
		p.instances = append(p.instances, p.start("serve"))
	}
	for _, i := range p.instances {
		i.ready()
	}
	return p
}

// operate waits for an operation of Cloud SQL to end well.
func (p *platform) operate(op *sqladmin.Operation, err error) {
	p.t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if err != nil {
			p.t.Fatal(err)
		}
		if op.Status == "DONE" {
			if op.Error != nil {
				p.t.Fatalf("%s: %s", op.OperationType, op.Error.Errors[0].Message)
			}
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%s is still %s", op.OperationType, op.Status)
		}
		op, err = p.sql.Operations.Get(project, op.Name).Do()
	}
}

// failover fails the database over, and waits until there is a standby again.
func (p *platform) failover() {
	p.t.Helper()
	d, err := p.sql.Instances.Get(project, database).Do()
	if err != nil {
		p.t.Fatal(err)
	}
	p.operate(p.sql.Instances.Failover(project, database, &sqladmin.InstancesFailoverRequest{
		FailoverContext: &sqladmin.FailoverContext{SettingsVersion: d.Settings.SettingsVersion}}).Do())
}

// address is the webhook of one of the instances.
func (p *platform) address() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.instances[rand.N(len(p.instances))].url + "/webhooks/drchrono"
}

// kill ends an instance with -9 and starts another in its place, as Cloud Run does.
func (p *platform) kill(n int) {
	p.t.Helper()
	p.mu.Lock()
	old := p.instances[n]
	p.mu.Unlock()
	_ = old.cmd.Process.Kill()
	<-old.done
	fresh := p.start("serve")
	p.mu.Lock()
	p.instances[n] = fresh
	p.mu.Unlock()
}

// declare puts a billing pipeline that takes line items from the webhook, and waits for its first sync: a later full one
// would find that the storm's line items are none of DrChrono's.
func (p *platform) declare() {
	p.t.Helper()
	client := p.client(p.instances[0])
	spec := runtimeapi.PipelineSpec{Dataset: "billing", WebhookEvents: []string{"LINE_ITEM_CREATE", "LINE_ITEM_DELETE", "LINE_ITEM_MODIFY"}}
	if _, err := client.PutPipeline(p.t.Context(), "billing", spec); err != nil {
		p.t.Fatal(err)
	}
	if _, err := client.Sync(p.t.Context(), "billing", runtimeapi.SyncRequest{Full: true}); err != nil {
		p.t.Fatal(err)
	}
	p.instances[0].until("the first sync", func() bool {
		s, err := client.Status(p.t.Context(), "billing")
		if err == nil && s.LastRun != nil && s.LastRun.State == runtimeapi.RunFailed {
			p.t.Fatalf("the run failed: %s", s.LastRun.Error)
		}
		return err == nil && s.LastFull != nil && s.LastRun.State == runtimeapi.RunSucceeded
	})
}

// eventually polls for something that happens by itself.
func (p *platform) eventually(what string, is func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("never came: %s\n%s", what, p.logs())
		}
	}
}

// query asks the database, again while it is between two primaries.
func query[T any](p *platform, to pgx.RowToFunc[T], sql string, args ...any) (out []T) {
	p.t.Helper()
	p.eventually("an answer of the database", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		rows, err := p.pool.Query(ctx, sql, args...)
		if err == nil {
			out, err = pgx.CollectRows(rows, to)
		}
		return err == nil
	})
	return out
}

func (p *platform) logs() (out string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, i := range p.instances {
		log := i.log()
		out += log[max(0, len(log)-6000):]
	}
	return out
}

// tally counts what happened in a storm.
type tally map[string]int

func (t tally) note(what string) { t[what]++ }

package provider

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/jackc/pgx/v5"
	"google.golang.org/api/option"
	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/gcp"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/storm"
)

// rolloutRate is deliveries a second: far more than a large practice has.
const rolloutRate = 50

// nextMigration changes what deliveries are written to, and what other tests' runtimes use all the while.
const nextMigration = `
alter table august.inbox add column next_release text not null default 'synthetic';
alter table drchrono.patients add column next_release boolean not null default false;
create table august.next_release (id bigint primary key);`

// A release with another schema takes over in steps while deliveries come in: each is answered with 200, and each is kept.
func TestAccSyncRuntime_rolloutUnderLoad(t *testing.T) {
	t.Parallel()
	r := newRuntimeRig(t, "rt-rollout")
	const settings = "public = true\n scaling = { min_instances = 1, max_instances = 2 }\n rollout = { steps = [10, 50], bake_time = \"2s\" }"
	r.drchrono = "webhook_secret = \"drchrono-webhook\"\n webhook_verify = false\n webhook_inbox_max_mb = 64"
	next := pushedImage(t, r.cloud, "august-sync-next", localtest.NextRuntime(t, nextMigration))
	secret := secretValue(t, r.cloud, "drchrono-webhook")
	var sent []storm.Sent
	var old string
	stop, ended := context.CancelFunc(nil), make(chan struct{})
	defer func() {
		if stop != nil {
			stop()
			<-ended
		}
	}()
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		CheckDestroy:             func(*terraform.State) error { r.gone(); return nil },
		Steps: []resource.TestStep{
			{Config: r.config(r.image, settings)},
			{
				PreConfig: func() {
					old = r.newest()
					url := r.get().Uri + "/webhooks/drchrono"
					ctx, cancel := context.WithCancel(context.Background())
					stop = cancel
					begun := make(chan struct{})
					begin := sync.OnceFunc(func() { close(begun) })
					go func() {
						defer close(ended)
						sent = storm.Blow(ctx, storm.Config{
							URL:    func() string { begin(); return url },
							Secret: secret, Rate: rolloutRate, For: time.Hour, // until it is told to stop
							Timeout: time.Minute, Seed: uint64(time.Now().UnixNano()) /* the database is shared */})
					}()
					<-begun
				},
				Config: r.config(next, settings),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(runtimeAddress, plancheck.ResourceActionUpdate)},
				},
				Check: func(*terraform.State) error {
					r.stops(old)
					stop()
					<-ended
					stop = nil
					if answers := storm.Statuses(sent); answers[http.StatusOK] != len(sent) || len(sent) < 2*rolloutRate {
						return fmt.Errorf("%d deliveries were answered %v", len(sent), answers)
					}
					t.Logf("%d deliveries, p50 %v, p99 %v, worst %v", len(sent), storm.Percentile(sent, 50), storm.Percentile(sent, 99), storm.Percentile(sent, 100))
					if image := r.get().Template.Containers[0].Image; image != next {
						return fmt.Errorf("the service runs %s", image)
					}
					return r.kept(sent)
				},
			},
		},
	})
}

// stops waits until a revision's process is told to stop, and says so.
func (r *runtimeRig) stops(revision string) {
	r.t.Helper()
	log := r.logs(revision)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	err := gcp.Poll(ctx, 200*time.Millisecond, func(context.Context) (bool, error) {
		written, err := os.ReadFile(log)
		return strings.Contains(string(written), `"stopping"`), err
	})
	if err != nil {
		r.t.Errorf("the revision %s does not stop: %v", revision, err)
	}
}

// logs is the file that a revision's processes write to.
func (r *runtimeRig) logs(revision string) string {
	r.t.Helper()
	live, err := r.api.Projects.Locations.Services.Revisions.Get(r.path() + "/revisions/" + revision).Do()
	if err != nil {
		r.t.Fatal(err)
	}
	return strings.TrimPrefix(live.LogUri, "file://")
}

// kept finds every delivery in the inbox once, by the column that the next release has given it.
func (r *runtimeRig) kept(sent []storm.Sent) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	sql, err := sqladmin.NewService(ctx, option.WithEndpoint(r.cloud.Endpoints.CloudSQL), option.WithoutAuthentication())
	if err != nil {
		return err
	}
	platform, err := sql.Instances.Get(accProject, "platform").Do()
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, databaseOf(platform, secretValue(r.t, r.cloud, "august-db-password")))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	ids := make([]string, len(sent))
	for i, s := range sent {
		ids[i] = s.ID
	}
	var kept int
	if err := conn.QueryRow(ctx, "select count(*) from august.inbox where delivery = any($1) and next_release = 'synthetic'", ids).Scan(&kept); err != nil {
		return err
	}
	if kept != len(sent) {
		return fmt.Errorf("%d deliveries got a 200, %d are in the inbox", len(sent), kept)
	}
	return nil
}

package localcloud

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
	"google.golang.org/api/pubsub/v1"
	secretmanager "google.golang.org/api/secretmanager/v1"
	"google.golang.org/api/sqladmin/v1"
	"google.golang.org/api/storage/v1"
)

// environment is one of the platform's two: a Google project and what its partners know it as.
type environment struct {
	project  string
	clientID string // DrChrono application
	codaDoc  string
	share    int // of the production clinic's patients: one in so many

	exports bool // it makes anonymised data: it has the key that signs it, and the bucket
	imports bool // it takes anonymised data in: it has a database for it
}

var environments = []environment{
	{project: "feel-august-platform", clientID: "august-production", codaDoc: "dAugustProduction", share: 1, exports: true},
	{project: "feel-august-platform-staging", clientID: "august-staging", codaDoc: "dAugustStaging", share: 10, imports: true},
}

// BucketName is where production leaves what it has anonymised, for staging to fetch.
const BucketName = "feel-august-anonymised"

// Names in the landing zone of each project.
const (
	instanceName  = "platform"
	databaseName  = "august"
	importedName  = "clinic" // database of anonymised data
	databaseUser  = "august-sync"
	secretDB      = "august-db-password" //nolint:gosec // a name
	secretOAuth   = "drchrono-oauth"     //nolint:gosec // a name
	secretWebhook = "drchrono-webhook"
	secretCoda    = "coda-token"
	secretSigning = "anonymization-signing-key" //nolint:gosec // a name

	topicName        = "drchrono-deliveries"
	deadTopicName    = topicName + "-dead"
	subscriptionName = "august-sync"
)

// landing makes what a project has before this provider comes to it: database, user, secrets, queue and, in production, a
// bucket, made through the APIs with Google's own clients, as hashicorp/google would. What is there stays as it is.
type landing struct {
	environment
	sql     *sqladmin.Service
	secrets *secretmanager.Service
	queues  *pubsub.Service
	buckets *storage.Service
}

// land makes the landing zones of all environments at once.
func land(ctx context.Context, ends Endpoints, p partners) error {
	opts := []option.ClientOption{option.WithEndpoint(ends.Google), option.WithoutAuthentication()}
	sql, err := sqladmin.NewService(ctx, opts...)
	if err != nil {
		return err
	}
	secrets, err := secretmanager.NewService(ctx, opts...)
	if err != nil {
		return err
	}
	queues, err := pubsub.NewService(ctx, option.WithEndpoint(ends.PubSub), option.WithoutAuthentication())
	if err != nil {
		return err
	}
	buckets, err := storage.NewService(ctx, option.WithEndpoint(ends.Storage+"storage/v1/"), option.WithoutAuthentication())
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, e := range environments {
		l := landing{environment: e, sql: sql, secrets: secrets, queues: queues, buckets: buckets}
		g.Go(func() error {
			if err := l.make(ctx, p[e.project]); err != nil {
				return fmt.Errorf("landing zone of %s: %w", e.project, err)
			}
			return nil
		})
	}
	return g.Wait()
}

func (l landing) make(ctx context.Context, p partner) error {
	oauth, err := json.Marshal(p.DrChrono) //nolint:gosec // on its way into the secret
	if err != nil {
		return err
	}
	values := map[string]string{
		secretDB: random(), secretOAuth: string(oauth), secretWebhook: random(), secretCoda: p.CodaToken,
	}
	if l.exports {
		if values[secretSigning], err = signingKey(); err != nil {
			return err
		}
		if err := l.bucket(ctx); err != nil {
			return fmt.Errorf("bucket %s: %w", BucketName, err)
		}
	}
	for name, payload := range values {
		if err := l.secret(ctx, name, payload); err != nil {
			return fmt.Errorf("secret %s: %w", name, err)
		}
	}
	if err := l.queue(ctx); err != nil {
		return fmt.Errorf("topic %s: %w", topicName, err)
	}
	if err := l.instance(ctx); err != nil {
		return fmt.Errorf("instance %s: %w", instanceName, err)
	}
	databases := []string{databaseName}
	if l.imports {
		databases = append(databases, importedName)
	}
	for _, name := range databases {
		if err := l.database(ctx, name); err != nil {
			return fmt.Errorf("database %s: %w", name, err)
		}
	}
	if err := l.user(ctx); err != nil {
		return fmt.Errorf("user %s: %w", databaseUser, err)
	}
	if err := l.extensions(ctx); err != nil {
		return fmt.Errorf("extensions of %s: %w", databaseName, err)
	}
	return nil
}

func (l landing) secret(ctx context.Context, id, payload string) error {
	parent := "projects/" + l.project
	_, err := l.secrets.Projects.Secrets.Create(parent, &secretmanager.Secret{
		Replication: &secretmanager.Replication{Automatic: &secretmanager.Automatic{}},
	}).SecretId(id).Context(ctx).Do()
	if isCode(err, http.StatusConflict) {
		has, err := l.secrets.Projects.Secrets.Versions.List(parent + "/secrets/" + id).PageSize(1).Context(ctx).Do()
		if err != nil || len(has.Versions) > 0 {
			return err
		}
		// An `up` that was interrupted made the secret and did not come to its value.
	} else if err != nil {
		return err
	}
	_, err = l.secrets.Projects.Secrets.AddVersion(parent+"/secrets/"+id, &secretmanager.AddSecretVersionRequest{
		Payload: &secretmanager.SecretPayload{Data: base64.StdEncoding.EncodeToString([]byte(payload))},
	}).Context(ctx).Do()
	return err
}

// queue is where deliveries of DrChrono's webhook wait: a topic, a subscription in order, and a topic for
// what cannot be delivered, with a subscription, without which Pub/Sub would drop that.
func (l landing) queue(ctx context.Context) error {
	topics, subs := "projects/"+l.project+"/topics/", "projects/"+l.project+"/subscriptions/"
	for _, name := range []string{deadTopicName, topicName} {
		if _, err := l.queues.Projects.Topics.Create(topics+name, &pubsub.Topic{}).Context(ctx).Do(); err != nil && !isCode(err, http.StatusConflict) {
			return err
		}
	}
	for name, s := range map[string]*pubsub.Subscription{
		subscriptionName: {
			Topic: topics + topicName, EnableMessageOrdering: true, AckDeadlineSeconds: 60, MessageRetentionDuration: "604800s",
			ExpirationPolicy: &pubsub.ExpirationPolicy{}, // never
			DeadLetterPolicy: &pubsub.DeadLetterPolicy{DeadLetterTopic: topics + deadTopicName, MaxDeliveryAttempts: 100},
		},
		deadTopicName: {Topic: topics + deadTopicName, MessageRetentionDuration: "2678400s", ExpirationPolicy: &pubsub.ExpirationPolicy{}},
	} {
		if _, err := l.queues.Projects.Subscriptions.Create(subs+name, s).Context(ctx).Do(); err != nil && !isCode(err, http.StatusConflict) {
			return err
		}
	}
	return nil
}

// bucket is where exports lie: access by its policy only, none of it public.
func (l landing) bucket(ctx context.Context) error {
	_, err := l.buckets.Buckets.Insert(l.project, &storage.Bucket{
		Name: BucketName, Location: Region,
		IamConfiguration: &storage.BucketIamConfiguration{
			UniformBucketLevelAccess: &storage.BucketIamConfigurationUniformBucketLevelAccess{Enabled: true},
			PublicAccessPrevention:   "enforced",
		},
		// What a scan has stopped is to be gone when it is removed, and not in a week.
		SoftDeletePolicy: &storage.BucketSoftDeletePolicy{ForceSendFields: []string{"RetentionDurationSeconds"}},
	}).Context(ctx).Do()
	if isCode(err, http.StatusConflict) {
		return nil
	}
	return err
}

func (l landing) instance(ctx context.Context) error {
	found, err := l.sql.Instances.Get(l.project, instanceName).Context(ctx).Do()
	switch {
	case err == nil && found.ServerCaCert != nil:
		return nil
	case err == nil: // an `up` that was interrupted left it half made: nothing is in it yet
		op, err := l.sql.Instances.Delete(l.project, instanceName).Context(ctx).Do()
		if err := l.wait(ctx, op, err); err != nil {
			return fmt.Errorf("remove what an interrupted start left: %w", err)
		}
	case !isCode(err, http.StatusNotFound):
		return err
	}
	op, err := l.sql.Instances.Insert(l.project, &sqladmin.DatabaseInstance{
		Name:            instanceName,
		Region:          Region,
		DatabaseVersion: "POSTGRES_15",
		Settings: &sqladmin.Settings{
			Edition:          "ENTERPRISE",
			Tier:             "db-custom-2-7680",
			AvailabilityType: "ZONAL",
		},
	}).Context(ctx).Do()
	return l.wait(ctx, op, err)
}

func (l landing) database(ctx context.Context, name string) error {
	_, err := l.sql.Databases.Get(l.project, instanceName, name).Context(ctx).Do()
	if !isCode(err, http.StatusNotFound) {
		return err
	}
	op, err := l.sql.Databases.Insert(l.project, instanceName, &sqladmin.Database{Name: name}).Context(ctx).Do()
	return l.wait(ctx, op, err)
}

func (l landing) user(ctx context.Context) error {
	users, err := l.sql.Users.List(l.project, instanceName).Context(ctx).Do()
	if err != nil {
		return err
	}
	for _, u := range users.Items {
		if u.Name == databaseUser {
			return nil
		}
	}
	password, err := l.password(ctx)
	if err != nil {
		return err
	}
	op, err := l.sql.Users.Insert(l.project, instanceName, &sqladmin.User{Name: databaseUser, Password: password}).Context(ctx).Do()
	return l.wait(ctx, op, err)
}

func (l landing) password(ctx context.Context) (string, error) {
	version, err := l.secrets.Projects.Secrets.Versions.Access("projects/" + l.project + "/secrets/" + secretDB + "/versions/latest").Context(ctx).Do()
	if err != nil {
		return "", err
	}
	plain, err := base64.StdEncoding.DecodeString(version.Payload.Data)
	return string(plain), err
}

// extensions are what advice on indexes is made from, as far as this machine's PostgreSQL has them.
func (l landing) extensions(ctx context.Context) error {
	instance, err := l.sql.Instances.Get(l.project, instanceName).Context(ctx).Do()
	if err != nil {
		return err
	}
	if instance.State != "RUNNABLE" || instance.Settings.ActivationPolicy == "NEVER" || len(instance.IpAddresses) == 0 {
		return nil // somebody has stopped it since it was made
	}
	config, err := pgx.ParseConfig(fmt.Sprintf("host=%s user=%s dbname=%s", instance.IpAddresses[0].IpAddress, databaseUser, databaseName))
	if err != nil {
		return err
	}
	if config.Password, err = l.password(ctx); err != nil {
		return err
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // nothing is left to be said
	for _, name := range []string{"pg_stat_statements", "hypopg"} {
		if _, err := conn.Exec(ctx, `DO $$ BEGIN IF EXISTS (SELECT FROM pg_available_extensions WHERE name = '`+name+`') THEN CREATE EXTENSION IF NOT EXISTS `+name+`; END IF; END $$`); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// wait follows an operation to its end.
func (l landing) wait(ctx context.Context, op *sqladmin.Operation, err error) error {
	for {
		if err != nil {
			return err
		}
		if op.Status == "DONE" {
			if op.Error != nil && len(op.Error.Errors) > 0 {
				return errors.New(op.Error.Errors[0].Message)
			}
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
		op, err = l.sql.Operations.Get(l.project, op.Name).Context(ctx).Do()
	}
}

func isCode(err error, code int) bool {
	var api *googleapi.Error
	return errors.As(err, &api) && api.Code == code
}

// random is a password nobody has to type.
func random() string {
	var b [24]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// signingKey is a new Ed25519 key, PKCS#8 in PEM, as `openssl genpkey -algorithm ed25519` makes one.
func signingKey() (string, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), nil
}

package demo

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"
	"google.golang.org/api/iamcredentials/v1"
	"google.golang.org/api/option"
	runv2 "google.golang.org/api/run/v2"
	"google.golang.org/api/secretmanager/v1"
	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/localcloud"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// report is what one environment shows at the end. All but the outputs is read from the services
// themselves, not from Terraform.
type report struct {
	environment environment
	outputs     outputs

	instance  *sqladmin.DatabaseInstance
	recovery  *sqladmin.SqlInstancesGetLatestRecoveryTimeResponse
	service   *runv2.GoogleCloudRunV2Service
	status    runtimeapi.Status // of the billing pipeline
	labs      runtimeapi.Status
	patients  runtimeapi.Status
	arrival   arrival
	advice    *advice
	coda      map[string]int64 // rows of each table, by its id
	unchanged bool
}

// outputs are the configuration's outputs, as `terraform output -json` prints them.
type outputs struct {
	Image struct {
		Value string `json:"value"`
	} `json:"image"`
	Runtime struct {
		Value struct {
			URI        string `json:"uri"`
			WebhookURL string `json:"webhook_url"`
			Audience   string `json:"audience"`
			Revision   string `json:"revision"`
		} `json:"value"`
	} `json:"runtime"`
	Pipelines struct {
		Value struct {
			Billing  string `json:"billing"`
			Labs     string `json:"labs"`
			Patients string `json:"patients"`
		} `json:"value"`
	} `json:"pipelines"`
	Drills struct {
		Value struct {
			Failover *failoverDrill `json:"failover"`
			Restore  *restoreDrill  `json:"restore"`
		} `json:"value"`
	} `json:"recovery_drills"`
	Anonymised struct {
		Value *anonymised `json:"value"`
	} `json:"anonymised"`
	Dataset struct {
		Value *dataset `json:"value"`
	} `json:"dataset"`
	Advice struct {
		Value *advice `json:"value"`
	} `json:"advice"`
}

// anonymised is what an export says of itself, and dataset what an import took in.
type anonymised struct {
	Export     string           `json:"export"`
	Verdict    string           `json:"verdict"`
	Method     string           `json:"method"`
	PolicyHash string           `json:"policy_hash"`
	KeyID      string           `json:"key_id"`
	PublicKey  string           `json:"public_key"`
	Tables     map[string]int64 `json:"tables"` // rows
	Scan       scan             `json:"scan"`
	K          []kAnonymity     `json:"k_anonymity"`
}

type scan struct {
	Identifiers map[string]int64 `json:"identifiers"`
	Values      int64            `json:"values"`
}

type kAnonymity struct {
	Table    string `json:"table"`
	Smallest int64  `json:"smallest"`
	Unique   int64  `json:"unique"`
}

type dataset struct {
	Export     string `json:"export"`
	PolicyHash string `json:"policy_hash"`
	Rows       int64  `json:"rows"`
}

// failoverDrill and restoreDrill are what the drills measured.
type failoverDrill struct {
	Passed           bool    `json:"passed"`
	RTOSeconds       float64 `json:"rto_seconds"`
	AcknowledgedRows int64   `json:"acknowledged_rows"`
	LostRows         int64   `json:"lost_rows"`
	ZoneBefore       string  `json:"zone_before"`
	ZoneAfter        string  `json:"zone_after"`
}

type restoreDrill struct {
	Passed             bool    `json:"passed"`
	RTOSeconds         float64 `json:"rto_seconds"`
	LostRows           int64   `json:"lost_rows"`
	RecoverableSeconds float64 `json:"recoverable_after_seconds"`
	TablesVerified     int64   `json:"tables_verified"`
	TablesChanging     int64   `json:"tables_changing"`
}

// syncPatience bounds the wait for the first full syncs of the default clinic: about 420 calls at
// nine a second, of the 450 that an hour has, with a wide margin for a slow machine.
const syncPatience = 5 * time.Minute

// awaitSync follows the pipelines until their first full syncs and the Coda views are through.
func (r *report) awaitSync(ctx context.Context, cloud localcloud.Description, p *progress) error {
	ctx, cancel := context.WithTimeout(ctx, syncPatience)
	defer cancel()
	tokens, err := r.tokens(ctx, cloud)
	if err != nil {
		return err
	}
	runtime := runtimeapi.NewClient(r.outputs.Runtime.Value.URI, tokens, nil)
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		settled := true
		declared := r.outputs.Pipelines.Value
		for name, status := range map[string]*runtimeapi.Status{declared.Billing: &r.status, declared.Labs: &r.labs, declared.Patients: &r.patients} {
			if *status, err = runtime.Status(ctx, name); err != nil {
				return fmt.Errorf("workspace %s: status of pipeline %s: %w", r.environment.Workspace, name, err)
			}
			if run := status.LastRun; run != nil && run.State == runtimeapi.RunFailed {
				return fmt.Errorf("workspace %s: the first sync of %s failed: %s", r.environment.Workspace, name, run.Error)
			}
			settled = settled && status.FullRun != nil && codaSettled(status.Coda)
		}
		p.tell(r.environment.Workspace, r.status, r.labs, r.patients)
		if settled {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("workspace %s: the first full sync did not end within %s; `august-local status` and the service's log say why", r.environment.Workspace, syncPatience)
		case <-tick.C:
		}
	}
}

func codaSettled(views []runtimeapi.CodaStatus) bool {
	for _, view := range views {
		if view.Pending > 0 || view.Rows == 0 {
			return false
		}
	}
	return true
}

// tokens mints ID tokens for the runtime the way the provider does.
func (r *report) tokens(ctx context.Context, cloud localcloud.Description) (oauth2.TokenSource, error) {
	iam, err := iamcredentials.NewService(ctx, option.WithEndpoint(cloud.Endpoints.IAMCredentials), option.WithoutAuthentication())
	if err != nil {
		return nil, err
	}
	account := fmt.Sprintf("projects/-/serviceAccounts/terraform@%s.iam.gserviceaccount.com", r.environment.Project)
	answer, err := iam.Projects.ServiceAccounts.GenerateIdToken(account, &iamcredentials.GenerateIdTokenRequest{
		Audience: r.outputs.Runtime.Value.Audience, IncludeEmail: true,
	}).Context(ctx).Do()
	if err != nil {
		return nil, fmt.Errorf("mint an ID token: %w", err)
	}
	return oauth2.StaticTokenSource(&oauth2.Token{AccessToken: answer.Token, TokenType: "Bearer"}), nil
}

// observe reads the database, the service and the Coda tables from their own APIs.
func (r *report) observe(ctx context.Context, cloud localcloud.Description) error {
	project := r.environment.Project
	sql, err := sqladmin.NewService(ctx, option.WithEndpoint(cloud.Endpoints.CloudSQL), option.WithoutAuthentication())
	if err != nil {
		return err
	}
	if r.instance, err = sql.Instances.Get(project, "platform").Context(ctx).Do(); err != nil {
		return fmt.Errorf("read the database instance: %w", err)
	}
	if r.recovery, err = sql.Projects.Instances.GetLatestRecoveryTime(project, "platform").Context(ctx).Do(); err != nil {
		return fmt.Errorf("read the recovery window: %w", err)
	}
	run, err := runv2.NewService(ctx, option.WithEndpoint(cloud.Endpoints.CloudRun), option.WithoutAuthentication())
	if err != nil {
		return err
	}
	name := fmt.Sprintf("projects/%s/locations/us-central1/services/august-sync", project)
	if r.service, err = run.Projects.Locations.Services.Get(name).Context(ctx).Do(); err != nil {
		return fmt.Errorf("read the service: %w", err)
	}
	r.coda = map[string]int64{}
	for _, table := range []string{summaryTable, resultsTable} {
		if r.coda[table], err = codaRowCount(ctx, cloud, r.environment, table); err != nil {
			return err
		}
	}
	return nil
}

// The tables that the configuration's views go to.
const (
	summaryTable = "grid-billing-summary"
	resultsTable = "grid-abnormal-results"
)

// codaRowCount asks Coda itself how many rows a table has.
func codaRowCount(ctx context.Context, cloud localcloud.Description, e environment, id string) (int64, error) {
	token, err := secret(ctx, cloud, e.Project, "coda-token")
	if err != nil {
		return 0, err
	}
	table, err := url.JoinPath(cloud.Endpoints.Coda, "docs", e.CodaDoc, "tables", id)
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, table, nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }() // read to its end below
	if res.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("read the Coda table: %s", res.Status)
	}
	var body struct {
		RowCount int64 `json:"rowCount"`
	}
	return body.RowCount, json.NewDecoder(res.Body).Decode(&body)
}

// secret reads the newest version of a secret.
func secret(ctx context.Context, cloud localcloud.Description, project, name string) (string, error) {
	secrets, err := secretmanager.NewService(ctx, option.WithEndpoint(cloud.Endpoints.SecretManager), option.WithoutAuthentication())
	if err != nil {
		return "", err
	}
	version, err := secrets.Projects.Secrets.Versions.Access("projects/" + project + "/secrets/" + name + "/versions/latest").Context(ctx).Do()
	if err != nil {
		return "", fmt.Errorf("read secret %s: %w", name, err)
	}
	plain, err := base64.StdEncoding.DecodeString(version.Payload.Data)
	return string(plain), err
}

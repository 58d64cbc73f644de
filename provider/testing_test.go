package provider

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/compare"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"google.golang.org/api/option"
	"google.golang.org/api/secretmanager/v1"
	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudsql"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest"
)

// providers serves the provider in this process to the Terraform that a test runs.
var providers = map[string]func() (tfprotov6.ProviderServer, error){
	"august": providerserver.NewProtocol6WithError(New("test")()),
}

// fakeIDToken is an ID token of the terraform account for a long time, which nobody has signed. As JSON, its claims are
// {"email":"terraform@feel-august-platform.iam.gserviceaccount.com","exp":4102444800}.
const fakeIDToken = "e30.eyJlbWFpbCI6InRlcnJhZm9ybUBmZWVsLWF1Z3VzdC1wbGF0Zm9ybS5pYW0uZ3NlcnZpY2VhY2NvdW50LmNvbSIsImV4cCI6NDEwMjQ0NDgwMH0.c2ln"

func compareDiffer() compare.ValueComparer { return compare.ValuesDiffer() }

// expectBefore is a plan check that the refresh found an attribute to be so: drift that a plan names.
func expectBefore(address, attribute string, want any) plancheck.PlanCheck {
	return beforeCheck{address, attribute, want}
}

type beforeCheck struct {
	address, attribute string
	want               any
}

// CheckPlan implements plancheck.PlanCheck.
func (c beforeCheck) CheckPlan(_ context.Context, req plancheck.CheckPlanRequest, resp *plancheck.CheckPlanResponse) {
	for _, change := range req.Plan.ResourceChanges {
		if change.Address != c.address {
			continue
		}
		before, _ := change.Change.Before.(map[string]any)
		if got := before[c.attribute]; !reflect.DeepEqual(got, c.want) {
			resp.Error = fmt.Errorf("%s.%s was found as %#v, want %#v", c.address, c.attribute, got, c.want)
		}
		return
	}
	resp.Error = fmt.Errorf("%s is not in the plan", c.address)
}

// secretValues is every secret of the landing zone, to look for where none may be.
func secretValues(t *testing.T, cloud *localtest.Cloud) []string {
	t.Helper()
	var values []string
	for _, name := range []string{"august-db-password", "drchrono-oauth", "drchrono-webhook", "coda-token"} {
		raw := secretValue(t, cloud, name)
		var parts map[string]string
		if json.Unmarshal([]byte(raw), &parts) != nil {
			parts = map[string]string{"": raw}
		}
		delete(parts, "client_id")
		for _, value := range parts {
			values = append(values, value)
		}
	}
	return values
}

// secretValue is the newest version of a secret of production's landing zone.
func secretValue(t testing.TB, cloud *localtest.Cloud, name string) string {
	t.Helper()
	return secretOf(t, cloud, accProject, name)
}

// secretOf is the newest version of a secret of a project.
func secretOf(t testing.TB, cloud *localtest.Cloud, project, name string) string {
	t.Helper()
	api, err := secretmanager.NewService(t.Context(), option.WithEndpoint(cloud.Endpoints.SecretManager), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	got, err := api.Projects.Secrets.Versions.Access("projects/" + project + "/secrets/" + name + "/versions/latest").Do()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(got.Payload.Data)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// removeSecret takes a secret out of the landing zone.
func removeSecret(t *testing.T, cloud *localtest.Cloud, name string) {
	t.Helper()
	api, err := secretmanager.NewService(t.Context(), option.WithEndpoint(cloud.Endpoints.SecretManager), option.WithoutAuthentication())
	if err == nil {
		_, err = api.Projects.Secrets.Delete("projects/" + accProject + "/secrets/" + name).Do()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// databaseOf is how a test reaches the runtime's database on an instance.
func databaseOf(instance *sqladmin.DatabaseInstance, password string) string {
	return fmt.Sprintf("host=%s user=august-sync password=%s dbname=august sslmode=require", cloudsql.Address(instance), password)
}

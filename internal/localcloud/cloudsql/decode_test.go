package cloudsql

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/api/option"
	"google.golang.org/api/sqladmin/v1"
	beta "google.golang.org/api/sqladmin/v1beta4"
)

func TestDecodeAsGoogleDoes(t *testing.T) {
	for name, c := range map[string]struct {
		body, refusal string
		size          int64
	}{
		"int64 as string":      {body: `{"settings": {"dataDiskSizeGb": "20"}}`, size: 20},
		"int64 as number":      {body: `{"settings": {"dataDiskSizeGb": 20}}`, size: 20},
		"int32 as string":      {body: `{"settings": {"maintenanceWindow": {"day": "7"}}}`},
		"null is absent":       {body: `{"settings": {"ipConfiguration": {"requireSsl": null}, "dataDiskSizeGb": null}}`},
		"unknown name":         {body: `{"colour": 1}`, refusal: `Unknown name "colour": Cannot find field.`},
		"unknown name within":  {body: `{"settings": {"teir": "x"}}`, refusal: `Unknown name "teir" at 'settings': Cannot find field.`},
		"unknown name in list": {body: `{"settings": {"databaseFlags": [{"flag": "x"}]}}`, refusal: `at 'settings.databaseFlags[0]'`},
		"number as string":     {body: `{"settings": {"dataDiskSizeGb": "big"}}`, refusal: `Invalid value at 'settings.dataDiskSizeGb', "big"`},
		"string as number":     {body: `{"name": 1}`, refusal: `Invalid value at 'name'`},
		"object as string":     {body: `{"settings": "x"}`, refusal: `Invalid value at 'settings'`},
		"not JSON":             {body: `{`, refusal: `Invalid JSON payload received.`},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequest(http.MethodPost, "/", strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			doc, err := (&call{Request: r}).body()
			var d *sqladmin.DatabaseInstance
			if err == nil {
				d, err = decode[sqladmin.DatabaseInstance](doc)
			}
			if c.refusal == "" && (err != nil || d.Settings.DataDiskSizeGb != c.size) {
				t.Fatalf("%+v, %v", d, err)
			}
			if c.refusal != "" && (err == nil || !strings.Contains(err.Error(), c.refusal)) {
				t.Fatalf("want a refusal with %q, got %v", c.refusal, err)
			}
		})
	}
}

func TestMerge(t *testing.T) {
	parse := func(s string) (d document) {
		if err := json.Unmarshal([]byte(s), &d); err != nil {
			t.Fatal(err)
		}
		return d
	}
	got := merge(parse(`{"a": {"b": 1, "c": [1, 2], "d": 3}, "e": 5}`), parse(`{"a": {"b": 2, "c": [9], "d": null, "f": {"g": null}}}`))
	if diff := cmp.Diff(parse(`{"a": {"b": 2, "c": [9], "f": {}}, "e": 5}`), got); diff != "" {
		t.Fatal(diff)
	}
}

// The older version of the API, which gcloud and hashicorp/google speak, differs in its links only.
func TestOlderVersion(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	api, err := beta.NewService(t.Context(), option.WithEndpoint(r.http.URL+"/"), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	op, err := api.Instances.Insert(project, &beta.DatabaseInstance{Name: "platform", Region: region, DatabaseVersion: version,
		Settings: &beta.Settings{Tier: "db-f1-micro"}}).Do()
	if err != nil {
		t.Fatal(err)
	}
	r.eventually("the instance", func() bool {
		op, err = api.Operations.Get(project, op.Name).Do()
		return err == nil && op.Status == statusDone
	})
	d, err := api.Instances.Get(project, "platform").Do()
	if err != nil || d.SelfLink != "https://www.googleapis.com/sql/v1beta4/projects/august-test/instances/platform" {
		t.Fatalf("%+v, %v", d, err)
	}
	if flags, err := api.Flags.List().Do(); err != nil || len(flags.Items) < 200 {
		t.Fatalf("flags: %v", err)
	}
	if tiers, err := api.Tiers.List(project).Do(); err != nil || len(tiers.Items) < 10 {
		t.Fatalf("tiers: %v", err)
	}
	list, err := api.Instances.List(project).MaxResults(1).Do()
	if err != nil || len(list.Items) != 1 || list.NextPageToken != "" {
		t.Fatalf("instances: %+v, %v", list, err)
	}

	resp, err := http.Post(r.http.URL+"/v1/projects/../instances", "application/json", strings.NewReader(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode == http.StatusOK {
		t.Fatalf("a project outside of the folder: %s", body)
	}
}

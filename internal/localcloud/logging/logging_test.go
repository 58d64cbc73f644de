package logging

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/api/googleapi"
	api "google.golang.org/api/logging/v2"
	"google.golang.org/api/option"

	"github.com/feel-august/terraform-provider-august/internal/gcp/logging"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/face"
)

// serve answers Google's own client from four entries, a second apart.
func serve(t *testing.T) *api.EntriesService {
	t.Helper()
	var entries []face.Entry
	for i, severity := range []string{"DEFAULT", "INFO", "WARNING", "ERROR"} {
		e := face.Entry{
			ID: fmt.Sprint("id-", i), Log: "run.googleapis.com/stdout", Resource: "cloud_run_revision", Severity: severity, Time: time.Unix(int64(1_700_000_000+i), 0),
			Labels: map[string]string{"service_name": "august-sync", "revision_name": fmt.Sprint("august-sync-", i), "location": "us-central1"},
			Text:   fmt.Sprint("Line ", i),
		}
		if i == 3 {
			e.Text, e.JSON, e.Own = "", map[string]any{"message": "it failed", "count": 2}, map[string]string{"run.googleapis.com/execution_name": "e-3"}
		}
		entries = append(entries, e)
	}
	mux := http.NewServeMux()
	New(Options{Entries: func(project string) ([]face.Entry, error) {
		if project != "p" {
			return nil, nil
		}
		return entries, nil
	}}).Register(mux)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	service, err := api.NewService(t.Context(), option.WithEndpoint(server.URL), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	return service.Entries
}

func ids(entries []*api.LogEntry) string {
	var b strings.Builder
	for _, e := range entries {
		b.WriteString(strings.TrimPrefix(e.InsertId, "id-"))
	}
	return b.String()
}

func TestFilter(t *testing.T) {
	entries := serve(t)
	for filter, want := range map[string]string{
		"":                  "0123",
		"severity>=WARNING": "23",
		"severity >= DEFAULT \n AND resource.type = cloud_run_revision \n AND resource.labels.service_name = august-sync \n": "0123",
		`resource.labels.revision_name="august-sync-1"`:                                                                      "1",
		`resource.labels.service_name="other"`:                                                                               "",
		`timestamp>="2023-11-14T22:13:21Z" timestamp<"2023-11-14T22:13:23Z"`:                                                 "12",
		`labels."run.googleapis.com/execution_name" = "e-3" AND severity>=WARNING`:                                           "3",
		`labels."run.googleapis.com/execution_name"="e-2"`:                                                                   "",
		"timestamp>2030-01-01":                "",
		"textPayload:line AND severity!=INFO": "02",
		`jsonPayload.message="it failed"`:     "3",
		`logName="projects/p/logs/run.googleapis.com%2Fstdout" AND severity < info`: "0",
	} {
		got, err := entries.List(&api.ListLogEntriesRequest{ResourceNames: []string{"projects/p", "projects/empty"}, Filter: filter}).Do()
		if err != nil || ids(got.Entries) != want {
			t.Errorf("%q: %q %v, want %q", filter, ids(got.Entries), err, want)
		}
	}
	for _, filter := range []string{
		"severity", "severity=LOUD", "severity:ERROR", "severity=ERROR OR severity=INFO", "NOT severity=ERROR", "(severity=ERROR)", "-severity=ERROR", "august-sync",
		"timestamp>=yesterday", "labels.x=y", "resource.labels.location>=a", "severity=ERROR AND", "httpRequest.status=500", `textPayload=~"x"`,
	} {
		_, err := entries.List(&api.ListLogEntriesRequest{ResourceNames: []string{"projects/p"}, Filter: filter}).Do()
		if e, ok := err.(*googleapi.Error); !ok || e.Code != http.StatusBadRequest || !strings.Contains(e.Message, "The local cloud knows") {
			t.Errorf("%q is taken: %v", filter, err)
		}
	}
}

// The runtime's client understands and is understood: it gets a database's log, and nobody else's, in its order.
func TestPostgres(t *testing.T) {
	var entries []face.Entry
	for i, of := range []string{"p:platform", "p:other", "p:platform", "p:platform", "p:platform"} {
		entries = append(entries, face.Entry{
			ID: fmt.Sprint("id-", i), Log: "cloudsql.googleapis.com/postgres.log", Resource: "cloudsql_database", Severity: "INFO", Time: time.Unix(int64(1_700_000_000+i/3), 0),
			Labels: map[string]string{"database_id": of}, Text: fmt.Sprint("Line ", i, "\n\tmore"),
		})
	}
	entries = append(entries, face.Entry{ID: "run", Log: "run.googleapis.com/stdout", Resource: "cloud_run_revision", Time: time.Unix(1_700_000_000, 0), Labels: map[string]string{}})
	mux := http.NewServeMux()
	New(Options{Entries: func(string) ([]face.Entry, error) { return entries, nil }}).Register(mux)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	client, err := logging.New(t.Context(), option.WithEndpoint(server.URL), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	for to, want := range map[int64]string{1_700_000_001: "Line 0, Line 2", 1_700_000_002: "Line 0, Line 2, Line 3, Line 4"} {
		lines, all, err := client.Postgres(t.Context(), "p", "platform", time.Unix(1_600_000_000, 0), time.Unix(to, 0), 100)
		var got []string
		for _, l := range lines {
			text, _ := strings.CutSuffix(l.Text, "\n\tmore")
			got = append(got, text)
		}
		if strings.Join(got, ", ") != want || !all || err != nil {
			t.Errorf("%q, %v, %v", got, all, err)
		}
	}
}

func TestPagesAndOrder(t *testing.T) {
	entries := serve(t)
	req := &api.ListLogEntriesRequest{ResourceNames: []string{"projects/p"}, OrderBy: "timestamp desc", PageSize: 3}
	got, err := entries.List(req).Do()
	if err != nil || ids(got.Entries) != "321" || got.NextPageToken == "" {
		t.Fatalf("%q %v", ids(got.Entries), err)
	}
	if e := got.Entries[0]; e.TextPayload != "" || !strings.Contains(string(e.JsonPayload), "it failed") || e.Severity != "ERROR" || e.Resource.Labels["location"] != "us-central1" || e.Labels["run.googleapis.com/execution_name"] != "e-3" {
		t.Errorf("%+v", e)
	}
	req.PageToken = got.NextPageToken
	if got, err = entries.List(req).Do(); err != nil || ids(got.Entries) != "0" || got.NextPageToken != "" || got.Entries[0].TextPayload != "Line 0" {
		t.Errorf("%q %v", ids(got.Entries), err)
	}
	for name, bad := range map[string]*api.ListLogEntriesRequest{
		"no project": {}, "a folder": {ResourceNames: []string{"folders/1"}}, "order": {ResourceNames: []string{"projects/p"}, OrderBy: "severity"},
		"token": {ResourceNames: []string{"projects/p"}, PageToken: "x"},
	} {
		if _, err := entries.List(bad).Do(); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

package telemetry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const canary = "canary-8f14e45f"

func line(t *testing.T, write func(*slog.Logger)) (map[string]any, string) {
	t.Helper()
	var out bytes.Buffer
	write(NewLogger(&out, slog.LevelDebug, "feel-august-platform"))
	var fields map[string]any
	if err := json.Unmarshal(out.Bytes(), &fields); err != nil {
		t.Fatalf("%v in %s", err, out.String())
	}
	return fields, out.String()
}

func TestLogger_speaksCloudLogging(t *testing.T) {
	t.Parallel()
	ctx := WithTrace(t.Context(), "105445aa7843bc8bf206b12000100000/1;o=1")
	got, _ := line(t, func(log *slog.Logger) {
		log.WarnContext(ctx, "slow page", "feed", "line_items", "took", 1500*time.Millisecond)
	})
	if got["severity"] != "WARNING" || got["message"] != "slow page" || got["took"] != "1.5s" || got["feed"] != "line_items" ||
		got["logging.googleapis.com/trace"] != "projects/feel-august-platform/traces/105445aa7843bc8bf206b12000100000" {
		t.Errorf("got %v", got)
	}
	if _, err := time.Parse(time.RFC3339Nano, got["time"].(string)); err != nil {
		t.Error(err)
	}
	if _, ok := got["msg"]; ok {
		t.Error("slog's own field names remain")
	}
}

func TestLogger_ignoresForgedTrace(t *testing.T) {
	t.Parallel()
	got, _ := line(t, func(log *slog.Logger) {
		log.InfoContext(WithTrace(t.Context(), canary+"/1"), "hello")
	})
	if _, ok := got["logging.googleapis.com/trace"]; ok {
		t.Errorf("got %v", got)
	}
}

func TestLogger_dropsForbiddenValues(t *testing.T) {
	t.Parallel()
	type inner struct {
		Name        string
		AccessToken string `json:"access_token"`
	}
	_, text := line(t, func(log *slog.Logger) {
		log.With("Authorization", canary).WithGroup("patient").With("x", canary).Info("m", "y", canary)
	})
	_, more := line(t, func(log *slog.Logger) {
		log.Info("m",
			"refresh_token", canary, "X-DrChrono-Signature", canary, "patient_id", canary,
			slog.Group("http", "header", canary),
			"any", map[string]any{"list": []inner{{"fine", canary}}},
			"typed", inner{"fine", canary}, "headers", http.Header{"A": {canary}})
	})
	if text += more; strings.Contains(text, canary) || !strings.Contains(text, "fine") {
		t.Errorf("logged %s", text)
	}
}

func TestLogger_dropsDataFromDatabaseErrors(t *testing.T) {
	t.Parallel()
	bad := &pgconn.PgError{Severity: "ERROR", Code: "22P02", Message: `invalid input syntax for type bigint: "` + canary + `"`, TableName: "line_items"}
	_, text := line(t, func(log *slog.Logger) { log.Error("m", "error", fmt.Errorf("merge: %w", bad)) })
	if strings.Contains(text, canary) || !strings.Contains(text, "22P02") || !strings.Contains(text, "merge: ") || !strings.Contains(text, "line_items") {
		t.Errorf("logged %s", text)
	}
	if got := ErrorText(errors.New("plain")); got != "plain" {
		t.Error(got)
	}
}

func TestRequests(t *testing.T) {
	t.Parallel()
	m, err := NewMetrics()
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/pipelines/{name}", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
	mux.HandleFunc("GET /panic", func(http.ResponseWriter, *http.Request) { panic(canary) })
	mux.Handle("GET /metrics", m.Handler())
	var out bytes.Buffer
	handler, err := m.Requests(NewLogger(&out, slog.LevelInfo, ""), mux)
	if err != nil {
		t.Fatal(err)
	}
	get := func(path string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("Authorization", "Bearer "+canary)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	get("/v1/pipelines/billing?q=" + canary)
	get("/webhooks/drchrono?msg=" + canary)
	if w := get("/panic"); w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), canary) {
		t.Errorf("a panic answers %d %s", w.Code, w.Body)
	}
	shown := get("/metrics").Body.String()
	for _, want := range []string{
		`http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="200",http_route="GET /v1/pipelines/{name}"} 1`,
		"go_goroutines", "process_resident_memory_bytes",
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
	logged := out.String()
	if strings.Contains(logged, canary) || !strings.Contains(logged, `"requestUrl":"/v1/pipelines/billing"`) || !strings.Contains(logged, `"status":500`) {
		t.Errorf("logged %s", logged)
	}
	if strings.Contains(logged, `"/metrics"`) || strings.Contains(logged, "webhooks") {
		t.Error("a probe that succeeded, or a webhook, was logged")
	}
}

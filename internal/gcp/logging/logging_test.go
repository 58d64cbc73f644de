package logging

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/api/option"

	"github.com/feel-august/terraform-provider-august/internal/gcp"
)

const execution = "projects/p/locations/l/jobs/staging/executions/staging-abc"

func serve(t *testing.T, answer http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	c, err := New(t.Context(), option.WithEndpoint(server.URL), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	c.Late, c.Every = time.Minute, time.Millisecond
	return c
}

// A log is seen late, and line by line: the first looks find nothing, and the next one not all.
func TestErrors(t *testing.T) {
	t.Parallel()
	var looks atomic.Int32
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var q struct {
			Filter, OrderBy string
			ResourceNames   []string
			PageSize        int
		}
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil || q.PageSize != 7 || strings.Join(q.ResourceNames, "") != "projects/p" || q.OrderBy != "timestamp asc" ||
			!strings.Contains(q.Filter, `job_name = "staging"`) || !strings.Contains(q.Filter, `execution_name" = "staging-abc"`) || !strings.Contains(q.Filter, "severity >= ERROR") {
			t.Errorf("asked for %+v, %v", q, err)
		}
		body := `{}`
		switch looks.Add(1) {
		case 1, 2:
		case 3:
			body = `{"entries":[{"jsonPayload":{"message":"leak","column":"notes","count":3}}]}`
		default:
			body = `{"entries":[{"jsonPayload":{"message":"leak","column":"notes","count":3}},{"textPayload":"panic: all is lost\n"}]}`
		}
		_, _ = w.Write([]byte(body))
	})
	got, err := c.Errors(t.Context(), execution, 7)
	if err != nil || len(got) != 2 || got[0].Message != "leak" || got[0].Fields["column"] != "notes" || got[0].Fields["count"] != 3.0 || got[0].Fields["message"] != nil || got[1].Message != "panic: all is lost" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestErrors_none(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{}`)) })
	c.Late = 0
	if got, err := c.Errors(t.Context(), execution, 7); err != nil || got != nil {
		t.Errorf("%+v, %v", got, err)
	}
	c = serve(t, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, `{"error":{"code":403}}`, http.StatusForbidden)
	})
	if _, err := c.Errors(t.Context(), execution, 7); gcp.KindOf(err) != gcp.Denied {
		t.Error(err)
	}
	if _, err := c.Errors(t.Context(), "staging-abc", 7); err == nil {
		t.Error("a short name was taken")
	}
}

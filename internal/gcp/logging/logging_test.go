package logging

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
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

// A database's log is read from its end, page by page, and told from its beginning; what happened in one millisecond is in the order of its ids.
func TestPostgres(t *testing.T) {
	t.Parallel()
	pages := map[string]string{
		"":     `{"entries":[{"timestamp":"2026-11-26T10:00:02.5Z","insertId":"a","textPayload":"three"},{"timestamp":"2026-11-26T10:00:02Z","insertId":"a1","textPayload":"one"}],"nextPageToken":"next"}`,
		"next": `{"entries":[{"timestamp":"2026-11-26T10:00:02Z","insertId":"a2","textPayload":"two"},{"timestamp":"2026-11-26T10:00:01Z","insertId":"z","textPayload":"zero"}]}`,
	}
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var q struct {
			Filter, OrderBy, PageToken string
			ResourceNames              []string
		}
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil || strings.Join(q.ResourceNames, "") != "projects/p" || q.OrderBy != "timestamp desc" ||
			!strings.Contains(q.Filter, `"projects/p/logs/cloudsql.googleapis.com%2Fpostgres.log"`) || !strings.Contains(q.Filter, `database_id = "p:platform"`) ||
			!strings.Contains(q.Filter, `timestamp >= "2026-11-26T10:00:00Z" AND timestamp < "2026-11-26T11:00:00Z"`) {
			t.Errorf("asked for %+v, %v", q, err)
		}
		_, _ = w.Write([]byte(pages[q.PageToken]))
	})
	from := time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)
	for most, want := range map[int]string{10: "zero one two three true", 4: "zero one two three true", 3: "one two three false", 2: "one three false", 1: "three false"} {
		lines, all, err := c.Postgres(t.Context(), "p", "platform", from, from.Add(time.Hour), most)
		var b strings.Builder
		for _, l := range lines {
			b.WriteString(l.Text + " ")
		}
		if got := b.String() + strconv.FormatBool(all); got != want || err != nil {
			t.Errorf("%d at most: %s, %v", most, got, err)
		}
	}
}

package monitoring

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/api/option"

	"github.com/feel-august/terraform-provider-august/internal/gcp"
)

func series(id, points string) string {
	return fmt.Sprintf(`{"resource":{"type":"cloudsql_database","labels":{"database_id":%q}},"points":[%s]}`, id, points)
}

func pointJSON(at, value string) string {
	return fmt.Sprintf(`{"interval":{"startTime":%q,"endTime":%[1]q},"value":{%s}}`, at, value)
}

func serve(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	c, err := New(t.Context(), option.WithEndpoint(server.URL+"/"), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestReplicaLag(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		const want = `metric.type = "cloudsql.googleapis.com/database/replication/replica_lag" AND resource.type = "cloudsql_database" AND ` +
			`resource.labels.database_id = one_of("p:near", "p:far", "p:silent")`
		if r.URL.Path != "/v3/projects/p/timeSeries" || q.Get("filter") != want {
			t.Errorf("asked %s for %s", r.URL.Path, q.Get("filter"))
		}
		start, err1 := time.Parse(time.RFC3339, q.Get("interval.startTime"))
		end, err2 := time.Parse(time.RFC3339, q.Get("interval.endTime"))
		if err1 != nil || err2 != nil || end.Sub(start) != Recent {
			t.Errorf("asked for %s to %s", q.Get("interval.startTime"), q.Get("interval.endTime"))
		}
		switch q.Get("pageToken") {
		case "":
			_, _ = fmt.Fprintf(w, `{"nextPageToken":"2","timeSeries":[%s,%s,{"points":[]},%s]}`,
				series("p:near", pointJSON("2026-11-25T08:02:00Z", `"doubleValue":1.5`)+","+pointJSON("2026-11-25T08:01:00Z", `"doubleValue":9`)),
				series("p:silent", ""), series("other:far", pointJSON("2026-11-25T08:02:00Z", `"doubleValue":7`)))
		case "2":
			_, _ = fmt.Fprintf(w, `{"timeSeries":[%s,%s]}`,
				series("p:far", pointJSON("2026-11-25T08:02:00Z", `"int64Value":"70"`)),
				series("p:far", pointJSON("2026-11-25T08:01:30Z", `"doubleValue":3`)+`,{"value":{"doubleValue":4}}`))
		}
	})
	got, err := c.ReplicaLag(t.Context(), "p", []string{"near", "far", "silent"})
	at := time.Date(2026, 11, 25, 8, 2, 0, 0, time.UTC)
	if err != nil || len(got) != 2 || got["near"] != (Lag{1.5, at}) || got["far"] != (Lag{70, at}) {
		t.Errorf("lag %v, %v", got, err)
	}
}

func TestReplicaLag_nobody(t *testing.T) {
	t.Parallel()
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("asked %s", r.URL) })
	if got, err := c.ReplicaLag(t.Context(), "p", nil); err != nil || len(got) != 0 {
		t.Errorf("lag %v, %v", got, err)
	}
}

func TestReplicaLag_denied(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprint(w, `{"error":{"code":403,"status":"PERMISSION_DENIED","message":"Permission monitoring.timeSeries.list denied"}}`)
	})
	_, err := c.ReplicaLag(t.Context(), "p", []string{"near"})
	if gcp.KindOf(err) != gcp.Denied || !strings.Contains(err.Error(), "project p") {
		t.Errorf("got %v", err)
	}
}

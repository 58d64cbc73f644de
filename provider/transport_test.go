package provider

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-log/tflogtest"
)

func TestLoggingTransport_logsCallsAndNoSecrets(t *testing.T) {
	t.Parallel()
	var agent string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		agent = r.UserAgent()
		w.Header().Set("Set-Cookie", "secret-of-the-answer")
		_, _ = w.Write([]byte("secret-in-the-body"))
	}))
	defer srv.Close()

	var log bytes.Buffer
	req, err := http.NewRequestWithContext(tflogtest.RootLogger(t.Context(), &log), http.MethodPost,
		srv.URL+"/v1/projects/p?key=secret-in-the-query", strings.NewReader("secret-sent"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer secret-token")
	transport := &loggingTransport{userAgent: userAgent("1.2.3", "1.11.4"), base: http.DefaultTransport}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	if agent != "terraform-provider-august/1.2.3 Terraform/1.11.4" {
		t.Errorf("user agent %q", agent)
	}
	for _, want := range []string{"called Google", `"method":"POST"`, `"path":"/v1/projects/p"`, `"status":200`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, log.String())
		}
	}
	if strings.Contains(log.String(), "secret") {
		t.Errorf("the log holds a secret:\n%s", log.String())
	}
}

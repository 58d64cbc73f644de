package provider

import (
	"net/http"
	"time"

	"github.com/hashicorp/terraform-plugin-log/tflog"
)

// subsystem is the name that calls to Google are logged under: TF_LOG_PROVIDER_AUGUST_GCP sets its level.
const subsystem = "gcp"

func userAgent(version, terraform string) string {
	ua := "terraform-provider-august/" + version
	if terraform != "" {
		ua += " Terraform/" + terraform
	}
	return ua
}

// answerTimeout is how long a server may think about one request. Every call that takes long answers at once with an
// operation to ask after, so whoever is silent for longer than this is not going to answer; without a limit, a refresh,
// which has no timeout of its own, would wait for ever.
const answerTimeout = 90 * time.Second

// patient is the transport below every client: Go's own, with a limit on silence.
var patient = func() http.RoundTripper {
	standard, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport
	}
	own := standard.Clone()
	own.ResponseHeaderTimeout = answerTimeout
	return own
}()

// loggingTransport logs each call's method, path, status and duration. Headers and bodies are never logged:
// the one holds credentials, and the other may.
type loggingTransport struct {
	userAgent string
	base      http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *loggingTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	req = req.Clone(ctx)
	req.Header.Set("User-Agent", t.userAgent)

	ctx = tflog.NewSubsystem(ctx, subsystem, tflog.WithLevelFromEnv("TF_LOG_PROVIDER_AUGUST_GCP"))
	started := time.Now()
	resp, err := t.base.RoundTrip(req)
	fields := map[string]any{
		"method": req.Method, "host": req.URL.Host, "path": req.URL.Path,
		"duration_ms": time.Since(started).Milliseconds(),
	}
	if err != nil {
		fields["error"] = err.Error()
	} else {
		fields["status"] = resp.StatusCode
	}
	tflog.SubsystemDebug(ctx, subsystem, "called Google", fields)
	return resp, err
}

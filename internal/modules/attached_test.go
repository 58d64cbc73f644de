package modules

import (
	"encoding/json"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov5/tf5server"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"

	"github.com/feel-august/terraform-provider-august/internal/modules/standin"
	"github.com/feel-august/terraform-provider-august/provider"
)

// attachment is how Terraform finds a provider that runs already, in TF_REATTACH_PROVIDERS.
type attachment struct {
	Protocol        string
	ProtocolVersion int
	Pid             int
	Test            bool // it lives on when Terraform has done
	Addr            struct{ Network, String string }
}

// attach has this process be the providers: Terraform would start each of them twice for a run of a test, a thousand times in all. It answers
// their variable. None of them keeps anything, so that many commands may ask at once.
func attach(t *testing.T, recording *standin.Recording) string {
	t.Helper()
	august := attached(t, func(found chan *plugin.ReattachConfig, closed chan struct{}) error {
		return tf6server.Serve(provider.Address, providerserver.NewProtocol6(provider.New("test")()),
			tf6server.WithDebug(t.Context(), found, closed), tf6server.WithGoPluginLogger(hclog.NewNullLogger()))
	})
	// OpenTofu looks for a source without a host in its own registry.
	all := map[string]attachment{provider.Address: august, "registry.opentofu.org/feel-august/august": august}
	if recording != nil {
		google := attached(t, func(found chan *plugin.ReattachConfig, closed chan struct{}) error {
			return recording.Serve(tf5server.WithDebug(t.Context(), found, closed), tf5server.WithGoPluginLogger(hclog.NewNullLogger()))
		})
		all[standin.Address], all["registry.opentofu.org/hashicorp/google"] = google, google
	}
	written, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return "TF_REATTACH_PROVIDERS=" + string(written)
}

// attached serves a provider until the test is over.
func attached(t *testing.T, serve func(chan *plugin.ReattachConfig, chan struct{}) error) attachment {
	t.Helper()
	found, closed, failed := make(chan *plugin.ReattachConfig), make(chan struct{}), make(chan error, 1)
	go func() { failed <- serve(found, closed) }()
	select {
	case c := <-found:
		t.Cleanup(func() { <-closed })
		a := attachment{Protocol: string(c.Protocol), ProtocolVersion: c.ProtocolVersion, Pid: c.Pid, Test: c.Test}
		a.Addr.Network, a.Addr.String = c.Addr.Network(), c.Addr.String()
		return a
	case err := <-failed:
		t.Fatal("a provider is not served: ", err)
		return attachment{}
	}
}

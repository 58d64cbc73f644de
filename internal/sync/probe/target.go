package probe

import (
	"net/netip"
	"regexp"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

// Targets says which databases beside its own a runtime looks into: clones of its own instance that a
// drill has made, and nothing else. A caller must not be able to have the runtime connect, or show its
// password, to a place of the caller's choice.
type Targets struct {
	Own string // connection name of the runtime's own instance; empty: it was not told

	// Dial dials an instance by its connection name, through the Cloud SQL connector. Nil: the runtime
	// connects directly, and the clone's address is needed.
	Dial func(instance string) pgconn.DialFunc
}

var (
	cloneForm = regexp.MustCompile(`^-drill-[a-z0-9]+$`)
	shared    = netip.MustParsePrefix("100.64.0.0/10") // private inside a provider's network
)

// settings turns the settings of the runtime's own database into those of the clone.
func (t Targets) settings(own *pgx.ConnConfig, target runtimeapi.ProbeTarget) (*pgx.ConnConfig, error) {
	if t.Own == "" {
		return nil, wrong("target.instance", "this runtime was not told which instance its own is: set AUGUST_DATABASE_INSTANCE")
	}
	if n := len(t.Own); len(target.Instance) <= n || target.Instance[:n] != t.Own || !cloneForm.MatchString(target.Instance[n:]) {
		return nil, wrong("target.instance", `must be a drill's clone of this runtime's own instance: `+t.Own+`-drill- and lower-case letters or digits`)
	}
	own.ValidateConnect = nil // a clone is only read, and may still be in recovery
	own.RuntimeParams["application_name"] = "august-sync drill"
	if t.Dial != nil {
		if target.Address != "" {
			return nil, wrong("target.address", "this runtime finds the clone by its connection name; leave the address out")
		}
		store.Through(own, t.Dial(target.Instance))
		return own, nil
	}
	if target.Address == "" {
		return nil, wrong("target.address", "this runtime connects directly; give the clone's private address")
	}
	address, err := netip.ParseAddr(target.Address)
	if err != nil || address.Zone() != "" {
		return nil, wrong("target.address", "must be an IP address, without port or zone")
	}
	if address = address.Unmap(); !address.IsLoopback() && !address.IsPrivate() && !shared.Contains(address) {
		return nil, wrong("target.address", "must be a private or loopback address; the runtime connects to no other")
	}
	own.Host = address.String()
	// Whoever listens there has to prove that it knows the password's verifier, as a clone does. It is
	// shown neither the password nor a hash that could be replayed.
	own.RequireAuth = "scram-sha-256"
	return own, nil
}

func wrong(field, message string) error {
	return &runtimeapi.Error{Code: runtimeapi.CodeInvalid, Field: field, Message: message}
}

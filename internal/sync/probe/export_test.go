package probe

import (
	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// Allowed decides about a target without connecting to it.
func Allowed(own string, target runtimeapi.ProbeTarget) error {
	settings, err := pgx.ParseConfig("")
	if err != nil {
		return err
	}
	settings, err = Targets{Own: own}.settings(settings, target)
	if err == nil && settings.RequireAuth != "scram-sha-256" {
		panic("the clone need not prove itself")
	}
	return err
}

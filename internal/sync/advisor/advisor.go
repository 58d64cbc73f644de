// Package advisor advises on the indexes of the runtime's own database: it samples what PostgreSQL counts, reads what the
// database is made of, and has its planner plan with indexes that are not there. It creates none. No value of a row, and no
// literal of a statement, comes out of it.
package advisor

import (
	"context"
	"log/slog"

	"github.com/feel-august/terraform-provider-august/internal/advise/index"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

// Config is what an Advisor needs.
type Config struct {
	Store *store.Store
	Log   *slog.Logger
}

// Advisor advises. It may be asked by several at a time.
type Advisor struct {
	cfg Config
}

// New makes an advisor. It does not connect.
func New(cfg Config) *Advisor { return &Advisor{cfg: cfg} }

// Indexes advises on indexes.
func (a *Advisor) Indexes(context.Context, runtimeapi.IndexAdviceRequest) (*index.Advice, error) {
	return nil, &runtimeapi.Error{Code: runtimeapi.CodeUnavailable, Message: "this build of the runtime does not advise on indexes yet"}
}

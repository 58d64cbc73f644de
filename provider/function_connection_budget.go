package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/advise"
)

var _ function.Function = connectionBudgetFunction{}

// NewConnectionBudgetFunction makes the connection_budget function: what services need of an instance's connections.
func NewConnectionBudgetFunction() function.Function { return connectionBudgetFunction{} }

type connectionBudgetFunction struct{}

// Bounds of figures in the arguments. They are far beyond anything that runs, and keep the sums within their type.
const (
	mostInstances   = 10000
	mostProcesses   = 1000
	mostConnections = 262143 // of max_connections, says Cloud SQL
)

var connectionBudgetTypes = map[string]attr.Type{
	"fits": types.BoolType, "need": types.Int64Type, "have": types.Int64Type, "left": types.Int64Type,
	"poolers": types.Int64Type, "clients": types.Int64Type, "max_clients": types.Int64Type, "backends": types.Int64Type,
	"lines": types.ListType{ElemType: types.StringType}, "explanation": types.StringType,
}

type connectionBudgetModel struct {
	Fits        bool     `tfsdk:"fits"`
	Need        int64    `tfsdk:"need"`
	Have        int64    `tfsdk:"have"`
	Left        int64    `tfsdk:"left"`
	Poolers     *int64   `tfsdk:"poolers"`
	Clients     *int64   `tfsdk:"clients"`
	MaxClients  *int64   `tfsdk:"max_clients"`
	Backends    *int64   `tfsdk:"backends"`
	Lines       []string `tfsdk:"lines"`
	Explanation string   `tfsdk:"explanation"`
}

// Metadata implements function.Function.
func (connectionBudgetFunction) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "connection_budget"
}

// Definition implements function.Function.
func (connectionBudgetFunction) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "Holds the connections that services need against those that a Cloud SQL instance has.",
		MarkdownDescription: "Holds the connections that services may need all at once (each instance with its pools, a new revision beside the old one, jobs) " +
			"against those that a Cloud SQL instance has for them, with or without managed connection pooling. The arithmetic comes with the result, for the message of a " +
			"`precondition`, a `check` or a `validation` that fails.",
		Parameters: []function.Parameter{
			function.DynamicParameter{
				Name:                "database",
				MarkdownDescription: "The instance: an object with `tier` or `max_connections`, and more as described below.",
			},
			function.DynamicParameter{
				Name:                "services",
				MarkdownDescription: "What connects to it: a map of objects by the services' names, or a list of them, each with `max_instances`, `pool_max`, and more as described below.",
			},
		},
		Return: function.ObjectReturn{AttributeTypes: connectionBudgetTypes},
	}
}

// Run implements function.Function.
func (connectionBudgetFunction) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var database, services types.Dynamic
	if resp.Error = req.Arguments.Get(ctx, &database, &services); resp.Error != nil {
		return
	}
	if !whollyKnown(database) || !whollyKnown(services) {
		resp.Error = resp.Result.Set(ctx, types.ObjectUnknown(connectionBudgetTypes))
		return
	}
	of, needs := &argument{index: 0}, &argument{index: 1}
	db, all := of.database(database), needs.services(services)
	if resp.Error = function.ConcatFuncErrors(of.err, needs.err); resp.Error != nil {
		return
	}
	if needs.checkPooled(db, all); needs.err != nil {
		resp.Error = needs.err
		return
	}
	b, err := advise.Connections(db, all)
	if err != nil {
		resp.Error = function.NewArgumentFuncError(0, "database: "+err.Error())
		return
	}
	result := connectionBudgetModel{
		Fits: b.Fits(), Need: b.Need, Have: b.Have, Left: b.Left(), Lines: b.Lines, Explanation: b.Explanation(),
	}
	if c := b.Clients; c != nil {
		result.Poolers, result.Clients, result.MaxClients, result.Backends = &c.Poolers, &c.Need, &c.Have, &c.Backends
	}
	resp.Error = resp.Result.Set(ctx, result)
}

// database reads the first argument.
func (a *argument) database(v attr.Value) advise.Database {
	r := a.record("database", v, "tier", "max_connections", "edition", "reserved_connections", "other_connections", "pooling", "replicas")
	db := advise.Database{
		Tier:           r.text("tier"),
		MaxConnections: r.count("max_connections", 0, 1, mostConnections),
		Reserved:       r.count("reserved_connections", advise.DefaultReserved, 0, mostConnections),
		Other:          r.count("other_connections", 0, 0, mostConnections),
	}
	tier, unknown := advise.ParseTier(db.Tier)
	if unknown != nil && db.MaxConnections == 0 {
		if db.Tier == "" {
			a.fail(r.at, "tier or max_connections is missing")
		} else {
			a.fail(r.path("tier"), "%s: give max_connections", unknown)
		}
	}
	edition := r.text("edition")
	switch edition {
	case "":
		edition = tier.Edition
	case advise.Enterprise, advise.EnterprisePlus:
		if unknown == nil && edition != tier.Edition {
			a.fail(r.path("edition"), "the tier %s is one of the edition %s, not %s", tier.Name, tier.Edition, edition)
		}
	default:
		a.fail(r.path("edition"), "%q is no edition; there are %s and %s", edition, advise.Enterprise, advise.EnterprisePlus)
	}
	if r.has("pooling") {
		p := a.record(r.path("pooling"), r.values["pooling"], "poolers", "max_pool_size", "max_client_connections", "pairs")
		db.Pooling = &advise.Pooling{
			Poolers:              p.count("poolers", 0, 1, mostProcesses),
			MaxPoolSize:          p.count("max_pool_size", advise.DefaultMaxPoolSize, 1, mostConnections),
			MaxClientConnections: p.count("max_client_connections", advise.DefaultMaxClientConnections, 1, mostConnections),
			Pairs:                p.count("pairs", 0, 1, mostInstances),
		}
		switch {
		case edition == advise.Enterprise:
			a.fail(p.at, "managed connection pooling is there in the edition %s only. Leave it out, or move the instance", advise.EnterprisePlus)
		case unknown != nil && db.Pooling.Poolers == 0:
			a.fail(p.at, "how many poolers there are follows from the tier: give poolers, or a tier that is known here")
		}
	}
	if r.has("replicas") {
		for _, e := range a.entries(r.path("replicas"), r.values["replicas"]) {
			db.Replicas = append(db.Replicas, a.replica(e))
		}
	}
	return db
}

func (a *argument) replica(e entry) advise.Replica {
	r := a.record(e.at, e.value, "name", "tier", "max_connections")
	replica := advise.Replica{Name: e.name(r), Tier: r.text("tier"), MaxConnections: r.count("max_connections", 0, 1, mostConnections)}
	if _, err := advise.ParseTier(replica.Tier); err != nil && replica.MaxConnections == 0 {
		if replica.Tier == "" {
			a.fail(r.at, "tier or max_connections is missing")
		} else {
			a.fail(r.path("tier"), "%s: give max_connections", err)
		}
	}
	return replica
}

// services reads the second argument.
func (a *argument) services(v attr.Value) []advise.Service {
	var all []advise.Service
	for _, e := range a.entries("services", v) {
		r := a.record(e.at, e.value, "name", "max_instances", "pool_max", "min_instances", "processes", "overlap_instances", "job_connections", "pooled")
		s := advise.Service{
			Name:         e.name(r),
			MaxInstances: r.need("max_instances", 1, mostInstances),
			PoolMax:      r.need("pool_max", 1, mostConnections),
			MinInstances: r.count("min_instances", 0, 0, mostInstances),
			Processes:    r.count("processes", 1, 1, mostProcesses),
			Beside:       []advise.Held{{What: "jobs", Connections: r.count("job_connections", 0, 0, mostConnections)}},
			Pooled:       r.flag("pooled", false),
		}
		if s.MinInstances > s.MaxInstances {
			a.fail(r.path("min_instances"), "at least %d instances cannot run where at most %d may", s.MinInstances, s.MaxInstances)
		}
		if r.has("overlap_instances") {
			overlap := r.count("overlap_instances", 0, 0, mostInstances)
			s.Overlap = &overlap
		}
		all = append(all, s)
	}
	return all
}

// checkPooled refuses a service that goes through poolers which are not there.
func (a *argument) checkPooled(db advise.Database, services []advise.Service) {
	for _, s := range services {
		if s.Pooled && db.Pooling == nil {
			a.fail("services", "%s is pooled, but the database has no pooling. Add database.pooling, or leave pooled out", s.Name)
		}
	}
}

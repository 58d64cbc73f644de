package provider

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/advise"
	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudsql"
)

// A service whose instances may open more connections than the database has works until it scales out, which is when it
// is needed most. So its pool is held against the instance: at plan as far as everything is known, and at apply before
// anything is written.

// leastPoolMax is the smallest pool that the runtime works with.
const leastPoolMax = 3

// indexConnections is what august_index adds: one session of the whole runtime makes indexes, or drops them.
const indexConnections = 1

// poolerPort is where the poolers of an instance listen, beside PostgreSQL on 5432.
const poolerPort = 6432

const tooManyConnections = "Connection pool not possible"

var poolMaxPath = path.Root("database").AtName("pool_max")

// checkBudgetAtPlan holds the planned pool against the instance, as the plan has found it, or to what the configuration
// says it will have. Nothing that is unknown is judged: the apply does. What is deployed already and does not change is
// a warning; an error would also be in the way of whatever is to put it right.
func (m syncRuntimeModel) checkBudgetAtPlan(ctx context.Context, state *syncRuntimeModel, live liveInstance, diags *diag.Diagnostics) {
	d, scaling := objectAs[databaseModel](ctx, m.Database, diags), objectAs[scalingModel](ctx, m.Scaling, diags)
	if d == nil || scaling == nil || !d.countable() || scaling.MinInstances.IsUnknown() || scaling.MaxInstances.IsUnknown() {
		return
	}
	b, err := m.budget(*d, *scaling, live, d.MaxConnections.ValueInt64())
	switch {
	case live == nil && d.MaxConnections.IsNull(): // that it was not looked up has been said
	case err != nil:
		warnAt(diags, poolMaxPath, "Connection pool not checked",
			"Whether the instance has connections for this pool could not be found out. Set database.max_connections.", err)
	case b.Fits():
	case m.sameBudget(state):
		warnAt(diags, poolMaxPath, "Connections may run out", m.overBudget(*d, b, live), nil)
	default:
		failAt(diags, poolMaxPath, tooManyConnections, m.overBudget(*d, b, live), nil)
	}
}

// checkBudgetAtApply does the same when everything is known, and against the instance as it now is.
func (r *syncRuntimeResource) checkBudgetAtApply(ctx context.Context, m, state *syncRuntimeModel, live liveInstance, diags *diag.Diagnostics) {
	d, scaling := objectAs[databaseModel](ctx, m.Database, diags), objectAs[scalingModel](ctx, m.Scaling, diags)
	if d == nil || scaling == nil || m.sameBudget(state) {
		return
	}
	if live == nil {
		parts := instanceForm.FindStringSubmatch(d.ConnectionName.ValueString())
		client, err := r.clients.CloudSQL(ctx)
		if err == nil && parts != nil {
			live, err = client.Get(ctx, parts[1], parts[3])
		}
		switch {
		case cloudsql.IsNotFound(err):
			failAt(diags, path.Root("database").AtName("instance"), "Database instance not found",
				"There is no Cloud SQL instance "+d.ConnectionName.ValueString()+". Correct the name, or make the instance first.", nil)
			return
		case err != nil || live == nil:
			warnAt(diags, poolMaxPath, "Connection pool not checked",
				"The instance "+d.ConnectionName.ValueString()+" could not be read, so whether it has connections for this pool is not known.", err)
			return
		}
	}
	b, err := m.budget(*d, *scaling, live, 0)
	if err != nil { // the tier is not known here: what the configuration says is all there is
		b, err = m.budget(*d, *scaling, live, d.MaxConnections.ValueInt64())
	}
	declared := d.MaxConnections.ValueInt64()
	switch {
	case err != nil:
		warnAt(diags, poolMaxPath, "Connection pool not checked",
			"Whether the instance has connections for this pool could not be found out. Set database.max_connections.", err)
	case b.Fits():
	case declared > b.Have:
		failAt(diags, path.Root("database").AtName("max_connections"), tooManyConnections, fmt.Sprintf(
			"The instance %s was to have max_connections %d, and has %d. Nothing was deployed.\n\n%s",
			d.ConnectionName.ValueString(), declared, b.Have, b.Explanation()), nil)
	default:
		failAt(diags, poolMaxPath, tooManyConnections, m.overBudget(*d, b, live), nil)
	}
}

// countable says that all that the budget depends on is known.
func (d databaseModel) countable() bool {
	return !d.PoolMax.IsUnknown() && !d.MaxConnections.IsUnknown() && !d.ReservedConnections.IsUnknown() && !d.Direct.IsUnknown() && !d.Port.IsUnknown()
}

// sameBudget says that what is deployed needs neither more nor less, of the same database.
func (m syncRuntimeModel) sameBudget(state *syncRuntimeModel) bool {
	return state != nil && m.Database.Equal(state.Database) && m.bounds() == state.bounds() && m.migratesByJob() == state.migratesByJob()
}

// bounds is how many instances there may be, to compare. When another one starts makes no difference to the database.
func (m syncRuntimeModel) bounds() string {
	scaling := m.Scaling.Attributes()
	return fmt.Sprint(scaling["min_instances"], scaling["max_instances"])
}

// budget is what this service alone needs. The instance may be nil when it is said how many connections it will have.
func (m syncRuntimeModel) budget(d databaseModel, scaling scalingModel, live liveInstance, declared int64) (advise.Budget, error) {
	db := connectionsOf(live)
	if !d.ReservedConnections.IsNull() {
		db.Reserved = d.ReservedConnections.ValueInt64()
	}
	if declared > 0 {
		db.MaxConnections, db.Source = declared, "as database.max_connections says it will be"
	}
	if db.Pooling != nil && !d.throughPoolers() {
		db.Pooling = nil // what they hold is somebody else's
	}
	name := "this service"
	if !m.Name.IsUnknown() {
		name = m.Name.ValueString()
	}
	return advise.Connections(db, []advise.Service{{
		Name:         name,
		MaxInstances: scaling.MaxInstances.ValueInt64(), MinInstances: scaling.MinInstances.ValueInt64(),
		PoolMax: d.PoolMax.ValueInt64(), PoolLeast: leastPoolMax,
		Beside: besideRuntime(m.migratesByJob()),
		Pooled: d.throughPoolers(),
	}})
}

// besideRuntime is what a runtime holds beside the pools of its instances, of which only one is at each of these at a time.
func besideRuntime(migratesByJob bool) []advise.Held {
	beside := []advise.Held{
		{What: "the write probe of a recovery drill", Connections: advise.ProbeConnections},
		{What: "the making of an index", Connections: indexConnections},
	}
	if migratesByJob {
		beside = append(beside, advise.Held{What: "the job that migrates", Connections: migrateConnections})
	}
	return beside
}

// connectionsOf is what an instance has, nothing known when it is nil.
func connectionsOf(live liveInstance) advise.Database {
	db := advise.Database{Reserved: advise.DefaultReserved}
	if live == nil {
		return db
	}
	db.Tier = live.Settings.Tier
	for _, flag := range live.Settings.DatabaseFlags {
		if n, err := strconv.ParseInt(flag.Value, 10, 64); err == nil && flag.Name == "max_connections" {
			db.MaxConnections, db.Source = n, "set on the instance"
		}
	}
	db.Pooling = poolingOf(live)
	return db
}

func (d databaseModel) throughPoolers() bool {
	return d.Direct.ValueBool() && d.Port.ValueInt64() == poolerPort
}

// poolingOf is an instance's managed connection pooling, nil when it is off.
func poolingOf(live liveInstance) *advise.Pooling {
	if !cloudsql.PoolingOn(live.Settings) {
		return nil
	}
	flags := cloudsql.PoolFlags(live.Settings)
	flag := func(name string, otherwise int64) int64 {
		if n, err := strconv.ParseInt(flags[name], 10, 64); err == nil {
			return n
		}
		return otherwise
	}
	return &advise.Pooling{
		Poolers:              live.Settings.ConnectionPoolConfig.PoolerCount,
		MaxPoolSize:          flag("max_pool_size", advise.DefaultMaxPoolSize),
		MaxClientConnections: flag("max_client_connections", advise.DefaultMaxClientConnections),
	}
}

// overBudget is what to say of a pool that does not fit.
func (m syncRuntimeModel) overBudget(d databaseModel, b advise.Budget, live liveInstance) string {
	var text strings.Builder
	fmt.Fprintf(&text, "The instance %s has too few connections for this service.\n\n%s\n\n", d.instanceName(), b.Explanation())
	text.WriteString("This counts the service alone. What else uses the instance belongs in database.reserved_connections, beside the reserve; " +
		"the function connection_budget holds all services together.")
	if live != nil && poolingOf(live) != nil && !d.throughPoolers() {
		text.WriteString(" So does what the poolers of managed connection pooling hold, which this service goes past.")
	}
	if d.MaxConnections.IsNull() {
		text.WriteString(" When the same apply raises max_connections, set database.max_connections to what it will be.")
	}
	return text.String()
}

func (d databaseModel) instanceName() string {
	if d.ConnectionName.IsUnknown() {
		return d.Instance.ValueString()
	}
	return d.ConnectionName.ValueString()
}

// deployed is a database without what only the budget is about, and no revision depends on.
func deployed(database types.Object) string {
	if database.IsNull() || database.IsUnknown() {
		return database.String()
	}
	attributes := maps.Clone(database.Attributes())
	attributes["max_connections"], attributes["reserved_connections"] = types.Int64Null(), types.Int64Null()
	return types.ObjectValueMust(databaseTypes, attributes).String()
}

package provider

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"google.golang.org/api/run/v2"

	"github.com/feel-august/terraform-provider-august/internal/advise"
	"github.com/feel-august/terraform-provider-august/internal/advise/capacity"
	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudrun"
	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudsql"
	"github.com/feel-august/terraform-provider-august/internal/gcp/monitoring"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// What is measured is there to be looked at, and not every caller may: a figure that cannot be had is named, and nothing fails.

// capacityPatience is how long a refresh waits for figures, all of them together.
const capacityPatience = 30 * time.Second

// instance reads the instance, nil when it cannot be read and is said to have so many connections.
func (d *capacityAdviceDataSource) instance(ctx context.Context, m capacityAdviceModel, title string, diags *diag.Diagnostics) liveInstance {
	label := m.Project.ValueString() + "/" + m.Instance.ValueString()
	client, err := d.clients.CloudSQL(ctx)
	if err != nil {
		fail(diags, title, "The Cloud SQL Admin API cannot be called.", err)
		return nil
	}
	live, err := client.Get(ctx, m.Project.ValueString(), m.Instance.ValueString())
	switch {
	case err == nil:
		return live
	case !m.MaxConnections.IsNull(): // all that has to be known of it
		return nil
	case cloudsql.IsNotFound(err):
		failAt(diags, path.Root("instance"), title, "There is no Cloud SQL instance "+label+". Check its name and project, or set max_connections to what it will have.", nil)
	default:
		fail(diags, title, "What the instance "+label+" is like could not be read. Set max_connections to advise without it.", err)
	}
	return nil
}

// measure gathers what is known of the database and the services, from everybody at the same time.
func (d *capacityAdviceDataSource) measure(ctx context.Context, m capacityAdviceModel, declared map[string]capacityServiceModel, live liveInstance) (capacity.Database, []capacity.Service) {
	ctx, cancel := context.WithTimeout(ctx, capacityPatience)
	defer cancel()
	window, _ := time.ParseDuration(m.Window.ValueString()) // validated
	names := slices.Sorted(maps.Keys(declared))
	seen := make([]seenService, len(names))
	var measures *runtimeapi.Measures
	var unmeasured, unseen, uncounted string
	var backlog *float64
	var instance monitoring.Instance
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() { seen[i] = d.see(ctx, declared[name], m.Project.ValueString(), window) })
	}
	if !m.Endpoint.IsNull() {
		all.Go(func() {
			measures, unmeasured = d.measures(ctx, m, window)
			backlog, uncounted = d.backlog(ctx, measures, window)
		})
	}
	if live != nil {
		all.Go(func() { instance, unseen = d.seeInstance(ctx, m, window) })
	}
	all.Wait()

	db := capacity.Database{Database: connectionsOf(live)}
	db.Reserved, db.Other = m.ReservedConnections.ValueInt64(), m.OtherConnections.ValueInt64()
	if !m.MaxConnections.IsNull() {
		db.MaxConnections, db.Source = m.MaxConnections.ValueInt64(), "as max_connections says it will be"
	}
	if t, err := advise.ParseTier(db.Tier); err == nil {
		db.VCPU = t.VCPU
	}
	for _, text := range []string{unmeasured, unseen, uncounted} {
		if text != "" {
			db.Seen.Missing = append(db.Seen.Missing, text)
		}
	}
	if instance.CPU != nil {
		db.Seen.CPU = &instance.CPU.Most
	}
	if instance.Connections != nil {
		db.Seen.Most = &instance.Connections.Most
	}
	if measures != nil {
		if measures.All != nil {
			db.Seen.Active = new(float64(measures.All.MostActive))
		}
		for _, u := range measures.Unknown {
			db.Seen.Missing = append(db.Seen.Missing, "The runtime does not know "+u.What+": "+strings.TrimRight(u.Why, ".")+".")
		}
	}
	services := make([]capacity.Service, 0, len(names))
	for i, name := range names {
		seen[i].backlog = backlog
		services = append(services, declared[name].expand(name, m, seen[i], measures, window))
	}
	return db, services
}

// measures asks the runtime. Without its answer there is a sentence that says why.
func (d *capacityAdviceDataSource) measures(ctx context.Context, m capacityAdviceModel, window time.Duration) (*runtimeapi.Measures, string) {
	audience := m.Audience.ValueString()
	if m.Audience.IsNull() {
		audience = m.Endpoint.ValueString()
	}
	client, err := d.clients.Runtime(ctx, m.Endpoint.ValueString(), audience)
	var measures runtimeapi.Measures
	if err == nil {
		measures, err = client.WithPatience(syncPipelinePatience).Measures(ctx, window)
	}
	if err != nil {
		return nil, "The runtime does not say what it has measured: " + strings.TrimRight(reasonOf(err), ".") + "."
	}
	return &measures, ""
}

// backlog is how many deliveries have waited at most: in the runtime's subscription, or, when it has none, in its inbox now.
func (d *capacityAdviceDataSource) backlog(ctx context.Context, m *runtimeapi.Measures, window time.Duration) (*float64, string) {
	if m == nil || m.Deliveries == nil {
		return nil, ""
	}
	parts := strings.Split(m.Deliveries.Subscription, "/")
	if len(parts) != 4 { // projects/…/subscriptions/…
		return new(float64(m.Deliveries.Pending)), ""
	}
	client, err := d.clients.Monitoring(ctx)
	var seen monitoring.Subscription
	if err == nil {
		seen, err = client.Subscription(ctx, parts[1], parts[3], window)
	}
	if err != nil {
		return nil, "How many deliveries have waited is not known. " + lagProblem(parts[1], err)
	}
	if seen.Backlog == nil {
		return nil, ""
	}
	return &seen.Backlog.Most, ""
}

func (d *capacityAdviceDataSource) seeInstance(ctx context.Context, m capacityAdviceModel, window time.Duration) (monitoring.Instance, string) {
	client, err := d.clients.Monitoring(ctx)
	var seen monitoring.Instance
	if err == nil {
		seen, err = client.Instance(ctx, m.Project.ValueString(), m.Instance.ValueString(), window)
	}
	if err != nil {
		return seen, "What the instance's processors do is not known. " + lagProblem(m.Project.ValueString(), err)
	}
	return seen, ""
}

// seenService is what Google says of a service.
type seenService struct {
	live     *run.GoogleCloudRunV2Service
	spec     cloudrun.Spec
	measured *monitoring.Service
	backlog  *float64 // of the runtime's deliveries, whichever service that is
	missing  []string
}

func (d *capacityAdviceDataSource) see(ctx context.Context, s capacityServiceModel, instanceProject string, window time.Duration) (seen seenService) {
	if s.Service.IsNull() {
		return seen
	}
	project, name := instanceProject, s.Service.ValueString()
	if !s.Project.IsNull() {
		project = s.Project.ValueString()
	}
	region, err := d.clients.region.or(s.Location)
	if err != nil || region.IsUnknown() {
		seen.missing = append(seen.missing, "The region of the service "+name+" is not known: set location, or the provider's region.")
		return seen
	}
	location := region.ValueString()
	api, err := d.clients.CloudRun(ctx)
	if err == nil {
		seen.live, err = cloudrun.New(api).Get(ctx, cloudrun.Path(project, location, name))
	}
	switch {
	case cloudrun.IsNotFound(err):
		seen.missing = append(seen.missing, "There is no Cloud Run service "+name+" in "+location+" of the project "+project+" yet.")
		return seen
	case err != nil:
		seen.missing = append(seen.missing, "How the service "+name+" is set could not be read: "+cloudsql.Message(err)+".")
	default:
		seen.spec = cloudrun.Observe(project, location, name, seen.live)
	}
	client, err := d.clients.Monitoring(ctx)
	var measured monitoring.Service
	if err == nil {
		measured, err = client.Service(ctx, project, location, name, window)
	}
	if err != nil {
		seen.missing = append(seen.missing, "What was measured of the service "+name+" is not known. "+lagProblem(project, err))
		return seen
	}
	seen.measured = &measured
	return seen
}

// expand puts together what is said of a service and what was measured of it. What is said counts.
func (s capacityServiceModel) expand(name string, m capacityAdviceModel, seen seenService, measures *runtimeapi.Measures, window time.Duration) capacity.Service {
	out := capacity.Service{
		Name: name, CPU: s.cpu(seen.spec), Pool: s.PoolMax.ValueInt64(), PoolLeast: s.LeastPool.ValueInt64(), Processes: s.Processes.ValueInt64(), Pooled: s.Pooled.ValueBool(),
		Burst: m.BurstPercent.ValueFloat64(), Expected: s.PeakRequests.ValueFloat64Pointer(), Sudden: s.Sudden.ValueBool(), Drain: s.DrainSeconds.ValueFloat64(),
	}
	if !s.BurstPercent.IsNull() {
		out.Burst = s.BurstPercent.ValueFloat64()
	}
	out.Measured = s.measured(seen, out.CPU, measures, window)
	if measures != nil && seen.live != nil && (seen.live.Uri == m.Endpoint.ValueString() || slices.Contains(seen.live.Urls, m.Endpoint.ValueString())) {
		if out.Measured.Batches = batchesOf(*measures); out.Measured.Batches != nil {
			out.Measured.Batches.Backlog = seen.backlog
		}
	}
	s.give(&out.Measured)
	runtime := variable(seen.spec, envDatabasePoolMax) != ""
	if seen.live != nil {
		out.Present = s.present(seen)
	}
	if runtime && s.LeastPool.IsNull() {
		out.PoolLeast = defaultPoolMax // with one for deliveries
	}
	switch {
	case !s.BesideConnections.IsNull():
		out.Beside = []advise.Held{{What: "beside its pools", Connections: s.BesideConnections.ValueInt64()}}
	case runtime:
		out.Beside = besideRuntime(true)
	}
	return out
}

// measured is the figures that were measured.
func (s capacityServiceModel) measured(seen seenService, cpu float64, measures *runtimeapi.Measures, window time.Duration) capacity.Measured {
	out := capacity.Measured{Missing: seen.missing}
	if got := seen.measured; got != nil {
		out.Window = rounded(min(window, got.Until.Sub(got.Since)))
		out.Rate, out.PeakRate = &got.Rate, &got.Peak
		if l := got.Latency; l != nil {
			out.LatencyMS, out.LatencyP95, out.LatencyP99 = &l.Mean, new(l.Percentile(95)), new(l.Percentile(99))
		}
		if ms, known := got.CPUMs(cpu); known {
			out.CPUMS = &ms
		}
		if got.Start != nil {
			out.StartMS = &got.Start.Mean
		}
		if got.Instances != nil {
			out.Instances = &got.Instances.Most
		}
		if got.Concurrency != nil {
			out.Concurrency = new(got.Concurrency.Percentile(100))
		}
		if out.LatencyMS == nil && s.RequestsPerSecond.IsNull() {
			out.Missing = append(out.Missing, "Cloud Monitoring has no request of the service "+s.Service.ValueString()+" in the window.")
			out.Rate, out.PeakRate = nil, nil
		}
	}
	if measures != nil && !s.DatabaseUser.IsNull() && s.DatabaseMS.IsNull() && out.Rate != nil {
		var problem string
		if out.DatabaseMS, problem = databaseTime(*measures, s.DatabaseUser.ValueString(), *out.Rate); problem != "" {
			out.Missing = append(out.Missing, problem)
		}
		if out.DatabaseMS != nil && out.LatencyMS != nil {
			out.DatabaseMS = new(min(*out.DatabaseMS, *out.LatencyMS))
		}
	}
	return out
}

// rounded is a time as one says it.
func rounded(d time.Duration) time.Duration {
	if d < 10*time.Minute {
		return d.Round(time.Second)
	}
	return d.Round(time.Minute)
}

// give puts what is said of the service in the place of what was measured of it.
func (s capacityServiceModel) give(out *capacity.Measured) {
	if !s.RequestsPerSecond.IsNull() && !s.LatencyMS.IsNull() {
		out.Window = 0 // it is of no time
	}
	for _, figure := range []struct {
		given types.Float64
		to    **float64
	}{{s.RequestsPerSecond, &out.Rate}, {s.LatencyMS, &out.LatencyMS}, {s.CPUMS, &out.CPUMS}, {s.DatabaseMS, &out.DatabaseMS}, {s.StartMS, &out.StartMS}} {
		if !figure.given.IsNull() {
			*figure.to = figure.given.ValueFloat64Pointer()
		}
	}
	for _, figure := range []struct {
		given types.Float64
		to    func(*capacity.Batches) **float64
	}{
		{s.MessagesPerSecond, func(b *capacity.Batches) **float64 { return &b.Rate }}, {s.PeakMessages, func(b *capacity.Batches) **float64 { return &b.PeakRate }},
		{s.BatchFixedMS, func(b *capacity.Batches) **float64 { return &b.FixedMS }}, {s.MessageMS, func(b *capacity.Batches) **float64 { return &b.EachMS }},
	} {
		if !figure.given.IsNull() {
			if out.Batches == nil {
				out.Batches = &capacity.Batches{}
			}
			*figure.to(out.Batches) = figure.given.ValueFloat64Pointer()
		}
	}
}

// enoughLooks is how many connections have to have been seen at work for their mean to be right to about a tenth.
const enoughLooks = 100

// databaseTime is how long a request has a connection, by Little's law: as many as a user has at work, or in a transaction that
// waits for its program, are there because so many requests a second have one for so long. Where too few were seen, it is
// the time of the statements, though that is of whole days.
func databaseTime(m runtimeapi.Measures, user string, rate float64) (*float64, string) {
	const problem = "How long a request has a connection is not known: "
	i := slices.IndexFunc(m.Roles, func(r runtimeapi.RoleMeasures) bool { return r.Role == user })
	if i < 0 {
		return nil, problem + "the runtime has seen no connection of the database user " + user + "."
	}
	r := m.Roles[i]
	statements := r.CallsPerSecond != nil && r.CallMs != nil
	var busy float64
	switch {
	case r.Window != nil && (!statements || r.Window.Busy()*float64(r.Window.Samples) >= enoughLooks):
		busy = r.Window.Busy()
	case statements:
		busy = *r.CallsPerSecond * *r.CallMs / 1000
	default:
		return nil, problem + "the runtime has no sample of the database user " + user + " yet."
	}
	if rate <= 0 {
		return nil, problem + "there was no request."
	}
	return new(busy / rate * 1000), ""
}

// batchesOf is how the runtime's own batches fare, of the source that it has had the most of.
func batchesOf(m runtimeapi.Measures) *capacity.Batches {
	if len(m.Batches) == 0 || m.Deliveries == nil {
		return nil
	}
	b := slices.MaxFunc(m.Batches, func(a, b runtimeapi.BatchMeasures) int { return int(a.Rows - b.Rows) })
	return &capacity.Batches{Rate: &m.Deliveries.PerSecond, PeakRate: &m.Deliveries.PeakMinute, FixedMS: b.BaseMs, EachMS: b.EachMs}
}

// present is how the service is set now, nil when that is not all known.
func (s capacityServiceModel) present(seen seenService) *capacity.Settings {
	name := envDatabasePoolMax
	if !s.PoolVariable.IsNull() {
		name = s.PoolVariable.ValueString()
	}
	pool, err := strconv.ParseInt(variable(seen.spec, name), 10, 64)
	if err != nil || pool < 1 {
		if pool = s.PoolMax.ValueInt64(); pool < 1 {
			return nil
		}
	}
	now := capacity.Settings{PoolMax: pool, Concurrency: seen.spec.Concurrency, MinInstances: seen.spec.Min, MaxInstances: seen.spec.Max}
	if t := seen.live.Template; t != nil && t.Scaling != nil { // of the revision, where the service sets none
		now.MinInstances = max(now.MinInstances, t.Scaling.MinInstanceCount)
		if now.MaxInstances == 0 {
			now.MaxInstances = t.Scaling.MaxInstanceCount
		}
	}
	if now.MaxInstances < 1 || now.Concurrency < 1 {
		return nil
	}
	return &now
}

func variable(spec cloudrun.Spec, name string) string {
	for _, e := range spec.Env {
		if e.Name == name {
			return e.Value
		}
	}
	return ""
}

// cpu is the processors of an instance.
func (s capacityServiceModel) cpu(spec cloudrun.Spec) float64 {
	if !s.CPU.IsNull() {
		return s.CPU.ValueFloat64()
	}
	text, thousandths := strings.CutSuffix(spec.CPU, "m")
	n, err := strconv.ParseFloat(text, 64)
	if thousandths {
		n /= 1000
	}
	if err != nil || n < leastCPU || n > mostCPU {
		return 1
	}
	return n
}

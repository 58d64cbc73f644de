// Package advise is maths over figures: what a configuration needs of what there is. It does no I/O. Every result
// carries its arithmetic in words, since a person reads it in a plan that fails.
package advise

import (
	"fmt"
	"strings"
)

// What holds connections of an instance before any service does.
const (
	SuperuserReserved = 3  // superuser_reserved_connections of PostgreSQL
	CloudSQLOwn       = 12 // of Cloud SQL's own agents: monitoring, backups, replication. About a dozen; Google publishes no figure
	DefaultReserved   = SuperuserReserved + CloudSQLOwn
)

// ProbeConnections is what a recovery drill adds: its write probe has a connection of its own, beside the pool of the
// instance of the runtime that it runs on; and for a while two, when it lost one that the runtime has not yet missed.
const ProbeConnections = 2

// What managed connection pooling is set to when its flags are not given.
const (
	DefaultMaxPoolSize          = 50
	DefaultMaxClientConnections = 5000
)

// mostConnections is the largest max_connections that Cloud SQL takes.
const mostConnections = 262143

// Database is an instance of Cloud SQL, as far as its connections go. Figures are not negative.
type Database struct {
	Tier           string
	MaxConnections int64  // 0: the tier's default
	Source         string // where MaxConnections is from, in words
	Reserved       int64  // what no service may use
	Other          int64  // what people and tools hold that are no service
	Pooling        *Pooling
	Replicas       []Replica
}

// Pooling is managed connection pooling: poolers on the instance, each with a pool for every user of a database.
type Pooling struct {
	Poolers              int64 // 0: as the tier has
	MaxPoolSize          int64 // connections to PostgreSQL of each pool
	MaxClientConnections int64 // of each pooler
	Pairs                int64 // of a database and its user; 0: one for each service that is pooled
}

// Replica is a read replica. One that has a smaller max_connections than its primary stops replaying.
type Replica struct {
	Name           string
	Tier           string
	MaxConnections int64 // 0: the tier's default
}

// Service is something that scales out, each instance with a pool of its own. Figures are not negative.
type Service struct {
	Name         string
	MaxInstances int64
	MinInstances int64
	Processes    int64 // of each instance, each with a pool; 0: one
	PoolMax      int64
	PoolLeast    int64 // the smallest pool that the service works with; 0: one
	// Overlap is how many instances a new revision has beside the old one while it is rolled out. Nil: one, for a
	// revision becomes ready only by running, or MinInstances when they are more. None for a service that has none.
	Overlap *int64
	Beside  []Held
	Pooled  bool // goes through the instance's poolers
}

// Held is connections that a service holds beside its pools: its jobs, a drill's probe. They go to PostgreSQL directly.
type Held struct {
	What        string
	Connections int64
}

// Budget is what is needed, and what there is.
type Budget struct {
	Need, Have int64
	Clients    *Clients // nil without pooling
	Lines      []string // the arithmetic, one step each, and the result
	WaysOut    []WayOut // each of them is enough for the shortage that it is about
	short      bool
}

// Clients is what managed connection pooling comes to.
type Clients struct {
	Poolers    int64
	Need, Have int64 // connections to the poolers
	Backends   int64 // connections from the poolers to PostgreSQL, at most
}

// WayOut is a figure that would be enough, with everything else as it is.
type WayOut struct {
	Of        string // a service or a replica; empty: the only one, or the database
	Attribute string
	Value     int64
}

// Fits says that there is enough of everything.
func (b Budget) Fits() bool { return !b.short }

// Left is how many connections remain; fewer than none when there are too few.
func (b Budget) Left() int64 { return b.Have - b.Need }

// Explanation is the arithmetic, for a person to read.
func (b Budget) Explanation() string { return strings.Join(b.Lines, "\n") }

// What a way out is of when no single service can give way enough.
const (
	everyService = "every service"
	everyPooled  = "every pooled service"
)

// String is the way out as a clause.
func (w WayOut) String() string {
	of := ""
	if w.Of != "" {
		of = " of " + w.Of
	}
	switch w.Attribute {
	case "max_connections":
		return fmt.Sprintf("raise max_connections%s to at least %d (restarts the database)", of, w.Value)
	case "tier":
		return fmt.Sprintf("take a tier with at least %d MB of memory (max_connections then is %d)", w.Value, Tier{MemoryMB: w.Value}.DefaultConnections())
	case "max_client_connections":
		return fmt.Sprintf("raise max_client_connections to at least %d", w.Value)
	}
	if w.Of == everyService || w.Of == everyPooled {
		return fmt.Sprintf("lower %s%s to at most %d", w.Attribute, of, w.Value)
	}
	return fmt.Sprintf("lower %s%s to %d", w.Attribute, of, w.Value)
}

// Connections holds what services need against what an instance has.
func Connections(db Database, services []Service) (Budget, error) {
	have, line, err := capacity(db.Tier, db.MaxConnections, db.Source)
	if err != nil {
		return Budget{}, err
	}
	b := Budget{Have: have, Lines: []string{line}}
	var direct, pooled []Service
	for _, s := range services {
		if s.Pooled && db.Pooling != nil {
			pooled = append(pooled, s)
		} else {
			s.Pooled = false
			direct = append(direct, s)
		}
	}
	for _, s := range direct {
		b.Need += b.add(s)
	}
	if db.Pooling != nil {
		if err := b.pool(db, pooled); err != nil {
			return Budget{}, err
		}
	}
	if db.Other > 0 {
		b.Need += db.Other
		b.note("everything else: %d", db.Other)
	}
	b.Need += db.Reserved
	if db.Reserved == DefaultReserved {
		b.note("reserved: %d for superusers + about %d for Cloud SQL itself = %d", SuperuserReserved, CloudSQLOwn, db.Reserved)
	} else {
		b.note("reserved: %d", db.Reserved)
	}

	var ways []WayOut
	if b.Need > b.Have {
		ways = shrink(direct, b.Need-b.Have, len(services) > 1, everyService)
		if p := db.Pooling; p != nil {
			if size := p.MaxPoolSize - divideUp(b.Need-b.Have, b.Clients.Poolers*pairs(*p, pooled)); size >= 1 {
				ways = append(ways, WayOut{Attribute: "max_pool_size", Value: size})
			}
		}
		if b.Need <= mostConnections {
			ways = append(ways, WayOut{Attribute: "max_connections", Value: b.Need})
		}
		if memory := memoryFor(b.Need); memory > 0 && db.MaxConnections == 0 {
			ways = append(ways, WayOut{Attribute: "tier", Value: memory})
		}
	}
	b.result("need", b.Need, b.Have, ways)
	if c := b.Clients; c != nil {
		ways = nil
		if c.Need > c.Have {
			ways = append(shrink(pooled, c.Need-c.Have, len(services) > 1, everyPooled),
				WayOut{Attribute: "max_client_connections", Value: divideUp(c.Need, c.Poolers)})
		}
		b.result("clients of the poolers: need", c.Need, c.Have, ways)
	}
	return b, b.replicas(db.Replicas)
}

// capacity is how many connections a machine has, and why.
func capacity(tier string, set int64, source string) (have int64, line string, err error) {
	if set > 0 {
		if source == "" {
			source = "as given"
		}
		return set, fmt.Sprintf("max_connections: %d, %s", set, source), nil
	}
	t, err := ParseTier(tier)
	if err != nil {
		return 0, "", fmt.Errorf("%w: give max_connections", err)
	}
	have = t.DefaultConnections()
	return have, fmt.Sprintf("max_connections: %d, the default of %s", have, tier), nil
}

// add writes down what a service needs, of its poolers when it goes through them, and returns what it needs of the database.
func (b *Budget) add(s Service) int64 {
	unit, total := "", s.Needs()
	if s.Pooled {
		unit = " clients of the poolers"
	}
	b.note("%s: %s = %d%s", s.Name, s.product(s.MaxInstances), s.MaxInstances*s.each(), unit)
	if overlap := s.overlap(); overlap > 0 {
		b.note("%s, while a new revision is rolled out: %s = %d%s", s.Name, s.product(overlap), overlap*s.each(), unit)
	}
	if s.Pooled {
		b.Clients.Need, total = b.Clients.Need+total, 0
	}
	for _, held := range s.Beside {
		if held.Connections > 0 {
			total += held.Connections
			b.note("%s, %s: %d", s.Name, held.What, held.Connections)
		}
	}
	return total
}

// pool adds what the poolers hold, and what their clients need of them.
func (b *Budget) pool(db Database, pooled []Service) error {
	p := *db.Pooling
	if p.Poolers == 0 {
		t, err := ParseTier(db.Tier)
		if err != nil {
			return fmt.Errorf("%w: give the number of poolers", err)
		}
		p.Poolers = t.Poolers()
		b.note("poolers: %s on %d vCPU, one for every 4", plural(p.Poolers, "pooler"), t.VCPU)
	}
	b.Clients = &Clients{Poolers: p.Poolers, Have: p.Poolers * p.MaxClientConnections}
	for _, s := range pooled {
		b.Need += b.add(s)
	}
	b.Clients.Backends = p.Poolers * pairs(p, pooled) * p.MaxPoolSize
	b.note("from the poolers: %s × %s of a database × %d = %d",
		plural(p.Poolers, "pooler"), plural(pairs(p, pooled), "user"), p.MaxPoolSize, b.Clients.Backends)
	// The poolers must stay below what is left to them, and not come up to it.
	b.note("kept free beside the poolers: 1")
	b.Need += b.Clients.Backends + 1
	return nil
}

// replicas holds each replica to its primary.
func (b *Budget) replicas(all []Replica) error {
	for _, r := range all {
		have, _, err := capacity(r.Tier, r.MaxConnections, "")
		if err != nil {
			return fmt.Errorf("replica %s: %w", r.Name, err)
		}
		if have >= b.Have {
			b.note("replica %s: max_connections %d, no fewer than its primary has", r.Name, have)
			continue
		}
		way := WayOut{Of: r.Name, Attribute: "max_connections", Value: b.Have}
		b.short, b.WaysOut = true, append(b.WaysOut, way)
		b.note("replica %s: max_connections %d, fewer than the %d of its primary, so that it could not follow; %s", r.Name, have, b.Have, way)
	}
	return nil
}

func (b *Budget) note(format string, args ...any) {
	b.Lines = append(b.Lines, fmt.Sprintf(format, args...))
}

func (b *Budget) result(what string, need, have int64, ways []WayOut) {
	if need <= have {
		b.note("%s %d of %d: %d left", what, need, have, have-need)
		return
	}
	b.short, b.WaysOut = true, append(b.WaysOut, ways...)
	line := fmt.Sprintf("%s %d of %d: %d too many", what, need, have, need-have)
	for i, way := range ways {
		line += [...]string{"; ", ", or "}[min(i, 1)] + way.String()
	}
	b.Lines = append(b.Lines, line)
}

// shrink finds what services would have to be for so many connections fewer: any one of them alone or, when none alone
// can give up so many, the pool that would be small enough for all.
func shrink(services []Service, excess int64, named bool, together string) []WayOut {
	var ways []WayOut
	for _, s := range services {
		of := ""
		if named {
			of = s.Name
		}
		if size := s.PoolMax - divideUp(excess, s.processes()*s.instances()); size >= s.least() {
			ways = append(ways, WayOut{of, "pool_max", size})
		}
		if most := s.MaxInstances - divideUp(excess, s.each()); most >= max(1, s.MinInstances) {
			ways = append(ways, WayOut{of, "max_instances", most})
		}
	}
	if len(ways) > 0 || len(services) < 2 {
		return ways
	}
	var largest, least int64
	for _, s := range services {
		largest, least = max(largest, s.PoolMax), max(least, s.least())
	}
	for size := largest - 1; size >= least; size-- {
		var saved int64
		for _, s := range services {
			saved += s.processes() * s.instances() * (s.PoolMax - min(s.PoolMax, size))
		}
		if saved >= excess {
			return []WayOut{{together, "pool_max", size}}
		}
	}
	return nil
}

func (s Service) processes() int64 { return max(1, s.Processes) }

// each is what one instance holds.
func (s Service) each() int64 { return s.processes() * s.PoolMax }

func (s Service) least() int64 { return max(1, s.PoolLeast) }

func (s Service) overlap() int64 {
	if s.Overlap != nil {
		return *s.Overlap
	}
	return min(max(1, s.MinInstances), s.MaxInstances)
}

// Needs is how many connections its pools may hold at most, while a new revision is rolled out.
func (s Service) Needs() int64 { return s.instances() * s.each() }

// instances is how many there are at most, while a new revision is rolled out.
func (s Service) instances() int64 { return s.MaxInstances + s.overlap() }

func (s Service) product(instances int64) string {
	text := plural(instances, "instance")
	if s.processes() > 1 {
		text += fmt.Sprintf(" × %d processes", s.processes())
	}
	return fmt.Sprintf("%s × %d", text, s.PoolMax)
}

func pairs(p Pooling, pooled []Service) int64 {
	if p.Pairs > 0 {
		return p.Pairs
	}
	return int64(len(pooled))
}

func plural(n int64, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// divideUp is the quotient rounded up; by nothing, it is more than anything.
func divideUp(n, by int64) int64 {
	if by <= 0 {
		return mostConnections * mostConnections
	}
	return (n + by - 1) / by
}

package advise

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestParseTier(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name                             string
		vcpu, memory, connections, pools int64
		edition                          string
	}{
		{"db-f1-micro", 1, 614, 25, 1, Enterprise},
		{"db-g1-small", 1, 1740, 50, 1, Enterprise},
		{"db-custom-1-3840", 1, 3840, 100, 1, Enterprise},
		{"db-custom-2-5888", 2, 5888, 100, 1, Enterprise},
		{"db-custom-1-6144", 1, 6144, 200, 1, Enterprise},
		{"db-custom-2-7424", 2, 7424, 200, 1, Enterprise},
		{"db-custom-2-7680", 2, 7680, 400, 1, Enterprise},
		{"db-custom-4-15104", 4, 15104, 400, 1, Enterprise},
		{"db-custom-4-15360", 4, 15360, 500, 1, Enterprise},
		{"db-custom-6-23040", 6, 23040, 500, 1, Enterprise},
		{"db-custom-8-30720", 8, 30720, 600, 2, Enterprise},
		{"db-custom-16-61440", 16, 61440, 800, 4, Enterprise},
		{"db-custom-32-122880", 32, 122880, 1000, 8, Enterprise},
		{"db-custom-96-638976", 96, 638976, 1000, 24, Enterprise},
		{"db-perf-optimized-N-2", 2, 16384, 500, 1, EnterprisePlus},
		{"db-perf-optimized-N-4", 4, 32768, 600, 1, EnterprisePlus},
		{"db-perf-optimized-N-8", 8, 65536, 800, 2, EnterprisePlus},
		{"db-perf-optimized-N-16", 16, 131072, 1000, 4, EnterprisePlus},
		{"db-perf-optimized-N-128", 128, 1048576, 1000, 32, EnterprisePlus},
		{"db-c4a-highmem-8", 8, 65536, 800, 2, EnterprisePlus},
		{"db-n1-standard-1", 1, 3840, 100, 1, Enterprise},
		{"db-n1-standard-4", 4, 15360, 500, 1, Enterprise},
		{"db-n1-highmem-2", 2, 13312, 400, 1, Enterprise},
	} {
		got, err := ParseTier(tt.name)
		if want := (Tier{tt.name, tt.vcpu, tt.memory, tt.edition}); got != want || err != nil {
			t.Errorf("%s: got %+v, %v; want %+v", tt.name, got, err, want)
		}
		if got.DefaultConnections() != tt.connections || got.Poolers() != tt.pools {
			t.Errorf("%s: %d connections and %d poolers, want %d and %d", tt.name, got.DefaultConnections(), got.Poolers(), tt.connections, tt.pools)
		}
	}
	for _, name := range []string{
		"", "db-custom", "db-custom-2", "db-custom-0-3840", "db-custom-2-0", "db-custom-2-7680 ", "db-custom-2-99999999", "db-custom--1-3840",
		"db-perf-optimized-2", "db-perf-optimized-N-", "db-n1-ultra-2", "n1-standard-2", "DB-F1-MICRO", "db-memory-optimized-N-4",
	} {
		if got, err := ParseTier(name); err == nil {
			t.Errorf("%q is %+v", name, got)
		}
	}
}

func ptr(n int64) *int64 { return &n }

func TestConnections(t *testing.T) {
	t.Parallel()
	sync := Service{Name: "august-sync", MaxInstances: 10, MinInstances: 1, PoolMax: 4}
	website := Service{Name: "website", MaxInstances: 20, Processes: 2, PoolMax: 3}
	with := func(s Service, change func(*Service)) Service { change(&s); return s }
	const fifteen = "reserved: 3 for superusers + about 12 for Cloud SQL itself = 15"
	for _, tt := range []struct {
		name     string
		db       Database
		services []Service
		fits     bool
		lines    []string
	}{
		{
			"one that fits", Database{Tier: "db-custom-1-3840", Reserved: 15},
			[]Service{with(sync, func(s *Service) { s.Beside = []Held{{"jobs", 2}, {"nothing", 0}} })}, true, []string{
				"max_connections: 100, the default of db-custom-1-3840",
				"august-sync: 10 instances × 4 = 40",
				"august-sync, while a new revision is rolled out: 1 instance × 4 = 4",
				"august-sync, jobs: 2",
				fifteen,
				"need 61 of 100: 39 left",
			},
		},
		{
			"no service", Database{Tier: "db-f1-micro", Reserved: 15}, nil, true,
			[]string{"max_connections: 25, the default of db-f1-micro", fifteen, "need 15 of 25: 10 left"},
		},
		{
			"a service that is off", Database{MaxConnections: 15, Reserved: 15}, []Service{{Name: "off", PoolMax: 9}}, true,
			[]string{"max_connections: 15, as given", "off: 0 instances × 9 = 0", fifteen, "need 15 of 15: 0 left"},
		},
		{
			"one instance, never two revisions", Database{MaxConnections: 25, Source: "its flag", Reserved: 3},
			[]Service{{Name: "job", MaxInstances: 1, PoolMax: 2, Overlap: ptr(0)}}, true,
			[]string{"max_connections: 25, its flag", "job: 1 instance × 2 = 2", "reserved: 3", "need 5 of 25: 20 left"},
		},
		{
			"a candidate as large as the service", Database{MaxConnections: 100, Reserved: 15},
			[]Service{with(sync, func(s *Service) { s.Overlap = ptr(10) })}, true, []string{
				"max_connections: 100, as given", "august-sync: 10 instances × 4 = 40",
				"august-sync, while a new revision is rolled out: 10 instances × 4 = 40", fifteen, "need 95 of 100: 5 left",
			},
		},
		{
			"exactly enough", Database{MaxConnections: 59, Reserved: 15}, []Service{sync}, true, []string{
				"max_connections: 59, as given", "august-sync: 10 instances × 4 = 40",
				"august-sync, while a new revision is rolled out: 1 instance × 4 = 4", fifteen, "need 59 of 59: 0 left",
			},
		},
		{
			"one too many", Database{MaxConnections: 58, Reserved: 15}, []Service{sync}, false, []string{
				"max_connections: 58, as given", "august-sync: 10 instances × 4 = 40",
				"august-sync, while a new revision is rolled out: 1 instance × 4 = 4", fifteen,
				"need 59 of 58: 1 too many; lower pool_max to 3, or lower max_instances to 9, or raise max_connections to at least 59 (restarts the database)",
			},
		},
		{
			"two services, of which either can give way", Database{Tier: "db-custom-1-3840", Reserved: 15, Other: 5}, []Service{sync, website}, false, []string{
				"max_connections: 100, the default of db-custom-1-3840", "august-sync: 10 instances × 4 = 40",
				"august-sync, while a new revision is rolled out: 1 instance × 4 = 4",
				"website: 20 instances × 2 processes × 3 = 120",
				"website, while a new revision is rolled out: 1 instance × 2 processes × 3 = 6",
				"everything else: 5", fifteen,
				"need 190 of 100: 90 too many; lower max_instances of website to 5, or raise max_connections to at least 190 (restarts the database), " +
					"or take a tier with at least 6144 MB of memory (max_connections then is 200)",
			},
		},
		{
			"two services that must both give way", Database{MaxConnections: 60, Reserved: 0},
			[]Service{{Name: "a", MaxInstances: 9, PoolMax: 5}, {Name: "b", MaxInstances: 9, PoolMax: 5}}, false, []string{
				"max_connections: 60, as given", "a: 9 instances × 5 = 45", "a, while a new revision is rolled out: 1 instance × 5 = 5",
				"b: 9 instances × 5 = 45", "b, while a new revision is rolled out: 1 instance × 5 = 5", "reserved: 0",
				"need 100 of 60: 40 too many; lower pool_max of a to 1, or lower max_instances of a to 1, or lower pool_max of b to 1, or lower max_instances of b to 1, " +
					"or raise max_connections to at least 100 (restarts the database)",
			},
		},
		{
			"neither alone is enough", Database{MaxConnections: 50, Reserved: 0},
			[]Service{{Name: "a", MaxInstances: 9, PoolMax: 5}, {Name: "b", MaxInstances: 9, PoolMax: 5}}, false, []string{
				"max_connections: 50, as given", "a: 9 instances × 5 = 45", "a, while a new revision is rolled out: 1 instance × 5 = 5",
				"b: 9 instances × 5 = 45", "b, while a new revision is rolled out: 1 instance × 5 = 5", "reserved: 0",
				"need 100 of 50: 50 too many; lower pool_max of every service to at most 2, or raise max_connections to at least 100 (restarts the database)",
			},
		},
		{
			"pool that cannot be smaller", Database{MaxConnections: 25, Reserved: 15},
			[]Service{{Name: "august-sync", MaxInstances: 3, MinInstances: 1, PoolMax: 4, PoolLeast: 3, Beside: []Held{{"a drill", ProbeConnections}}}}, false, []string{
				"max_connections: 25, as given", "august-sync: 3 instances × 4 = 12", "august-sync, while a new revision is rolled out: 1 instance × 4 = 4",
				"august-sync, a drill: 2", fifteen,
				"need 33 of 25: 8 too many; lower max_instances to 1, or raise max_connections to at least 33 (restarts the database)",
			},
		},
		{
			"more than Cloud SQL has", Database{MaxConnections: 100, Reserved: 0}, []Service{{Name: "a", MaxInstances: 1000, MinInstances: 1000, PoolMax: 200}}, false, []string{
				"max_connections: 100, as given", "a: 1000 instances × 200 = 200000", "a, while a new revision is rolled out: 1000 instances × 200 = 200000",
				"reserved: 0", "need 400000 of 100: 399900 too many",
			},
		},
		{
			"through poolers", Database{Tier: "db-perf-optimized-N-8", MaxConnections: 200, Reserved: 15, Pooling: &Pooling{MaxPoolSize: 40, MaxClientConnections: 100}},
			[]Service{with(website, func(s *Service) { s.Pooled, s.Beside = true, []Held{{"jobs", 2}} }), sync}, true, []string{
				"max_connections: 200, as given",
				"august-sync: 10 instances × 4 = 40", "august-sync, while a new revision is rolled out: 1 instance × 4 = 4",
				"poolers: 2 poolers on 8 vCPU, one for every 4",
				"website: 20 instances × 2 processes × 3 = 120 clients of the poolers",
				"website, while a new revision is rolled out: 1 instance × 2 processes × 3 = 6 clients of the poolers",
				"website, jobs: 2",
				"from the poolers: 2 poolers × 1 user of a database × 40 = 80",
				"kept free beside the poolers: 1", fifteen,
				"need 142 of 200: 58 left", "clients of the poolers: need 126 of 200: 74 left",
			},
		},
		{
			"poolers that are too many for the database, and too few for their clients",
			Database{Tier: "db-perf-optimized-N-4", MaxConnections: 100, Reserved: 15, Pooling: &Pooling{MaxPoolSize: 50, MaxClientConnections: 100, Pairs: 2}},
			[]Service{with(website, func(s *Service) { s.Pooled = true })}, false, []string{
				"max_connections: 100, as given",
				"poolers: 1 pooler on 4 vCPU, one for every 4",
				"website: 20 instances × 2 processes × 3 = 120 clients of the poolers",
				"website, while a new revision is rolled out: 1 instance × 2 processes × 3 = 6 clients of the poolers",
				"from the poolers: 1 pooler × 2 users of a database × 50 = 100",
				"kept free beside the poolers: 1", fifteen,
				"need 116 of 100: 16 too many; lower max_pool_size to 42, or raise max_connections to at least 116 (restarts the database)",
				"clients of the poolers: need 126 of 100: 26 too many; lower pool_max to 2, or lower max_instances to 15, or raise max_client_connections to at least 126",
			},
		},
		{
			"a pooled service where there is no pooler", Database{MaxConnections: 100}, []Service{with(sync, func(s *Service) { s.Pooled, s.Overlap = true, ptr(0) })}, true,
			[]string{"max_connections: 100, as given", "august-sync: 10 instances × 4 = 40", "reserved: 0", "need 40 of 100: 60 left"},
		},
		{
			"replicas", Database{MaxConnections: 400, Replicas: []Replica{{Name: "dr", Tier: "db-custom-2-7680"}, {Name: "reports", Tier: "db-custom-1-3840"}}}, nil, false, []string{
				"max_connections: 400, as given", "reserved: 0", "need 0 of 400: 400 left",
				"replica dr: max_connections 400, no fewer than its primary has",
				"replica reports: max_connections 100, fewer than the 400 of its primary, so that it could not follow; " +
					"raise max_connections of reports to at least 400 (restarts the database)",
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := Connections(tt.db, tt.services)
			if err != nil {
				t.Fatal(err)
			}
			if got.Explanation() != strings.Join(tt.lines, "\n") {
				t.Errorf("got\n%s\nwant\n%s", got.Explanation(), strings.Join(tt.lines, "\n"))
			}
			if got.Fits() != tt.fits {
				t.Errorf("fits: %t", got.Fits())
			}
		})
	}
}

func TestConnections_needsToKnowTheMachine(t *testing.T) {
	t.Parallel()
	for want, db := range map[string]Database{
		`the tier "db-huge" is not known here, nor how large its machine is: give max_connections`: {Tier: "db-huge"},
		`the tier "" is not known here, nor how large its machine is: give the number of poolers`:  {MaxConnections: 100, Pooling: &Pooling{}},
		`replica dr: the tier "db-huge" is not known here`:                                         {MaxConnections: 100, Replicas: []Replica{{Name: "dr", Tier: "db-huge"}}},
	} {
		if _, err := Connections(db, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}

var term = regexp.MustCompile(`(?:= |: )(\d+)$`)

// Whatever the configuration is: the lines add up to what is needed, more never needs less, and each way out is enough
// and the least that is.
func TestConnections_holdsForAll(t *testing.T) {
	t.Parallel()
	for seed := range uint64(1500) {
		r := rand.New(rand.NewPCG(seed, 1))
		db, services := anyConfiguration(r)
		b, err := Connections(db, services)
		if err != nil {
			t.Fatal(err)
		}
		check := func(ok bool, what string) {
			if !ok {
				t.Fatalf("seed %d: %s\n%+v\n%+v\n%s", seed, what, db, services, b.Explanation())
			}
		}

		var sum int64
		for _, line := range b.Lines {
			if m := term.FindStringSubmatch(line); m != nil {
				n, _ := strconv.ParseInt(m[1], 10, 64)
				sum += n
			}
		}
		check(sum == b.Need, fmt.Sprintf("the lines add up to %d", sum))
		fits := b.Need <= b.Have && (b.Clients == nil || b.Clients.Need <= b.Clients.Have)
		check(b.Fits() == fits && b.Left() == b.Have-b.Need, "fits is not what the figures say")

		for i := range services {
			for _, grow := range []func(*Service){
				func(s *Service) { s.PoolMax++ }, func(s *Service) { s.MaxInstances++ }, func(s *Service) { s.MinInstances++ },
				func(s *Service) { s.Processes = s.processes() + 1 }, func(s *Service) { s.Beside = append(s.Beside[:0:0], Held{"jobs", 1 + sumOf(s.Beside)}) },
				func(s *Service) { s.Overlap = ptr(s.overlap() + 1) },
			} {
				more := slices.Clone(services)
				grow(&more[i])
				after, err := Connections(db, more)
				check(err == nil && after.Need >= b.Need, "more needs less")
				check(b.Clients == nil || after.Clients.Need >= b.Clients.Need, "more has fewer clients")
				check(b.Fits() || !after.Fits(), "more fits where less does not")
			}
		}

		for _, way := range b.WaysOut {
			short := func(db Database, services []Service, way WayOut) bool {
				after, err := Connections(applied(db, services, way))
				check(err == nil, "a way out cannot be gone")
				if way.Attribute == "max_client_connections" || clientsOnly(services, way, db) {
					return after.Clients.Need > after.Clients.Have
				}
				return after.Need > after.Have
			}
			check(!short(db, services, way), way.String()+" is not enough")
			less := way
			switch way.Attribute {
			case "pool_max", "max_instances", "max_pool_size":
				less.Value++
			case "tier":
				continue
			default:
				less.Value--
			}
			check(short(db, services, less), way.String()+" is more than enough")
		}
	}
}

func anyConfiguration(r *rand.Rand) (Database, []Service) {
	n := func(from, to int64) int64 { return from + r.Int64N(to-from+1) }
	db := Database{Tier: []string{"db-f1-micro", "db-custom-1-3840", "db-custom-2-7680", "db-perf-optimized-N-8"}[n(0, 3)], Reserved: n(0, 20), Other: n(0, 9)}
	if n(0, 1) == 0 {
		db.MaxConnections = n(14, 500)
	}
	if n(0, 2) == 0 {
		db.Pooling = &Pooling{Poolers: n(0, 4), MaxPoolSize: n(1, 60), MaxClientConnections: n(10, 300), Pairs: n(0, 3)}
	}
	var services []Service
	for i := range n(0, 4) {
		s := Service{Name: fmt.Sprintf("s%d", i), MaxInstances: n(1, 20), Processes: n(0, 3), PoolMax: n(1, 12), Pooled: n(0, 1) == 0}
		s.MinInstances = n(0, s.MaxInstances)
		if n(0, 2) == 0 {
			s.Overlap = ptr(n(0, 20))
		}
		if n(0, 2) == 0 {
			s.PoolLeast = n(1, s.PoolMax)
		}
		if n(0, 2) == 0 {
			s.Beside = []Held{{"jobs", n(0, 5)}}
		}
		services = append(services, s)
	}
	return db, services
}

func applied(db Database, services []Service, way WayOut) (Database, []Service) {
	services = slices.Clone(services)
	switch way.Attribute {
	case "max_connections":
		db.MaxConnections = way.Value
		return db, services
	case "tier":
		db.Tier = fmt.Sprintf("db-custom-1-%d", way.Value)
		if db.Pooling != nil { // a larger machine has more poolers, too; this is about memory
			p := *db.Pooling
			if p.Poolers == 0 {
				p.Poolers = 1
			}
			db.Pooling = &p
		}
		return db, services
	case "max_pool_size", "max_client_connections":
		p := *db.Pooling
		if way.Attribute == "max_pool_size" {
			p.MaxPoolSize = way.Value
		} else {
			p.MaxClientConnections = way.Value
		}
		db.Pooling = &p
		return db, services
	}
	for i := range services {
		s := &services[i]
		switch {
		case way.Of == everyService, way.Of == everyPooled && s.Pooled:
			s.PoolMax = min(s.PoolMax, way.Value)
		case way.Of != "" && way.Of != s.Name:
		case way.Attribute == "pool_max":
			s.PoolMax = way.Value
		default:
			s.MaxInstances = way.Value
		}
	}
	return db, services
}

// clientsOnly says that a way out is about the poolers' clients.
func clientsOnly(services []Service, way WayOut, db Database) bool {
	if db.Pooling == nil || (way.Attribute != "pool_max" && way.Attribute != "max_instances") {
		return false
	}
	if way.Of == everyPooled {
		return true
	}
	for _, s := range services {
		if (way.Of == "" || way.Of == s.Name) && s.Pooled {
			return true
		}
	}
	return false
}

func sumOf(held []Held) (sum int64) {
	for _, h := range held {
		sum += h.Connections
	}
	return sum
}

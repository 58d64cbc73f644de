package pipeline_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
	sandbox "github.com/feel-august/terraform-provider-august/internal/sandbox/drchrono"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/storm"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
	"github.com/feel-august/terraform-provider-august/internal/sync/pipeline"
)

// chaos is a platform on which everything goes wrong at once.
type chaos struct {
	*rig
	proxy  *pgtest.Proxy
	admin  *pipeline.Service // the control API: connected to the database itself, and not running anything
	config instanceConfig
	struck map[sandbox.FaultKind]int

	mu     sync.Mutex
	counts map[string]int
	grants []string // refresh tokens that a person stored
}

func (c *chaos) note(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[what]++
}

// Every fault of the source at once, edits in the practice, a database that breaks and instances that are
// killed: once all of that is over, one more sync makes the tables equal to the source.
func TestEverythingGoesWrongAtOnce(t *testing.T) {
	length, seed := storm.Soak(t, 20*time.Second)
	r := newRig(t, 60)
	r.server.SeedFaults(seed)
	c := &chaos{rig: r, counts: map[string]int{}, struck: map[sandbox.FaultKind]int{}}
	c.admin, _ = r.instance()
	c.proxy = pgtest.NewProxy(t, r.db)
	c.config = instanceConfig{URL: r.http.URL, Database: c.proxy.Database(), RefreshToken: "seed"}
	r.put(c.admin, spec)
	if _, err := c.admin.Put(t.Context(), "second", other); err != nil {
		t.Fatal(err)
	}

	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i, play := range []func(*rand.Rand, <-chan struct{}){c.weather, c.practice, c.person} {
		rnd := rand.New(rand.NewPCG(seed, uint64(i)))
		wg.Go(func() { play(rnd, stop) })
	}
	instances := c.machines(rand.New(rand.NewPCG(seed, 99)), time.Now().Add(length))
	close(stop)
	wg.Wait()

	// The storm is over.
	c.tally()
	c.server.ClearFaults()
	c.server.Set(calm)
	c.exec(`update august.throttle set paused_until = least(paused_until, now() + interval '2 seconds')`)
	for _, name := range []string{"billing", "second"} {
		c.settled(name, instances)
	}
	r.equal()
	r.raw()
	if n := r.one(`select count(*) from august.run where state not in ('succeeded', 'failed')`); n != "0" {
		t.Errorf("%s runs are open", n)
	}
	for _, p := range instances {
		if !p.end(syscall.SIGTERM) {
			t.Error("an instance does not stop")
		}
	}
	c.silent()
	c.report()
}

// calm is the sandbox as the rig makes it.
func calm(s *sandbox.Settings) {
	caps := s.PageCaps
	*s = sandbox.DefaultSettings()
	s.PerHour, s.PerSecond, s.PageCaps = 0, 0, caps
}

// weather switches every fault and every setting on, and mixes them anew every few seconds.
func (c *chaos) weather(rnd *rand.Rand, stop <-chan struct{}) {
	for {
		c.tally()
		c.server.ClearFaults()
		for _, kind := range sandbox.FaultKinds() {
			f := sandbox.Fault{Kind: kind, Endpoint: "*", Chance: 0.03 * rnd.Float64(), DelayMillis: rnd.IntN(1500), Seconds: 0.05 + 0.7*rnd.Float64(), Rows: 1 + rnd.IntN(8)}
			switch kind {
			case sandbox.FaultThrottle:
				f.Chance /= 5
			case sandbox.FaultRedirect:
				if rnd.IntN(4) == 0 {
					f.To, f.Chance = "http://elsewhere.test", 0.001
				}
			case sandbox.FaultCircle:
				f.Chance /= 5
			case sandbox.FaultAsync, sandbox.FaultFailed, sandbox.FaultCanceled, sandbox.FaultExpired, sandbox.FaultStuck, sandbox.FaultDuplicate, sandbox.FaultLose:
				f.Chance *= 3
			}
			c.server.AddFault(f)
			switch kind { // before the token is rotated: what is lost afterwards only a person can mend
			case sandbox.FaultStatus, sandbox.FaultHTML, sandbox.FaultSlow, sandbox.FaultDrop, sandbox.FaultThrottle:
				f.Endpoint, f.Chance = "o/token", 0.3*rnd.Float64()
				c.server.AddFault(f)
			}
		}
		for _, status := range []int{401, 403, 404, 409, 502, 503, 504} {
			chance := 0.01
			if status < 500 {
				chance = 0.0005
			}
			c.server.AddFault(sandbox.Fault{Kind: sandbox.FaultStatus, Status: status, Endpoint: "*", Chance: chance})
		}
		bulk := []string{"appointments_list", "line_items_list", "transactions_list"}
		some := func() []string {
			rnd.Shuffle(len(bulk), func(i, j int) { bulk[i], bulk[j] = bulk[j], bulk[i] })
			return slices.Clone(bulk[:rnd.IntN(3)])
		}
		var shapes []sandbox.Shape
		for _, s := range sandbox.Shapes() {
			if rnd.IntN(2) == 0 {
				shapes = append(shapes, s)
			}
		}
		yes := func() bool { return rnd.IntN(2) == 0 }
		c.server.Set(func(s *sandbox.Settings) {
			calm(s)
			s.Shapes = shapes
			s.Rotate, s.RefreshUnsaid, s.AccessTokenSeconds, s.FreshTokenMillis = rnd.IntN(3) > 0, yes(), 4+rnd.IntN(20), rnd.IntN(15)
			s.RetryAfter, s.Hot, s.PerSecond = true, yes(), 60+rnd.IntN(200)
			s.WaitUnsaid = yes()
			s.Envelope = []string{"results", "data"}[rnd.IntN(2)]
			s.ReadLagMillis, s.WideRangeEmpty = rnd.IntN(3000), yes()
			s.BulkPolls, s.BulkMillis, s.BulkCompleted, s.BulkRepeats = rnd.IntN(3), rnd.IntN(40), yes(), yes()
			s.BulkNoPagination, s.BulkDirect = some(), some()
		})
		c.note("weather")
		if !pause(stop, time.Duration(1000+rnd.IntN(4000))*time.Millisecond) {
			return
		}
	}
}

// tally adds up what the faults of this weather did.
func (c *chaos) tally() {
	struck := c.server.FaultsStruck()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.server.Faults() {
		c.struck[f.Kind] += struck[f.ID]
	}
}

// practice goes on with its work: new objects, edits, edits that move no time, deletions.
func (c *chaos) practice(rnd *rand.Rand, stop <-chan struct{}) {
	edits := map[clinic.Kind]func() clinic.Object{
		clinic.Appointments: func() clinic.Object {
			return clinic.Object{"ins1_status": pick(rnd, "ERA Received", "ERA Denied", "In Process Payer", "Paid in Full"), "notes": pick(rnd, clinic.Canaries()...)}
		},
		clinic.LineItems:    func() clinic.Object { return clinic.Object{"billed": cents(rnd), "balance_total": cents(rnd)} },
		clinic.Transactions: func() clinic.Object { return clinic.Object{"ins_paid": cents(rnd)} },
		clinic.PatientPayments: func() clinic.Object {
			return clinic.Object{"amount": cents(rnd), "notes": pick(rnd, clinic.Canaries()...)}
		},
	}
	others := map[clinic.Kind]func() clinic.Object{
		clinic.Doctors:  func() clinic.Object { return clinic.Object{"specialty": pick(rnd, "Psychiatry", "Cardiology", "")} },
		clinic.Patients: func() clinic.Object { return clinic.Object{"city": pick(rnd, "Testville", "Mockburg", "")} },
		clinic.LabResults: func() clinic.Object {
			return clinic.Object{"value": cents(rnd), "comments": pick(rnd, clinic.Canaries()...)}
		},
		clinic.PatientLabResults: func() clinic.Object { return clinic.Object{"lab_result_value": cents(rnd)} },
		clinic.EOBs:              func() clinic.Object { return clinic.Object{"total_paid": cents(rnd)} },
	}
	vanish := slices.Sorted(maps.Keys(edits)) // nothing hangs on them that would stay behind
	for _, f := range feeds {
		if edit := others[kinds[f.Name]]; edit != nil {
			edits[kinds[f.Name]] = edit
		}
	}
	list := slices.Sorted(maps.Keys(edits))
	for pause(stop, time.Duration(20+rnd.IntN(120))*time.Millisecond) {
		kind := pick(rnd, list...)
		rows := c.clinic.View(kind, 0)
		key := rows[rnd.IntN(len(rows))].Key()
		var err error
		switch n := rnd.IntN(40); {
		case n == 0 && slices.Contains(vanish, kind):
			c.note("deletions")
			err = c.clinic.Delete(kind, key)
		case n < 8:
			c.note("new objects")
			_, err = c.clinic.Add(kind, edits[kind]())
		case n < 14:
			c.note("unseen edits")
			err = c.clinic.EditUnseen(kind, key, edits[kind]())
		default:
			c.note("edits")
			err = c.clinic.Edit(kind, key, edits[kind]())
		}
		if err != nil {
			c.Error(err)
		}
	}
}

// person asks for syncs, and authorises the application again when it is said that nothing else helps.
func (c *chaos) person(rnd *rand.Rand, stop <-chan struct{}) {
	last := map[string]int64{}
	for pause(stop, 100*time.Millisecond) {
		for _, name := range []string{"billing", "second"} {
			st, err := c.admin.Status(c.Context(), name)
			if err != nil || st.LastRun == nil {
				continue
			}
			run := st.LastRun
			if run.State != runtimeapi.RunSucceeded && run.State != runtimeapi.RunFailed {
				continue
			}
			if last[name] != run.ID {
				last[name] = run.ID
				c.note("runs " + run.State)
				if run.State == runtimeapi.RunFailed {
					c.note("failed: " + run.Error)
				}
			}
			if strings.Contains(run.Error, "authorise the application again") {
				c.authorise()
			}
			_, _ = c.admin.Sync(c.Context(), name, runtimeapi.SyncRequest{Full: rnd.IntN(2) == 0})
		}
	}
}

// authorise does what the practice's administrator does, and puts the new refresh token where instances
// that start from now on find it.
func (c *chaos) authorise() {
	c.note("authorisations")
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for range 100 { // the token endpoint has its faults
		res, err := client.Get(c.http.URL + "/o/authorize/?response_type=code&client_id=app&redirect_uri=" + url.QueryEscape("http://august.test/done"))
		if err != nil {
			continue
		}
		_ = res.Body.Close()
		back, err := res.Location()
		if err != nil {
			continue
		}
		res, err = client.PostForm(c.http.URL+"/o/token/", url.Values{"grant_type": {"authorization_code"}, "code": {back.Query().Get("code")},
			"redirect_uri": {"http://august.test/done"}, "client_id": {"app"}, "client_secret": {"secret"}})
		if err != nil {
			continue
		}
		var pair struct {
			Refresh string `json:"refresh_token"`
		}
		err = json.NewDecoder(res.Body).Decode(&pair)
		_ = res.Body.Close()
		if err == nil && pair.Refresh != "" {
			c.mu.Lock()
			c.config.RefreshToken = pair.Refresh
			c.grants = append(c.grants, pair.Refresh)
			c.mu.Unlock()
			return
		}
	}
	c.Error("the application cannot be authorised")
}

func (c *chaos) secret() instanceConfig {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.config
}

// machines kills instances and breaks the database until the end, and returns the instances that are left,
// all of them with the newest secret.
func (c *chaos) machines(rnd *rand.Rand, end time.Time) []*process {
	list := []*process{c.launch(c.secret()), c.launch(c.secret())}
	running := make([]string, len(list))
	restart := func(i int, sig syscall.Signal) {
		if !list[i].end(sig) {
			c.Errorf("an instance does not stop\n%s", c.logs)
		}
		config := c.secret()
		list[i], running[i] = c.launch(config), config.RefreshToken
	}
	for i := range running {
		running[i] = c.config.RefreshToken
	}
	for time.Now().Before(end) {
		time.Sleep(time.Duration(300+rnd.IntN(2200)) * time.Millisecond)
		switch i := rnd.IntN(len(list)); rnd.IntN(7) {
		case 0, 1:
			c.note("kill -9")
			restart(i, syscall.SIGKILL)
		case 2:
			c.note("SIGTERM")
			restart(i, syscall.SIGTERM)
		case 3:
			c.note("database cut")
			c.proxy.Cut()
		case 4:
			c.note("database silent")
			c.proxy.BlackHole()
			time.Sleep(time.Duration(rnd.IntN(4000)) * time.Millisecond)
			c.proxy.Heal()
		case 5:
			c.note("database refuses")
			c.proxy.Refuse()
			time.Sleep(time.Duration(rnd.IntN(2500)) * time.Millisecond)
			c.proxy.Heal()
		case 6:
			c.note("database crash")
			pgtest.Restart(c)
		}
		for i := range running { // a new version of the secret is a new revision
			if running[i] != c.secret().RefreshToken {
				restart(i, syscall.SIGTERM)
			}
		}
	}
	for i := range list {
		select {
		case <-list[i].done:
			c.Errorf("an instance ended by itself\n%s", c.logs)
		default:
		}
		if running[i] != c.secret().RefreshToken {
			restart(i, syscall.SIGTERM)
		}
	}
	return list
}

// settled waits for what is under way and then makes one more full sync succeed.
func (c *chaos) settled(name string, instances []*process) {
	c.Helper()
	began := time.Now()
	asked := int64(0)
	c.until("the last sync of "+name, func() bool {
		st, err := c.admin.Status(c.Context(), name)
		if err != nil || st.LastRun == nil {
			return false
		}
		switch run := st.LastRun; run.State {
		case runtimeapi.RunFailed, runtimeapi.RunSucceeded:
			if run.ID == asked {
				if run.State == runtimeapi.RunFailed || run.Error != "" {
					c.Fatalf("the last sync: %+v\n%s", run, c.logs)
				}
				return true
			}
			if strings.Contains(run.Error, "authorise the application again") {
				c.authorise()
				for i, p := range instances {
					p.end(syscall.SIGTERM)
					instances[i] = c.launch(c.secret())
				}
			}
			next, err := c.admin.Sync(c.Context(), name, runtimeapi.SyncRequest{Full: true})
			if err == nil {
				asked = next.ID
			}
		}
		return false
	})
	c.Logf("%s is right %v after the storm", name, time.Since(began).Round(time.Millisecond))
}

// silent fails when what the runtime says shows a patient or a secret.
func (c *chaos) silent() {
	c.Helper()
	said := c.logs.String() + c.one(`select string_agg(error, chr(10)) from august.run`) + c.one(`select string_agg(reason, chr(10)) from drchrono.quarantine`)
	words := map[string]bool{}
	for _, w := range regexp.MustCompile(`[\pL\pN@._+-]+`).FindAllString(said, -1) {
		words[strings.Trim(w, ".")] = true
	}
	forbidden := append(clinic.Canaries(), c.grants...)
	for _, p := range c.clinic.All(clinic.Patients) {
		for _, field := range []string{"first_name", "middle_name", "last_name", "email", "social_security_number", "chart_id", "cell_phone", "date_of_birth", "address"} {
			if s, _ := p[field].(string); s != "" {
				forbidden = append(forbidden, s)
			}
		}
	}
	slices.Sort(forbidden)
	for _, s := range slices.Compact(forbidden) {
		if words[s] || len(s) > 9 && strings.Contains(said, s) {
			c.Errorf("the log holds %q", s)
		}
	}
	if len(forbidden) < 100 {
		c.Errorf("only %d things of patients were looked for", len(forbidden))
	}
	c.Logf("%d lines of log, %d words, none of %d things of patients among them", strings.Count(said, "\n"), len(words), len(forbidden))
}

func (c *chaos) report() {
	c.mu.Lock()
	defer c.mu.Unlock()
	stats := c.server.Stats()["app"]
	var b strings.Builder
	fmt.Fprintf(&b, "%d calls, %d refreshes, statuses %v\n", stats.Calls, stats.Endpoints["o/token"], stats.Statuses)
	for _, kind := range sandbox.FaultKinds() {
		fmt.Fprintf(&b, "%s %d, ", kind, c.struck[kind])
	}
	b.WriteString("\n")
	for _, what := range slices.Sorted(maps.Keys(c.counts)) {
		fmt.Fprintf(&b, "%5d %s\n", c.counts[what], what)
	}
	fmt.Fprintf(&b, "%5d leases, %d takeovers", strings.Count(c.logs.String(), `"run starts"`), strings.Count(c.logs.String(), `"attempt":1`))
	c.Log(b.String())
}

// pause is false when the storm is over.
func pause(stop <-chan struct{}, d time.Duration) bool {
	select {
	case <-stop:
		return false
	case <-time.After(d):
		return true
	}
}

func pick[T any](rnd *rand.Rand, list ...T) T { return list[rnd.IntN(len(list))] }

func cents(rnd *rand.Rand) string { return fmt.Sprintf("%d.%02d", rnd.IntN(400), rnd.IntN(100)) }

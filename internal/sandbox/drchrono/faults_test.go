package drchrono_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/drchrono"
)

// call is do for answers that may never come whole.
func (r *rig) call(method, path string, form url.Values) (status int, header http.Header, body string, err error) {
	r.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = r.http.URL + path
	}
	req, err := http.NewRequest(method, path, strings.NewReader(form.Encode()))
	if err != nil {
		r.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	req.Header.Set("Authorization", "Bearer "+r.token)
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return 0, nil, "", err
	}
	defer func() { _ = res.Body.Close() }()
	out, err := io.ReadAll(res.Body)
	return res.StatusCode, res.Header, string(out), err
}

// Each kind strikes as its name says, on a list, and the next call is right again.
func TestEveryFaultOfACall(t *testing.T) {
	for kind, right := range map[drchrono.FaultKind]func(status int, h http.Header, body string, err error) bool{
		drchrono.FaultStatus: func(s int, h http.Header, _ string, _ error) bool { return s == 502 && isHTML(h) },
		drchrono.FaultHTML:   func(s int, h http.Header, _ string, _ error) bool { return s == 200 && isHTML(h) },
		drchrono.FaultSlow:   func(s int, _ http.Header, _ string, err error) bool { return s == 200 && err == nil },
		drchrono.FaultDrop:   func(s int, _ http.Header, _ string, err error) bool { return s == 0 && err != nil },
		drchrono.FaultThrottle: func(s int, _ http.Header, b string, _ error) bool {
			return s == 429 && strings.Contains(b, "in 2.75 seconds")
		},
		drchrono.FaultRedirect: func(s int, h http.Header, _ string, _ error) bool {
			return s == 302 && strings.Contains(h.Get("Location"), "/api/doctors?")
		},
		drchrono.FaultTruncated: func(s int, _ http.Header, b string, err error) bool {
			return s == 200 && err == nil && strings.HasPrefix(b, `{"previous"`) && !strings.HasSuffix(b, "}")
		},
		drchrono.FaultCut: func(s int, _ http.Header, _ string, err error) bool {
			return s == 200 && errors.Is(err, io.ErrUnexpectedEOF)
		},
	} {
		t.Run(string(kind), func(t *testing.T) {
			r := newRig(t)
			f := drchrono.Fault{Kind: kind, Endpoint: "doctors", Times: 1, Status: 502, DelayMillis: 30, Seconds: 2.75}
			if err := f.Check(); err != nil {
				t.Fatal(err)
			}
			id := r.server.AddFault(f)
			began := time.Now()
			if status, header, body, err := r.call(http.MethodGet, "/api/doctors", nil); !right(status, header, body, err) {
				t.Errorf("%d %v %q, %v", status, header, body, err)
			}
			if kind == drchrono.FaultSlow && time.Since(began) < 30*time.Millisecond {
				t.Error("answered at once")
			}
			r.get("/api/doctors", 200)
			if left := r.server.Faults(); len(left) != 0 || r.server.FaultsStruck()[id] != 1 {
				t.Errorf("left %+v, struck %v", left, r.server.FaultsStruck())
			}
		})
	}
}

func isHTML(h http.Header) bool { return strings.HasPrefix(h.Get("Content-Type"), "text/html") }

// A moved call is answered where it moved to, when it arrives with its method and its query.
func TestRedirects(t *testing.T) {
	r := newRig(t)
	r.server.AddFault(drchrono.Fault{Kind: drchrono.FaultRedirect})
	_, header, _ := r.do(http.MethodPost, "/api/line_items_list?page=2&since=2026-01-01", nil)
	to := header.Get("Location")
	if !strings.HasPrefix(to, r.http.URL+"/api/line_items_list?") {
		t.Fatalf("location %q", to)
	}
	r.json(http.MethodPost, to, nil, 201)
	r.get(to, 400) // as net/http would replay it
	r.server.ClearFaults()
	r.server.AddFault(drchrono.Fault{Kind: drchrono.FaultRedirect, To: "http://elsewhere.test"})
	if _, header, _ := r.do(http.MethodGet, "/api/doctors", nil); header.Get("Location") != "http://elsewhere.test/api/doctors?_moved=1" {
		t.Errorf("location %q", header.Get("Location"))
	}
	r.server.ClearFaults()
	status, header, _ := r.do(http.MethodGet, "/api/users/current", nil)
	if status != 302 {
		t.Errorf("current user: %d", status)
	}
	if me := r.get(header.Get("Location"), 200); me["id"] == nil {
		t.Errorf("current user: %v", me)
	}
}

func idsOf(page map[string]any) (ids []string) {
	for _, o := range page["results"].([]any) {
		ids = append(ids, fmt.Sprintf("%.0f", o.(map[string]any)["id"]))
	}
	return ids
}

func TestPagesThatAreWrong(t *testing.T) {
	r := newRig(t)
	const list = "/api/line_items?page_size=10"
	second := r.get(list, 200)["next"].(string)
	ones, twos := idsOf(r.get(list, 200)), idsOf(r.get(second, 200))
	bulk := func() []string { return idsOf(r.bulk("/api/line_items_list?page=2&page_size=10")) }
	for kind, want := range map[drchrono.FaultKind][]string{
		drchrono.FaultRepeat:    ones,
		drchrono.FaultDuplicate: append(slices.Clone(ones[7:]), twos...),
		drchrono.FaultLose:      twos[:7],
	} {
		r.server.AddFault(drchrono.Fault{Kind: kind, Endpoint: "line_items*", Page: 2, Times: 2})
		first, page := r.get(list, 200), r.get(second, 200)
		if !slices.Equal(idsOf(first), ones) || !slices.Equal(idsOf(page), want) || page["next"] == nil {
			t.Errorf("%s: %v", kind, idsOf(page))
		}
		if got := bulk(); !slices.Equal(got, want) {
			t.Errorf("%s in bulk: %v", kind, got)
		}
		if !slices.Equal(idsOf(r.get(second, 200)), twos) {
			t.Errorf("%s does not pass", kind)
		}
	}
	r.server.AddFault(drchrono.Fault{Kind: drchrono.FaultCircle, Endpoint: "line_items", Page: 3})
	third := r.get(second, 200)["next"].(string)
	if back := r.get(third, 200)["next"].(string); !slices.Equal(idsOf(r.get(back, 200)), twos) {
		t.Errorf("the circle leads to %s", back)
	}
}

func TestBulkRequestsThatComeToNothing(t *testing.T) {
	for kind, c := range map[drchrono.FaultKind]struct {
		status int
		says   string
	}{
		drchrono.FaultAsync: {500, "Error"}, drchrono.FaultFailed: {200, "Failed"}, drchrono.FaultCanceled: {200, "Canceled"},
		drchrono.FaultExpired: {404, "Invalid uuid specified"}, drchrono.FaultStuck: {200, "In progress"},
	} {
		r := newRig(t)
		r.server.AddFault(drchrono.Fault{Kind: kind, Endpoint: "*_list", Times: 1})
		poll := "/api/patients_list?uuid=" + r.json(http.MethodPost, "/api/patients_list", nil, 201)["uuid"].(string)
		r.get(poll, 200)
		if status, _, body := r.do(http.MethodGet, poll, nil); status != c.status || !strings.Contains(string(body), c.says) {
			t.Errorf("%s: %d %s", kind, status, body)
		}
		if got := r.bulk("/api/patients_list"); got["status"] != "Complete" {
			t.Errorf("%s does not pass: %v", kind, got["status"])
		}
	}
}

func TestBulkListsThatDifferFromTheDocuments(t *testing.T) {
	r := newRig(t)
	n := r.clinic.Count(clinic.LineItems)
	r.server.Set(func(s *drchrono.Settings) { s.BulkNoPagination, s.BulkRepeats = []string{"line_items_list"}, true })
	last := r.bulk(fmt.Sprintf("/api/line_items_list?page_size=100&page=%d", (n+99)/100))
	past := r.bulk(fmt.Sprintf("/api/line_items_list?page_size=100&page=%d", (n+99)/100+1))
	if !slices.Equal(idsOf(last), idsOf(past)) || past["pagination"] != nil {
		t.Errorf("past the end: %v", idsOf(past))
	}
	r.server.Set(func(s *drchrono.Settings) { s.BulkDirect = []string{"line_items_list"} })
	page := r.json(http.MethodPost, "/api/line_items_list?page=1&page_size=250", nil, 200)
	seen := idsOf(page)
	for page["next"] != nil {
		page = r.get(page["next"].(string), 200)
		seen = append(seen, idsOf(page)...)
	}
	if slices.Sort(seen); len(slices.Compact(seen)) != n {
		t.Errorf("%d rows, want %d", len(seen), n)
	}
}

func TestTheTokenEndpointsFaults(t *testing.T) {
	r := newRig(t)
	r.server.Set(func(s *drchrono.Settings) { s.FreshTokenMillis = 500 })
	r.server.AddFault(drchrono.Fault{Kind: drchrono.FaultThrottle, Endpoint: "o/token", Seconds: 1.5, Times: 1})
	if got, _, body := r.do(http.MethodPost, "/o/token/", refreshForm("test-refresh")); got != 429 || !strings.Contains(string(body), "in 1.5 seconds") {
		t.Errorf("throttled: %d %s", got, body)
	}
	pair := r.json(http.MethodPost, "/o/token/", refreshForm("test-refresh"), 200)
	r.get("/api/doctors", 401) // the old one is dead
	r.token = pair["access_token"].(string)
	r.get("/api/doctors", 401) // the new one not known yet
	r.clock.pass(500 * time.Millisecond)
	r.get("/api/doctors", 200)
	if got, _, body := r.do(http.MethodPost, "/o/token/", refreshForm("test-refresh")); got != 400 || string(body) != `{"error":"invalid_grant"}` {
		t.Errorf("a used refresh token: %d %s", got, body)
	}

	// The answer is lost on the way: the token is rotated all the same, as with the real thing.
	fresh := pair["refresh_token"].(string)
	r.server.AddFault(drchrono.Fault{Kind: drchrono.FaultCut, Endpoint: "o/token", Times: 1})
	if _, _, _, err := r.call(http.MethodPost, "/o/token/", refreshForm(fresh)); err == nil {
		t.Error("the answer came whole")
	}
	if got, _, _ := r.do(http.MethodPost, "/o/token/", refreshForm(fresh)); got != 400 {
		t.Errorf("the lost answer's refresh token: %d", got)
	}
}

func TestARefreshTokenThatDoesNotRotate(t *testing.T) {
	r := newRig(t)
	r.server.Set(func(s *drchrono.Settings) { s.Rotate = false })
	if pair := r.json(http.MethodPost, "/o/token/", refreshForm("test-refresh"), 200); pair["refresh_token"] != "test-refresh" {
		t.Errorf("rotated: %v", pair["refresh_token"])
	}
	r.server.Set(func(s *drchrono.Settings) { s.RefreshUnsaid = true })
	if pair := r.json(http.MethodPost, "/o/token/", refreshForm("test-refresh"), 200); pair["refresh_token"] != nil || pair["access_token"] == nil {
		t.Errorf("the refresh token is said: %v", pair)
	}
}

func TestChanceIsSeeded(t *testing.T) {
	strikes := func(seed uint64) (out string) {
		r := newRig(t)
		r.server.SeedFaults(seed)
		r.server.AddFault(drchrono.Fault{Kind: drchrono.FaultHTML, Chance: 0.3})
		for range 200 {
			_, header, _ := r.do(http.MethodGet, "/api/sublabs", nil)
			out += map[bool]string{true: "x", false: "."}[isHTML(header)]
		}
		return out
	}
	a, b, c := strikes(1), strikes(1), strikes(2)
	if n := strings.Count(a, "x"); a != b || a == c || n < 30 || n > 90 {
		t.Errorf("%d strikes\n%s\n%s\n%s", n, a, b, c)
	}
}

func TestTenMinuteThrottle(t *testing.T) {
	r := newRig(t)
	r.server.Set(func(s *drchrono.Settings) { s.PerTenMinutes = 290 })
	for range 290 {
		r.get("/api/sublabs", 200)
		r.clock.pass(time.Second)
	}
	if got, _, body := r.do(http.MethodGet, "/api/sublabs", nil); got != 429 || !strings.Contains(string(body), "in 310.0 seconds") {
		t.Fatalf("call 291: %d %s", got, body)
	}
	r.clock.pass(310 * time.Second) // the window rolls: one call leaves it each second
	r.get("/api/sublabs", 200)
	r.get("/api/sublabs", 429)
	r.clock.pass(time.Second)
	r.get("/api/sublabs", 200)
	r.server.Set(func(s *drchrono.Settings) { s.WaitUnsaid = true })
	if got, _, body := r.do(http.MethodGet, "/api/sublabs", nil); got != 429 || string(body) != `{"detail":"Request was throttled."}` {
		t.Errorf("%d %s", got, body)
	}
}

// A status that an insurer's answer changes is there, and `since` does not see it.
func TestAChangeThatSinceDoesNotSee(t *testing.T) {
	r := newRig(t)
	row := r.clinic.View(clinic.Appointments, 0)[3]
	since := row.Field("updated_at")
	before := len(r.all("/api/appointments?show_archived=true&since=" + since))
	if err := r.clinic.EditUnseen(clinic.Appointments, row.Key(), clinic.Object{"ins1_status": "ERA Denied"}); err != nil {
		t.Fatal(err)
	}
	got := r.get("/api/appointments/"+row.Key(), 200)
	if got["ins1_status"] != "ERA Denied" || got["updated_at"] != since || len(r.all("/api/appointments?show_archived=true&since="+since)) != before {
		t.Errorf("%v", got)
	}
	if len(r.all("/api/appointments?since="+r.clinic.Now())) != 0 {
		t.Error("the change shows in since")
	}
}

func TestSwitchesThatDoNotExistAreRefused(t *testing.T) {
	r := newRig(t)
	for path, bodies := range map[string][]string{
		"/_sandbox/faults":   {`{"kind":"hail"}`, `{"kind":"status","endpoint":"["}`, `{"kind":"status","chance":2}`, `{"kind":"status","tims":1}`},
		"/_sandbox/settings": {`{"shapes":["round"]}`, `{"envelope":"rows"}`, `{"rotate":true}`},
	} {
		for _, body := range bodies {
			res, err := http.Post(r.http.URL+path, "application/json", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if res.StatusCode != 400 {
				t.Errorf("%s %s: %d", path, body, res.StatusCode)
			}
		}
	}
	res, err := http.Post(r.http.URL+"/_sandbox/settings", "application/json", strings.NewReader(`{"shapes":["ids","times"],"per_ten_minutes":290}`))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if s := r.server.Settings(); res.StatusCode != 200 || len(s.Shapes) != 2 || s.PerTenMinutes != 290 {
		t.Errorf("%d %+v", res.StatusCode, s)
	}
	// Every kind can be switched on over the wire.
	for _, kind := range drchrono.FaultKinds() {
		res, err := http.Post(r.http.URL+"/_sandbox/faults", "application/json", strings.NewReader(fmt.Sprintf(`{"kind":%q,"chance":0.5}`, kind)))
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != 201 {
			t.Errorf("%s: %d", kind, res.StatusCode)
		}
	}
}

func TestAFaultOnOnePageAfterSomeCalls(t *testing.T) {
	r := newRig(t)
	r.server.AddFault(drchrono.Fault{Kind: drchrono.FaultStatus, Endpoint: "line_items", Page: 3, Times: 1, Status: 503})
	path := "/api/line_items?page_size=10"
	for range 2 {
		path = r.get(path, 200)["next"].(string)
	}
	if got, _, _ := r.do(http.MethodGet, path, nil); got != 503 {
		t.Errorf("page 3: %d", got)
	}
	r.get(path, 200)
	r.server.AddFault(drchrono.Fault{Kind: drchrono.FaultTruncated, Endpoint: "lab_results", Skip: 1, Times: 1})
	r.get("/api/lab_results", 200)
	if got, _, body := r.do(http.MethodGet, "/api/lab_results", nil); got != 200 || !strings.HasPrefix(string(body), `{"previous"`) || strings.HasSuffix(string(body), "}") {
		t.Errorf("truncated: %d, %d bytes", got, len(body))
	}
	if len(r.server.Faults()) != 0 {
		t.Errorf("left: %+v", r.server.Faults())
	}
}

package localcloud_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/api/option"
	secretmanager "google.golang.org/api/secretmanager/v1"
	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/localcloud"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/identity"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest"
)

// A day in the life: start, look, start again, use it all, stop, start again and find everything as
// it was.
func TestRestartKeepsState(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.up(t)

	if out := r.do(t, "up"); !strings.Contains(out, "runs already") {
		t.Errorf("a second up says %q", out)
	}
	if out := r.do(t, "up", "--detach"); !strings.Contains(out, "runs already") {
		t.Errorf("a second detached up says %q", out)
	}
	var status localcloud.Status
	if err := json.Unmarshal([]byte(r.do(t, "status", "--json")), &status); err != nil {
		t.Fatal(err)
	}
	if status.State != localcloud.StateRunning || status.Description.PID != first.PID {
		t.Errorf("status %+v", status)
	}
	address := r.cluster(t, first, "CREATE TABLE kept (word text)", "INSERT INTO kept VALUES ('kept')")
	uri := deploy(t, first, "hello")
	got := r.do(t, "status")
	for _, want := range []string{uri, address, first.Endpoints.PubSub, "drchrono-deliveries-dead after 100 attempts", localcloud.BucketName} {
		if !strings.Contains(got, want) {
			t.Errorf("status does not show %s:\n%s", want, got)
		}
	}
	refresh := r.secret(t, first, "drchrono-oauth")

	r.do(t, "down")
	r.nothingLeft(t)
	if got := r.do(t, "status"); !strings.Contains(got, "stopped") {
		t.Errorf("status after down: %s", got)
	}
	if got := r.do(t, "down"); !strings.Contains(got, "No local cloud runs") {
		t.Errorf("a second down says %q", got)
	}

	second := r.up(t)
	if first.Endpoints != second.Endpoints {
		t.Errorf("addresses changed from %+v to %+v", first.Endpoints, second.Endpoints)
	}
	if got := r.cluster(t, second, "INSERT INTO kept SELECT * FROM kept"); got != address {
		t.Errorf("the instance moved from %s to %s", address, got)
	}
	if r.secret(t, second, "drchrono-oauth") != refresh {
		t.Error("the landing zone was made anew")
	}
	eventually(t, "the service is back", func() bool {
		return get(t, http.DefaultClient, uri, nil, nil) == http.StatusOK
	})
}

// What a killed supervisor leaves is ended by the next up or down, and nothing is lost.
func TestKilledSupervisor(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.up(t)
	uri := deploy(t, first, "hello")
	r.cluster(t, first, "CREATE TABLE kept (word text)")
	publish(t, first, "one", "two", "three")
	store(t, first, "exports/one", "kept")

	r.kill(t, first)
	if r.strays(t) < 3 {
		t.Fatalf("%d processes survive the supervisor: the test shows nothing", r.strays(t))
	}
	if _, err := localcloud.Describe(r.dir); err == nil {
		t.Error("a killed cloud is described as running")
	}
	second := r.up(t)
	if first.Endpoints != second.Endpoints || first.PID == second.PID {
		t.Errorf("%+v became %+v", first, second)
	}
	r.cluster(t, second, "INSERT INTO kept VALUES ('after the crash')")
	receive(t, second, "one", "two", "three")
	if got := stored(t, second, "exports/one"); got != "kept" {
		t.Errorf("the bucket has %q after the crash", got)
	}
	if code := get(t, http.DefaultClient, uri, nil, nil); code != http.StatusOK {
		t.Errorf("the service answers %d after the crash", code)
	}

	r.kill(t, second)
	if out := r.do(t, "down"); !strings.Contains(out, "killed local cloud") {
		t.Errorf("down says %q", out)
	}
	r.nothingLeft(t)
}

// A supervisor that is killed in the middle of a failover loses no commit: the next start has one primary with
// everything, and a standby that is in step.
func TestKilledDuringFailover(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.up(t)
	r.cluster(t, d, "CREATE TABLE kept (n int PRIMARY KEY)")
	api, err := sqladmin.NewService(t.Context(), option.WithEndpoint(d.Endpoints.CloudSQL), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	wait := func(op *sqladmin.Operation, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, op.OperationType+" is done", func() bool {
			op, err = api.Operations.Get(project, op.Name).Do()
			return err == nil && op.Status == "DONE"
		})
		if op.Error != nil {
			t.Fatalf("%s: %+v", op.OperationType, op.Error.Errors[0])
		}
	}
	wait(api.Instances.Patch(project, "platform", &sqladmin.DatabaseInstance{Settings: &sqladmin.Settings{
		AvailabilityType:    "REGIONAL",
		BackupConfiguration: &sqladmin.BackupConfiguration{Enabled: true, PointInTimeRecoveryEnabled: true},
	}}).Do())
	settings := func() *sqladmin.Settings {
		t.Helper()
		i, err := api.Instances.Get(project, "platform").Do()
		if err != nil {
			t.Fatal(err)
		}
		return i.Settings
	}
	n := 0
	for _, after := range []time.Duration{20 * time.Millisecond, 150 * time.Millisecond, 500 * time.Millisecond} {
		for range 5 {
			n++
			r.cluster(t, d, fmt.Sprintf("INSERT INTO kept VALUES (%d)", n))
		}
		if _, err := api.Instances.Failover(project, "platform", &sqladmin.InstancesFailoverRequest{
			FailoverContext: &sqladmin.FailoverContext{SettingsVersion: settings().SettingsVersion}}).Do(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(after)
		r.kill(t, d)
		d = r.up(t)
		r.cluster(t, d, fmt.Sprintf(`DO $$ BEGIN IF (SELECT count(*) FROM kept) <> %d THEN RAISE 'commits are lost'; END IF; END $$`, n))
	}
	// Only a standby that is in step is failed over to.
	wait(api.Instances.Failover(project, "platform", &sqladmin.InstancesFailoverRequest{
		FailoverContext: &sqladmin.FailoverContext{SettingsVersion: settings().SettingsVersion}}).Do())
	r.do(t, "down")
	r.nothingLeft(t)
}

// Ctrl-C reaches the supervisor and every process in its group at once; nothing is left, whenever it comes.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cmd, ended := r.foreground(t)
	eventually(t, "something has started", func() bool { return r.strays(t) > 0 })
	interrupt(t, cmd, ended)
	r.nothingLeft(t)

	// An instance that never came to be does not keep the next start from the landing zone.
	cmd, ended = r.foreground(t)
	eventually(t, "an instance is being made", func() bool {
		made, err := filepath.Glob(filepath.Join(r.dir, "cloudsql", "instances", "*", "*", "instance.json"))
		return err == nil && len(made) > 0
	})
	interrupt(t, cmd, ended)
	r.nothingLeft(t)

	cmd, ended = r.foreground(t)
	eventually(t, "the cloud is ready", func() bool {
		_, err := localcloud.Describe(r.dir)
		return err == nil
	})
	interrupt(t, cmd, ended)
	r.nothingLeft(t)
	if _, err := os.Stat(filepath.Join(r.dir, "cloud.json")); !os.IsNotExist(err) {
		t.Errorf("the description of a stopped cloud is still there (%v)", err)
	}
}

// Of two who start at the same time one runs the cloud, and both are content.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var wg sync.WaitGroup
	outs := make([]string, 3)
	for i := range outs {
		wg.Go(func() {
			out, err := r.try("up", "--detach", "--patients", "50")
			if err != nil {
				t.Errorf("up number %d: %v\n%s", i, err, out)
			}
			outs[i] = out
		})
	}
	wg.Wait()
	starters := 0
	for _, out := range outs {
		if strings.Contains(out, "is ready") {
			starters++
		}
	}
	if starters != 1 {
		t.Errorf("%d of them started the cloud: %q", starters, outs)
	}
	r.describe(t) // ready, whoever returned last

	other := newRig(t)
	a, b := r.describe(t), other.up(t)
	if reflect.DeepEqual(a.Endpoints, b.Endpoints) {
		t.Error("clouds in two directories have the same addresses")
	}
	if x, y := r.cluster(t, a), other.cluster(t, b); x == y {
		t.Errorf("instances of two clouds share the address %s", x)
	}
}

// A local cloud needs no privilege: run as a nobody it does all of the same.
func TestUnprivileged(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("every other test shows it, when the tests do not run as root")
	}
	r := newRig(t)
	parent := filepath.Dir(r.dir)
	bin := filepath.Join(parent, "august-local")
	if err := os.Link(r.bin, bin); err != nil {
		t.Fatal(err)
	}
	r.bin, r.as = bin, &syscall.Credential{Uid: 65534, Gid: 65534}
	if err := os.Chown(parent, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	d := r.up(t)
	r.cluster(t, d, "CREATE TABLE mine (n int)")
	if code := get(t, http.DefaultClient, deploy(t, d, "hello"), nil, nil); code != http.StatusOK {
		t.Errorf("the service answers %d", code)
	}
	r.kill(t, d)
	r.up(t)
	r.do(t, "down")
	r.nothingLeft(t)
}

// Each thing in the landing zone opens what it is for.
func TestLandingZone(t *testing.T) {
	c := localtest.Shared(t)
	r := &rig{dir: c.Dir, bin: c.AugustLocal}
	r.cluster(t, c.Description, "CREATE SCHEMA mine") // logs in with the secret's password

	for _, p := range []string{localtest.Production, localtest.Staging} {
		var app struct {
			ID      string `json:"client_id"`
			Secret  string `json:"client_secret"`
			Refresh string `json:"refresh_token"`
		}
		if err := json.Unmarshal([]byte(secretOf(t, c.Description, p, "drchrono-oauth")), &app); err != nil {
			t.Fatal(err)
		}
		form := url.Values{
			"grant_type": {"refresh_token"}, "client_id": {app.ID}, "client_secret": {app.Secret}, "refresh_token": {app.Refresh},
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.Endpoints.DrChrono+"/o/token/", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var token struct {
			Access string `json:"access_token"`
		}
		if err := json.NewDecoder(res.Body).Decode(&token); err != nil || token.Access == "" {
			t.Fatalf("%s: the refresh token gets %s (%v)", p, res.Status, err)
		}
		_ = res.Body.Close()
		var patients struct {
			Results []json.RawMessage `json:"results"`
		}
		bearer := http.Header{"Authorization": {"Bearer " + token.Access}}
		if code := get(t, http.DefaultClient, c.Endpoints.DrChrono+"/api/patients", bearer, &patients); code != http.StatusOK || len(patients.Results) < 20 {
			t.Errorf("%s: DrChrono answers %d with %d patients", p, code, len(patients.Results))
		}

		doc := map[string]string{localtest.Production: "dAugustProduction", localtest.Staging: "dAugustStaging"}
		coda := http.Header{"Authorization": {"Bearer " + secretOf(t, c.Description, p, "coda-token")}}
		for project, id := range doc {
			want := http.StatusOK
			if project != p {
				want = http.StatusForbidden
			}
			code := get(t, http.DefaultClient, c.Endpoints.Coda+"/docs/"+id+"/tables/grid-billing-summary/columns", coda, nil)
			if code != want && (want == http.StatusOK || code < 400) {
				t.Errorf("%s: Coda answers %d for %s", p, code, id)
			}
		}
		if secretOf(t, c.Description, p, "drchrono-webhook") == "" {
			t.Errorf("%s has no webhook secret", p)
		}
	}
}

// A service asks the metadata server for a token, and the issuer's keys prove it.
func TestServiceIdentity(t *testing.T) {
	c := localtest.Shared(t)
	var told struct {
		Env []string `json:"env"`
	}
	if code := get(t, http.DefaultClient, deploy(t, c.Description, "identity"), nil, &told); code != http.StatusOK {
		t.Fatalf("the service answers %d", code)
	}
	base := strings.TrimSuffix(strings.TrimPrefix(c.Endpoints.Google, "http://"), "/")
	want := "GCE_METADATA_HOST=" + identity.MetadataHost(base, project, localcloud.ServiceAccount("august-sync", project))
	if !strings.Contains(strings.Join(told.Env, "\n")+"\n", want+"\n") {
		t.Errorf("the service's environment has no %s", want)
	}
	var config struct {
		Issuer string `json:"issuer"`
	}
	if get(t, http.DefaultClient, c.Endpoints.OIDCIssuer+"/.well-known/openid-configuration", nil, &config); config.Issuer != c.Endpoints.OIDCIssuer {
		t.Errorf("the issuer calls itself %q, not %q", config.Issuer, c.Endpoints.OIDCIssuer)
	}
}

// gcloud reaches Cloud Run through a proxy setting: the request line then holds a whole URL.
func TestAbsoluteFormRequests(t *testing.T) {
	c := localtest.Shared(t)
	proxy, err := url.Parse(c.Endpoints.Google)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(proxy)}}
	var answer struct {
		State string `json:"state"`
	}
	get(t, client, "http://serviceusage.googleapis.test/v1/projects/"+project+"/services/run.googleapis.com", nil, &answer)
	if answer.State != "ENABLED" {
		t.Errorf("service usage answers %+v", answer)
	}
	var failure struct {
		Error struct {
			Code   int    `json:"code"`
			Status string `json:"status"`
		} `json:"error"`
	}
	get(t, client, "http://us-central1-run.googleapis.test/v9/nothing", nil, &failure)
	if failure.Error.Code != http.StatusNotFound || failure.Error.Status != "NOT_FOUND" {
		t.Errorf("an unknown method answers %+v, not in Google's form", failure)
	}
}

// Nothing can be reached from another machine.
func TestLoopbackOnly(t *testing.T) {
	c := localtest.Shared(t)
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	var ports []string
	for _, u := range []string{c.Endpoints.Google, c.Endpoints.DrChrono, c.Endpoints.Coda, "http://" + c.Endpoints.Registry} {
		parsed, err := url.Parse(u)
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, parsed.Port())
	}
	for _, a := range addrs {
		ip, ok := a.(*net.IPNet)
		if !ok || ip.IP.IsLoopback() || ip.IP.IsLinkLocalUnicast() {
			continue
		}
		for _, port := range ports {
			if conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", net.JoinHostPort(ip.IP.String(), port)); err == nil {
				_ = conn.Close()
				t.Errorf("port %s answers on %s", port, ip.IP)
			}
		}
	}
}

// What cannot work is refused at once, in one line that says what to do.
func TestRefusals(t *testing.T) {
	t.Run("closed directory", func(t *testing.T) {
		if os.Geteuid() != 0 {
			t.Skip("only root has to hand the directory to another user")
		}
		r := newRig(t)
		closed := filepath.Join(filepath.Dir(r.dir), "closed")
		if err := os.Mkdir(closed, 0o700); err != nil {
			t.Fatal(err)
		}
		shut := &rig{bin: r.bin, dir: filepath.Join(closed, "cloud")}
		out, err := shut.try("up", "--detach")
		if err == nil || !strings.Contains(out, closed) || !strings.Contains(out, "--dir") || strings.Count(out, "\n") != 1 {
			t.Errorf("%v, %q", err, out)
		}
	})
	t.Run("port taken", func(t *testing.T) {
		r := newRig(t)
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		port := l.Addr().(*net.TCPAddr).Port
		out, err := r.try("up", "--detach", "--port", fmt.Sprint(port))
		if err == nil || !strings.Contains(out, "ports.json") || !strings.Contains(out, fmt.Sprint(port)) {
			t.Errorf("%v, %q", err, out)
		}
		r.nothingLeft(t)
	})
}

// Secrets stay out of every log.
func TestLogsHoldNoSecret(t *testing.T) {
	c := localtest.Shared(t)
	files, err := filepath.Glob(filepath.Join(c.Dir, "log", "*.log"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no logs (%v)", err)
	}
	var all bytes.Buffer
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(body)
	}
	for _, name := range []string{"august-db-password", "drchrono-webhook", "coda-token", "anonymization-signing-key"} {
		if strings.Contains(all.String(), secretOf(t, c.Description, project, name)) {
			t.Errorf("%s is in a log", name)
		}
	}
}

func TestMain(m *testing.M) { localtest.Main(m) }

func (r *rig) secret(t *testing.T, d localcloud.Description, name string) string {
	t.Helper()
	return secretOf(t, d, project, name)
}

func secretOf(t *testing.T, d localcloud.Description, project, name string) string {
	t.Helper()
	c, err := secretmanager.NewService(t.Context(), option.WithEndpoint(d.Endpoints.SecretManager), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	v, err := c.Projects.Secrets.Versions.Access("projects/" + project + "/secrets/" + name + "/versions/latest").Do()
	if err != nil {
		t.Fatal(err)
	}
	plain, err := base64.StdEncoding.DecodeString(v.Payload.Data)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}

// cluster runs statements in the landing zone's database as its user, and returns its address.
func (r *rig) cluster(t *testing.T, d localcloud.Description, statements ...string) string {
	t.Helper()
	sql, err := sqladmin.NewService(t.Context(), option.WithEndpoint(d.Endpoints.CloudSQL), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	i, err := sql.Instances.Get(project, "platform").Do()
	if err != nil {
		t.Fatal(err)
	}
	address := i.IpAddresses[0].IpAddress
	dsn := url.URL{
		Scheme: "postgres", Host: net.JoinHostPort(address, "5432"), Path: "/august",
		User: url.UserPassword("august-sync", secretOf(t, d, project, "august-db-password")),
	}
	conn, err := pgx.Connect(t.Context(), dsn.String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	for _, s := range statements {
		if _, err := conn.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	return address
}

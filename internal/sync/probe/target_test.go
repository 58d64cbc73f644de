package probe_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
	"github.com/feel-august/terraform-provider-august/internal/sync/probe"
	"github.com/feel-august/terraform-provider-august/internal/sync/store/storetest"
)

func TestOnlyADrillsCloneIsATarget(t *testing.T) {
	r := newRig(t)
	s := storetest.Open(t, r.db, 0)
	dialled := ""
	dial := func(instance string) pgconn.DialFunc {
		return func(context.Context, string, string) (net.Conn, error) {
			dialled = instance
			return nil, errors.New("canary 10.9.8.7")
		}
	}
	const clone = own + "-drill-7f3"
	for _, c := range []struct {
		own, instance, address string
		connector              bool
		field                  string // at fault; empty: it is dialled
	}{
		{own, clone, "", true, ""},
		{own, clone, "127.0.0.9", false, ""},
		{own, clone, "::ffff:127.0.0.9", false, ""},
		{own, own, "127.0.0.9", false, "target.instance"},
		{own, own + "-drill-", "127.0.0.9", false, "target.instance"},
		{own, own + "-drill-a-b", "127.0.0.9", false, "target.instance"},
		{own, own + "-drill-a\n", "127.0.0.9", false, "target.instance"},
		{own, own + "-replica", "127.0.0.9", false, "target.instance"},
		{own, own + "x-drill-a", "", true, "target.instance"},
		{own, "other-project:us-central1:platform-drill-a", "", true, "target.instance"},
		{own, "feel-august-platform:us-east1:platform-drill-a", "", true, "target.instance"},
		{"", clone, "127.0.0.9", false, "target.instance"},
		{"", "-drill-a", "127.0.0.9", false, "target.instance"},
		{own, clone, "127.0.0.9", true, "target.address"},
		{own, clone, "", false, "target.address"},
		{own, clone, "8.8.8.8", false, "target.address"},
		{own, clone, "169.254.169.254", false, "target.address"},
		{own, clone, "0.0.0.0", false, "target.address"},
		{own, clone, "172.32.0.1", false, "target.address"},
		{own, clone, "100.128.0.1", false, "target.address"},
		{own, clone, "::ffff:8.8.8.8", false, "target.address"},
		{own, clone, "2001:db8::1", false, "target.address"},
		{own, clone, "fe80::1%eth0", false, "target.address"},
		{own, clone, "127.0.0.1:5432", false, "target.address"},
		{own, clone, "localhost", false, "target.address"},
		{own, clone, "/var/run", false, "target.address"},
		{own, clone, "127.0.0.9,8.8.8.8", false, "target.address"},
	} {
		targets := probe.Targets{Own: c.own}
		if c.connector {
			targets.Dial = dial
		}
		dialled = ""
		_, err := probe.New(probe.Config{Store: s, Targets: targets}).Verify(t.Context(), id,
			runtimeapi.VerifyRequest{Target: &runtimeapi.ProbeTarget{Instance: c.instance, Address: c.address}})
		var e *runtimeapi.Error
		switch {
		case !errors.As(err, &e):
			t.Errorf("%+v: %v", c, err)
		case c.field != "" && (e.Code != runtimeapi.CodeInvalid || e.Field != c.field || dialled != ""):
			t.Errorf("%+v: %v", c, err)
		case c.field == "" && (e.Code != runtimeapi.CodeUnavailable || strings.Contains(e.Message, "canary") || c.connector && dialled != clone):
			t.Errorf("%+v: %v, dialled %q", c, err, dialled)
		}
	}
	for _, address := range []string{"10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "127.0.0.1", "fd00::1", "::1"} {
		if err := probe.Allowed(own, runtimeapi.ProbeTarget{Instance: clone, Address: address}); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// rogue listens like a database and asks for the password in its own way. It returns what it was sent
// after that.
func rogue(t *testing.T, host string, port int, demand []byte) func() []byte {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var got bytes.Buffer
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		var size [4]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return
		}
		if _, err := io.CopyN(io.Discard, conn, int64(binary.BigEndian.Uint32(size[:]))-4); err != nil {
			return
		}
		_, _ = conn.Write(demand)
		rest, _ := io.ReadAll(conn)
		mu.Lock()
		got.Write(rest)
		mu.Unlock()
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return func() []byte {
		_ = l.Close()
		<-done
		mu.Lock()
		defer mu.Unlock()
		return got.Bytes()
	}
}

func authentication(kind uint32, rest ...byte) []byte {
	m := append([]byte{'R', 0, 0, 0, 0}, binary.BigEndian.AppendUint32(nil, kind)...)
	m = append(m, rest...)
	binary.BigEndian.PutUint32(m[1:], uint32(len(m)-1))
	return m
}

// Who listens at a clone's address has to prove that it is one. It gets nothing by asking otherwise.
func TestARogueServerGetsNothing(t *testing.T) {
	r := newRig(t)
	port := r.proxy.Database().Port
	welcome := slices.Concat(authentication(0), []byte{'Z', 0, 0, 0, 5, 'I'})
	for name, demand := range map[string][]byte{
		"cleartext": authentication(3),
		"md5":       authentication(5, 1, 2, 3, 4),
		"nothing":   welcome,
		"SASL, then no proof": slices.Concat(authentication(10, append([]byte("SCRAM-SHA-256"), 0, 0)...),
			authentication(0), []byte{'Z', 0, 0, 0, 5, 'I'}),
	} {
		t.Run(name, func(t *testing.T) {
			sent := rogue(t, "127.0.0.4", port, demand)
			_, err := r.service.Verify(t.Context(), id, runtimeapi.VerifyRequest{Target: &runtimeapi.ProbeTarget{Instance: own + "-drill-a", Address: "127.0.0.4"}})
			var e *runtimeapi.Error
			if !errors.As(err, &e) || e.Code != runtimeapi.CodeUnavailable {
				t.Errorf("got %v", err)
			}
			got := sent()
			if bytes.Contains(got, []byte(r.db.Password)) || bytes.Contains(got, []byte("md5")) || bytes.Contains(got, []byte("select")) || bytes.Contains(got, []byte("begin")) {
				t.Errorf("it was sent %q", got)
			}
			if name != "SASL, then no proof" && len(bytes.Trim(got, "X\x00\x04")) > 0 { // a farewell is no harm
				t.Errorf("it was sent %q", got)
			}
		})
	}
}

// A clone that is still in recovery, or starts, is not there yet; one that is there is read.
func TestACloneIsReached(t *testing.T) {
	r := newRig(t)
	port := r.proxy.Database().Port
	target := &runtimeapi.ProbeTarget{Instance: own + "-drill-a", Address: "127.0.0.5"}
	if _, err := r.service.Verify(t.Context(), id, runtimeapi.VerifyRequest{Target: target}); err == nil || !strings.Contains(err.Error(), "refuses connections") {
		t.Errorf("got %v", err)
	}
	pgtest.NewProxyAt(t, "127.0.0.5", port, r.db)
	r.exec(`insert into august.probe values ($1, 7, now())`, id)
	v, err := r.service.Verify(t.Context(), id, runtimeapi.VerifyRequest{Target: target, Acknowledged: []runtimeapi.ProbeRange{{First: 7, Last: 8}}})
	if err != nil || v.Present != 1 || v.Missing != 1 {
		t.Errorf("%+v, %v", v, err)
	}
}

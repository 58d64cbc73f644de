package main

import (
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
)

// alone leaves a command only what says where the database is.
func (b *bundle) alone() *bundle {
	for name := range b.env {
		if !strings.HasPrefix(name, "AUGUST_DATABASE_") {
			delete(b.env, name)
		}
	}
	return b
}

func TestMigrate_needsOnlyTheDatabase(t *testing.T) {
	t.Parallel()
	b := bare(t, 1).alone()
	b.env["AUGUST_DATABASE_POOL_MAX"] = "100"
	var group sync.WaitGroup
	for range 4 {
		p := b.start("migrate")
		group.Go(func() { <-p.done })
		defer func() {
			if p.err != nil || strings.Count(p.log(), "\"migrated\"") != 1 {
				t.Errorf("%v: %s", p.err, p.log())
			}
		}()
	}
	group.Wait()
}

// Where there is only one connection to be had, it works.
func TestMigrate_needsOneConnection(t *testing.T) {
	t.Parallel()
	b := bare(t, 1).alone()
	one := "one_" + b.db.Name
	b.exec(`create role `+one+` login password 'one' connection limit 1`, `grant all on database `+b.db.Name+` to `+one)
	b.env["AUGUST_DATABASE_USER"], b.env["AUGUST_DATABASE_PASSWORD"] = one, "one"
	p := b.start("migrate")
	<-p.done
	if p.err != nil || strings.Contains(p.log(), "waiting") {
		t.Errorf("%v: %s", p.err, p.log())
	}
}

func TestMigrate_fails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ variable, value, says string }{
		"no such database": {"AUGUST_DATABASE_NAME", "absent", "does not exist"},
		"wrong password":   {"AUGUST_DATABASE_PASSWORD", clientSecret, "password authentication failed"},
		"no such host":     {"AUGUST_DATABASE_HOST", "absent.invalid", "absent.invalid"},
		"not configured":   {"AUGUST_DATABASE_NAME", "", "AUGUST_DATABASE_NAME is not set"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := bare(t, 1).alone()
			b.env[c.variable] = c.value
			p := b.start("migrate")
			<-p.done
			if code := p.cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(p.log(), c.says) || strings.Contains(p.log(), "migrated\"") {
				t.Errorf("%d: %s", code, p.log())
			}
			b.clean("the log", p.log())
		})
	}
}

func TestMigrate_waitsForTheDatabase(t *testing.T) {
	t.Parallel()
	b := bare(t, 1).alone()
	proxy := pgtest.NewProxy(t, b.db)
	proxy.Refuse()
	b.env["AUGUST_DATABASE_HOST"], b.env["AUGUST_DATABASE_PORT"] = proxy.Database().Host, strconv.Itoa(proxy.Database().Port)
	p := b.start("migrate")
	p.until("it waits", func() bool { return strings.Contains(p.log(), "the database refuses connections") })
	proxy.Heal()
	<-p.done
	if p.err != nil || !strings.Contains(p.log(), `"migrated"`) {
		t.Errorf("%v: %s", p.err, p.log())
	}
}

// SIGTERM ends it in the middle, and leaves nothing half done.
func TestMigrate_stops(t *testing.T) {
	t.Parallel()
	b := bare(t, 1).alone()
	holder, err := pgx.Connect(t.Context(), b.db.URL())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := holder.Exec(t.Context(), "select pg_advisory_lock(7022632948099973121)"); err != nil { // what migrations take turns by
		t.Fatal(err)
	}
	p := b.start("migrate")
	p.until("it waits its turn", func() bool {
		return b.query(`select count(*)::text from pg_locks l join pg_database d on d.oid = l.database and d.datname = current_database() where locktype = 'advisory' and not granted`) == "1"
	})
	if n := b.query(`select count(*)::text from pg_stat_activity where datname = current_database() and application_name = 'august-sync'`); n != "1" {
		t.Errorf("it holds %s connections, and the provider's budget counts one", n)
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-p.done
	if code := p.cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(p.log(), "stopped before the schema was up to this build") {
		t.Errorf("%d: %s", code, p.log())
	}
	_ = holder.Close(t.Context())
	again := b.start("migrate")
	<-again.done
	if again.err != nil {
		t.Errorf("afterwards: %v %s", again.err, again.log())
	}
}

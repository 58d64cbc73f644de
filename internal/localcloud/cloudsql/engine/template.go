package engine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// Setting is one PostgreSQL parameter as pg_settings describes it.
type Setting struct {
	Name    string   `json:"name"`
	Type    string   `json:"type"` // bool, integer, real, string, enum
	Min     string   `json:"min,omitempty"`
	Max     string   `json:"max,omitempty"`
	Enum    []string `json:"enum,omitempty"`
	Context string   `json:"context"` // postmaster: a change needs a restart
	Default string   `json:"default"`
}

// Template is a cluster that was initialised once and is copied for every new instance.
type Template struct {
	bin Binaries
	dir string

	mu       sync.Mutex
	settings []Setting
}

// NewTemplate keeps its cluster under dir, and makes it when it is first needed.
func NewTemplate(bin Binaries, dir string) *Template { return &Template{bin: bin, dir: dir} }

// Settings lists the parameters that this version of PostgreSQL knows.
func (t *Template) Settings(ctx context.Context) ([]Setting, error) {
	if _, err := t.ensure(ctx); err != nil {
		return nil, err
	}
	return t.settings, nil
}

// ensure answers the template's data directory.
func (t *Template) ensure(ctx context.Context) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	ready := filepath.Join(t.dir, "ready")
	if len(t.settings) > 0 {
		return filepath.Join(ready, "data"), nil
	}
	if _, err := os.Stat(ready); err != nil {
		if err := t.make(ctx, ready); err != nil {
			return "", fmt.Errorf("prepare a PostgreSQL cluster as template: %w", err)
		}
	}
	if err := gapi.Load(filepath.Join(ready, "settings.json"), &t.settings); err != nil {
		return "", err
	}
	return filepath.Join(ready, "data"), nil
}

func (t *Template) make(ctx context.Context, ready string) error {
	tmp := filepath.Join(t.dir, "making")
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	if err := os.MkdirAll(tmp, 0o755); err != nil { // #nosec G301 -- PostgreSQL, another user, has to get through
		return err
	}
	data := filepath.Join(tmp, "data")
	if err := t.bin.folder(data); err != nil {
		return err
	}
	if err := t.initdb(ctx, data); err != nil {
		return err
	}
	sockets, err := os.MkdirTemp("", "august-tpl-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(sockets) }() // a leftover socket harms nobody
	if err := t.bin.give(sockets); err != nil {
		return err
	}
	// Port 0 is not one, so it takes a name on the socket only; nothing listens on TCP.
	s := &server{bin: t.bin, data: data, sockets: sockets, port: 5432, log: filepath.Join(tmp, "log")}
	if err := s.configure(Spec{Params: map[string]string{"listen_addresses": "", "ssl": "off", "fsync": "off"}}, false, nil); err != nil {
		return err
	}
	if err := s.start(ctx); err != nil {
		return err
	}
	defer func() { _ = s.stop(context.WithoutCancel(ctx), syscall.SIGQUIT) }() // after an error only: no-op once stopped
	if err := t.populate(ctx, s, filepath.Join(tmp, "settings.json")); err != nil {
		return err
	}
	if err := s.stop(ctx, syscall.SIGINT); err != nil {
		return err
	}
	return os.Rename(tmp, ready)
}

// initdb makes the cluster in a locale that sorts the same everywhere.
func (t *Template) initdb(ctx context.Context, data string) error {
	args := []string{"-D", data, "-U", Admin, "--encoding=UTF8", "--auth-local=peer", "--auth-host=reject",
		"--data-checksums", "--no-sync"}
	err := t.bin.run(ctx, "initdb", append(args, "--locale=C.UTF-8")...)
	if err == nil {
		return nil
	}
	if err := os.RemoveAll(data); err != nil {
		return err
	}
	if err := t.bin.folder(data); err != nil {
		return err
	}
	return t.bin.run(ctx, "initdb", append(args, "--locale=C")...) // a system without C.UTF-8
}

// roles are those that a Cloud SQL instance is born with. The postgres user can do what any user made
// through the API can; it is no superuser, and has no password until it is given one.
var roles = []string{
	`CREATE ROLE cloudsqlsuperuser NOLOGIN CREATEROLE CREATEDB`,
	`GRANT pg_monitor, pg_signal_backend TO cloudsqlsuperuser`,
	`CREATE ROLE cloudsqlagent NOLOGIN`,
	`CREATE ROLE cloudsqlreplica NOLOGIN`,
	`CREATE ROLE cloudsqlimportexport NOLOGIN`,
	`CREATE ROLE cloudsqliamuser NOLOGIN`,
	`CREATE ROLE cloudsqliamserviceaccount NOLOGIN`,
	`CREATE ROLE cloudsqliamgroup NOLOGIN`,
	`CREATE ROLE postgres LOGIN CREATEROLE CREATEDB IN ROLE cloudsqlsuperuser`,
	`ALTER DATABASE postgres OWNER TO cloudsqlsuperuser`,
}

// lent are extensions that Cloud SQL lets its users create although PostgreSQL asks for a superuser.
// They are made in advance, in every database, so that CREATE EXTENSION IF NOT EXISTS is content.
var lent = []string{"pg_stat_statements", "hypopg", "pg_buffercache", "pg_prewarm", "pg_visibility", "pgstattuple"}

func (t *Template) populate(ctx context.Context, s *server, settingsFile string) error {
	conn, err := s.connect(ctx, "postgres")
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for _, sql := range roles {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	// Modules that define parameters of their own, where they are installed.
	for _, module := range []string{"auto_explain", "pgaudit"} {
		_, _ = conn.Exec(ctx, "LOAD "+quoteValue(module)) // not installed: its flags are stored only
	}
	rows, err := conn.Query(ctx, `SELECT name, vartype, coalesce(min_val,''), coalesce(max_val,''), coalesce(enumvals,'{}'), context,
		coalesce(boot_val,'') FROM pg_settings WHERE context <> 'internal' ORDER BY name`)
	if err != nil {
		return err
	}
	settings, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Setting])
	if err != nil {
		return err
	}
	if err := gapi.Save(settingsFile, settings); err != nil {
		return err
	}
	for _, database := range []string{"postgres", "template1"} {
		if err := lendExtensions(ctx, s, database); err != nil {
			return err
		}
	}
	return nil
}

func lendExtensions(ctx context.Context, s *server, database string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	conn, err := s.connect(ctx, database)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	rows, err := conn.Query(ctx, `SELECT name FROM pg_available_extensions WHERE name = ANY($1)`, lent)
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, name := range names {
		if _, err := conn.Exec(ctx, "CREATE EXTENSION IF NOT EXISTS "+pgx.Identifier{name}.Sanitize()); err != nil {
			return err
		}
	}
	return nil
}

package cloudsql

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"google.golang.org/api/sqladmin/v1"
)

func TestUsersAndDatabases(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := small("platform")
	d.RootPassword = "synthetic-root-password"
	d = r.create(d)
	if d.RootPassword != "" {
		t.Fatal("the API answers a password")
	}
	address := "host=" + d.IpAddresses[0].IpAddress
	r.dial(address + " user=postgres password=synthetic-root-password dbname=postgres")

	conn := r.user(d, "august-sync", "synthetic 'pass\\word' \u00e9")
	_ = conn
	r.done(r.api.Databases.Insert(project, "platform", &sqladmin.Database{Name: "august"}).Do())
	_, err := r.api.Databases.Insert(project, "platform", &sqladmin.Database{Name: "august"}).Do()
	refused(t, err, http.StatusBadRequest, "invalid")
	r.done(r.api.Databases.Insert(project, "platform", &sqladmin.Database{Name: "plain", Charset: "UTF8", Collation: "C"}).Do())
	db, err := r.api.Databases.Get(project, "platform", "august").Do()
	if err != nil || db.Charset != "UTF8" || db.Collation != "en_US.UTF8" {
		t.Fatalf("database: %+v, %v", db, err)
	}

	// A built-in user can do in a database of the API what the runtime needs, and is no superuser.
	r.done(r.api.Users.Update(project, "platform", &sqladmin.User{Password: "synthetic-password-2"}).Name("august-sync").Do())
	conn = address + " user=august-sync password=synthetic-password-2 dbname=august"
	c := r.dial(conn)
	r.exec(c, "CREATE SCHEMA drchrono")
	r.exec(c, "CREATE TABLE drchrono.visit (id bigint PRIMARY KEY)")
	r.exec(c, "CREATE TABLE note (body text)")
	r.exec(c, "CREATE EXTENSION IF NOT EXISTS pg_trgm")
	r.exec(c, "CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
	r.exec(c, "CREATE ROLE reader NOLOGIN")
	r.exec(c, "CREATE DATABASE side")
	var statements int
	if err := c.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_statements WHERE query LIKE 'CREATE SCHEMA%'").Scan(&statements); err != nil || statements != 1 {
		t.Fatalf("pg_stat_statements: %d, %v", statements, err)
	}
	for _, forbidden := range []string{"CREATE ROLE root SUPERUSER", "ALTER SYSTEM SET fsync = off", "COPY (SELECT 1) TO PROGRAM 'true'",
		"SELECT pg_read_file('/etc/passwd')", "SET ROLE cloudsqladmin", "ALTER ROLE cloudsqladmin PASSWORD 'x'"} {
		if _, err := c.Exec(t.Context(), forbidden); err == nil {
			t.Errorf("an API user may: %s", forbidden)
		}
	}
	if _, err := pgx.Connect(t.Context(), address+" user=cloudsqladmin dbname=postgres"); err == nil {
		t.Error("the administrator is let in over TCP")
	}
	if _, err := pgx.Connect(t.Context(), address+" user=august-sync password=wrong dbname=august"); err == nil {
		t.Error("a wrong password is let in")
	}

	// Users and databases that something depends on stay, with PostgreSQL's own reason.
	_, err = r.api.Users.Delete(project, "platform").Name("august-sync").Do()
	refused(t, err, http.StatusBadRequest, "invalid")
	if !strings.Contains(err.Error(), "cannot be dropped because some objects depend on it") {
		t.Errorf("the reason: %v", err)
	}
	_, err = r.api.Databases.Delete(project, "platform", "august").Do()
	refused(t, err, http.StatusBadRequest, "invalid")
	r.exec(c, "DROP TABLE note; DROP SCHEMA drchrono CASCADE; DROP EXTENSION pg_trgm")
	r.exec(c, "DROP DATABASE side")
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.eventually("the session to end", func() bool {
		return r.admin("SELECT count(*)::text FROM pg_stat_activity WHERE datname = 'august'") == "0"
	})
	r.done(r.api.Databases.Delete(project, "platform", "august").Do())
	r.done(r.api.Users.Delete(project, "platform").Name("august-sync").Do())
	_, err = r.api.Users.Delete(project, "platform").Name("august-sync").Do()
	refused(t, err, http.StatusNotFound, "userDoesNotExist")

	dbs, err := r.api.Databases.List(project, "platform").Do()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range dbs.Items {
		names = append(names, d.Name)
	}
	if !slices.Equal(names, []string{"postgres", "plain"}) {
		t.Fatalf("databases: %v", names)
	}
	r.noSecrets("synthetic")
}

func TestIAMUsersAndRoles(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.create(small("platform"))
	for name, kind := range map[string]string{
		"august-sync@august-test.iam.gserviceaccount.com": userServiceAccount, "operator@example.test": userIAM,
	} {
		r.done(r.api.Users.Insert(project, "platform", &sqladmin.User{Name: name, Type: kind}).Do())
	}
	users, err := r.api.Users.List(project, "platform").Do()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, u := range users.Items {
		got[u.Name] = u.Type
	}
	if len(got) != 3 || got["august-sync@august-test.iam"] != userServiceAccount || got["operator@example.test"] != userIAM {
		t.Fatalf("users: %v", got)
	}
	member := func(user, role string) string {
		return r.admin("SELECT pg_has_role($1, $2, 'member')::text", user, role)
	}
	if member("august-sync@august-test.iam", "cloudsqliamserviceaccount") != "true" || member("operator@example.test", "cloudsqlsuperuser") != "false" {
		t.Fatal("IAM users have the wrong roles")
	}
	_, err = r.api.Users.Insert(project, "platform", &sqladmin.User{Name: "x@example.test", Type: userIAM, Password: "synthetic"}).Do()
	refused(t, err, http.StatusBadRequest, "invalid")

	// Roles that are named replace cloudsqlsuperuser.
	r.done(r.api.Users.Insert(project, "platform", &sqladmin.User{Name: "reporter", Password: "synthetic", DatabaseRoles: []string{"pg_read_all_data"}}).Do())
	if member("reporter", "pg_read_all_data") != "true" || member("reporter", "cloudsqlsuperuser") != "false" {
		t.Fatal("databaseRoles are not what was granted")
	}
	_, err = r.api.Users.Insert(project, "platform", &sqladmin.User{Name: "half", Password: "synthetic", DatabaseRoles: []string{"no_such_role"}}).Do()
	refused(t, err, http.StatusBadRequest, "invalid")
	if r.admin("SELECT count(*)::text FROM pg_roles WHERE rolname = 'half'") != "0" {
		t.Fatal("a refused user is there")
	}
	r.done(r.api.Users.Update(project, "platform", &sqladmin.User{}).Name("reporter").DatabaseRoles("pg_monitor").RevokeExistingRoles(true).Do())
	if member("reporter", "pg_read_all_data") != "false" || member("reporter", "pg_monitor") != "true" {
		t.Fatal("the roles were not exchanged")
	}
}

func TestSSLMode(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.create(small("platform"))
	conn := r.user(d, "august-sync", "synthetic-password-1") + " dbname=postgres"
	ca := r.file("ca.pem", d.ServerCaCert.Cert)
	r.dial(conn + " sslmode=disable")
	r.done(r.api.Instances.Patch(project, "platform", &sqladmin.DatabaseInstance{Settings: &sqladmin.Settings{
		IpConfiguration: &sqladmin.IpConfiguration{SslMode: "ENCRYPTED_ONLY"}}}).Do())
	r.eventually("plain connections to be refused", func() bool {
		c, err := pgx.Connect(t.Context(), conn+" sslmode=disable")
		if err == nil {
			_ = c.Close(t.Context())
		}
		return err != nil
	})
	r.dial(conn + " sslmode=verify-full sslrootcert=" + ca)

	s, err := r.api.Connect.Get(project, "platform").Do()
	if err != nil || s.ServerCaCert.Cert != d.ServerCaCert.Cert || s.IpAddresses[0].IpAddress != d.IpAddresses[0].IpAddress {
		t.Fatalf("connectSettings: %+v, %v", s, err)
	}
}

// noSecrets insists that no password is in any log or state file.
func (r *rig) noSecrets(part string) {
	r.t.Helper()
	err := filepath.WalkDir(r.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || (filepath.Ext(path) != ".log" && filepath.Ext(path) != ".json") {
			return err
		}
		body, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(body), part) {
			r.t.Errorf("%s holds a password", path)
		}
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

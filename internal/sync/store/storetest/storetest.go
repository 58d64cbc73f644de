// Package storetest gives tests databases that the runtime's migrations were run on: once for each test binary, and copied
// from then on, for a tenth of what they cost. It is imported by tests only.
package storetest

import (
	"context"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

// New makes a migrated database that is dropped when the test ends.
func New(t testing.TB) pgtest.Database {
	t.Helper()
	return pgtest.Copy(t, Migrate)
}

// Migrate runs the migrations and leaves no connection behind.
func Migrate(db pgtest.Database) error {
	s, err := store.Open(context.Background(), Config(db, 1))
	if err != nil {
		return err
	}
	defer s.Close()
	return s.Migrate(context.Background())
}

// Open gives a store on db, of so many connections at most, until the test ends.
func Open(t testing.TB, db pgtest.Database, most int) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), Config(db, most))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// Config is how a store finds db; 0 connections are the store's default.
func Config(db pgtest.Database, most int) store.Config {
	return store.Config{Host: db.Host, Port: db.Port, Database: db.Name, User: db.User, Password: db.Password, MaxConns: most}
}

package store

import (
	"context"
	"io/fs"
	"time"

	"github.com/jackc/tern/v2/migrate"

	"github.com/feel-august/terraform-provider-august/internal/sync/drchrono"
)

// NewEnough is newEnough.
var NewEnough = newEnough

// ReserveNow books as a call does that has given way to others for long enough.
func ReserveNow(ctx context.Context, t *Throttle, application string, class drchrono.Class, maxWait time.Duration) (drchrono.Slot, error) {
	slot, _, err := t.book(ctx, application, class, maxWait, ahead[drchrono.Interactive])
	return slot, err
}

// MigrateTo brings the schema to an earlier version than this build's, as an earlier revision did.
func MigrateTo(ctx context.Context, s *Store, version int32) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, "create schema if not exists august"); err != nil {
		return err
	}
	m, err := migrate.NewMigrator(ctx, conn.Conn(), versionTable)
	if err != nil {
		return err
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	if err := m.LoadMigrations(files); err != nil {
		return err
	}
	return m.MigrateTo(ctx, version)
}

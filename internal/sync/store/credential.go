package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/sync/drchrono"
)

// Credentials keeps OAuth tokens in august.credential; see drchrono.Vault.
type Credentials struct{ store *Store }

// Credentials is the store's vault.
func (s *Store) Credentials() Credentials { return Credentials{s} }

// Token is the application's current pair. A seed that the row does not know, because the secret was
// replaced after a new authorisation, starts anew.
func (c Credentials) Token(ctx context.Context, application, seed string) (drchrono.Token, error) {
	sum := sha256.Sum256([]byte(seed))
	_, err := c.store.pool.Exec(ctx, `
		insert into august.credential as c (application, refresh_token, seed) values ($1, $2, $3)
		on conflict (application) do update set access_token = '', refresh_token = excluded.refresh_token,
			expires_at = null, seed = excluded.seed, refused = false, updated_at = now()
		where c.seed <> excluded.seed`, application, seed, sum[:])
	if err != nil {
		return drchrono.Token{}, fmt.Errorf("seed the credential: %w", err)
	}
	t, _, err := readToken(ctx, c.store.pool, application, "")
	return t, err
}

// querier is a pool or a transaction.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func readToken(ctx context.Context, q querier, application, lock string) (t drchrono.Token, refused bool, err error) {
	var expires *time.Time
	err = q.QueryRow(ctx, `select access_token, refresh_token, expires_at, refused, updated_at from august.credential where application = $1 `+lock,
		application).Scan(&t.Access, &t.Refresh, &expires, &refused, &t.Minted)
	if err != nil {
		return t, false, fmt.Errorf("read the credential: %w", err)
	}
	if expires != nil {
		t.Expires = *expires
	}
	return t, refused, nil
}

// Refresh replaces a stale pair under the row's lock.
func (c Credentials) Refresh(ctx context.Context, application, seed, stale string, mint func(context.Context, string) (drchrono.Token, error)) (drchrono.Token, error) {
	if _, err := c.Token(ctx, application, seed); err != nil { // also makes sure that there is a row to lock
		return drchrono.Token{}, err
	}
	tx, err := c.store.pool.Begin(ctx)
	if err != nil {
		return drchrono.Token{}, fmt.Errorf("lock the credential: %w", err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // after a commit there is nothing to roll back
	// The transaction is idle while the source answers, longer than any other.
	if _, err := tx.Exec(ctx, `set local idle_in_transaction_session_timeout = '180s'`); err != nil {
		return drchrono.Token{}, fmt.Errorf("lock the credential: %w", err)
	}
	old, refused, err := readToken(ctx, tx, application, "for update")
	if err != nil {
		return drchrono.Token{}, err
	}
	if refused {
		return drchrono.Token{}, &drchrono.Error{Kind: drchrono.Unauthorized, Err: drchrono.ErrGrant,
			Detail: "authorise the application again in DrChrono and store the new refresh token in the OAuth secret"}
	}
	if old.Access != "" && old.Access != stale {
		return old, nil
	}
	minted, err := mint(ctx, old.Refresh)
	if errors.Is(err, drchrono.ErrGrant) {
		if _, e := tx.Exec(ctx, `update august.credential set refused = true, access_token = '', updated_at = now() where application = $1`, application); e == nil {
			_ = tx.Commit(ctx) // only spares others the attempt
		}
	}
	if err != nil {
		return drchrono.Token{}, err
	}
	// From here on the old refresh token may be dead: what was minted must not be lost, neither to
	// a cancellation nor to a connection that broke meanwhile.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	const save = `update august.credential set access_token = $2, refresh_token = $3, expires_at = $4, refused = false, updated_at = clock_timestamp()
		where application = $1 and refresh_token = $5`
	var expires *time.Time
	if !minted.Expires.IsZero() {
		expires = &minted.Expires
	}
	args := []any{application, minted.Access, minted.Refresh, expires, old.Refresh}
	if _, err = tx.Exec(ctx, save, args...); err == nil {
		err = tx.Commit(ctx)
	}
	for err != nil && ctx.Err() == nil {
		_ = tx.Rollback(ctx)
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
		_, err = c.store.pool.Exec(ctx, save, args...)
	}
	if err != nil {
		return drchrono.Token{}, fmt.Errorf("keep the refreshed token: %w", err)
	}
	return minted, nil
}

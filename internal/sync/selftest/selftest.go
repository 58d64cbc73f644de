// Package selftest has a runtime try out what it is there for, when a rollout asks whether traffic may come.
package selftest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
	"github.com/feel-august/terraform-provider-august/internal/sync/webhook"
)

// Config is what a runtime tries itself out with.
type Config struct {
	Store  *store.Store
	URL    string        // of the runtime itself, by which it delivers to itself
	Secret string        // the webhook's; empty: it receives none, and nothing is delivered
	Settle time.Duration // for a delivery to be settled; default 12 s, which with the rest is within a call's time
	HTTP   *http.Client  // nil: one that waits as long as a sender of deliveries does
}

// Runtime tries itself out.
type Runtime struct{ cfg Config }

// New prepares the self-test of a runtime.
func New(cfg Config) *Runtime {
	if cfg.Settle == 0 {
		cfg.Settle = 12 * time.Second
	}
	if cfg.HTTP == nil {
		cfg.HTTP = &http.Client{Timeout: 10 * time.Second}
	}
	return &Runtime{cfg}
}

// Checks makes every check, the later ones also after an earlier one has failed: whoever mends wants to know them all.
func (r *Runtime) Checks(ctx context.Context) []runtimeapi.SelfCheck {
	var checks []runtimeapi.SelfCheck
	for _, c := range []struct {
		name string
		try  func(context.Context) (skipped string, err error)
	}{
		{runtimeapi.CheckDatabase, r.database},
		{runtimeapi.CheckSchema, r.schema},
		{runtimeapi.CheckWebhook, r.webhook},
	} {
		began := time.Now()
		check := runtimeapi.SelfCheck{Name: c.name, Outcome: runtimeapi.OutcomePassed}
		skipped, err := c.try(ctx)
		switch {
		case err != nil:
			check.Outcome, check.Detail = runtimeapi.OutcomeFailed, err.Error()
		case skipped != "":
			check.Outcome, check.Detail = runtimeapi.OutcomeSkipped, skipped
		}
		check.Elapsed = time.Since(began)
		checks = append(checks, check)
	}
	return checks
}

// database asks for a transaction that can write. Its number is used up, and nothing else.
func (r *Runtime) database(ctx context.Context) (skipped string, err error) {
	var readOnly string
	if err := r.cfg.Store.Pool().QueryRow(ctx, `select current_setting('transaction_read_only'), pg_current_xact_id()::text`).Scan(&readOnly, nil); err != nil {
		return "", fmt.Errorf("the database gives no transaction that can write: %s", store.Reason(err))
	}
	if readOnly == "on" {
		return "", errors.New("the database lets this user read only: see default_transaction_read_only of the database and the user")
	}
	return "", nil
}

// schema holds the database's schema against this build's. A newer one is fine: migrations are safe beside the revision
// before.
func (r *Runtime) schema(ctx context.Context) (skipped string, err error) {
	want, err := store.Schema()
	if err != nil {
		return "", errors.New("this build's migrations cannot be read")
	}
	have, err := r.cfg.Store.SchemaVersion(ctx)
	if err != nil {
		return "", fmt.Errorf("the schema's version cannot be read: %s", store.Reason(err))
	}
	if have < want {
		return "", fmt.Errorf("the schema has version %d and this build needs %d: run august-sync migrate", have, want)
	}
	return "", nil
}

// webhook delivers to the runtime itself as DrChrono does, and waits until the delivery is kept and settled, by whichever
// instance comes first.
func (r *Runtime) webhook(ctx context.Context) (skipped string, err error) {
	if r.cfg.Secret == "" {
		return "the runtime has no webhook secret and receives no deliveries", nil
	}
	id := "self-test-" + uuid.NewString()
	status, err := r.deliver(ctx, id)
	switch {
	case err != nil:
		return "", errors.New("the runtime does not answer its own delivery")
	case status != http.StatusOK:
		return "", fmt.Errorf("a delivery with the right secret is answered %d: neither Pub/Sub nor the inbox takes it", status)
	}
	return "", r.settled(ctx, id)
}

func (r *Runtime) deliver(ctx context.Context, id string) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.cfg.URL+webhook.Path, strings.NewReader(`{"object":null}`))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Drchrono-Signature", r.cfg.Secret)
	req.Header.Set("X-Drchrono-Event", webhook.SelfTest)
	req.Header.Set("X-Drchrono-Delivery", id)
	res, err := r.cfg.HTTP.Do(req)
	if err != nil {
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}

func (r *Runtime) settled(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Settle)
	defer cancel()
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, 500*time.Millisecond) {
		var state string
		err := r.cfg.Store.Pool().QueryRow(ctx, `select state from august.inbox where delivery = $1`, id).Scan(&state)
		switch {
		case err == nil && state != "pending":
			return nil
		case err != nil && !errors.Is(err, pgx.ErrNoRows) && ctx.Err() == nil:
			return fmt.Errorf("the inbox cannot be read: %s", store.Reason(err))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("a delivery was accepted, and was not settled within %s: the drain does not work, or is far behind; see the runtime's log", r.cfg.Settle)
		case <-time.After(pause):
		}
	}
}

package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/localcloud"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// The practice enters so many charges, and this is how long their deliveries may take in all.
const (
	charges         = 20
	webhookPatience = time.Minute
)

// arrival is what the webhook showed.
type arrival struct {
	took   time.Duration // from the first charge until all were in the database
	status runtimeapi.WebhookStatus
}

// webhook does what a person does on DrChrono's page of API management, then enters charges in the practice and waits
// until they are in the database: no sync runs meanwhile.
func (r *report) webhook(ctx context.Context, cloud localcloud.Description) error {
	ctx, cancel := context.WithTimeout(ctx, webhookPatience)
	defer cancel()
	token, err := secret(ctx, cloud, r.environment.Project, "drchrono-webhook")
	if err != nil {
		return err
	}
	tokens, err := r.tokens(ctx, cloud)
	if err != nil {
		return err
	}
	runtime, pipeline := runtimeapi.NewClient(r.outputs.Runtime.Value.URI, tokens, nil), r.outputs.Pipelines.Value.Billing
	drchrono := partner{cloud.Endpoints.DrChrono + "/_sandbox/", r.environment.App}
	var hook struct {
		ID int `json:"id"`
	}
	if err := drchrono.post(ctx, "webhooks", "", map[string]any{
		"callback_url": r.outputs.Runtime.Value.WebhookURL, "secret_token": token, "events": []string{"LINE_ITEM_CREATE", "LINE_ITEM_MODIFY", "LINE_ITEM_DELETE"},
	}, &hook); err != nil {
		return fmt.Errorf("register the webhook: %w", err)
	}
	if err := drchrono.post(ctx, "webhooks", fmt.Sprintf("/%d/verify", hook.ID), nil, nil); err != nil {
		return fmt.Errorf("verify the webhook: %w", err)
	}
	before, err := runtime.Status(ctx, pipeline)
	if err != nil {
		return err
	}
	began := time.Now()
	for range charges {
		if err := drchrono.post(ctx, "objects", "/line_items", map[string]any{"billed": "10.00"}, nil); err != nil {
			return fmt.Errorf("enter a charge: %w", err)
		}
	}
	for {
		now, err := runtime.Status(ctx, pipeline)
		switch {
		case err != nil && ctx.Err() != nil:
			return fmt.Errorf("workspace %s: %d charges were not in the database within %s", r.environment.Workspace, charges, webhookPatience)
		case err != nil:
			return err
		case now.Webhook != nil && now.Rows["line_items"] >= before.Rows["line_items"]+charges:
			r.arrival = arrival{time.Since(began), *now.Webhook}
			return nil
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// partner is the switches of the DrChrono sandbox, which stand for the practice and for the page of API management.
type partner struct{ base, app string }

func (p partner) post(ctx context.Context, what, rest string, body, into any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.base+what+"/"+p.app+rest, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // read to its end below
	said, err := io.ReadAll(io.LimitReader(res.Body, 1<<16))
	if err != nil {
		return err
	}
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %s", res.Status, bytes.TrimSpace(said))
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(said, into)
}

package store

import (
	"context"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/sync/drchrono"
)

// ReserveNow books as a call does that has given way to others for long enough.
func ReserveNow(ctx context.Context, t *Throttle, application string, class drchrono.Class, maxWait time.Duration) (drchrono.Slot, error) {
	slot, _, err := t.book(ctx, application, class, maxWait, ahead[drchrono.Interactive])
	return slot, err
}

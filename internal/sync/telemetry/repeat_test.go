package telemetry_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/sync/telemetry"
)

// A failure is told once, its end too, and what comes after is none of its business.
func TestRepeat(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var out bytes.Buffer
	turns := []error{errors.New("away"), errors.New("away"), nil, nil}
	telemetry.Repeat(ctx, slog.New(slog.NewTextHandler(&out, nil)), "looking", time.Millisecond, func(context.Context) error {
		if len(turns) == 0 {
			cancel()
			return errors.New("ended")
		}
		err := turns[0]
		turns = turns[1:]
		return err
	})
	if got := out.String(); strings.Count(got, "WARN") != 1 || strings.Count(got, `"looking again"`) != 1 || strings.Contains(got, "ended") {
		t.Errorf("%s", got)
	}
}

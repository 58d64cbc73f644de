package telemetry

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"
)

// Repeat does something every so often until ctx ends, scattered by a tenth, as instances need not all do it at once. What goes wrong
// is logged when it is news, and so is that it goes on.
func Repeat(ctx context.Context, log *slog.Logger, what string, every time.Duration, do func(context.Context) error) {
	said := ""
	for {
		err := do(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && said != "":
			log.InfoContext(ctx, what+" again")
			said = ""
		case err != nil:
			if text := ErrorText(err); text != said {
				log.WarnContext(ctx, what+": failed, and is tried again", "error", text)
				said = text
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(every - every/10 + rand.N(every/5)): //nolint:gosec // nothing hangs on its being hard to guess
		}
	}
}

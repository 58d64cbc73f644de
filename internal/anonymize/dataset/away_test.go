package dataset

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A database that does not come back is waited for as long as is said, and one that comes back only to break again for ten times.
func TestAway(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		connected bool
		want      string
		least     time.Duration
	}{
		"it stays away":     {false, "has been away for 5m0s", 5 * time.Minute},
		"it breaks forever": {true, "broke 11 times", time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, began := away{patience: defaultAway}, time.Now()
				var err error
				for err == nil {
					err = a.wait(t.Context(), c.connected)
				}
				if took := time.Since(began); !strings.Contains(err.Error(), c.want) || took < c.least || took > c.least+time.Minute {
					t.Errorf("after %s: %v", took, err)
				}
			})
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := new(away{patience: time.Hour}).wait(ctx, true); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}

// Only the database is waited for: not the bucket, and not who has refused.
func TestIsAway(t *testing.T) {
	t.Parallel()
	c := Config{Away: func(error) bool { return true }}
	for err, want := range map[error]bool{
		errors.New("gone"): true,
		fmt.Errorf("load: %w", &bucketError{errors.New("gone")}): false,
		refuse("gone"): false,
	} {
		if c.isAway(err) != want {
			t.Errorf("%v: %v, want %v", err, !want, want)
		}
	}
	if new(Config).isAway(errors.New("gone")) {
		t.Error("an import that is to end goes on")
	}
}

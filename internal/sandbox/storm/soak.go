package storm

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// The environment of a storm: AUGUST_SOAK=10m, as in `make soak`, is the long form of one, and AUGUST_CHAOS_SEED repeats
// one that failed, as far as the machine does.
const (
	soakFor  = "AUGUST_SOAK"
	soakSeed = "AUGUST_CHAOS_SEED"
)

// Soak is how long a test's storm lasts, length unless told otherwise, and its seed, which the test's log tells.
func Soak(t testing.TB, length time.Duration) (time.Duration, uint64) {
	t.Helper()
	seed := rand.Uint64() //nolint:gosec // dice, no secret
	var err error
	if v := os.Getenv(soakFor); v != "" {
		if length, err = time.ParseDuration(v); err != nil {
			t.Fatalf("%s: %v", soakFor, err)
		}
	}
	if v := os.Getenv(soakSeed); v != "" {
		if seed, err = strconv.ParseUint(v, 10, 64); err != nil {
			t.Fatalf("%s: %v", soakSeed, err)
		}
	}
	t.Logf("%s=%d for %v", soakSeed, seed, length)
	return length, seed
}

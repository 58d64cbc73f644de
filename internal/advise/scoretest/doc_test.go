// Package scoretest keeps the score of the advice on indexes: a made-up practice with indexes that are known to be missing, such as are
// known to be in the way, and traps. What the advisor says is held against indexes that were made by hand, by the blocks that the
// workload touches before and after, writes included.
package scoretest

import (
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

package webhook

import (
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

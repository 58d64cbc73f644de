package evidence_test

import (
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
)

func TestNewName(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 26, 23, 59, 59, 0, time.FixedZone("", -3600))
	a, b, later := evidence.NewName(at), evidence.NewName(at), evidence.NewName(at.Add(time.Second))
	if a == b || max(a, b) >= later || !evidence.IsName(a) || evidence.IsName("../"+a) || evidence.IsName("") {
		t.Errorf("%s, %s and then %s", a, b, later)
	}
}

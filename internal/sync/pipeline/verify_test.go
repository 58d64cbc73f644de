package pipeline_test

import (
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
)

// More rows than are asked for one by one are judged by a second read.
func TestManyMissedRowsAreJudgedByASecondRead(t *testing.T) {
	r := newRig(t, 120, feed.Transactions)
	s, _ := r.instance()
	r.start(s)
	r.put(s, spec)
	r.ended(s, runtimeapi.RunSucceeded)
	const n = 110
	rows := r.clinic.View(clinic.Transactions, 0)
	if len(rows) < 6*n {
		t.Fatalf("only %d transactions", len(rows))
	}
	for _, row := range rows[:n] {
		if err := r.clinic.Delete(clinic.Transactions, row.Key()); err != nil {
			t.Fatal(err)
		}
	}
	r.server.ResetStats()
	if _, _, deleted := changed(r.sync(s, true)); deleted != n {
		t.Errorf("%d rows were marked", deleted)
	}
	r.equal()
	if text := r.logs.String(); strings.Count(text, "the list is read again") != 1 {
		t.Errorf("the list was not read a second time\n%s", text)
	}
	if got := r.one(`select count(*) from august.checkpoint where missed <> '{}'`); got != "0" {
		t.Errorf("%s feeds still have rows to judge", got)
	}
}

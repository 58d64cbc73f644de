package advisor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/advise/index"
	"github.com/feel-august/terraform-provider-august/internal/advise/workload"
	"github.com/feel-august/terraform-provider-august/internal/gcp/logging"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// written is a log with these lines.
type written []string

func (w written) Lines(context.Context, time.Time, time.Time) (lines []logging.Line, all bool, err error) {
	for _, text := range w {
		lines = append(lines, logging.Line{Text: text})
	}
	return lines, len(lines) > 2, nil
}

type denied struct{ error }

func (d denied) Lines(context.Context, time.Time, time.Time) ([]logging.Line, bool, error) {
	return nil, false, d.error
}

// Statements that only the log has are advised on, and planned for the values that they ran with; these come out nowhere.
func TestAdviceByTheLog(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	hypo := r.number(`select count(*) from pg_available_extensions where name = 'hypopg'`) > 0
	if hypo {
		r.hasHypo()
	}
	r.exec(skewed)
	r.exec(`set log_min_duration_statement = 250`)
	r.sample()
	var log written
	for n := range 40 {
		at := fmt.Sprintf("2026-11-26 10:00:%02d.000 UTC [77] ", n)
		log = append(log,
			at+"LOG:  duration: 900.500 ms  execute s1: select id, name\n\t  from made_up where status = $1 and name <> $2",
			at+"DETAIL:  parameters: $1 = 'rare', $2 = '"+marker+"'",
			at+"LOG:  duration: 300.000 ms  statement: select id from made_up where name = '"+marker+"' -- "+marker)
	}
	log = append(log, "2026-11-26 10:01:00.000 UTC [77] LOG:  duration: 300.000 ms  statement: copy made_up to '/"+marker+"'")
	r.cfg.Logs = log
	in, err := r.input(t.Context(), runtimeapi.IndexAdviceRequest{})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(in.Statements, func(s index.Statement) bool { return strings.Contains(s.Text, "status = $1 AND name <> $2") })
	if i < 0 || in.Statements[i].Calls != 40 || in.Statements[i].Source != workload.SourceLog || in.Statements[i].SearchPath == nil {
		t.Fatalf("%+v", in.Statements)
	}
	if ran := in.db.ran(&in.Statements[i], 2); len(ran) != draws || string(ran[0][0]) != "rare" || string(ran[4][1]) != marker {
		t.Errorf("%d draws", len(ran))
	}
	if ran := in.db.ran(&in.Statements[i], 3); ran != nil {
		t.Error("values of other parameters are taken")
	}
	a := r.advice(runtimeapi.IndexAdviceRequest{})
	p := proposal(a, "made_up", "name")
	if p == nil || len(p.Evidence) == 0 || hypo && p.Evidence[0].Literals != 1 { // of one text, however often
		t.Errorf("%+v", a.Proposals)
	}
	if !slices.ContainsFunc(a.Unread, func(u index.Unread) bool { return strings.Contains(u.Reason, "utility") && u.Statements == 1 }) {
		t.Errorf("%+v", a.Unread)
	}
	for want, logs := range map[string]Logs{"roles/logging.viewer": denied{errors.New(marker)}, "only its end": log[:2]} {
		r.cfg.Logs = logs
		if a := r.advice(runtimeapi.IndexAdviceRequest{}); !slices.ContainsFunc(a.Notes, func(n string) bool { return strings.Contains(n, want) }) {
			t.Errorf("%s is not said: %q", want, a.Notes)
		}
	}
	r.exec(`set log_min_duration_statement = -1`)
	if a := r.advice(runtimeapi.IndexAdviceRequest{}); !slices.ContainsFunc(a.Notes, func(n string) bool { return strings.Contains(n, "set log_min_duration_statement") }) {
		t.Errorf("%q", a.Notes)
	}
}

package advisor

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/advise/index"
	"github.com/feel-august/terraform-provider-august/internal/advise/slowlog"
	"github.com/feel-august/terraform-provider-august/internal/gcp/logging"
	"github.com/feel-august/terraform-provider-august/internal/sync/telemetry"
)

// CloudLog is a Cloud SQL instance's log in Cloud Logging.
type CloudLog struct {
	Client            *logging.Client
	Project, Instance string
}

// mostLines is how many entries of the log are read, the latest.
const mostLines = 20_000

// Lines is what the instance has logged.
func (c CloudLog) Lines(ctx context.Context, from, to time.Time) ([]logging.Line, bool, error) {
	return c.Client.Postgres(ctx, c.Project, c.Instance, from, to, mostLines)
}

// logTime is for reading the log: an advice does without it rather than be late.
const logTime = 20 * time.Second

// logged adds what the log of slow statements knows: statements that pg_stat_statements does not have (any more), and the values that statements
// ran with, which are kept for the planner only.
func (a *Advisor) logged(ctx context.Context, in *prepared) error {
	opt, paths, err := a.logging(ctx)
	if err != nil {
		return err
	}
	if opt.Always < 0 && opt.Sampled < 0 {
		in.Notes = append(in.Notes, "The server does not log slow statements: set log_min_duration_statement, and the values that statements run with are known.")
		return nil
	}
	reading, cancel := context.WithTimeout(ctx, logTime)
	defer cancel()
	lines, all, err := a.cfg.Logs.Lines(reading, in.Window.From, in.Window.To)
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		a.cfg.Log.WarnContext(ctx, "the log of slow statements cannot be read", "error", telemetry.ErrorText(err))
		in.Notes = append(in.Notes, "The log of slow statements could not be read: the runtime's service account needs "+logging.Role+" on the project.")
		return nil
	}
	log := slowlog.New(opt)
	for _, line := range lines {
		log.Entry(line.At, line.Text)
	}
	statements, unread, err := log.Statements(ctx, a.cfg.Reader)
	if err != nil {
		return err
	}
	if !all || log.Dropped > 0 {
		in.Notes = append(in.Notes, "The log of slow statements is longer than what is read of it: only its end is among the figures.")
	}
	in.add(statements, paths)
	for reason, s := range unread {
		in.Unread = append(in.Unread, index.Unread{Reason: reason, Statements: int(s.Calls), Seconds: s.Seconds})
	}
	return nil
}

// add adds statements of the log. One that pg_stat_statements has too is counted there already, with its calls that were not slow.
func (in *prepared) add(statements []slowlog.Statement, paths func(role string) []string) {
	known := map[string]bool{}
	for i := range in.Statements {
		known[in.Statements[i].Text] = true
	}
	in.db.draws = map[string][]slowlog.Draw{}
	for _, s := range statements {
		if in.db.draws[s.Text] == nil {
			in.db.draws[s.Text] = s.Draws
		}
		s.SearchPath = paths(s.Role)
		if known[s.Text] || in.db.foreign(&s.Statement, s.Shape) {
			continue
		}
		in.db.widen(&s.Statement, s.Shape)
		in.db.touch(&s.Statement, s.Shape)
		in.Statements = append(in.Statements, index.Statement{Statement: s.Statement, Shape: s.Shape})
	}
}

// logging is how the server logs, and where names of a role are looked for.
func (a *Advisor) logging(ctx context.Context) (opt slowlog.Options, paths func(string) []string, err error) {
	var always, sampled, rate string
	err = pgx.BeginTxFunc(ctx, a.cfg.Store.Pool(), pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		const ask = `select current_setting('log_line_prefix'), current_database(), current_setting('log_statement_sample_rate'),
			(select setting from pg_settings where name = 'log_min_duration_statement'), (select setting from pg_settings where name = 'log_min_duration_sample')`
		if err := tx.QueryRow(ctx, ask).Scan(&opt.Prefix, &opt.Database, &rate, &always, &sampled); err != nil {
			return err
		}
		known, err := searchPaths(ctx, tx)
		paths = known.of
		return err
	})
	if err != nil {
		return opt, nil, fmt.Errorf("look how the server logs: %w", err)
	}
	opt.Always, opt.Sampled = milliseconds(always), milliseconds(sampled)
	opt.Rate, _ = strconv.ParseFloat(strings.TrimSpace(rate), 64)
	return opt, paths, nil
}

func milliseconds(setting string) time.Duration {
	ms, err := strconv.Atoi(setting)
	if err != nil || ms < 0 {
		return slowlog.Never
	}
	return time.Duration(ms) * time.Millisecond
}

// ran is values that a statement really ran with, spread over its calls; nil when the log has none.
func (d *inspected) ran(s *index.Statement, params int) [][][]byte {
	known := d.draws[s.Text]
	var all [][][]byte
	for i := range min(draws, len(known)) {
		values := known[i*len(known)/min(draws, len(known))].Values()
		if len(values) != params {
			return nil
		}
		if slices.Contains(values, nil) {
			continue // a plan for NULL finds nothing and costs nothing
		}
		set := make([][]byte, params)
		for n, v := range values {
			set[n] = []byte(*v)
		}
		all = append(all, set)
	}
	return all
}

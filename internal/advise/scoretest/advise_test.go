package scoretest

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/feel-august/terraform-provider-august/internal/advise/index"
	"github.com/feel-august/terraform-provider-august/internal/advise/statement/parser"
	"github.com/feel-august/terraform-provider-august/internal/gcp/logging"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/advisor"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

// TestAdvice has the runtime's advisor advise on a day of the practice, and holds it against what was made by hand: with PostgreSQL's
// own planner, and by arithmetic alone.
func TestAdvice(t *testing.T) {
	t.Parallel()
	advisor := newAdvisor(t, true)
	for proof, least := range map[string]score{
		index.ProofHypoPG:     {missing: 29, ten: 10},
		index.ProofArithmetic: {missing: 29, ten: 9},
	} {
		advice, _ := advisor.advise(t, proof)
		if advice == nil {
			continue
		}
		t.Run(proof, func(t *testing.T) {
			t.Parallel()
			s := keep(t, advice)
			t.Logf("\n%s", s)
			if s.missing < least.missing || s.ten < least.ten || s.precision() < 95 {
				t.Errorf("recall and precision are less than they were:\n%s", s)
			}
			if s.useless != planted() || len(s.guarded) > 0 || s.keys != 1 {
				t.Errorf("not all that is in the way was found, or what is not:\n%s", s)
			}
			if len(s.trapped)+len(s.slower)+len(s.told) > 0 {
				t.Errorf("something was advised that must not be:\n%s", s)
			}
			if s.after.blocks > 1.1*s.byHand.blocks {
				t.Errorf("a day takes %.0f blocks as advised, %.0f by hand", s.after.blocks, s.byHand.blocks)
			}
			if len(s.sizes) > len(advice.Proposals)/10 {
				t.Errorf("sizes are not what was told: %q", s.sizes)
			}
			evident(t, advice)
		})
	}
}

// evident holds that each proposal says what it is to be believed by.
func evident(t *testing.T, advice *index.Advice) {
	t.Helper()
	for _, p := range advice.Proposals {
		if len(p.Evidence) == 0 || p.Reason == "" || p.HCL == "" || p.Saved <= 0 {
			t.Errorf("%s: is without a reason: %+v", p.Statement, p)
			continue
		}
		if e := p.Evidence[0]; e.GenericBefore <= 0 || e.Literals > 0 && e.LiteralAfter >= e.LiteralBefore {
			t.Errorf("%s: its evidence does not speak for it: %+v", p.Statement, e)
		}
	}
}

// logs is the lines of a server's log.
type logs []logging.Line

// Lines is all of them.
func (l logs) Lines(context.Context, time.Time, time.Time) ([]logging.Line, bool, error) {
	return l, true, nil
}

var duration = regexp.MustCompile(`duration: [0-9.]+ ms`)

// logged is what the server has logged of the practice's own session, as slow as it was or, when even, all of it just slow.
func (p *practice) logged(t testing.TB, even bool) logs {
	t.Helper()
	var all logs
	for line := range strings.Lines(pgtest.Log(t)) {
		if !strings.Contains(line, fmt.Sprintf(" [%d] ", p.conn.PgConn().PID())) {
			continue
		}
		if even {
			line = duration.ReplaceAllString(line, "duration: 3 ms")
		}
		all = append(all, logging.Line{At: time.Now(), Text: line})
	}
	if len(all) == 0 {
		t.Fatal("the server has logged nothing")
	}
	return all
}

// advising is a practice that has lived a day, and the runtime's advisor on it.
type advising struct {
	*practice
	*advisor.Advisor
}

// newAdvisor has a practice live a day, which is watched for long enough. The time that statements took is what they took here, or,
// when even, what their blocks usually take: then the advice is the same however busy the machine is.
func newAdvisor(t testing.TB, even bool) advising {
	t.Helper()
	p := newPractice(t)
	s, err := store.Open(t.Context(), store.Config{Host: p.Host, Port: p.Port, Database: p.Name, User: p.User, Password: p.Password, MaxConns: 2,
		Configure: func(config *pgxpool.Config) error {
			config.ConnConfig.RuntimeParams["search_path"] = "public"
			config.ConnConfig.RuntimeParams["log_min_duration_statement"] = "10s" // as the server is taken to be set
			return nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.exec(t, `select pg_stat_statements_reset(0, (select oid from pg_database where datname = current_database()))`)
	look := func() {
		if err := advisor.Sample(t.Context(), s.Pool(), 0); err != nil {
			t.Fatal(err)
		}
	}
	look()
	p.live(t)
	look()
	p.exec(t, `update august.workload_index set since = now() - interval '40 days'`)
	p.exec(t, `update august.workload_day set first = last - interval '1 day'`)
	if even {
		p.exec(t, `update august.workload_statement_day set seconds = blocks * 5e-6 + calls * 2e-5`)
	}
	return advising{p, advisor.New(advisor.Config{Store: s, Reader: here{}, Logs: p.logged(t, even), Log: slog.New(slog.DiscardHandler)})}
}

// advise is what is advised, by which proof, and how long it took; nothing when the server has no HypoPG to prove it by.
func (a advising) advise(t testing.TB, proof string) (advice *index.Advice, took time.Duration) {
	t.Helper()
	if proof == index.ProofHypoPG {
		if !a.offers(t, "hypopg") {
			t.Log("this PostgreSQL comes without HypoPG")
			return nil, 0
		}
		a.exec(t, `create extension hypopg`)
		defer a.exec(t, `drop extension hypopg`)
	}
	least := 0.3
	began := time.Now()
	advice, err := a.Indexes(t.Context(), runtimeapi.IndexAdviceRequest{LeastPercent: &least, MostProposals: 50})
	if err != nil {
		t.Fatal(err)
	}
	if advice.Proof != proof {
		t.Fatalf("proved by %s, want %s", advice.Proof, proof)
	}
	return advice, time.Since(began)
}

// offers tells whether the server has an extension.
func (p *practice) offers(t testing.TB, extension string) (has bool) {
	t.Helper()
	if err := p.conn.QueryRow(t.Context(), `select exists (select from pg_available_extensions where name = $1)`, extension).Scan(&has); err != nil {
		t.Fatal(err)
	}
	return has
}

// here reads SQL in this process, which the runtime leaves to a child.
type here struct{}

func (h here) Statements(ctx context.Context, texts []string) ([]advisor.Parsed, error) {
	return h.StatementsWithLiterals(ctx, texts)
}

func (here) StatementsWithLiterals(_ context.Context, texts []string) ([]advisor.Parsed, error) {
	all := make([]advisor.Parsed, len(texts))
	for i, text := range texts {
		p := &all[i]
		if p.Shape, p.Values, p.Err = parser.Literals(text); p.Err == nil {
			p.Fingerprint, p.Err = parser.Fingerprint(text)
		}
	}
	return all, nil
}

func (here) Expressions(_ context.Context, texts []string) ([]string, error) {
	all := make([]string, len(texts))
	for i, text := range texts {
		all[i], _ = parser.Expression(text)
	}
	return all, nil
}

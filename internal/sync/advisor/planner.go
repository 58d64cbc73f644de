package advisor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/feel-august/terraform-provider-august/internal/advise/index"
)

// planTime is for planning one statement.
const planTime = 5 * time.Second

// planner has PostgreSQL plan statements as if indexes were there, by HypoPG: they are in the session's memory, and nobody else
// sees them. It works in one read-only transaction, and goes back to a savepoint after each plan, which gives the locks
// back that planning takes. It is not for use side by side.
type planner struct {
	db     *inspected
	conn   *pgx.Conn
	hypo   *hypo
	values *values
	shown  map[*index.Statement]*shown
}

// shown is what of a statement is the same for all plans.
type shown struct {
	text     string
	guess    []uint32   // types of parameters that the text does not tell; nil: it tells all
	explains []*explain // the generic one, and one for each draw of values
	tried    bool       // all of them were planned once
	err      error
}

// explain is one question.
type explain struct {
	params [][]byte // nil: values are not known
}

const savepoint = "august_advice"

// explaining is what the planner's questions begin with, in pg_stat_statements too.
const explaining = "explain (format json"

// newPlanner begins to plan in tx. It is nil when HypoPG is not there.
func newPlanner(ctx context.Context, tx pgx.Tx, db *inspected) (p *planner, notes []string, err error) {
	p = &planner{db: db, conn: tx.Conn(), shown: map[*index.Statement]*shown{}}
	if p.hypo, err = findHypo(ctx, tx, db); err != nil || p.hypo == nil {
		return nil, nil, err
	}
	if err := uncounted(ctx, tx, db.Version); err != nil {
		return nil, nil, err
	}
	limit, silent, err := quiet(ctx, tx)
	if err != nil {
		return nil, nil, err
	}
	if silent != "" {
		notes = append(notes, silent)
	} else if p.values, err = newValues(ctx, tx, db); err != nil {
		return nil, nil, err
	}
	for _, set := range []string{
		fmt.Sprintf("set local statement_timeout = %d", min(limit, planTime).Milliseconds()),
		"set local lock_timeout = '1s'",
		"set local log_parameter_max_length_on_error = 0",
		"set local plan_cache_mode = force_generic_plan",
		"savepoint " + savepoint,
	} {
		if _, err := tx.Exec(ctx, set); err != nil {
			return nil, nil, fmt.Errorf("prepare to plan: %w", err)
		}
	}
	return p, notes, nil
}

// Proof is HypoPG.
func (p *planner) Proof() string { return index.ProofHypoPG }

// Plan is what the statement costs with these indexes.
func (p *planner) Plan(ctx context.Context, s *index.Statement, with []index.Definition) (index.Plan, error) {
	what, ok := p.shown[s]
	if !ok {
		what = p.show(ctx, s)
		p.shown[s] = what
	}
	if what.err != nil {
		return index.Plan{}, what.err
	}
	if err := p.hypo.suppose(ctx, p.conn, with); err != nil {
		return index.Plan{}, err
	}
	return p.plan(ctx, s, what)
}

// show finds out what the statement's parameters are, and draws values for them. That it cannot be planned at all is found here.
func (p *planner) show(ctx context.Context, s *index.Statement) *shown {
	what := &shown{text: s.Shape.Text, explains: []*explain{{}}}
	if err := p.path(ctx, s); err != nil {
		return &shown{err: err}
	}
	defer p.back(ctx)
	described, err := p.describe(ctx, s, what)
	if err != nil {
		return &shown{err: unplannable(ctx, err)}
	}
	if p.values == nil || len(described.ParamOIDs) == 0 {
		return what
	}
	var draws [][][]byte
	if what.guess == nil { // a value that does not fit a guessed type would be quoted in the server's log
		draws = p.db.ran(s, len(described.ParamOIDs))
	}
	if draws == nil {
		draws, _ = p.values.draw(ctx, s, described.ParamOIDs) // without any, it is planned for unknown values
	}
	for _, d := range draws {
		what.explains = append(what.explains, &explain{params: d})
	}
	return what
}

// guesses is types for a constant that pg_stat_statements has taken out, where the text does not tell: most often it is a number
// or a time that something is added to.
var guesses = []uint32{pgtype.Int4OID, pgtype.IntervalOID, pgtype.TextOID}

// describe finds out the types of the statement's parameters. Those of conditions on a column are always told.
func (p *planner) describe(ctx context.Context, s *index.Statement, what *shown) (*pgconn.StatementDescription, error) {
	described, err := p.conn.PgConn().Prepare(ctx, "", what.text, nil)
	if err == nil || !untold(err) {
		return described, err
	}
	told := map[int]bool{}
	for _, scope := range s.Shape.Scopes {
		for _, c := range scope.Predicates {
			told[c.Param] = true
		}
	}
	for _, typ := range guesses {
		guess := make([]uint32, s.Shape.Params)
		for n := range guess {
			if !told[n+1] {
				guess[n] = typ
			}
		}
		p.back(ctx)
		if err := p.path(ctx, s); err != nil {
			return nil, err
		}
		if described, again := p.conn.PgConn().Prepare(ctx, "", what.text, guess); again == nil {
			what.guess = described.ParamOIDs
			return described, nil
		}
	}
	return nil, err
}

// path looks for the statement's tables where its role does.
func (p *planner) path(ctx context.Context, s *index.Statement) error {
	if len(s.SearchPath) == 0 {
		return nil
	}
	var quoted []string
	for _, schema := range s.SearchPath {
		quoted = append(quoted, pgx.Identifier{schema}.Sanitize())
	}
	if r := p.conn.PgConn().ExecParams(ctx, `select set_config('search_path', $1, true)`, [][]byte{[]byte(strings.Join(quoted, ", "))}, nil, nil, nil).Read(); r.Err != nil {
		return unplannable(ctx, r.Err)
	}
	return nil
}

// back gives locks back, and makes good what failed.
func (p *planner) back(ctx context.Context) {
	_, _ = p.conn.PgConn().Exec(ctx, "rollback to savepoint "+savepoint).ReadAll()
}

func (p *planner) plan(ctx context.Context, s *index.Statement, what *shown) (plan index.Plan, err error) {
	if err := p.path(ctx, s); err != nil {
		return plan, err
	}
	defer p.back(ctx)
	uses := map[string]bool{}
	for _, e := range what.explains {
		var answer []byte
		if e.params == nil {
			answer, err = p.generic(ctx, what, s.Shape.Params)
		} else {
			answer, err = first(p.conn.PgConn().ExecParams(ctx, explaining+") "+what.text, e.params, what.guess, nil, nil).Read())
		}
		if err != nil && e.params != nil && !what.tried && ctx.Err() == nil {
			// It is planned for unknown values only, from now on: plans are compared for the same ones. No other value is tried: PostgreSQL's
			// error may quote it in the server's log.
			what.explains = what.explains[:1]
			p.back(ctx)
			return p.plan(ctx, s, what)
		}
		if err != nil {
			return plan, unplannable(ctx, err)
		}
		n, err := readPlan(answer)
		if err != nil {
			return plan, err
		}
		n.indexes(func(name string) { uses[p.hypo.named(name)] = true })
		if e.params == nil {
			plan.Generic = n.Cost
		} else {
			plan.Literal = append(plan.Literal, index.Literal{Cost: n.Cost})
		}
	}
	what.tried = true
	for i := range plan.Literal {
		plan.Literal[i].Weight = 1 / float64(len(plan.Literal))
	}
	for name := range uses {
		plan.Uses = append(plan.Uses, name)
	}
	slices.Sort(plan.Uses)
	return plan, nil
}

// generic is the plan for values that are not known. Before PostgreSQL 16 only a prepared statement has one; it is prepared anew
// each time, for it would keep its plan when indexes are supposed. It is never planned for NULL, which finds nothing and costs nothing.
func (p *planner) generic(ctx context.Context, what *shown, params int) ([]byte, error) {
	conn := p.conn.PgConn()
	if params == 0 {
		return one(conn.Exec(ctx, explaining+") "+what.text).ReadAll())
	}
	if p.db.Version >= 160000 && what.guess == nil {
		return one(conn.Exec(ctx, explaining+", generic_plan) "+what.text).ReadAll())
	}
	described, err := conn.Prepare(ctx, savepoint, what.text, what.guess)
	if err != nil {
		return nil, err
	}
	execute := explaining + ") execute " + savepoint
	if n := len(described.ParamOIDs); n > 0 {
		execute += "(null" + strings.Repeat(", null", n-1) + ")"
	}
	answer, err := one(conn.Exec(ctx, execute).ReadAll())
	if err != nil {
		p.back(ctx) // a failed transaction takes no other statement
	}
	if gone := conn.Deallocate(ctx, savepoint); err == nil {
		err = gone
	}
	return answer, err
}

func one(results []*pgconn.Result, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	if len(results) != 1 {
		return nil, errors.New("is not one statement")
	}
	return first(results[0])
}

func first(r *pgconn.Result) ([]byte, error) {
	if r.Err != nil {
		return nil, r.Err
	}
	if len(r.Rows) != 1 || len(r.Rows[0]) != 1 {
		return nil, errors.New("has no plan")
	}
	return r.Rows[0][0], nil
}

// close forgets what was supposed: the session goes back to others.
func (p *planner) close(ctx context.Context) error {
	p.back(ctx)
	return p.hypo.reset(ctx, p.conn)
}

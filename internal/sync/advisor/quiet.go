package advisor

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// quietMargin is how much sooner planning ends than the server would log how long it took.
const quietMargin = 20 * time.Millisecond

// quiet says for how long a statement may run without the server's log having its parameters: values out of the statistics,
// which must not lie about. If there is no such time, it says why not, and statements are not planned for values. A
// role that may silence the server's log of parameters does so, for this transaction.
func quiet(ctx context.Context, tx pgx.Tx) (limit time.Duration, why string, err error) {
	var may, parameters, audited, all, plans bool
	var shortest *float64
	err = tx.QueryRow(ctx, `
		select (select rolsuper from pg_roles where rolname = current_user), current_setting('log_parameter_max_length') <> '0',
			coalesce(nullif(current_setting('pgaudit.log_parameter', true), ''), 'off')::bool,
			current_setting('log_statement') = 'all' or current_setting('log_transaction_sample_rate')::float8 > 0,
			coalesce(current_setting('auto_explain.log_min_duration', true), '') ~ '^0[a-z]*$' or current_setting('debug_print_plan')::bool,
			(select min(setting::float8) from pg_settings where name in ('log_min_duration_statement', 'log_min_duration_sample') and setting::float8 >= 0)`).
		Scan(&may, &parameters, &audited, &all, &plans, &shortest)
	if err != nil {
		return 0, "", fmt.Errorf("look what the server logs: %w", err)
	}
	const instead = "Statements were planned for unknown values only: the server logs "
	switch {
	case plans:
		return planTime, instead + "each plan, and the values in it (auto_explain.log_min_duration is 0, or debug_print_plan is on).", nil
	case audited:
		return planTime, instead + "what pgaudit sees with its parameters (pgaudit.log_parameter is on).", nil
	case !parameters:
		return planTime, "", nil
	case may:
		_, err = tx.Exec(ctx, `set local log_parameter_max_length = 0`)
		return planTime, "", err
	case all:
		return planTime, instead + "each statement with its parameters (log_statement, log_transaction_sample_rate). Set log_parameter_max_length to 0 for the runtime's database role to have them planned for values as the statistics have them, too.", nil
	case shortest == nil:
		return planTime, "", nil
	}
	if limit = time.Duration(*shortest)*time.Millisecond - quietMargin; limit < quietMargin {
		return planTime, instead + fmt.Sprintf("what takes %g ms or more with its parameters. Set log_min_duration_statement and log_min_duration_sample to 50 or more, or log_parameter_max_length to 0 for the runtime's database role, "+
			"to have them planned for values as the statistics have them, too.", *shortest), nil
	}
	return limit, "", nil
}

// uncounted keeps what the planner is asked out of pg_stat_statements, which might forget statements of the workload for it, where the role may.
func uncounted(ctx context.Context, tx pgx.Tx, version int) error {
	may := `(select rolsuper from pg_roles where rolname = current_user)`
	if version >= 150000 {
		may = `has_parameter_privilege('pg_stat_statements.track_utility', 'set')`
	}
	_, err := tx.Exec(ctx, `select set_config('pg_stat_statements.track_utility', 'off', true) where current_setting('pg_stat_statements.track_utility', true) is not null and `+may)
	if err != nil {
		return fmt.Errorf("have no question counted as a statement: %w", err)
	}
	return nil
}

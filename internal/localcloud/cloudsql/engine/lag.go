package engine

import "context"

// Lag is how many seconds a replica is behind: none when it has replayed all that it has received, else the age of the last
// commit that it has replayed. One that is stopped receives nothing, so that only the age counts. A replica that has
// replayed no commit yet has no lag to tell.
func (c *Cluster) Lag(ctx context.Context, stopped bool) (seconds float64, ok bool, err error) {
	var lag *float64
	err = c.at.Load().query(ctx, []any{&lag}, `SELECT CASE
		WHEN NOT $1::boolean AND pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
		ELSE greatest(extract(epoch FROM now() - pg_last_xact_replay_timestamp()), 0) END::float8
		WHERE pg_is_in_recovery() AND pg_last_wal_replay_lsn() IS NOT NULL
		UNION ALL SELECT NULL LIMIT 1`, stopped)
	if err != nil || lag == nil {
		return 0, false, err
	}
	return *lag, true, nil
}

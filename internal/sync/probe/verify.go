package probe

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// VerifyTime is the longest that a verification takes: below the five minutes that Cloud Run gives a
// request unless told otherwise.
const VerifyTime = 4 * time.Minute

// Verify says which of a probe's rows are there, and digests tables, all in one snapshot.
func (s *Service) Verify(ctx context.Context, id string, req runtimeapi.VerifyRequest) (runtimeapi.VerifyResult, error) {
	var result runtimeapi.VerifyResult
	// A digest reads whole tables: one at a time leaves the pool to the sync.
	select {
	case s.verifying <- struct{}{}:
		defer func() { <-s.verifying }()
	default:
		return result, &runtimeapi.Error{Code: runtimeapi.CodeUnavailable, Message: "this instance is verifying already; try again"}
	}
	ctx, cancel := context.WithTimeout(ctx, VerifyTime)
	defer cancel()
	err := s.cfg.Store.Again(ctx, func() error {
		result = runtimeapi.VerifyResult{}
		return s.look(ctx, id, req, &result)
	})
	if err != nil && ctx.Err() != nil && errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		return result, &runtimeapi.Error{Code: runtimeapi.CodeUnavailable, Message: fmt.Sprintf("the verification took longer than %v; digest fewer tables at a time", VerifyTime)}
	}
	return result, unavailable("verify", err)
}

// look fills in the result from one snapshot.
func (s *Service) look(ctx context.Context, id string, req runtimeapi.VerifyRequest, result *runtimeapi.VerifyResult) error {
	conn, done, err := s.connection(ctx, req.Target)
	if err != nil {
		return err
	}
	defer done()
	return pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if err := prepare(ctx, tx); err != nil {
			return err
		}
		if err := count(ctx, tx, id, req.Acknowledged, result); err != nil {
			return err
		}
		tables, err := named(ctx, tx, req.Digest)
		if err != nil {
			return err
		}
		for _, t := range tables {
			d, err := digest(ctx, tx, t)
			if err != nil {
				return fmt.Errorf("digest %s: %w", t.name, err)
			}
			result.Tables = append(result.Tables, d)
		}
		return nil
	})
}

// connection is one of the pool's, or one to a clone.
func (s *Service) connection(ctx context.Context, target *runtimeapi.ProbeTarget) (*pgx.Conn, func(), error) {
	if target == nil {
		if err := s.cfg.Store.Available(ctx); err != nil {
			return nil, nil, err
		}
		conn, err := s.cfg.Store.Pool().Acquire(ctx)
		if err != nil {
			return nil, nil, err
		}
		return conn.Conn(), conn.Release, nil
	}
	settings, err := s.cfg.Targets.settings(s.cfg.Store.Settings(), *target)
	if err != nil {
		return nil, nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, settings)
	if err != nil {
		return nil, nil, err
	}
	return conn, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTime)
		defer cancel()
		_ = conn.Close(ctx)
	}, nil
}

// prepare settles what a row looks like as text, and bounds what the server does for a caller that has
// gone.
func prepare(ctx context.Context, tx pgx.Tx) error {
	b := &pgx.Batch{}
	for _, set := range []string{
		"timezone = 'UTC'", "datestyle = 'ISO, YMD'", "intervalstyle = 'postgres'", "bytea_output = 'hex'", "extra_float_digits = 1",
		fmt.Sprintf("statement_timeout = %d", VerifyTime.Milliseconds()),
	} {
		b.Queue("set local " + set)
	}
	return tx.SendBatch(ctx, b).Close()
}

// qCount finds the gaps between the rows that are there, range by range: what is missing is summed up
// without making a row of each number.
const qCount = `
with acked (first, last) as (
	select * from unnest($2::bigint[], $3::bigint[])
), there as (
	select a.first, a.last, p.number,
		lag(p.number, 1, a.first - 1) over w as before,
		lead(p.number) over w as after
	from acked a join august.probe p on p.probe = $1 and p.number between a.first and a.last
	window w as (partition by a.first order by p.number)
), gap (low, high) as (
	select before + 1, number - 1 from there where before + 1 < number
	union all
	select number + 1, last from there where after is null and number < last
	union all
	select first, last from acked a where not exists (select from august.probe p where p.probe = $1 and p.number between a.first and a.last)
)
select clock_timestamp(),
	(select count(*) from august.probe where probe = $1),
	(select coalesce(max(number), 0) from august.probe where probe = $1),
	coalesce(sum(high - low + 1), 0)::bigint, coalesce(min(low), 0), coalesce(max(high), 0)
from gap`

// count fills in what is there and what is missing. In a clone of a time before there were probes
// everything is missing.
func count(ctx context.Context, tx pgx.Tx, id string, acked []runtimeapi.ProbeRange, r *runtimeapi.VerifyResult) error {
	first, last := make([]int64, len(acked)), make([]int64, len(acked))
	for i, a := range acked {
		first[i], last[i] = a.First, a.Last
	}
	var probed bool
	if err := tx.QueryRow(ctx, `select clock_timestamp(), to_regclass('august.probe') is not null`).Scan(&r.Clock, &probed); err != nil {
		return err
	}
	if probed {
		return tx.QueryRow(ctx, qCount, id, first, last).Scan(&r.Clock, &r.Present, &r.Highest, &r.Missing, &r.FirstMissing, &r.LastMissing)
	}
	for i, a := range acked {
		if r.Missing += a.Last - a.First + 1; i == 0 {
			r.FirstMissing = a.First
		}
		r.LastMissing = a.Last
	}
	return nil
}

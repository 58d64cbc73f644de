package pipeline

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// viewsTime bounds the look at Coda: a declaration must not hang on somebody else's service.
const viewsTime = 8 * time.Second

// Check says what is wrong with a spec that has passed its own rules, as Put would say it. What could not
// be looked at is a finding of CodeUnavailable.
func (s *Service) Check(ctx context.Context, name string, spec runtimeapi.PipelineSpec) ([]runtimeapi.Error, error) {
	var found []runtimeapi.Error
	err := s.read(ctx, func() error {
		found = nil
		for _, rule := range []func(context.Context, querier, string, runtimeapi.PipelineSpec) error{unrivalled, unshared} {
			var e *runtimeapi.Error
			if err := rule(ctx, s.cfg.Store.Pool(), name, spec); errors.As(err, &e) {
				found = append(found, *e)
			} else if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, s.unavailable(ctx, "check pipeline", err)
	}
	return append(found, s.views(ctx, spec)...), nil
}

// views looks at where the views of a spec go.
func (s *Service) views(ctx context.Context, spec runtimeapi.PipelineSpec) []runtimeapi.Error {
	if s.cfg.Views == nil || len(spec.CodaViews) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, viewsTime)
	defer cancel()
	return s.cfg.Views.Check(ctx, spec)
}

// admit refuses views that do not fit their tables. Views that are declared already are not looked at
// again: a column that somebody has renamed must not keep the pipeline from being paused. What cannot be
// looked at is let in; the push finds out.
func (s *Service) admit(ctx context.Context, name string, spec runtimeapi.PipelineSpec) error {
	if len(spec.CodaViews) == 0 {
		return nil
	}
	p, err := s.Get(ctx, name)
	var e *runtimeapi.Error
	switch {
	case errors.As(err, &e) && e.Code == runtimeapi.CodeNotFound:
	case err != nil:
		return err
	case reflect.DeepEqual(p.Spec.CodaViews, spec.CodaViews):
		return nil
	}
	var first *runtimeapi.Error
	for _, f := range s.views(ctx, spec) {
		switch {
		case f.Code == runtimeapi.CodeUnavailable:
			s.cfg.Log.WarnContext(ctx, "a Coda view was not looked at", "pipeline", name, "field", f.Field, "reason", f.Message)
		case first == nil:
			first = &f
		default:
			first.Message += fmt.Sprintf("; %s: %s", f.Field, f.Message)
		}
	}
	if first != nil {
		return first
	}
	return nil
}

// unshared refuses a Coda table that another pipeline writes to, paused or not: each would take the other's
// rows for its own to delete.
func unshared(ctx context.Context, q querier, name string, spec runtimeapi.PipelineSpec) error {
	tables := spec.Tables()
	if len(tables) == 0 {
		return nil
	}
	places := make([]string, 0, len(tables))
	for place := range tables {
		places = append(places, place)
	}
	var rival, place string
	err := q.QueryRow(ctx, `
		select p.name, t.place from august.pipeline p
		cross join lateral jsonb_array_elements(case when jsonb_typeof(p.spec->'coda_views') = 'array' then p.spec->'coda_views' end) as v
		cross join lateral (select (v->>'doc_id') || '/' || (v->>'table_id') as place) as t
		where p.name <> $1 and t.place = any($2) order by 1, 2 limit 1`, name, places).Scan(&rival, &place)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return &runtimeapi.Error{Code: runtimeapi.CodeConflict, Field: tables[place],
		Message: fmt.Sprintf("pipeline %q of this runtime already sends a view to table %s, and a table has one writer: give this view a table of its own, or take the view out of that pipeline", rival, place)}
}

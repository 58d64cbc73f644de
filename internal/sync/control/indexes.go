package control

import (
	"context"
	"net/http"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// Indexes makes and drops indexes, in the background. Errors meant for the caller are *runtimeapi.Error, as with Pipelines.
type Indexes interface {
	Get(ctx context.Context, schema, name string) (runtimeapi.Index, error)
	Put(ctx context.Context, schema, name string, spec runtimeapi.IndexSpec) (runtimeapi.Index, error)
	Create(ctx context.Context, schema, name string, spec runtimeapi.IndexSpec) (runtimeapi.Index, error)
	Check(ctx context.Context, schema, name string, spec runtimeapi.IndexSpec) (runtimeapi.IndexCheck, error)
	Delete(ctx context.Context, schema, name, tag string) (runtimeapi.Index, error)
}

func (s *Server) getIndex(b *Backend, r *http.Request) (int, any, error) {
	index, err := b.Indexes.Get(r.Context(), r.PathValue("schema"), r.PathValue("name"))
	return http.StatusOK, index, err
}

func (s *Server) putIndex(b *Backend, r *http.Request) (int, any, error) {
	spec, err := indexSpec(r, r.PathValue("name"))
	if err != nil {
		return 0, nil, err
	}
	declare := b.Indexes.Put
	if r.Header.Get(runtimeapi.HeaderIfNoneMatch) == "*" {
		declare = b.Indexes.Create
	}
	index, err := declare(r.Context(), r.PathValue("schema"), r.PathValue("name"), spec)
	return http.StatusAccepted, index, err
}

// checkIndex says what putIndex would, and declares nothing; {name}:check is one path segment.
func (s *Server) checkIndex(b *Backend, r *http.Request) (int, any, error) {
	name, ok := strings.CutSuffix(r.PathValue("name"), runtimeapi.VerbCheck)
	if !ok {
		return 0, nil, &runtimeapi.Error{Code: runtimeapi.CodeNotFound, Message: "the only verb of an index is " + runtimeapi.VerbCheck}
	}
	spec, err := indexSpec(r, name)
	if err != nil {
		return 0, nil, err
	}
	check, err := b.Indexes.Check(r.Context(), r.PathValue("schema"), name, spec)
	if check.Findings == nil {
		check.Findings = []runtimeapi.Error{}
	}
	return http.StatusOK, check, err
}

func (s *Server) removeIndex(b *Backend, r *http.Request) (int, any, error) {
	index, err := b.Indexes.Delete(r.Context(), r.PathValue("schema"), r.PathValue("name"), r.Header.Get(runtimeapi.HeaderIfMatch))
	return http.StatusAccepted, index, err
}

// indexSpec reads a declaration that is right as far as that can be told without a database.
func indexSpec(r *http.Request, name string) (spec runtimeapi.IndexSpec, err error) {
	if e := runtimeapi.ValidateIndexSchema(r.PathValue("schema")); e != nil {
		return spec, e
	}
	if e := runtimeapi.ValidateIndexName("name", name); e != nil {
		return spec, e
	}
	if err := decode(r.Body, &spec); err != nil {
		return spec, err
	}
	if found := spec.Validate(true); len(found) > 0 {
		return spec, summary(found)
	}
	return spec, nil
}

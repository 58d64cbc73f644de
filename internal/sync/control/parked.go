package control

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// Shelf is the webhook's parked deliveries.
type Shelf interface {
	List(ctx context.Context, which runtimeapi.ParkedSelection, after int64, limit int) (runtimeapi.ParkedList, error)
	Replay(ctx context.Context, which runtimeapi.ParkedSelection) (int64, error)
	Discard(ctx context.Context, which runtimeapi.ParkedSelection) (int64, error)
}

func (s *Server) parked(b *Backend, r *http.Request) (int, any, error) {
	which, after, limit, err := parkedQuery(r.URL.Query())
	if err != nil {
		return 0, nil, err
	}
	list, failed := b.Shelf.List(r.Context(), which, after, limit)
	return http.StatusOK, list, failed
}

// parkedQuery reads what a list is asked for. A parameter that is not known must not be taken for one left out.
func parkedQuery(q url.Values) (which runtimeapi.ParkedSelection, after int64, limit int, err error) {
	limit = 100
	for name := range q {
		value := q.Get(name)
		var wrong error
		switch name {
		case "kind":
			which.Kind = value
		case "key":
			which.Key = value
		case "from", "to":
			var at time.Time
			at, wrong = time.Parse(time.RFC3339, value)
			if name == "from" {
				which.From = &at
			} else {
				which.To = &at
			}
		case "after":
			after, wrong = strconv.ParseInt(value, 10, 64)
		case "limit":
			if limit, wrong = strconv.Atoi(value); wrong == nil && (limit < 1 || limit > runtimeapi.MostParked) {
				return which, after, limit, invalid(name, "must be from 1 to %d", runtimeapi.MostParked)
			}
		default:
			return which, after, limit, invalid(name, "is not a parameter that this version of the runtime knows")
		}
		if wrong != nil {
			return which, after, limit, invalid(name, "must be a %s", map[bool]string{true: "time, as 2026-03-04T12:00:00Z", false: "number"}[name == "from" || name == "to"])
		}
	}
	if which.Key != "" && which.Kind == "" {
		return which, after, limit, invalid("key", "goes with a kind")
	}
	return which, after, limit, nil
}

// settleParked serves the verbs of parked deliveries; parked:replay is one path segment.
func (s *Server) settleParked(b *Backend, r *http.Request) (int, any, error) {
	do := map[string]func(context.Context, runtimeapi.ParkedSelection) (int64, error){
		"parked" + runtimeapi.VerbReplay: b.Shelf.Replay, "parked" + runtimeapi.VerbDiscard: b.Shelf.Discard,
	}[r.PathValue("verb")]
	if do == nil {
		return 0, nil, &runtimeapi.Error{Code: runtimeapi.CodeNotFound, Message: "the verbs of parked deliveries are " + runtimeapi.VerbReplay + " and " + runtimeapi.VerbDiscard}
	}
	var which runtimeapi.ParkedSelection
	if err := decode(r.Body, &which); err != nil {
		return 0, nil, err
	}
	if e := which.Validate(); e != nil {
		return 0, nil, e
	}
	n, err := do(r.Context(), which)
	return http.StatusOK, runtimeapi.ParkedAnswer{Deliveries: n}, err
}

package control

import (
	"context"
	"net/http"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// Measurer says how the database's connections and the runtime's batches fare.
type Measurer interface {
	Measures(ctx context.Context, window time.Duration) (runtimeapi.Measures, error)
}

// dayOfMeasures is the window of who does not name one.
const dayOfMeasures = 24 * time.Hour

func (s *Server) measures(b *Backend, r *http.Request) (int, any, error) {
	window := dayOfMeasures
	if text := r.URL.Query().Get("window"); text != "" {
		var err error
		if window, err = time.ParseDuration(text); err != nil || window < time.Minute {
			return 0, nil, invalid("window", "must be a time of a minute at least, such as 24h")
		}
	}
	measures, err := b.Measurer.Measures(r.Context(), min(window, runtimeapi.MeasuresKept))
	return http.StatusOK, measures, err
}

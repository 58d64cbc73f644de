package runtimeapi

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/advise/index"
)

// PathIndexAdvice asks which indexes the runtime's database lacks, and which are in its way:
// POST IndexAdviceRequest → index.Advice. It changes nothing.
const PathIndexAdvice = "/v1/advice/indexes"

// Bounds of an advice on indexes, and what holds where the request leaves something out.
const (
	AdviceTime           = 2 * time.Minute // for the answer
	AdviceWindowDefault  = 7.0             // days
	AdviceWindowMost     = 90.0            // for which figures are kept
	AdviceLeastDefault   = 1.0             // percent of the workload's time
	AdviceUnusedDefault  = 30.0            // days
	AdviceMostDefault    = 20              // proposals
	adviceMostOfAnything = 200
)

// IndexAdviceRequest says what the advice is to be on. The zero value is a good one.
type IndexAdviceRequest struct {
	WindowDays    float64  `json:"window_days,omitempty"`    // newest days of the workload; 0: AdviceWindowDefault
	Schemas       []string `json:"schemas,omitempty"`        // only tables of these; none: all but the system's and the runtime's own
	LeastPercent  *float64 `json:"least_percent,omitempty"`  // of the workload's time that an index has to save; nil: AdviceLeastDefault
	UnusedDays    float64  `json:"unused_days,omitempty"`    // for which an index must have been watched before it is called unused; 0: AdviceUnusedDefault
	MostProposals int      `json:"most_proposals,omitempty"` // 0: AdviceMostDefault
}

// anything is a share that is next to nothing: to the advisor itself, nought is what was not chosen.
const anything = 1e-9

var schemaForm = regexp.MustCompile(`^[^\x00-\x1f"]{1,63}$`)

// Validate lists everything that is wrong with the request.
func (q IndexAdviceRequest) Validate() []Error {
	var v findings
	if !(q.WindowDays >= 0 && q.WindowDays <= AdviceWindowMost) { // NaN is neither
		v.add("window_days", "must be more than 0 and at most %g", AdviceWindowMost)
	}
	if !(q.UnusedDays >= 0 && q.UnusedDays <= AdviceWindowMost) {
		v.add("unused_days", "must be more than 0 and at most %g", AdviceWindowMost)
	}
	if q.LeastPercent != nil && !(*q.LeastPercent >= 0 && *q.LeastPercent <= 100) {
		v.add("least_percent", "must be from 0 to 100")
	}
	if q.MostProposals < 0 || q.MostProposals > adviceMostOfAnything {
		v.add("most_proposals", "must be from 1 to %d", adviceMostOfAnything)
	}
	if len(q.Schemas) > adviceMostOfAnything {
		v.add("schemas", "must be %d at most", adviceMostOfAnything)
	}
	for i, s := range q.Schemas {
		if !schemaForm.MatchString(s) {
			v.add(fmt.Sprintf("schemas[%d]", i), "must be the name of a schema")
		}
	}
	return v
}

// Window is how many of the newest days the advice is on.
func (q IndexAdviceRequest) Window() time.Duration {
	days := q.WindowDays
	if days == 0 {
		days = AdviceWindowDefault
	}
	return time.Duration(days * 24 * float64(time.Hour))
}

// Options is what the request chooses, with what holds where it does not.
func (q IndexAdviceRequest) Options() index.Options {
	o := index.Options{Schemas: q.Schemas, LeastShare: AdviceLeastDefault, UnusedDays: q.UnusedDays, MostProposals: q.MostProposals}
	if q.LeastPercent != nil {
		o.LeastShare = max(*q.LeastPercent, anything)
	}
	if o.UnusedDays == 0 {
		o.UnusedDays = AdviceUnusedDefault
	}
	if o.MostProposals == 0 {
		o.MostProposals = AdviceMostDefault
	}
	return o
}

// IndexAdvice asks for advice on the indexes of the runtime's database. It takes seconds, and two minutes at most.
func (c *Client) IndexAdvice(ctx context.Context, req IndexAdviceRequest) (index.Advice, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, AdviceTime, fmt.Errorf("no advice within %s", AdviceTime))
	defer cancel()
	return call[index.Advice](ctx, c, http.MethodPost, PathIndexAdvice, req)
}

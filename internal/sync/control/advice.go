package control

import (
	"context"
	"net/http"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/advise/index"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// Adviser advises on the runtime's database, and changes nothing in it.
type Adviser interface {
	Indexes(ctx context.Context, req runtimeapi.IndexAdviceRequest) (*index.Advice, error)
}

// adviceSlack is for an answer that has taken all of its time to be written.
const adviceSlack = 10 * time.Second

// adviseIndexes takes longer than the server lets a request last, so it sets its own deadlines.
func (s *Server) adviseIndexes(b *Backend, w http.ResponseWriter, r *http.Request) {
	var req runtimeapi.IndexAdviceRequest
	err := decode(r.Body, &req)
	if err == nil {
		if found := req.Validate(); len(found) > 0 {
			err = summary(found)
		}
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	answer := http.NewResponseController(w)
	_ = answer.SetReadDeadline(time.Time{}) // it would end the request's context
	_ = answer.SetWriteDeadline(time.Now().Add(runtimeapi.AdviceTime + adviceSlack))
	ctx, cancel := context.WithTimeout(r.Context(), runtimeapi.AdviceTime)
	defer cancel()
	advice, err := b.Adviser.Indexes(ctx, req)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.write(w, r, http.StatusOK, advice)
}

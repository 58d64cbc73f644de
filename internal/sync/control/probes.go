package control

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// Probes writes and verifies the probes of recovery drills. Errors meant for the caller are
// *runtimeapi.Error, as with Pipelines.
type Probes interface {
	// Write hands on events until ctx ends or each fails. An error comes before the first event, or counts for nothing.
	Write(ctx context.Context, req runtimeapi.ProbeRequest, each func(runtimeapi.ProbeEvent) error) error
	Verify(ctx context.Context, id string, req runtimeapi.VerifyRequest) (runtimeapi.VerifyResult, error)
	Delete(ctx context.Context, id string) error
}

const (
	lineTime   = 10 * time.Second // for a caller to take one line of a stream
	verifyTime = 5 * time.Minute  // for the answer to a verification; what it does ends sooner
)

// probe streams a probe's events, each as soon as it is there. It lasts longer than the server lets a
// request last, so it sets its own deadlines, line by line.
func (s *Server) probe(b *Backend, w http.ResponseWriter, r *http.Request) {
	var req runtimeapi.ProbeRequest
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
	stream := http.NewResponseController(w)
	_ = stream.SetReadDeadline(time.Time{}) // it would end the request's context
	began := false
	lines := json.NewEncoder(w)
	err = b.Probes.Write(r.Context(), req, func(e runtimeapi.ProbeEvent) error {
		_ = stream.SetWriteDeadline(time.Now().Add(lineTime))
		if !began {
			began = true
			w.Header().Set("Content-Type", "application/x-ndjson")
			w.Header().Set("Cache-Control", "no-store")
			w.WriteHeader(http.StatusOK)
		}
		if err := lines.Encode(e); err != nil {
			return err
		}
		return stream.Flush()
	})
	if err != nil && !began {
		s.fail(w, r, err)
	}
}

// verify compares a probe's rows with what its caller was told of them.
func (s *Server) verify(b *Backend, w http.ResponseWriter, r *http.Request) {
	id, ok := strings.CutSuffix(r.PathValue("id"), runtimeapi.VerbVerify)
	if !ok {
		s.fail(w, r, &runtimeapi.Error{Code: runtimeapi.CodeNotFound, Message: "the only verb of a probe is " + runtimeapi.VerbVerify})
		return
	}
	var req runtimeapi.VerifyRequest
	err := decode(r.Body, &req)
	if err == nil {
		found := req.Validate()
		if e := runtimeapi.ValidateProbe(id); e != nil {
			found = append([]runtimeapi.Error{*e}, found...)
		}
		if len(found) > 0 {
			err = summary(found)
		}
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	answer := http.NewResponseController(w)
	_ = answer.SetReadDeadline(time.Time{})
	_ = answer.SetWriteDeadline(time.Now().Add(verifyTime))
	result, err := b.Probes.Verify(r.Context(), id, req)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.write(w, r, http.StatusOK, result)
}

func (s *Server) forget(b *Backend, r *http.Request) (int, any, error) {
	id := r.PathValue("id")
	if e := runtimeapi.ValidateProbe(id); e != nil {
		return 0, nil, e
	}
	return http.StatusNoContent, nil, b.Probes.Delete(r.Context(), id)
}

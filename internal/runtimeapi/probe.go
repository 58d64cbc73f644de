package runtimeapi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"time"
)

// A write probe commits numbered rows on a connection of its own and tells of each as soon as the
// database has acknowledged it. The caller keeps the numbers that were acknowledged, so the witness
// is outside of the runtime and of the database; afterwards it asks any instance which of them are
// there. That is how a recovery drill measures an outage, and what it lost.
//
// A probe is one request that lasts. It ends when the caller hangs up, when its time is over, or when
// the instance stops (Cloud Run may also cut it); the caller then begins another under the same
// name, from the next number on.
const (
	PathProbes = "/v1/probes" // POST ProbeRequest → lines of ProbeEvent; DELETE by id: its rows are removed
	VerbVerify = ":verify"    // POST {probe}:verify {VerifyRequest} → VerifyResult
)

// Bounds of a probe.
const (
	ProbeEveryDefault = 20 * time.Millisecond // between two rows
	ProbeBeat         = time.Second           // longest silence of a stream that is alive
	ProbeLongest      = 50 * time.Minute      // life of one stream; Cloud Run ends a request after 60 minutes at most
	ProbeHighest      = 1 << 53               // number of a row; JSON holds no greater one exactly
)

// ProbeRequest asks for rows.
type ProbeRequest struct {
	ID      string `json:"id"`       // names the rows: 8 to 40 lower-case letters, digits and hyphens
	First   int64  `json:"first"`    // number of the first row, from 1; every attempt has a number of its own
	EveryMS int64  `json:"every_ms"` // milliseconds between two attempts, 5 to 1000; 0: ProbeEveryDefault
	Seconds int64  `json:"seconds"`  // life of this stream; 0: ProbeLongest
}

// ProbeEvent is one line of a probe's stream. One without a number is a sign of life.
type ProbeEvent struct {
	Number int64     `json:"n,omitempty"`     // row that this is about
	At     time.Time `json:"at"`              // when the commit was acknowledged or the attempt given up, by the runtime's clock
	Clock  time.Time `json:"clock,omitzero"`  // the row's time by the database's clock, taken before its commit
	Error  string    `json:"error,omitempty"` // the row is not acknowledged: it may be there or not. No address, no data
}

// VerifyRequest says what must be there.
type VerifyRequest struct {
	Acknowledged []ProbeRange `json:"acknowledged,omitempty"` // numbers of rows that must be there
	Digest       []string     `json:"digest,omitempty"`       // tables to count and hash, "schema.table"; ["*"]: all that the runtime syncs
	Target       *ProbeTarget `json:"target,omitempty"`       // another database than the runtime's own: a drill's clone
}

// ProbeRange is the numbers from First to Last, both included.
type ProbeRange struct {
	First int64 `json:"first"`
	Last  int64 `json:"last"`
}

// ProbeTarget is a clone of the runtime's instance. The runtime connects to nothing else: the name
// must be that of its own instance with "-drill-" and letters or digits after it, in the same
// project and region.
type ProbeTarget struct {
	Instance string `json:"instance"`          // connection name, project:region:name
	Address  string `json:"address,omitempty"` // for a runtime that connects directly: a private or loopback address
}

// VerifyResult is what was found.
type VerifyResult struct {
	Missing      int64         `json:"missing"`                 // acknowledged rows that are not there
	FirstMissing int64         `json:"first_missing,omitempty"` // the lowest of them
	LastMissing  int64         `json:"last_missing,omitempty"`  // the highest of them
	Present      int64         `json:"present"`                 // rows of the probe that are there, acknowledged or not
	Highest      int64         `json:"highest"`                 // the highest number there; 0: none
	Tables       []TableDigest `json:"tables,omitempty"`        // in the order of their names, all of one snapshot
	Clock        time.Time     `json:"clock"`                   // the database's clock at that snapshot
}

// TableDigest is a table's content in two numbers. Equal digests of two copies mean equal rows.
type TableDigest struct {
	Table string `json:"table"` // schema.table
	Rows  int64  `json:"rows"`
	Hash  string `json:"hash"` // of all rows in any order; says nothing about a row
}

var (
	probeForm    = regexp.MustCompile(`^[a-z0-9-]{8,40}$`)
	tableOfForm  = regexp.MustCompile(`^[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*$`)
	instanceForm = regexp.MustCompile(`^([a-z0-9.-]+:)?[a-z][a-z0-9-]*:[a-z0-9-]+:[a-z][a-z0-9-]*$`)
)

// ValidateProbe says what is wrong with a probe's name, or returns nil.
func ValidateProbe(id string) *Error {
	if probeForm.MatchString(id) {
		return nil
	}
	return &Error{Code: CodeInvalid, Field: "id", Message: "must be 8 to 40 lower-case letters, digits and hyphens"}
}

// Validate lists everything that is wrong with the request.
func (q ProbeRequest) Validate() []Error {
	var v findings
	if e := ValidateProbe(q.ID); e != nil {
		v = append(v, *e)
	}
	if q.First < 1 || q.First > ProbeHighest {
		v.add("first", "must be 1 or more, and no greater than 2^53")
	}
	if q.EveryMS != 0 && (q.EveryMS < 5 || q.EveryMS > 1000) {
		v.add("every_ms", "must be from 5 to 1000")
	}
	if longest := int64(ProbeLongest / time.Second); q.Seconds < 0 || q.Seconds > longest {
		v.add("seconds", "must be from 1 to %d", longest)
	}
	return v
}

// Validate lists everything that is wrong with the request.
func (q VerifyRequest) Validate() []Error {
	var v findings
	last := int64(0)
	for i, r := range q.Acknowledged {
		if r.First <= last || r.Last < r.First {
			v.add(fmt.Sprintf("acknowledged[%d]", i), "must begin after the one before and not end before its own beginning")
		}
		if r.Last > ProbeHighest {
			v.add(fmt.Sprintf("acknowledged[%d]", i), "must not be greater than 2^53")
		}
		last = r.Last
	}
	for i, table := range q.Digest {
		if table != "*" && !tableOfForm.MatchString(table) {
			v.add(fmt.Sprintf("digest[%d]", i), `must be "schema.table", or "*" for all that the runtime syncs`)
		}
	}
	if q.Target != nil && !instanceForm.MatchString(q.Target.Instance) {
		v.add("target.instance", "must be a connection name, project:region:name")
	}
	return v
}

// Probe has the runtime commit rows and hands each event on, until ctx ends, the stream ends, or each
// fails. A stream that ended in an orderly way, or that was cut after it began, returns nil: only the
// caller knows whether that was early. There is no second try.
func (c *Client) Probe(ctx context.Context, req ProbeRequest, each func(ProbeEvent) error) error {
	payload, err := json.Marshal(req)
	if err != nil {
		return err
	}
	out, err := c.request(ctx, http.MethodPost, PathProbes, payload)
	if err != nil {
		return err
	}
	res, err := c.http.Do(out)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return c.unreachable(err)
	}
	defer func() { _ = res.Body.Close() }() // hanging up is what ends the probe
	if res.StatusCode != http.StatusOK {
		answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
		if err != nil {
			return c.unreachable(err)
		}
		return c.failure(res.StatusCode, answer).err
	}
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		var event ProbeEvent
		if err := json.Unmarshal(line, &event); err != nil {
			return &Error{Code: CodeUnavailable, Message: fmt.Sprintf("%s does not answer as a sync runtime; check the endpoint", c.endpoint)}
		}
		if err := each(event); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// Verify asks which of a probe's rows are there, and for digests of tables.
func (c *Client) Verify(ctx context.Context, id string, req VerifyRequest) (VerifyResult, error) {
	return call[VerifyResult](ctx, c, http.MethodPost, probePath(id)+VerbVerify, req)
}

// DeleteProbe removes a probe's rows. There being none is no error.
func (c *Client) DeleteProbe(ctx context.Context, id string) error {
	_, err := call[struct{}](ctx, c, http.MethodDelete, probePath(id), nil)
	return err
}

func probePath(id string) string { return PathProbes + "/" + url.PathEscape(id) }

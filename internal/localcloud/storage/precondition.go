package storage

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// precondition is what a request insists on; an object that is not there has generation 0.
type precondition struct {
	match, notMatch         *int64 // generation
	metaMatch, metaNotMatch *int64
	read                    bool // what has not changed is 304, not 412
	err                     error
}

// preconditions are those of a request, metageneration those that a bucket can have, and sourcePreconditions those of what it copies.
func preconditions(r *http.Request) precondition {
	return parsePreconditions(r, "if", "Generation")
}

func metageneration(r *http.Request) precondition {
	return parsePreconditions(r, "if", "")
}

func sourcePreconditions(r *http.Request) precondition {
	p := parsePreconditions(r, "ifSource", "Generation")
	p.read = false
	return p
}

func parsePreconditions(r *http.Request, prefix, generation string) precondition {
	p := precondition{read: r.Method == http.MethodGet}
	q := r.URL.Query()
	if generation != "" {
		p.parse(q, prefix+"GenerationMatch", &p.match)
		p.parse(q, prefix+"GenerationNotMatch", &p.notMatch)
	}
	p.parse(q, prefix+"MetagenerationMatch", &p.metaMatch)
	p.parse(q, prefix+"MetagenerationNotMatch", &p.metaNotMatch)
	return p
}

func (p *precondition) parse(q url.Values, name string, into **int64) {
	if !q.Has(name) {
		return
	}
	n, err := strconv.ParseInt(q.Get(name), 10, 64)
	if err != nil {
		p.err = gapi.Invalid("Invalid value for: %s is not a valid value", q.Get(name))
		return
	}
	*into = &n
}

// check holds them against what there is.
func (p precondition) check(generation, metageneration int64) error {
	switch {
	case p.err != nil:
		return p.err
	case p.match != nil && *p.match != generation, p.metaMatch != nil && *p.metaMatch != metageneration:
		return errPrecondition
	case p.notMatch != nil && *p.notMatch == generation, p.metaNotMatch != nil && *p.metaNotMatch == metageneration:
		if p.read {
			return gapi.Errorf(http.StatusNotModified, "", "notModified", "Not Modified")
		}
		return errPrecondition
	}
	return nil
}

// of is check for an object, which may be nil.
func (p precondition) of(o *object) error {
	if o == nil {
		return p.check(0, 0)
	}
	return p.check(o.Generation, o.Metageneration)
}

var errPrecondition = gapi.Errorf(http.StatusPreconditionFailed, "FAILED_PRECONDITION", "conditionNotMet",
	"At least one of the pre-conditions you specified did not hold.")

// number is a parameter that is a number, 0 when it is absent.
func number(r *http.Request, name string) (int64, error) {
	s := r.URL.Query().Get(name)
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0, gapi.Invalid("Invalid value for: %s is not a valid value", s)
	}
	return n, nil
}

// maxResults is a page's size; 1000 is the most.
func maxResults(r *http.Request) (int, error) {
	n, err := number(r, "maxResults")
	if n == 0 || n > 1000 {
		n = 1000
	}
	return int(n), err
}

// flag is a parameter that is true or not; gcloud says True.
func flag(q url.Values, name string) bool {
	yes, err := strconv.ParseBool(q.Get(name))
	return err == nil && yes
}

// Package transform turns rows of production into rows of staging: for each column what the policy says, a line of COPY's
// text format in, a line out. It fails closed: what no rule names is refused when the set is made, before a row is read, and
// its errors name tables and columns, never a value. It is pure: no I/O.
package transform

import (
	"crypto/cipher"
	"errors"
	"fmt"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/identify"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/redact"
)

// Config is what a set is made of.
type Config struct {
	Policy  *policy.Policy
	Catalog *catalog.Catalog
	Keys    *Keys

	// Names says whether a word (lex.Fold) is a part of somebody's name in the source; it may say so wrongly now and then. Text loses such
	// words, and no invented name is one. nil: none is known.
	Names func(word []byte) bool

	// Taken says the same of other identifiers, such as identify.Set's Has: codes, telephone numbers and addresses that are somebody's
	// in the source are passed over, unless there are few to choose from. nil: none is known.
	Taken func(kind identify.Kind, normal []byte) bool

	// AsOf is the day at which ages are judged.
	AsOf time.Time
}

// Set is what becomes of all tables of a policy. Its tables share what must be alike in all of them.
type Set struct {
	cfg        Config
	tables     map[string]*Table
	domains    map[string]*domain
	dictionary *dictionary
	redactor   *redact.Redactor
	offsets    offsets // of dates; of no use without shifts
	shifts     bool
	asOf       date

	people cipher.Block // hashes whom a row is about
	fakes  cipher.Block // draws what they are like
	moves  cipher.Block // hashes whose dates are moved
	bys    cipher.Block // draws by how much
	ssns   permutation

	subject *domain  // of the subject's key; nil: it is not mapped
	hidden  []string // columns of the subject's table that identify, behind its key
	own     []ownColumn
}

// New makes the set of a policy. The policy must be closed over the catalogue, which policy.Check explains better.
func New(cfg Config) (*Set, error) {
	if cfg.Policy == nil || cfg.Catalog == nil || cfg.Keys == nil || cfg.AsOf.IsZero() {
		return nil, errors.New("transform: policy, catalogue, keys and as-of day are all needed")
	}
	year, month, day := cfg.AsOf.Date()
	s := &Set{
		cfg: cfg, tables: map[string]*Table{}, domains: map[string]*domain{},
		redactor: redact.New(redact.Options{Names: cfg.Names, Words: cfg.Policy.Words, AsOf: cfg.AsOf}),
		asOf:     date{int64(year), int64(month), int64(day)},
		people:   cfg.Keys.derived("people"), fakes: cfg.Keys.derived("fakes"),
		moves: cfg.Keys.derived("moves"), bys: cfg.Keys.derived("by how much"),
	}
	s.ssns = newPermutation(cfg.Keys.derived("social security"), 0, ssns)
	s.shifts = usesShift(cfg.Policy)
	var problems []error
	var err error
	if s.dictionary, err = newDictionary(cfg.Names); err != nil {
		problems = append(problems, err)
	}
	if s.shifts {
		if s.offsets, err = newOffsets(cfg.Policy.Shift); err != nil {
			problems = append(problems, err)
		}
	}
	problems = append(problems, s.makeDomains(), s.makeSubject())
	for path, rules := range cfg.Policy.Tables {
		t := cfg.Catalog.Table(path)
		if t == nil {
			problems = append(problems, fmt.Errorf("%s: the database has no such table", path))
			continue
		}
		compiled, err := s.compile(t, rules)
		problems = append(problems, err)
		s.tables[path] = compiled
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return s, nil
}

// Table is what becomes of the table "schema.name".
func (s *Set) Table(path string) (*Table, error) {
	t, ok := s.tables[path]
	if !ok {
		return nil, fmt.Errorf("%s: the policy has no rules for the table", path)
	}
	return t, nil
}

func usesShift(p *policy.Policy) bool {
	for _, t := range p.Tables {
		for _, rule := range t.Columns {
			if rule.Transformer == policy.DateShift {
				return true
			}
			for _, inner := range rule.Paths {
				if inner.Transformer == policy.DateShift {
					return true
				}
			}
		}
	}
	return false
}

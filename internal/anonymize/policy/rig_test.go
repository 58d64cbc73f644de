package policy_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
	. "github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
)

var now = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// col is a column in words, such as "id bigint not null".
func col(words string) catalog.Column {
	name, t, _ := strings.Cut(words, " ")
	c := catalog.Column{Name: name, Kind: "b"}
	t, c.NotNull = strings.CutSuffix(t, " not null")
	c.Type = t
	t, c.Array = strings.CutSuffix(t, "[]")
	if base, n, ok := strings.Cut(t, "("); ok {
		t = base
		if base == "character varying" {
			_, _ = fmt.Sscanf(n, "%d", &c.MaxLength)
		}
	}
	c.Base = map[string]string{"bigint": "int8", "integer": "int4", "smallint": "int2", "boolean": "bool", "character varying": "varchar",
		"timestamp with time zone": "timestamptz", "double precision": "float8"}[t]
	if c.Base == "" {
		c.Base = t
	}
	switch t {
	case "mood":
		c.Kind = "e"
	case "pair":
		c.Kind = "c"
	case "daterange":
		c.Kind = "r"
	}
	return c
}

func table(path string, key []string, columns ...string) catalog.Table {
	schema, name, _ := strings.Cut(path, ".")
	t := catalog.Table{Schema: schema, Name: name, Kind: catalog.KindTable, PrimaryKey: key}
	for _, words := range columns {
		t.Columns = append(t.Columns, col(words))
	}
	return t
}

// clinic is a database with one of each, and a policy that nothing is wrong with.
func clinic() (*Policy, *catalog.Catalog) {
	patients := table("clinic.patients", []string{"id"}, "id bigint not null", "mrn character varying(20) not null", "last_name text", "born date", "note text",
		"zip text", "vip boolean not null", "payload jsonb", "email character varying(60)", "photo bytea", "status text", "age integer", "tags text[]", "ip inet")
	patients.Uniques = [][]string{{"mrn"}}
	visits := table("clinic.visits", []string{"id"}, "id uuid not null", "patient_id bigint not null", "began timestamp with time zone", "note text", "fee numeric(12,2)")
	visits.ForeignKeys = []catalog.ForeignKey{{Columns: []string{"patient_id"}, Table: "clinic.patients", References: []string{"id"}}}
	lines := table("clinic.lines", []string{"id"}, "id bigint not null", "visit uuid", "code text", "total numeric(12,2)")
	lines.Columns[3].Generated = true
	log := table("clinic.log", nil, "day date", "what text")
	log.Kind = catalog.KindPartitioned
	part := table("clinic.log_2026", nil, "day date", "what text")
	part.Kind, part.Parent = catalog.KindPartition, "clinic.log"
	sums := table("clinic.sums", nil, "n bigint")
	sums.Kind = catalog.KindMaterializedView
	far := table("clinic.far", nil, "n bigint")
	far.Kind = catalog.KindForeignTable
	seen := table("clinic.seen", nil, "note text")
	seen.Kind = catalog.KindView
	c := &catalog.Catalog{Tables: []catalog.Table{patients, visits, lines, log, part, sums, far, seen, table("clinic.moods", []string{"id"}, "id smallint not null", "mood mood"), table("other.x", nil, "a text")}}

	kept := func(reason string) Rule { return Rule{Transformer: Keep, Class: None, Reason: reason, Type: "text"} }
	p := &Policy{
		Version: Version, Method: SafeHarbor, Keys: Ephemeral,
		Attestation: Attestation{By: "privacy officer", Expires: "2026-11-26"},
		Subject:     Subject{Table: "clinic.patients", Key: "id"},
		Tables: map[string]Table{
			"clinic.patients": {Columns: map[string]Rule{
				"id": {Transformer: Surrogate}, "mrn": {Transformer: Surrogate}, "last_name": {Transformer: Name, Part: Last}, "born": {Transformer: Year},
				"note": {Transformer: Text}, "zip": {Transformer: Zip3}, "vip": {Transformer: Keep}, "email": {Transformer: Email}, "photo": {Transformer: Null},
				"status": kept("out of a list"), "age": {Transformer: Age}, "tags": {Transformer: Text}, "ip": {Transformer: IP},
				"payload": {Transformer: JSON, Paths: map[string]Rule{
					"contacts[].phone": {Transformer: Phone}, "state": {Transformer: Keep, Class: None, Reason: "a state"}, "mrn": {Transformer: Surrogate, Domain: "mrn"},
				}},
			}},
			"clinic.visits": {Subject: []string{"patient_id"}, Columns: map[string]Rule{
				"id": {Transformer: Surrogate}, "patient_id": {Transformer: Surrogate}, "began": {Transformer: Year}, "note": {Transformer: Text}, "fee": {Transformer: Keep},
			}},
			"clinic.lines": {Subject: []string{"visit", "patient_id"}, Columns: map[string]Rule{
				"id": {Transformer: Surrogate}, "visit": {Transformer: Surrogate}, "code": kept("of procedures"), "total": {Transformer: Derived},
			}},
			"clinic.log":   {Columns: map[string]Rule{"day": {Transformer: Year}, "what": {Transformer: Text}}},
			"clinic.moods": {Columns: map[string]Rule{"id": {Transformer: Keep}, "mood": {Transformer: Keep}}},
		},
		Exclude:    map[string]string{"clinic.sums": "refreshed", "clinic.far": "elsewhere", "other.*": "not needed"},
		References: []Reference{{Table: "clinic.lines", Column: "visit", To: "clinic.visits", ToCol: "id"}},
		Quasi:      []Quasi{{Table: "clinic.patients", Columns: []string{"born", "zip"}, K: 5, Sensitive: "status"}},
	}
	return p, c
}

// set changes a column's rule.
func set(p *Policy, at string, r Rule) {
	i := strings.LastIndexByte(at, '.')
	p.Tables[at[:i]].Columns[at[i+1:]] = r
}

// add adds a column to a table of the database, with a rule when it has one.
func add(p *Policy, c *catalog.Catalog, path, words string, r ...Rule) {
	t := c.Table(path)
	t.Columns = append(t.Columns, col(words))
	if len(r) > 0 {
		set(p, path+"."+col(words).Name, r[0])
	}
}

func lines(found []Finding) string {
	var all []string
	for _, f := range found {
		all = append(all, f.String())
	}
	return strings.Join(all, "\n")
}

func retype(c *catalog.Catalog, path, words string) {
	changed := col(words)
	*c.Table(path).Column(changed.Name) = changed
}

func member(path string, r Rule) func(*Policy, *catalog.Catalog) {
	return func(p *Policy, _ *catalog.Catalog) { p.Tables["clinic.patients"].Columns["payload"].Paths[path] = r }
}

func refers(r Reference) func(*Policy, *catalog.Catalog) {
	return func(p *Policy, _ *catalog.Catalog) { p.References = append(p.References, r) }
}

func about(p *Policy, table string, way ...string) {
	t := p.Tables[table]
	t.Subject = way
	p.Tables[table] = t
}

func leave(p *Policy, table string) {
	delete(p.Tables, table)
	p.Exclude[table] = "not needed"
}

func shift(s Shift) func(*Policy, *catalog.Catalog) {
	return func(p *Policy, _ *catalog.Catalog) {
		p.Method, p.Attestation.ID, p.Shift = ExpertDetermination, "ED-7", s
		set(p, "clinic.visits.began", Rule{Transformer: DateShift})
	}
}

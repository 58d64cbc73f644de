package policy_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
	. "github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/transform"
)

// What is allowed, lest the check say no to everything.
func TestCheck_allows(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(p *Policy, c *catalog.Catalog){
		"a part of an excluded table": func(p *Policy, c *catalog.Catalog) { leave(p, "clinic.log"); add(p, c, "clinic.log_2026", "who text") },
		"a foreign part of one": func(p *Policy, c *catalog.Catalog) {
			leave(p, "clinic.log")
			c.Table("clinic.log_2026").Kind = catalog.KindForeignTable
		},
		"a table in an excluded schema": func(_ *Policy, c *catalog.Catalog) { c.Tables = append(c.Tables, table("other.y", nil, "ssn text")) },
		"null for a reference to nothing": func(p *Policy, _ *catalog.Catalog) {
			leave(p, "clinic.visits")
			about(p, "clinic.lines")
			set(p, "clinic.lines.visit", Rule{Transformer: Null})
			p.References = nil
		},
		"orphans of what is left out":           func(p *Policy, _ *catalog.Catalog) { leave(p, "clinic.visits"); p.References[0].Orphans = true },
		"nulls in a unique column":              func(_ *Policy, c *catalog.Catalog) { c.Table("clinic.patients").Uniques = [][]string{{"photo"}} },
		"a key with more behind it":             func(_ *Policy, c *catalog.Catalog) { c.Table("clinic.visits").Uniques = [][]string{{"id", "began"}} },
		"a unique index over a computed column": func(_ *Policy, c *catalog.Catalog) { c.Table("clinic.lines").Uniques = [][]string{{"total"}} },
		"an index of no column":                 func(_ *Policy, c *catalog.Catalog) { c.Table("clinic.lines").Uniques = [][]string{{}} },
		"unique e-mail addresses of persons": func(_ *Policy, c *catalog.Catalog) {
			c.Table("clinic.patients").Uniques = [][]string{{"email"}, {"mrn"}}
		},
		"one domain said on one side": func(p *Policy, _ *catalog.Catalog) {
			set(p, "clinic.visits.patient_id", Rule{Transformer: Surrogate, Domain: "persons"})
		},
		"a domain of texts and numbers": func(p *Policy, _ *catalog.Catalog) {
			set(p, "clinic.patients.mrn", Rule{Transformer: Surrogate, Domain: "clinic.lines.id"})
		},
		"a subset along orphans": func(p *Policy, c *catalog.Catalog) {
			p.Subset = &Subset{Table: "clinic.patients", Percent: 5}
			add(p, c, "clinic.patients", "mother bigint", Rule{Transformer: Surrogate})
			refers(Reference{Table: "clinic.patients", Column: "mother", To: "clinic.patients", ToCol: "id", Orphans: true})(p, c)
		},
		"what is derived, by an expert": func(p *Policy, c *catalog.Catalog) {
			shift(Shift{Min: -364, Max: -7, Weeks: true})(p, c)
			p.Keys = Persistent
			set(p, "clinic.patients.mrn", Rule{Transformer: Permute})
			set(p, "clinic.patients.last_name", Rule{Transformer: Person, Part: Full})
			set(p, "clinic.patients.zip", Rule{Transformer: Keep, Class: "B", Reason: "covered by the determination", Type: "text"})
		},
		"today as the last day": func(p *Policy, _ *catalog.Catalog) { p.AsOf = "2026-11-26" },
		"a tsvector built anew": func(p *Policy, c *catalog.Catalog) {
			add(p, c, "clinic.visits", "search tsvector", Rule{Transformer: Derived})
		},
		"a value of each type": func(p *Policy, c *catalog.Catalog) {
			for words, value := range map[string]string{"a bytea not null": "", "b inet": "192.0.2.0/24", "d timestamp": "2000-01-01 00:00:00", "e uuid": "00000000-0000-0000-0000-000000000000",
				"f json": "[]", "g text[]": "{}", "h boolean": "false", "i numeric": "1.5", "j xml": "<a/>", "k pair": "(,)", "l daterange": "empty"} {
				add(p, c, "clinic.visits", words, Rule{Transformer: Constant, Value: value})
			}
		},
		"a computed column that is never null": func(_ *Policy, c *catalog.Catalog) { c.Table("clinic.lines").Column("total").NotNull = true },
		"scrubbing what is named as a name and is none": func(p *Policy, _ *catalog.Catalog) {
			set(p, "clinic.patients.last_name", Rule{Transformer: Text, Class: None, Reason: "of a colour"})
			set(p, "clinic.visits.note", Rule{Transformer: Text, Class: None})
		},
		"a name within that is none":       member("color.lastName", Rule{Transformer: Text, Class: None, Reason: "of a color"}),
		"members by any name and in lists": member("[].*.x[][]", Rule{Transformer: Null}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, c := clinic()
			do(p, c)
			if found := Check(p, c, now); len(found) > 0 {
				t.Errorf("found are\n%s", lines(found))
			}
		})
	}
}

// Which transformer takes which type, written down a second time.
func TestCheck_types(t *testing.T) {
	t.Parallel()
	takes := map[string]string{
		Keep:     "boolean smallint integer numeric(9,2) real double precision money mood",
		Null:     "*",
		Constant: "*", Derived: "tsvector",
		Surrogate: "smallint integer bigint numeric numeric(9,0) text character varying(40) citext uuid", Permute: "smallint integer bigint numeric numeric(9,0) text character varying(40) citext uuid",
		Token: "text character varying(40) citext", Scramble: "text character varying(40) citext",
		Name: "text character varying(40) citext", Person: "text character varying(40) citext", Email: "text character varying(40) citext", Phone: "text character varying(40) citext",
		SSN: "text character varying(40) citext", Street: "text character varying(40) citext", City: "text character varying(40) citext", Zip3: "text character varying(40) citext",
		URL: "text character varying(40) citext", Text: "text character varying(40) citext",
		Year: "date timestamp timestamp with time zone text character varying(40) citext", DateShift: "date timestamp timestamp with time zone text character varying(40) citext",
		Age:  "smallint integer bigint numeric numeric(9,0) numeric(9,2) real double precision text character varying(40) citext",
		JSON: "json jsonb", IP: "inet cidr text character varying(40) citext",
	}
	types := []string{"boolean", "smallint", "integer", "bigint", "numeric", "numeric(9,0)", "numeric(9,2)", "real", "double precision", "money", "mood", "text", "character varying(40)", "citext",
		"date", "timestamp", "timestamp with time zone", "time", "interval", "uuid", "inet", "cidr", "macaddr", "json", "jsonb", "bytea", "xml", "hstore", "tsvector", "point", "oid", "bit",
		"pair", "daterange", "int2vector", "geometry"}
	for _, name := range slices.Sorted(maps.Keys(takes)) {
		for _, of := range types {
			for _, array := range []string{"", "[]"} {
				p, c := clinic()
				p.Method, p.Attestation.ID, p.Shift = ExpertDetermination, "ED-7", Shift{Min: -364, Max: -1}
				r := Rule{Transformer: name}
				switch name {
				case Name, Person:
					r.Part = Full
				case Constant:
					r.Value = map[string]string{"boolean": "true", "smallint": "1", "integer": "1", "bigint": "1", "numeric": "1", "numeric(9,0)": "1", "numeric(9,2)": "1", "real": "1",
						"double precision": "1", "money": "1", "date": "2000-01-01", "timestamp": "2000-01-01", "timestamp with time zone": "2000-01-01",
						"uuid": "00000000-0000-0000-0000-000000000000", "inet": "192.0.2.1", "cidr": "192.0.2.0/24", "json": "{}", "jsonb": "{}"}[of]
					if array != "" {
						r.Value = "{}"
					}
				}
				add(p, c, "clinic.visits", "x "+of+array, r)
				if of == "real" {
					c.Table("clinic.visits").Column("x").Base = "float4"
				}
				found := Check(p, c, now)
				want := takes[name] == "*" || slices.Contains(inWords(takes[name], types), of)
				if got := len(found) == 0; got != want {
					t.Errorf("%s of %s%s: allowed is %t\n%s", name, of, array, got, lines(found))
				}
				if want && name != Derived {
					transformable(t, p, c)
				}
			}
		}
	}
}

// transformable says that what a check allows can be done.
func transformable(t *testing.T, p *Policy, c *catalog.Catalog) {
	t.Helper()
	if _, err := transform.New(transform.Config{Policy: p, Catalog: c, Keys: transform.EphemeralKeys(), AsOf: now}); err != nil {
		t.Errorf("the check has nothing against what cannot be done: %v", err)
	}
}

// inWords is the types that a list names; some have blanks in them.
func inWords(list string, types []string) (found []string) {
	list = " " + list + " "
	for _, longest := range slices.SortedFunc(slices.Values(types), func(a, b string) int { return len(b) - len(a) }) {
		if strings.Contains(list, " "+longest+" ") {
			found = append(found, longest)
			list = strings.ReplaceAll(list, " "+longest+" ", "  ")
		}
	}
	return found
}

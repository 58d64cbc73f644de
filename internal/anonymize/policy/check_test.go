package policy_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
	. "github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
)

func TestCheck_hasNothingAgainstAGoodPolicy(t *testing.T) {
	t.Parallel()
	p, c := clinic()
	for _, f := range Check(p, c, now) {
		t.Error(f)
	}
	before := string(p.Canonical())
	Check(p, c, now)
	if string(p.Canonical()) != before {
		t.Error("a check changes the policy")
	}
}

// Each way by which a column, or what is claimed of it, could slip through.
func TestCheck(t *testing.T) {
	t.Parallel()
	type change = func(p *Policy, c *catalog.Catalog)
	expert := func(p *Policy) { p.Method, p.Attestation.ID = ExpertDetermination, "ED-7" }
	keep := func(class, reason, of string) Rule {
		return Rule{Transformer: Keep, Class: class, Reason: reason, Type: of}
	}
	for name, test := range map[string]struct {
		do   change
		want string // of a finding: table.column (attribute), then a part of the problem
	}{
		// the database has changed
		"a new column":                {func(p *Policy, c *catalog.Catalog) { add(p, c, "clinic.visits", "reason text") }, "clinic.visits.reason (columns): the policy has no rule"},
		"a new column of a free type": {func(p *Policy, c *catalog.Catalog) { add(p, c, "clinic.visits", "n smallint") }, "clinic.visits.n (columns): the policy has no rule"},
		"a column in other letters":   {func(_ *Policy, c *catalog.Catalog) { c.Table("clinic.visits").Columns[3].Name = "Note" }, "clinic.visits.Note (columns): the policy has no rule"},
		"a renamed column's rule":     {func(_ *Policy, c *catalog.Catalog) { c.Table("clinic.visits").Columns[3].Name = "Note" }, "clinic.visits.note (columns): the table has no such column"},
		"a new table": {func(_ *Policy, c *catalog.Catalog) {
			c.Tables = append(c.Tables, table("clinic.new", nil, "a boolean"))
		}, "clinic.new (tables): the policy does not name it"},
		"a new table without columns":       {func(_ *Policy, c *catalog.Catalog) { c.Tables = append(c.Tables, table("clinic.new", nil)) }, "clinic.new (tables): the policy does not name it"},
		"a renamed table":                   {func(_ *Policy, c *catalog.Catalog) { c.Table("clinic.visits").Name = "stays" }, "clinic.stays (tables): the policy does not name it"},
		"a renamed table's rules":           {func(_ *Policy, c *catalog.Catalog) { c.Table("clinic.visits").Name = "stays" }, "clinic.visits (tables): the database has no such table"},
		"a table out of an excluded schema": {func(_ *Policy, c *catalog.Catalog) { c.Table("other.x").Schema = "otherwise" }, "otherwise.x (tables): the policy does not name it"},
		"a new materialized view": {func(_ *Policy, c *catalog.Catalog) {
			v := table("clinic.kept", nil, "note text")
			v.Kind = catalog.KindMaterializedView
			c.Tables = append(c.Tables, v)
		}, "clinic.kept (tables): the policy does not name it: put it into exclude"},
		"a new foreign table": {func(_ *Policy, c *catalog.Catalog) {
			v := table("clinic.abroad", nil, "note text")
			v.Kind = catalog.KindForeignTable
			c.Tables = append(c.Tables, v)
		}, "clinic.abroad (tables): the policy does not name it: put it into exclude"},
		"a foreign partition": {func(_ *Policy, c *catalog.Catalog) { c.Table("clinic.log_2026").Kind = catalog.KindForeignTable }, "clinic.log_2026 (tables): it is a foreign table and a part of clinic.log"},
		"a detached partition": {func(_ *Policy, c *catalog.Catalog) {
			part := c.Table("clinic.log_2026")
			part.Kind, part.Parent = catalog.KindTable, ""
		}, "clinic.log_2026 (tables): the policy does not name it"},
		"an heir with a column of its own": {func(p *Policy, c *catalog.Catalog) { add(p, c, "clinic.log_2026", "who text") }, "clinic.log_2026.who (columns): clinic.log, whose rows these are, has no such column"},
		"a part of a part with a column of its own": {func(_ *Policy, c *catalog.Catalog) {
			part := table("clinic.log_may", nil, "who text")
			part.Kind, part.Parent = catalog.KindPartition, "clinic.log_2026"
			c.Tables = append(c.Tables, part)
		}, "clinic.log_may.who (columns): clinic.log_2026, whose rows these are"},
		"a part of what is not known": {func(_ *Policy, c *catalog.Catalog) { c.Table("clinic.log_2026").Parent = "gone.log" }, "clinic.log_2026 (tables): it is a part of a table that is not known"},
		"a part's own unique index":   {func(_ *Policy, c *catalog.Catalog) { c.Table("clinic.log_2026").Uniques = [][]string{{"day"}} }, "clinic.log_2026.day (transformer): year does not keep values apart"},
		"a partition with rules": {func(p *Policy, _ *catalog.Catalog) {
			p.Tables["clinic.log_2026"] = Table{Columns: map[string]Rule{"day": {Transformer: Year}, "what": {Transformer: Null}}}
		}, "clinic.log_2026 (tables): it is a partition, of which no rows are taken"},
		"an excluded partition":        {func(p *Policy, _ *catalog.Catalog) { p.Exclude["clinic.log_2026"] = "no" }, "clinic.log_2026 (exclude): its rows are those of clinic.log, which is not excluded"},
		"a kind that is not known":     {func(_ *Policy, c *catalog.Catalog) { c.Table("clinic.log").Kind = "graph" }, "clinic.log (tables): it is a graph, of which no rows are taken"},
		"a table that became a view":   {func(_ *Policy, c *catalog.Catalog) { c.Table("clinic.log").Kind = catalog.KindView }, "clinic.log (tables): it is a view, of which no rows are taken"},
		"an excluded table with rules": {func(p *Policy, _ *catalog.Catalog) { p.Exclude["clinic.log"] = "no" }, "clinic.log (exclude): the policy has rules for it and excludes it"},
		"two tables of one path": {func(_ *Policy, c *catalog.Catalog) {
			c.Tables = append(c.Tables, catalog.Table{Schema: "clinic.log", Name: "2026"}, catalog.Table{Schema: "clinic", Name: "log.2026"})
		}, "clinic.log.2026 (tables): two tables have this name"},
		"an exclusion by another pattern":        {func(p *Policy, _ *catalog.Catalog) { p.Exclude["*.audit"] = "no" }, `(exclude["*.audit"]): it excludes nothing`},
		"an exclusion of everything":             {func(p *Policy, _ *catalog.Catalog) { p.Exclude["*.*"] = "no" }, `(exclude["*.*"]): it excludes nothing`},
		"an exclusion without a schema":          {func(p *Policy, _ *catalog.Catalog) { p.Exclude["other"] = "no" }, `(exclude["other"]): it excludes nothing`},
		"an exclusion without a reason":          {func(p *Policy, _ *catalog.Catalog) { p.Exclude["other.*"] = " " }, `(exclude["other.*"]): say why`},
		"null where null may not be":             {func(_ *Policy, c *catalog.Catalog) { c.Table("clinic.patients").Columns[9].NotNull = true }, "clinic.patients.photo (transformer): the column must not be null"},
		"a column that is computed now":          {func(_ *Policy, c *catalog.Catalog) { c.Table("clinic.visits").Columns[3].Generated = true }, "clinic.visits.note (transformer): PostgreSQL computes the column"},
		"a column that is stored now":            {func(_ *Policy, c *catalog.Catalog) { c.Table("clinic.lines").Columns[3].Generated = false }, "clinic.lines.total (transformer): derived is for columns that PostgreSQL computes"},
		"a kept text that became JSON":           {func(_ *Policy, c *catalog.Catalog) { retype(c, "clinic.patients", "status json") }, "clinic.patients.status (type): the column is of type json, and the rule is for text"},
		"a kept text that grew":                  {func(_ *Policy, c *catalog.Catalog) { retype(c, "clinic.patients", "status character varying(9)") }, "clinic.patients.status (type): the column is of type"},
		"a kept flag that became text":           {func(_ *Policy, c *catalog.Catalog) { retype(c, "clinic.patients", "vip text") }, "clinic.patients.vip (class): a column of type text may hold anything"},
		"a kept amount that became bytea":        {func(_ *Policy, c *catalog.Catalog) { retype(c, "clinic.visits", "fee bytea") }, "clinic.visits.fee (transformer): keep can't take type bytea"},
		"a kept enum that became text":           {func(_ *Policy, c *catalog.Catalog) { retype(c, "clinic.moods", "mood text") }, "clinic.moods.mood (class): a column of type text"},
		"a date that became text array of pairs": {func(_ *Policy, c *catalog.Catalog) { retype(c, "clinic.visits", "began pair[]") }, "clinic.visits.began (transformer): year can't take type pair[]"},

		// rules that do not fit
		"a transformer that there is not": {func(p *Policy, _ *catalog.Catalog) { set(p, "clinic.visits.note", Rule{Transformer: "redact"}) }, `clinic.visits.note (transformer): there is no transformer "redact"`},
		"no transformer":                  {func(p *Policy, _ *catalog.Catalog) { set(p, "clinic.visits.note", Rule{}) }, `clinic.visits.note (transformer): there is no transformer ""`},
		"a kept text":                     {func(p *Policy, _ *catalog.Catalog) { set(p, "clinic.visits.note", Rule{Transformer: Keep}) }, "clinic.visits.note (class): a column of type text may hold anything"},
		"a kept name":                     {func(p *Policy, _ *catalog.Catalog) { set(p, "clinic.patients.last_name", Rule{Transformer: Keep}) }, "clinic.patients.last_name (transformer): it seems to hold names"},
		"a kept name, by an expert": {func(p *Policy, _ *catalog.Catalog) {
			expert(p)
			set(p, "clinic.patients.last_name", Rule{Transformer: Keep})
		}, "clinic.patients.last_name (class): it seems to hold names"},
		"a kept name, for no reason": {func(p *Policy, _ *catalog.Catalog) { set(p, "clinic.patients.last_name", keep(None, " ", "text")) }, "clinic.patients.last_name (reason): say why"},
		"a kept name, of no type": {func(p *Policy, _ *catalog.Catalog) {
			set(p, "clinic.patients.last_name", keep(None, "stage names", ""))
		}, `clinic.patients.last_name (type): say type = "text"`},
		"a name that is kept as one": {func(p *Policy, _ *catalog.Catalog) { set(p, "clinic.patients.last_name", keep("A", "needed", "text")) }, "clinic.patients.last_name (transformer): it holds names"},
		"a kept age, by an expert":   {func(p *Policy, _ *catalog.Catalog) { expert(p); set(p, "clinic.patients.age", Rule{Transformer: Keep}) }, "clinic.patients.age (class): it seems to hold elements of dates"},
		"a flag that is kept as a name": {func(p *Policy, _ *catalog.Catalog) {
			expert(p)
			set(p, "clinic.patients.vip", Rule{Transformer: Keep, Class: "A"})
		}, "clinic.patients.vip (reason): say why"},
		"a kept date": {func(p *Policy, _ *catalog.Catalog) { set(p, "clinic.visits.began", Rule{Transformer: Keep}) }, "clinic.visits.began (transformer): it seems to hold elements of dates"},
		"a kept key":  {func(p *Policy, _ *catalog.Catalog) { set(p, "clinic.lines.id", Rule{Transformer: Keep}) }, "clinic.lines.id (transformer): it seems to hold any other unique number"},
		"a kept key of another name": {func(p *Policy, c *catalog.Catalog) {
			add(p, c, "clinic.visits", "slot integer", Rule{Transformer: Keep})
			c.Table("clinic.visits").Uniques = [][]string{{"slot"}}
		}, "clinic.visits.slot (transformer): it seems to hold any other unique number"},
		"a kept reference": {func(p *Policy, c *catalog.Catalog) {
			add(p, c, "clinic.visits", "boss integer", Rule{Transformer: Keep})
			p.References = append(p.References, Reference{Table: "clinic.visits", Column: "boss", To: "clinic.moods", ToCol: "id"})
		}, "clinic.visits.boss (transformer): it seems to hold any other unique number"},
		"a kept bigint": {func(p *Policy, c *catalog.Catalog) {
			add(p, c, "clinic.visits", "score bigint", Rule{Transformer: Keep})
		}, "clinic.visits.score (class): a column of type bigint may hold anything"},
		"a kept numeric without decimals": {func(p *Policy, c *catalog.Catalog) {
			add(p, c, "clinic.visits", "score numeric(12,0)", Rule{Transformer: Keep})
		}, "clinic.visits.score (class): a column of type numeric(12,0)"},
		"a kept array of texts":        {func(p *Policy, _ *catalog.Catalog) { set(p, "clinic.patients.tags", Rule{Transformer: Keep}) }, "clinic.patients.tags (class): a column of type text[]"},
		"a kept uuid":                  {func(p *Policy, c *catalog.Catalog) { add(p, c, "clinic.visits", "x uuid", Rule{Transformer: Keep}) }, "clinic.visits.x (transformer): it seems to hold any other"},
		"a kept address":               {func(p *Policy, _ *catalog.Catalog) { set(p, "clinic.patients.ip", Rule{Transformer: Keep}) }, "clinic.patients.ip (transformer): it seems to hold IP"},
		"a kept time of day":           {func(p *Policy, c *catalog.Catalog) { add(p, c, "clinic.visits", "x interval", Rule{Transformer: Keep}) }, "clinic.visits.x (transformer): it seems to hold elements of dates"},
		"a name that is only scrubbed": {func(p *Policy, _ *catalog.Catalog) { set(p, "clinic.patients.last_name", Rule{Transformer: Text}) }, "clinic.patients.last_name (transformer): it seems to hold names, of which text takes out only"},
		"a name that is scrubbed for no reason": {func(p *Policy, _ *catalog.Catalog) {
			set(p, "clinic.patients.last_name", Rule{Transformer: Text, Class: None})
		}, "clinic.patients.last_name (reason): say why it does not hold names"},
		"a record number as an age": {func(p *Policy, c *catalog.Catalog) {
			add(p, c, "clinic.patients", "chart integer", Rule{Transformer: Age})
		}, "clinic.patients.chart (transformer): it seems to hold medical record"},
		"a class that there is not": {func(p *Policy, _ *catalog.Catalog) { set(p, "clinic.visits.note", Rule{Transformer: Text, Class: "S"}) }, "clinic.visits.note (class): a class is a letter"},
		"a type that is not the column's": {func(p *Policy, _ *catalog.Catalog) {
			set(p, "clinic.visits.note", Rule{Transformer: Text, Type: "bytea"})
		}, "clinic.visits.note (type): the column is of type text"},
		"a domain for a year": {func(p *Policy, _ *catalog.Catalog) {
			set(p, "clinic.visits.began", Rule{Transformer: Year, Domain: "d"})
		}, "clinic.visits.began (domain): year has no domain"},
		"a value for text": {func(p *Policy, _ *catalog.Catalog) { set(p, "clinic.visits.note", Rule{Transformer: Text, Value: "x"}) }, "clinic.visits.note (value): text has no value"},
		"a part for text": {func(p *Policy, _ *catalog.Catalog) {
			set(p, "clinic.visits.note", Rule{Transformer: Text, Part: First})
		}, "clinic.visits.note (part): text has no part"},
		"paths for text": {func(p *Policy, _ *catalog.Catalog) {
			set(p, "clinic.visits.note", Rule{Transformer: Text, Paths: map[string]Rule{"a": {Transformer: Null}}})
		}, "clinic.visits.note (paths): text has no paths"},
		"a name of no part":             {func(p *Policy, _ *catalog.Catalog) { set(p, "clinic.patients.last_name", Rule{Transformer: Name}) }, "clinic.patients.last_name (part): name needs a part"},
		"an e-mail column without room": {func(_ *Policy, c *catalog.Catalog) { retype(c, "clinic.patients", "email character varying(20)") }, "clinic.patients.email (transformer): email needs room for 26"},
		"a constant that is no text": {func(p *Policy, _ *catalog.Catalog) {
			set(p, "clinic.visits.note", Rule{Transformer: Constant, Value: "a\x00"})
		}, "clinic.visits.note (value): it is no text"},
		"a constant that is no number": {func(p *Policy, _ *catalog.Catalog) {
			set(p, "clinic.patients.age", Rule{Transformer: Constant, Value: "old"})
		}, "clinic.patients.age (value): it is no value of type integer"},
		"a constant that is too large": {func(p *Policy, _ *catalog.Catalog) {
			set(p, "clinic.patients.age", Rule{Transformer: Constant, Value: "3000000000"})
		}, "clinic.patients.age (value): it is no value of type integer"},
		"a constant that is too long": {func(p *Policy, _ *catalog.Catalog) {
			set(p, "clinic.patients.email", Rule{Transformer: Constant, Value: strings.Repeat("é", 61)})
		}, "clinic.patients.email (value): it has 61 characters"},
		"a constant that is no JSON": {func(p *Policy, _ *catalog.Catalog) {
			set(p, "clinic.patients.payload", Rule{Transformer: Constant, Value: "{"})
		}, "clinic.patients.payload (value): it is no JSON"},
		"a constant that is no day": {func(p *Policy, _ *catalog.Catalog) {
			set(p, "clinic.patients.born", Rule{Transformer: Constant, Value: "2000-02-30"})
		}, "clinic.patients.born (value): it is no day"},
		"a constant that is no array": {func(p *Policy, _ *catalog.Catalog) {
			set(p, "clinic.patients.tags", Rule{Transformer: Constant, Value: "x"})
		}, "clinic.patients.tags (value): the constant of an array"},
		"a constant that is no flag": {func(p *Policy, _ *catalog.Catalog) { set(p, "clinic.patients.vip", Rule{Transformer: Constant}) }, "clinic.patients.vip (value): it is neither true nor false"},
		"a constant that is no address": {func(p *Policy, _ *catalog.Catalog) {
			set(p, "clinic.patients.ip", Rule{Transformer: Constant, Value: "here"})
		}, "clinic.patients.ip (value): it is no value of type inet"},
		"a constant for an enum-free uuid": {func(p *Policy, c *catalog.Catalog) {
			add(p, c, "clinic.visits", "x uuid", Rule{Transformer: Constant, Value: "1"})
		}, "clinic.visits.x (value): it is no uuid"},

		// JSON
		"a kept document": {func(p *Policy, _ *catalog.Catalog) {
			set(p, "clinic.patients.payload", keep(None, "harmless", "jsonb"))
		}, "clinic.patients.payload (transformer): keep can't take type jsonb"},
		"unknown members that pass": {func(p *Policy, _ *catalog.Catalog) {
			set(p, "clinic.patients.payload", Rule{Transformer: JSON, Unknown: Keep})
		}, "clinic.patients.payload (unknown): what becomes of members"},
		"a kept member":                          {member("a", Rule{Transformer: Keep}), `clinic.patients.payload (paths["a"].class): in JSON there may be anything`},
		"a kept member for no reason":            {member("a", Rule{Transformer: Keep, Class: None}), `clinic.patients.payload (paths["a"].reason): say why`},
		"a kept name within":                     {member("a.last_name", Rule{Transformer: Keep}), `clinic.patients.payload (paths["a.last_name"].transformer): it seems to hold names`},
		"a kept name within, by an expert":       {func(p *Policy, c *catalog.Catalog) { expert(p); member("a[].last_name", Rule{Transformer: Keep})(p, c) }, `clinic.patients.payload (paths["a[].last_name"].transformer): it seems to hold names`},
		"a scrubbed name within":                 {member("lastName", Rule{Transformer: Text}), `clinic.patients.payload (paths["lastName"].transformer): it seems to hold names`},
		"a path that is none":                    {member("a..b", Rule{Transformer: Null}), `clinic.patients.payload (paths["a..b"]): a path is like`},
		"an empty path":                          {member("", Rule{Transformer: Null}), `clinic.patients.payload (paths[""]): a path is like`},
		"a path within a path":                   {member("a", Rule{Transformer: JSON}), `clinic.patients.payload (paths["a"].transformer): within JSON there is no "json"`},
		"a transformer that there is not within": {member("a", Rule{Transformer: "x"}), `clinic.patients.payload (paths["a"].transformer): within JSON there is no "x"`},
		"a constant within that is no JSON":      {member("a", Rule{Transformer: Constant, Value: "x"}), `clinic.patients.payload (paths["a"].value): within JSON a constant is JSON`},
		"a shift within, for Safe Harbor":        {member("a", Rule{Transformer: DateShift}), `clinic.patients.payload (paths["a"].transformer): what shift makes follows`},
		"a domain within of two kinds": {func(p *Policy, c *catalog.Catalog) {
			expert(p)
			member("x", Rule{Transformer: Permute, Domain: "mrn"})(p, c)
		}, `clinic.patients.payload (transformer): it shares the domain "mrn"`},

		// keys and references
		"a unique column that would have doubles": {func(p *Policy, _ *catalog.Catalog) {
			set(p, "clinic.patients.mrn", Rule{Transformer: Constant, Value: "x"})
		}, "clinic.patients.mrn (transformer): constant does not keep values apart, and (mrn) is unique"},
		"a unique column that is hashed": {func(p *Policy, _ *catalog.Catalog) {
			expert(p)
			set(p, "clinic.patients.mrn", Rule{Transformer: Token})
		}, "clinic.patients.mrn (transformer): token does not keep values apart"},
		"a unique day that becomes a year": {func(_ *Policy, c *catalog.Catalog) {
			c.Table("clinic.visits").Uniques = [][]string{{"patient_id", "began"}}
		}, "clinic.visits.began (transformer): year does not keep values apart, and (patient_id, began)"},
		"a unique e-mail address of no person": {func(p *Policy, c *catalog.Catalog) {
			add(p, c, "clinic.visits", "email text", Rule{Transformer: Email})
			c.Table("clinic.visits").Uniques = [][]string{{"email"}}
		}, "clinic.visits.email (transformer): email does not keep values apart"},
		"two sides by two transformers": {func(p *Policy, _ *catalog.Catalog) {
			expert(p)
			set(p, "clinic.visits.patient_id", Rule{Transformer: Permute})
		}, "clinic.visits.patient_id (transformer): it is mapped by permute, and clinic.patients.id, which it refers to, by surrogate"},
		"two sides of a declared reference": {func(p *Policy, _ *catalog.Catalog) {
			expert(p)
			set(p, "clinic.lines.visit", Rule{Transformer: Permute})
		}, "clinic.lines.visit (transformer): it is mapped by permute, and clinic.visits.id"},
		"two sides in two domains": {func(p *Policy, _ *catalog.Catalog) {
			set(p, "clinic.visits.patient_id", Rule{Transformer: Surrogate, Domain: "a"})
			set(p, "clinic.patients.id", Rule{Transformer: Surrogate, Domain: "b"})
		}, `clinic.visits.patient_id (domain): it is mapped in "a", and clinic.patients.id, which it refers to, in "b"`},
		"two referrers in two domains": {func(p *Policy, c *catalog.Catalog) {
			add(p, c, "clinic.lines", "patient bigint", Rule{Transformer: Surrogate, Domain: "b"})
			p.References = append(p.References, Reference{Table: "clinic.lines", Column: "patient", To: "clinic.patients", ToCol: "id"})
			set(p, "clinic.visits.patient_id", Rule{Transformer: Surrogate, Domain: "a"})
		}, `clinic.visits.patient_id (domain): what it refers to, or what refers to the same, is mapped in "b"`},
		"a reference that is made up": {func(p *Policy, _ *catalog.Catalog) {
			set(p, "clinic.lines.visit", Rule{Transformer: Constant, Value: "00000000-0000-0000-0000-000000000000"})
		}, "clinic.lines.visit (transformer): constant does not map equal values alike"},
		"a domain of two transformers": {func(p *Policy, _ *catalog.Catalog) {
			expert(p)
			set(p, "clinic.patients.mrn", Rule{Transformer: Permute, Domain: "x"})
			set(p, "clinic.lines.id", Rule{Transformer: Surrogate, Domain: "x"})
		}, `clinic.lines.id (transformer): it shares the domain "x" with clinic.patients.mrn`},
		"a domain of uuids and numbers": {func(p *Policy, _ *catalog.Catalog) {
			set(p, "clinic.lines.id", Rule{Transformer: Surrogate, Domain: "clinic.visits.id"})
		}, `clinic.lines.id (domain): it shares the domain "clinic.visits.id" with clinic.visits.id`},
		"a default domain taken by another": {func(p *Policy, _ *catalog.Catalog) {
			expert(p)
			set(p, "clinic.patients.mrn", Rule{Transformer: Permute, Domain: "clinic.lines.id"})
		}, `clinic.lines.id (transformer): it shares the domain "clinic.lines.id" with clinic.patients.mrn`},
		"a reference to what is left out":           {func(p *Policy, c *catalog.Catalog) { leave(p, "clinic.visits") }, "clinic.lines.visit (transformer): it refers to clinic.visits.id, which is left out"},
		"a reference of a table that there is not":  {refers(Reference{Table: "clinic.x", Column: "a", To: "clinic.visits", ToCol: "id"}), `(references[1].table): there is no table "clinic.x"`},
		"a reference of a column that there is not": {refers(Reference{Table: "clinic.lines", Column: "a", To: "clinic.visits", ToCol: "id"}), `(references[1].column): clinic.lines has no column "a"`},
		"a reference to a table that there is not":  {refers(Reference{Table: "clinic.lines", Column: "id", To: "clinic.x", ToCol: "id"}), `(references[1].to): there is no table "clinic.x"`},
		"a reference to a column that there is not": {refers(Reference{Table: "clinic.lines", Column: "id", To: "clinic.visits", ToCol: "a"}), `(references[1].to_column): clinic.visits has no column "a"`},
		"a reference to what is not unique":         {refers(Reference{Table: "clinic.lines", Column: "code", To: "clinic.visits", ToCol: "note"}), `(references[1].to_column): clinic.visits.note is not unique`},
		"a reference to itself":                     {refers(Reference{Table: "clinic.lines", Column: "id", To: "clinic.lines", ToCol: "id"}), `(references[1]): a column cannot refer to itself`},
		"a reference between types":                 {refers(Reference{Table: "clinic.lines", Column: "code", To: "clinic.visits", ToCol: "id"}), `(references[1]): clinic.lines.code is of type text, and clinic.visits.id of type uuid`},
		"a reference out of an array":               {refers(Reference{Table: "clinic.patients", Column: "tags", To: "clinic.patients", ToCol: "mrn"}), `(references[1]): an array cannot refer`},
		"a reference twice":                         {refers(Reference{Table: "clinic.lines", Column: "visit", To: "clinic.visits", ToCol: "id", Orphans: true}), `(references[1]): it is declared twice`},

		// persons
		"no subject table":                {func(p *Policy, _ *catalog.Catalog) { p.Subject = Subject{} }, "(subject.table): there is no table"},
		"a subject without a key":         {func(p *Policy, _ *catalog.Catalog) { p.Subject.Key = "no" }, `(subject.key): clinic.patients has no column "no"`},
		"a subject by what is not unique": {func(p *Policy, _ *catalog.Catalog) { p.Subject.Key = "note" }, "(subject.key): clinic.patients.note is not unique"},
		"a subject by what may be null":   {func(p *Policy, c *catalog.Catalog) { c.Table("clinic.patients").Columns[0].NotNull = false }, "(subject.key): clinic.patients.id is not unique, or may be null"},
		"a subject that is left out":      {func(p *Policy, _ *catalog.Catalog) { leave(p, "clinic.patients") }, "(subject.table): the policy has no rules for it"},
		"a subject whose key is kept": {func(p *Policy, _ *catalog.Catalog) {
			set(p, "clinic.patients.id", keep(None, "ours", "bigint"))
			set(p, "clinic.visits.patient_id", keep(None, "ours", "bigint"))
		}, "clinic.patients.id (transformer): names and numbers of persons are drawn"},
		"a way that does not begin": {func(p *Policy, _ *catalog.Catalog) { about(p, "clinic.visits", "note") }, "clinic.visits (subject): no reference of clinic.visits.note leads to the subject"},
		"a way that breaks off":     {func(p *Policy, _ *catalog.Catalog) { about(p, "clinic.lines", "visit") }, "clinic.lines (subject): no reference of clinic.lines.visit leads to the subject"},
		"a way through nothing":     {func(p *Policy, _ *catalog.Catalog) { about(p, "clinic.lines", "code", "patient_id") }, "clinic.lines (subject): clinic.lines.code refers to nothing"},
		"a way past the subject":    {func(p *Policy, _ *catalog.Catalog) { about(p, "clinic.lines", "visit", "patient_id", "id") }, "clinic.lines (subject): no reference of clinic.patients.id leads to the subject"},
		"a way without an end":      {func(p *Policy, _ *catalog.Catalog) { about(p, "clinic.lines", slices.Repeat([]string{"visit"}, 9)...) }, "clinic.lines (subject): the way from clinic.lines to its subject has 9 steps"},
		"a way by two tables": {func(p *Policy, c *catalog.Catalog) {
			v := table("clinic.others", []string{"id"}, "id uuid not null")
			c.Tables = append(c.Tables, v)
			p.Tables["clinic.others"] = Table{Columns: map[string]Rule{"id": {Transformer: Surrogate}}}
			refers(Reference{Table: "clinic.lines", Column: "visit", To: "clinic.others", ToCol: "id"})(p, c)
		}, "clinic.lines (subject): clinic.lines.visit refers to several tables"},
		"a subject of the subject":                             {func(p *Policy, _ *catalog.Catalog) { about(p, "clinic.patients", "id") }, "clinic.patients (subject): clinic.patients is the table of the persons"},
		"persons that nobody told of":                          {func(p *Policy, _ *catalog.Catalog) { about(p, "clinic.visits") }, `clinic.visits (subject): its rows are about persons: say subject = ["patient_id"]`},
		"persons that nobody told of, by a declared reference": {func(p *Policy, _ *catalog.Catalog) { about(p, "clinic.lines") }, `clinic.lines (subject): its rows are about persons: say subject = ["visit", "patient_id"]`},
		"a row of several persons":                             {func(_ *Policy, c *catalog.Catalog) { c.Table("clinic.visits").PrimaryKey = nil }, "clinic.lines (subject): clinic.visits.id is not unique, so a row may have several persons"},
		"a shift of rows that nothing tells apart": {func(p *Policy, _ *catalog.Catalog) {
			expert(p)
			p.Shift = Shift{Min: -364, Max: -1}
			set(p, "clinic.log.day", Rule{Transformer: DateShift})
		}, "clinic.log.day (transformer): shift moves dates by days that are the person's"},

		// what is declared of the whole
		"another version":                  {func(p *Policy, _ *catalog.Catalog) { p.Version = 2 }, "(version): it is 2"},
		"no method":                        {func(p *Policy, _ *catalog.Catalog) { p.Method = "" }, "(method): a method is"},
		"no key mode":                      {func(p *Policy, _ *catalog.Catalog) { p.Keys = "" }, "(keys): keys are"},
		"keys that stay, for Safe Harbor":  {func(p *Policy, _ *catalog.Catalog) { p.Keys = Persistent }, "(keys): keys that outlive a run"},
		"nobody who attests":               {func(p *Policy, _ *catalog.Catalog) { p.Attestation.By = " " }, "(attestation.by): somebody has to stand"},
		"an attestation without an end":    {func(p *Policy, _ *catalog.Catalog) { p.Attestation.Expires = "" }, "(attestation.expires): say until which day"},
		"an attestation of no day":         {func(p *Policy, _ *catalog.Catalog) { p.Attestation.Expires = "2026-02-30" }, "(attestation.expires): say until which day"},
		"an attestation that has expired":  {func(p *Policy, _ *catalog.Catalog) { p.Attestation.Expires = "2026-11-25" }, "(attestation.expires): it has expired"},
		"a determination that has expired": {func(p *Policy, _ *catalog.Catalog) { expert(p); p.Attestation.Expires = "2026-11-25" }, "(attestation.expires): it has expired"},
		"a determination without an id":    {func(p *Policy, _ *catalog.Catalog) { expert(p); p.Attestation.ID = " " }, "(attestation.id): an expert determination has an id"},
		"a determination by nobody":        {func(p *Policy, _ *catalog.Catalog) { expert(p); p.Attestation.By = "" }, "(attestation.by): somebody has to stand"},
		"ages at no day":                   {func(p *Policy, _ *catalog.Catalog) { p.AsOf = "soon" }, "(as_of): it is no day"},
		"a shift by nothing":               {shift(Shift{}), "(shift): from min to max"},
		"a shift by the same for all":      {shift(Shift{Min: -7, Max: -7}), "there are 1"},
		"a shift the wrong way round":      {shift(Shift{Min: -1, Max: -364}), "there are 0"},
		"a shift by few weeks":             {shift(Shift{Min: -175, Max: 6, Weeks: true}), "there are 25"},
		"a shift into days to come":        {shift(Shift{Min: -364, Max: 1}), "(shift.max): dates that move forward"},
		"a shift across centuries":         {shift(Shift{Min: -40000, Max: -1}), "there are 0"},
		"an empty word":                    {func(p *Policy, _ *catalog.Catalog) { p.Words = []string{"Feel August", ""} }, "(words[1]): it is empty"},
		"a subset of nothing":              {func(p *Policy, _ *catalog.Catalog) { p.Subset = &Subset{Table: "clinic.x", Percent: 5} }, `(subset.table): the policy has no rules for a table "clinic.x"`},
		"a subset of too much":             {func(p *Policy, _ *catalog.Catalog) { p.Subset = &Subset{Table: "clinic.patients", Percent: 101} }, "(subset.percent): it is from 1 to 100"},
		"a subset that does not choose":    {func(p *Policy, _ *catalog.Catalog) { p.Subset = &Subset{Table: "clinic.patients"} }, "(subset): say percent"},
		"a subset by two statements": {func(p *Policy, _ *catalog.Catalog) {
			p.Subset = &Subset{Table: "clinic.patients", Where: "true; select 1"}
		}, "(subset.where): it is one condition"},
		"a subset along a circle": {func(p *Policy, c *catalog.Catalog) {
			p.Subset = &Subset{Table: "clinic.patients", Percent: 5}
			add(p, c, "clinic.patients", "last uuid", Rule{Transformer: Surrogate})
			refers(Reference{Table: "clinic.patients", Column: "last", To: "clinic.visits", ToCol: "id"})(p, c)
		}, "(subset): the references clinic.visits → clinic.patients → clinic.visits go round in a circle"},
		"a subset of what refers to itself": {func(p *Policy, c *catalog.Catalog) {
			p.Subset = &Subset{Table: "clinic.patients", Percent: 5}
			add(p, c, "clinic.patients", "mother bigint", Rule{Transformer: Surrogate})
			refers(Reference{Table: "clinic.patients", Column: "mother", To: "clinic.patients", ToCol: "id"})(p, c)
		}, "(subset): the references clinic.patients → clinic.patients go round"},
		"quasi-identifiers of no table":  {func(p *Policy, _ *catalog.Catalog) { p.Quasi[0].Table = "clinic.x" }, "(quasi_identifiers[0].table): the policy has no rules"},
		"quasi-identifiers of no column": {func(p *Policy, _ *catalog.Catalog) { p.Quasi[0].Columns = []string{"x"} }, `(quasi_identifiers[0].columns): clinic.patients has no rule for a column "x"`},
		"no quasi-identifier":            {func(p *Policy, _ *catalog.Catalog) { p.Quasi[0].Columns = nil }, "(quasi_identifiers[0].columns): name at least one"},
		"a quasi-identifier twice":       {func(p *Policy, _ *catalog.Catalog) { p.Quasi[0].Columns = []string{"zip", "zip"} }, `(quasi_identifiers[0].columns): "zip" is named twice`},
		"a quasi-identifier that is not there": {func(p *Policy, _ *catalog.Catalog) {
			p.Quasi[0] = Quasi{Table: "clinic.lines", Columns: []string{"total"}}
		}, "(quasi_identifiers[0].columns): clinic.lines.total is not in the export"},
		"fewer than nobody": {func(p *Policy, _ *catalog.Catalog) { p.Quasi[0].K = -1 }, "(quasi_identifiers[0].k): it is 0 or more"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, c := clinic()
			test.do(p, c)
			found := Check(p, c, now)
			if !slices.ContainsFunc(found, func(f Finding) bool { return strings.Contains(f.String(), test.want) }) {
				t.Errorf("nothing says %q; found are\n%s", test.want, lines(found))
			}
			if again := Check(p, c, now); lines(again) != lines(found) {
				t.Errorf("a second look finds\n%s\nnot\n%s", lines(again), lines(found))
			}
		})
	}
}

// Findings are told to people and go into logs; what they are of is schema and policy, never a row.
func TestFinding(t *testing.T) {
	t.Parallel()
	p, c := clinic()
	add(p, c, "clinic.visits", "phone text")
	found := Check(p, c, now)
	if len(found) != 1 || found[0].Suggestion == nil || found[0].Suggestion.Transformer != Phone {
		t.Fatalf("found are %+v", found)
	}
	add(p, c, "clinic.log", "x text")
	if found = Check(p, c, now); found[0].String() != "clinic.log.x (columns): the policy has no rule for it (text): text would do" {
		t.Errorf("%s", found[0])
	}
	raw, _ := json.Marshal(found[1])
	if want := `{"table":"clinic.visits","column":"phone","attribute":"columns","problem":"the policy has no rule for it (text; seems to hold telephone numbers): phone would do","suggestion":{"transformer":"phone"}}`; string(raw) != want {
		t.Errorf("%s", raw)
	}
}

// People who are 90 by the run's day are so whatever the policy says; a later day may count more of them.
func TestAgesAt(t *testing.T) {
	t.Parallel()
	for asOf, want := range map[string]string{"": "2026-11-26", "2025-11-26": "2026-11-26", "2027-06-30": "2027-06-30"} {
		if got := (&Policy{AsOf: asOf}).AgesAt(now).Format(time.DateOnly); got != want {
			t.Errorf("as of %q ages are judged at %s, not %s", asOf, got, want)
		}
	}
}

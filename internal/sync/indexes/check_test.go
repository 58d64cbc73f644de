package indexes_test

import (
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// What a caller writes becomes one index, or nothing.
func TestCheck(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	include := on("status", "at")
	include.Include, include.Columns[1].Order, include.Fillfactor = []string{"id"}, "desc", 80
	partition := on("at")
	partition.Table = "part_2026"
	for name, spec := range map[string]runtimeapi.IndexSpec{
		"(status, at DESC) INCLUDE (id) WITH (fillfactor='80')": include,
		"(lower(patient))":                            computed("LOWER(patient)"),
		"((raw ->> 'a'::text))":                       computed("raw->>'a'"),
		"(((raw ->> 'a'::text) || ';--'::text))":      computed("(raw->>'a') || ';--'"),
		"(id) WHERE (status = 'paid'::clinic.status)": where("status = 'paid'"),
		"(id) WHERE (status = ANY (ARRAY['paid'::clinic.status, 'denied'::clinic.status]))": where("status in ('paid', 'denied')"),
		"(id) WHERE (patient IS NOT NULL)":                                                  where("visit.patient is not null"),
		"(patient text_pattern_ops)":                                                        {Table: "visit", Columns: []runtimeapi.IndexColumn{{Column: "patient", OperatorClass: "text_pattern_ops"}}},
		`(patient COLLATE "C" DESC NULLS LAST)`:                                             {Table: "visit", Columns: []runtimeapi.IndexColumn{{Column: "patient", Collation: "C", Order: "desc", Nulls: "last"}}},
		"gin (raw jsonb_path_ops)":                                                          {Table: "visit", Method: "gin", Columns: []runtimeapi.IndexColumn{{Column: "raw", OperatorClass: "jsonb_path_ops"}}},
		"brin (at)":                                                                         {Table: "visit", Method: "brin", Columns: []runtimeapi.IndexColumn{{Column: "at"}}},
		"part_2026 USING btree (at)":                                                        partition,
	} {
		check, err := r.service.Check(t.Context(), "clinic", "new_idx", spec)
		if err != nil || len(check.Findings) > 0 || !strings.HasPrefix(check.Definition, "CREATE INDEX new_idx ON clinic."+spec.Table+" USING ") || !strings.Contains(check.Definition, name) {
			t.Errorf("%s: %+v, %v", name, check, err)
		}
	}
	partitioned := on("at")
	partitioned.Table = "part"
	for name, test := range map[string]struct {
		spec runtimeapi.IndexSpec
		says string
	}{
		"two statements":      {where("true; drop table clinic.visit"), "semicolon"},
		"out of parentheses":  {where("true) tablespace (pg_default"), "parentheses"},
		"comment":             {where("true -- "), "comment"},
		"comment of a block":  {computed("id /* ) */"), "comment"},
		"two keys":            {computed("id, evil(patient)"), "comma"},
		"escape string":       {where(`patient = E'\' or true) --'`), "prefix"},
		"dollar quote":        {where("patient = $$x$$"), "$"},
		"open quote":          {where("patient = 'x"), "not closed"},
		"no immutable":        {computed("now()"), "IMMUTABLE"},
		"time zone":           {computed("at::date"), "IMMUTABLE"},
		"sleep":               {where("pg_sleep(9) is null"), "IMMUTABLE"},
		"file":                {where("pg_read_file('/etc/passwd') is null"), "IMMUTABLE"},
		"subquery":            {computed("(select max(id) from clinic.visit)"), "subquer"},
		"another table":       {computed("(select max(id) from august.schema_version, clinic.part)"), "table clinic.part"},
		"own function":        {computed("evil(patient)"), "function clinic.evil(pg_catalog.text)"},
		"own function, const": {where("clinic.evil('x') = 'x'"), "function clinic.evil(pg_catalog.text)"},
		"own overload":        {computed("lower(id)"), "function public.lower(integer)"},
		"own operator":        {where("patient operator(clinic.===) 'x'"), "operator clinic.===(pg_catalog.text,pg_catalog.text)"},
		"own domain":          {computed("patient::clinic.code"), "type clinic.code"},
		"sequence":            {where("nextval('clinic.seq') > 0"), "does not exist"},
		"column":              {on("nothing"), "nothing"},
		"column of another":   {on(`id) where (evil('x') = 'x'`), "does not exist"},
		"no class":            {runtimeapi.IndexSpec{Table: "visit", Columns: []runtimeapi.IndexColumn{{Column: "id", OperatorClass: "text_ops"}}}, "data type integer"},
		"partitioned":         {partitioned, "for each partition"},
		"no table":            {runtimeapi.IndexSpec{Table: "nowhere", Columns: []runtimeapi.IndexColumn{{Column: "id"}}}, "does not exist"},
		"aggregate":           {computed("max(id)"), "aggregate"},
	} {
		check, err := r.service.Check(t.Context(), "clinic", "new_idx", test.spec)
		if err != nil || len(check.Findings) != 1 || check.Findings[0].Code != map[bool]string{true: runtimeapi.CodeNotFound, false: runtimeapi.CodeInvalid}[strings.Contains(check.Findings[0].Message, "does not exist")] || !strings.Contains(check.Findings[0].Message, test.says) {
			t.Errorf("%s: %+v, %v, want %q", name, check, err, test.says)
		}
		if _, err := r.service.Create(t.Context(), "clinic", "new_idx", test.spec); err == nil {
			t.Errorf("%s: was ordered", name)
		}
	}
	var left int
	if err := r.conn.QueryRow(t.Context(), `select (select count(*) from august.index) + (select count(*) from pg_class where relname in ('new_idx', 'august_index_check'))`).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d things are left behind, %v", left, err)
	}
}

// PostgreSQL computes what is constant when it plans an index. Nothing of that kind may run before it was looked at.
func TestCheck_computesNothingOfOthers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.exec(r.conn, `create sequence clinic.ran`)
	r.exec(r.conn, `create function clinic.loud(text) returns text language plpgsql immutable as $$ begin perform nextval('clinic.ran'); return $1; end $$`)
	check, err := r.service.Check(t.Context(), "clinic", "new_idx", where("clinic.loud('x') = patient"))
	if err != nil || len(check.Findings) != 1 {
		t.Fatalf("%+v, %v", check, err)
	}
	// A literal becomes a value before there is anything to look at.
	r.exec(r.conn, `create domain clinic."Loud" as text check (clinic.loud(value) is not null); create domain clinic.shout as text check (clinic.loud(value) is not null); create type clinic.pair as (a clinic.shout); create domain clinic."É€" as text check (clinic.loud(value) is not null);
		create domain clinic.`+strings.Repeat("a", 63)+` as text check (clinic.loud(value) is not null)`)
	for _, predicate := range []string{
		`'{x}'::clinic.shout[] is not null`, `cast('{x}' as Shout[]) is not null`, `shout[] '{x}' is not null`, `_shout('{x}') is not null`, `clinic . "_Loud"('{x}') is not null`,
		`'(x)'::pair is not null`, `'{"(x)"}'::"pair"[] is not null`, `_shout
			'{x}' is not null`, `'{x}'::"clinic"."_Loud" is not null`, `'{x}'::É€[] is not null`,
		`'{x}'::` + strings.Repeat("A", 70) + `[] is not null`,
	} {
		check, err := r.service.Check(t.Context(), "clinic", "new_idx", where(predicate))
		if err != nil || len(check.Findings) != 1 || !strings.Contains(check.Findings[0].Message, "uses type") && !strings.Contains(check.Findings[0].Message, "syntax") {
			t.Errorf("%s: %+v, %v", predicate, check, err)
		}
	}
	var ran bool
	if err := r.conn.QueryRow(t.Context(), `select is_called from clinic.ran`).Scan(&ran); err != nil || ran {
		t.Errorf("it ran: %t, %v", ran, err)
	}
	// The proof that this would be seen: PostgreSQL itself does run it.
	r.exec(r.conn, `create index on clinic.visit (id) where clinic.loud('x') = patient`)
	if err := r.conn.QueryRow(t.Context(), `select is_called from clinic.ran`).Scan(&ran); err != nil || !ran {
		t.Errorf("it did not run, so this test proves nothing: %t, %v", ran, err)
	}
}

// A lock that somebody holds on the table is waited for briefly, and says nothing against the declaration.
func TestCheck_locked(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	other := r.connect()
	r.exec(other, `begin`)
	r.exec(other, `lock table clinic.visit in access exclusive mode`)
	check, err := r.service.Check(t.Context(), "clinic", "new_idx", on("at"))
	if err != nil || len(check.Findings) != 1 || check.Findings[0].Code != runtimeapi.CodeUnavailable || !strings.Contains(check.Findings[0].Message, "lock") {
		t.Errorf("%+v, %v", check, err)
	}
	r.exec(other, `rollback`)
	if check, err := r.service.Check(t.Context(), "clinic", "new_idx", on("at")); err != nil || len(check.Findings) > 0 {
		t.Errorf("%+v, %v", check, err)
	}
}

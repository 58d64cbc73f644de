package parser

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// planted are literals as patients' data has them; none may come out.
var planted = []string{"Parker Example", "4711000815", "1980-12-31", "P4711", "parker_example@x", "47.11"}

// places are where literals, names and comments can be in statements.
var places = []string{
	"select a from t where b = '%s'", "select '%s' as x from t where b in ('%s', 'x') -- %s", "select a from t where b like '%s%%' /* %s */ order by '%s'",
	"select a from t where raw->>'%s' = '%s' and raw @> '{\"name\": \"%s\"}' and raw ? '%s'", "select E'%s', U&'%s', B'1', X'1F' from t where b = $$%s$$",
	"select date_trunc('%s', at), extract(day from '%s'::text), to_tsvector('%s', x) from t", "select a from t where b = '%s'::varchar(20) limit 10 offset '%s'",
	"select json_value(x, '$.%s'), json_query(x, '$.%s') from t", "select xmlelement(name a, '%s') from t", "select interval '%s', timestamp '%s', date '%s' from t",
	"select case when a = '%s' then '%s' else '%s' end from t group by '%s' having max(a) = '%s'", "insert into t values ('%s', 1), ('%s', 2) on conflict (a) do update set b = '%s' returning '%s'",
	"update t set a = '%s', b = array['%s'] where c = row('%s') and d between '%s' and '%s'", "with c as (select '%s' as x) select * from c, f('%s') g where c.x = any('{%s}')",
	"merge into t using u on t.a = '%s' when matched and t.b = '%s' then update set a = '%s' when not matched then insert values ('%s')",
	"select a from t tablesample system ('%s') window w as (order by '%s')", "select a from t fetch first '%s' rows only", "select a from t where (a, b) > ('%s', '%s') and c is not distinct from '%s'",
	"select a from json_table('%s', '$.%s' columns (x int path '$.%s')) as j", "select a from t where a = '%s' union select '%s' from u where b ~ '%s'",
	"prepare p as select '%s'", "set x = '%s'", "copy t from '%s'", "select 1; select '%s'", "select '%s", "selec '%s'", "select '%s'::numeric(4711000)", "execute p('%s')", "select x::foo('%s') from t",
	"select a from t at '%s'", "create role x password '%s'", "select count(*) filter (where a = '%s') over (partition by '%s') from t", "select xmlserialize(content '%s' as text)",
	"select a from t where b = 4711000815 and c > -4711000815 and d < 47.11 order by 4711000815, 2", "declare c cursor for select '%s'", "notify x, '%s'", "call p('%s')", "do '%s'",
}

// leaks is what a statement that holds planted values lets out.
func leaks(sql string) []string {
	shape, _, err := Literals(sql)
	fingerprint, ferr := Fingerprint(sql)
	normal, nerr := Normalize(sql)
	out, _ := json.Marshal(shape)
	text := fmt.Sprint(string(out), err, fingerprint, ferr, normal, nerr)
	var found []string
	for _, p := range planted {
		for _, part := range append(strings.Fields(p), p) {
			if strings.Contains(text, part) && !slices.Contains(found, part) {
				found = append(found, part+" in "+text)
			}
		}
	}
	return found
}

func TestLiterals_planted(t *testing.T) {
	read := 0
	for _, place := range places {
		for _, p := range planted {
			sql := place
			if strings.Contains(place, "%s") {
				sql = strings.NewReplacer("%s", p, "%%", "%").Replace(place)
			}
			if found := leaks(sql); found != nil {
				t.Errorf("%s\n  lets out %q", sql, found)
			}
			if _, err := Parse(sql); err == nil {
				read++
			}
		}
	}
	if read < len(places)*len(planted)/2 {
		t.Errorf("only %d of %d statements can be read: little is shown", read, len(places)*len(planted))
	}
}

// What the language knows stays: without it no index on an expression could serve.
func TestLiterals_kept(t *testing.T) {
	for sql, want := range map[string]string{
		"select raw->>'state' from t where raw->'a'->>'b_2' = 'CA'":           "SELECT raw ->> 'state' FROM t WHERE ((raw -> 'a') ->> 'b_2') = $1",
		"select date_trunc('day', at) from t where extract(year from at) = 7": `SELECT date_trunc('day', at) FROM t WHERE pg_catalog."extract"('year', at) = $1`,
		"select a, 5 from t where b = true and c is null order by 1, 3":       "SELECT a, $1 FROM t WHERE b = true AND c IS NULL ORDER BY 1, $2",
		"select a::varchar(20), b::numeric(12,2) from t where c = $2":         "SELECT a::varchar(20), b::numeric(12, 2) FROM t WHERE c = $2",
		`select count(*) filter (where b = 7) as "Dr. Example", a as "Example 1", c as "camelCase" from t group by "Example 1", t.c order by "Dr. Example" desc, "camelCase"`: `SELECT count(*) FILTER (WHERE b = $1) AS result_1, a AS result_2, c AS "camelCase" FROM t GROUP BY result_2, t.c ORDER BY result_1 DESC, "camelCase"`,
		`select *, a as "4711 x" from t union select *, b as "4712 x" from u order by "4711 x" limit 3`:                                                                       `SELECT *, a AS result_2 FROM t UNION SELECT *, b AS result_2 FROM u ORDER BY result_2 LIMIT $1`,
		`select distinct on ("x y") a as "x y" from t`:                           "SELECT DISTINCT ON (result_1) a AS result_1 FROM t",
		`insert into t select a as "Dr. Example" from u returning b as "4711 x"`: "INSERT INTO t SELECT a AS result_1 FROM u RETURNING b AS result_1",
		"select at at time zone 'UTC' from t where b = $1 and c = 'x'":           "SELECT at AT TIME ZONE 'UTC' FROM t WHERE b = $1 AND c = $2",
	} {
		if got, err := Normalize(sql); err != nil || got != want {
			t.Errorf("%s\n  is %s, %v", sql, got, err)
		}
	}
	_, values, err := Literals("select a from t where b = 'x' and c = -5 and d = 1.50 and e = $3 limit 7")
	var got []string
	for _, v := range values {
		got = append(got, fmt.Sprint(v.Param, "=", v.Text))
	}
	if strings.Join(got, " ") != "4=x 5=-5 6=1.50 7=7" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// FuzzParse puts planted values into whatever there is as literals, and asks for what would not be a leak: it never panics, and no
// value comes out.
func FuzzParse(f *testing.F) {
	for _, p := range places {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		for _, p := range planted {
			if strings.Contains(strings.ToLower(sql), strings.ToLower(strings.Fields(p)[0])) {
				return // as a name, it may
			}
		}
		for _, p := range planted[:2] {
			if found := leaks(strings.ReplaceAll(sql, "%s", p)); found != nil && quoted(sql) {
				t.Errorf("%s lets out %q", sql, found)
			}
		}
		if err := Sound(); err != nil {
			t.Fatal(err)
		}
	})
}

// quoted tells whether each place for a value is within a plain literal, and so no name.
func quoted(sql string) bool {
	parts := strings.Split(sql, "%s")
	for i := range len(parts) - 1 {
		if !strings.HasSuffix(parts[i], "'") || !strings.HasPrefix(parts[i+1], "'") || strings.ContainsAny(sql, `"$-/&\`) {
			return false
		}
	}
	return true
}

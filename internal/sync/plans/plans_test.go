package plans

import (
	"go/parser"
	"go/token"
	"reflect"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// PostgreSQL's own word on statements whose plans are known.
func TestJudge(t *testing.T) {
	db := pgtest.New(t)
	hand, err := pgx.Connect(t.Context(), db.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = hand.Close(t.Context()) }()
	for _, sql := range append(Preload("judged"),
		`create table grown (id int primary key, k int, v text)`,
		`insert into grown select n, n, repeat('v', 50) || n from generate_series(1, 5000) n`,
		`create table child (grown int references grown)`,
		`create function held(n int) returns bigint language plpgsql as $$ begin return (select count(*) from grown where k = n); end $$`,
		`grant all on all tables in schema public to judged`, `analyze grown`,
	) {
		if strings.HasPrefix(sql, "alter role judged set session_preload") {
			sql = "create role judged login password 'synthetic'; " + sql
		}
		if _, err := hand.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	db.User, db.Password = "judged", "synthetic"
	conn, err := pgx.Connect(t.Context(), db.URL())
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ sql, context, want string }{
		{`select v from grown where id = 7`, "", ""},
		{`select v from grown where k = 7`, "", "whole grown"},
		{`select v from grown limit 1`, "", "whole grown"}, // which row is luck
		{`select v from grown where id < 500 order by v`, "", ""},
		{`select v from grown where id > 0 order by v`, "", "sort, whole grown"},
		{`select count(*) from grown where id > 2000`, "", "whole grown"}, // by the index, and yet most of it
		{`select * from child`, "", ""},                                   // small
		{`select held(7)`, "held", "whole grown"},
		{`insert into child values (7)`, "foreign key", ""},
	}
	for _, test := range tests {
		if _, err := conn.Exec(t.Context(), test.sql); err != nil {
			t.Fatal(err)
		}
	}
	_ = conn.Close(t.Context())
	got := map[string]string{}
	if err := Read(pgtest.Log(t), func(e Execution) {
		var marks []string
		for _, m := range Judge(&e.Plan, Sizes{"grown": 5000}) {
			marks = append(marks, m.String())
		}
		if e.Context == "" {
			got[e.Text] = strings.Join(marks, ", ")
		} else {
			got[e.Context] = strings.Join(marks, ", ")
		}
	}); err != nil {
		t.Fatal(err)
	}
	for _, test := range tests {
		key := test.sql
		if test.context != "" {
			key = test.context
		}
		if marks, ok := got[key]; !ok || marks != test.want {
			t.Errorf("%s: %q, want %q (seen: %v)", key, marks, test.want, ok)
		}
	}
}

// A statement is found where it stands: whole, put together, in several places, within another.
func TestFind(t *testing.T) {
	const source = `package p
const qNewest = "select id from august.run order by id desc limit 1"
func a(t string) { exec("select count(*) from "+t+" where deleted_at_source is null"); log("select one from the list") }
func b() { exec("delete from august.page where sweep = $1"); exec(fmt.Sprintf("update %s t set observed_at = $1 from %s s where t.id = s.id", x, y)) }
func c() { exec("delete from august.page where sweep = $1"); exec("insert into august.run select 1 from (" + qNewest + ") x") }
func d() { exec(strings.NewReplacer("{name}", n, "{any more}", m).Replace("insert into august.look_{name} select 1 where {any more} on conflict do nothing")) }`
	file, err := parser.ParseFile(token.NewFileSet(), "p.go", source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	sites := sitesOf("p.go", file)
	for text, want := range map[string][2][]string{
		"select count(*) from \"drchrono\".\"eobs\"\n\twhere deleted_at_source is null":           {{"p.go a"}, nil},
		"delete from august.page where sweep = $1":                                                {{"p.go b 1", "p.go c 1"}, nil},
		"update drchrono.eobs t set observed_at = $1 from pg_temp.stage_eobs s where t.id = s.id": {{"p.go b 2"}, nil},
		"insert into august.run select 1 from (select id from august.run order by id desc limit 1) x": {
			{"p.go c 2"}, {"p.go qNewest"}},
		"insert into august.look_table select 1 where a > 0 or b > 0 on conflict do nothing": {{"p.go d"}, nil},
		"select 1 from august.nowhere": {nil, nil},
	} {
		if names, embedded := find(sites, text); !reflect.DeepEqual([2][]string{names, embedded}, want) {
			t.Errorf("%s: %v within %v, want %v", text, embedded, names, want)
		}
	}
	if len(sites) != 7 {
		t.Errorf("%d statements: %v", len(sites), sites)
	}
}

// What is missing from the list, from the code or from the reasons is said.
func TestCheck(t *testing.T) {
	sites := []Site{{Name: "store/new.go New"}}
	for name := range List() {
		if strings.Contains(name, ".go ") {
			sites = append(sites, Site{Name: name})
		}
	}
	sites = sites[:len(sites)-1] // the code has lost one
	seen := Seen{"store/sweep.go hold": {"whole run": true}, "unknown: select 1": {}, "store/merge.go qSavePage": {}}
	all := strings.Join(seen.Check(sites, 1000), "\n")
	for _, part := range []string{
		"store/new.go New: it was not issued on grown tables", "the list has it and the code does not",
		"store/sweep.go hold: whole run. Mend", "unknown: select 1: it is not in the list",
	} {
		if !strings.Contains(all, part) {
			t.Errorf("it does not say %q:\n%s", part, all)
		}
	}
	if strings.Contains(all, "qSavePage") {
		t.Errorf("a statement that is as it should be: %s", all)
	}
}

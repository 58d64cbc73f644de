package inspect_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
)

// odd is a database with all that a catalogue must not miss, and some that it must leave out.
const odd = `
create schema clinic; create schema parts; create schema "Odd.One";
create domain clinic.short as varchar(12); create domain clinic.shorter as clinic.short not null;
create domain clinic.list as text[]; create type clinic.mood as enum ('calm'); create type clinic.pair as (a text, b integer);
create domain clinic.hidden as clinic.pair; create type clinic.span as range (subtype = date);
create type clinic.date; create function clinic.date_in(cstring) returns clinic.date language internal immutable strict as 'textin';
create function clinic.date_out(clinic.date) returns cstring language internal immutable strict as 'textout';
create type clinic.date (input = clinic.date_in, output = clinic.date_out, like = text);
create table clinic.persons (
	id bigint generated always as identity primary key,
	"Weird Name" text,
	code varchar(8) not null unique,
	short clinic.short, shorter clinic.shorter, shorts clinic.short[], list clinic.list, lists clinic.list[],
	mood clinic.mood, moods clinic.mood[], pair clinic.pair, pairs clinic.pair[], hidden clinic.hidden,
	span clinic.span, days daterange, many datemultirange,
	payload jsonb, document xml, picture bytea, address inet, vector int2vector,
	fixed char(3), amount numeric(12,2), exact numeric, at timestamp(3) with time zone, flags bit(4),
	full_name text generated always as (upper("Weird Name")) stored,
	serial bigint default 0,
	feigned clinic.date,
	gone text
);
alter table clinic.persons drop column gone;
create sequence clinic.counter; alter table clinic.persons alter serial set default nextval('clinic.counter');
create unique index on clinic.persons (lower("Weird Name"), code) where amount > 0;
create unique index on clinic.persons (code) include (exact);
create index on clinic.persons (mood);
create table clinic.visits (id uuid, day date, person bigint references clinic.persons, note text, primary key (id, day)) partition by range (day);
create table parts.visits_1 partition of clinic.visits for values from ('2020-01-01') to ('2021-01-01') partition by range (day);
create table parts.visits_1a partition of parts.visits_1 for values from ('2020-01-01') to ('2020-07-01');
create table clinic.lines (visit uuid, day date, "no" integer, foreign key (visit, day) references clinic.visits, unique ("no", visit));
create table clinic.older (extra text) inherits (clinic.persons);
create view clinic.seen as select note from clinic.visits;
create materialized view clinic.kept as select note from clinic.visits;
create table "Odd.One".empty ();
create unlogged table clinic.quick (a text);
create temporary table passing (a text);
create extension postgres_fdw; create server away foreign data wrapper postgres_fdw;
create foreign table clinic.far (a text) server away;
create table clinic.log (day date) partition by range (day);
create foreign table parts.log_far partition of clinic.log for values from ('2022-01-01') to ('2023-01-01') server away;
create table clinic.owned_by_extension (a text); alter extension postgres_fdw add table clinic.owned_by_extension;
`

func oddDatabase(t *testing.T) pgtest.Database {
	t.Helper()
	db := pgtest.New(t)
	conn, err := pgx.Connect(t.Context(), db.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if _, err := conn.Exec(t.Context(), odd); err != nil {
		t.Fatal(err)
	}
	return db
}

func TestRead(t *testing.T) {
	t.Parallel()
	c := read(t, oddDatabase(t))
	var kinds []string
	for _, table := range c.Tables {
		kinds = append(kinds, strings.TrimSpace(fmt.Sprintf("%s %s %s", table.Path(), table.Kind, table.Parent)))
	}
	if want := []string{
		"Odd.One.empty table", "clinic.far foreign_table", "clinic.kept materialized_view", "clinic.lines table", "clinic.log partitioned_table", "clinic.older partition clinic.persons",
		"clinic.persons table", "clinic.quick table", "clinic.seen view", "clinic.visits partitioned_table",
		"parts.log_far foreign_table clinic.log", "parts.visits_1 partition clinic.visits", "parts.visits_1a partition parts.visits_1",
	}; !slices.Equal(kinds, want) {
		t.Errorf("tables are\n%s", strings.Join(kinds, "\n"))
	}
	if empty := c.Table("Odd.One.empty"); empty == nil || empty.Columns == nil || len(empty.Columns) > 0 || c.SchemaVersion != 0 {
		t.Errorf("a table without columns is %+v, in a database of schema version %d", empty, c.SchemaVersion)
	}

	persons := c.Table("clinic.persons")
	text := func(col catalog.Column) string {
		col.Name = ""
		flags, _ := json.Marshal(col)
		return strings.NewReplacer(`"name":"",`, "", `"`, "", "{", "", "}", "").Replace(string(flags))
	}
	want := map[string]string{
		"id":         "type:bigint,base:int8,kind:b,not_null:true,sequence:true",
		"Weird Name": "type:text,base:text,kind:b",
		"code":       "type:character varying(8),base:varchar,kind:b,max_length:8,not_null:true",
		"short":      "type:clinic.short,base:varchar,kind:b,max_length:12",
		"shorter":    "type:clinic.shorter,base:varchar,kind:b,max_length:12,not_null:true",
		"shorts":     "type:clinic.short[],base:varchar,kind:b,array:true,max_length:12",
		"list":       "type:clinic.list,base:text,kind:b,array:true",
		"lists":      "type:clinic.list[],base:_text,kind:b,array:true",
		"mood":       "type:clinic.mood,base:mood,kind:e",
		"moods":      "type:clinic.mood[],base:mood,kind:e,array:true",
		"pair":       "type:clinic.pair,base:pair,kind:c",
		"pairs":      "type:clinic.pair[],base:pair,kind:c,array:true",
		"hidden":     "type:clinic.hidden,base:pair,kind:c",
		"span":       "type:clinic.span,base:span,kind:r",
		"days":       "type:daterange,base:daterange,kind:r",
		"many":       "type:datemultirange,base:datemultirange,kind:m",
		"payload":    "type:jsonb,base:jsonb,kind:b",
		"document":   "type:xml,base:xml,kind:b",
		"picture":    "type:bytea,base:bytea,kind:b",
		"address":    "type:inet,base:inet,kind:b",
		"vector":     "type:int2vector,base:int2vector,kind:b",
		"fixed":      "type:character(3),base:bpchar,kind:b,max_length:3",
		"amount":     "type:numeric(12,2),base:numeric,kind:b",
		"exact":      "type:numeric,base:numeric,kind:b",
		"at":         "type:timestamp(3) with time zone,base:timestamptz,kind:b",
		"flags":      "type:bit(4),base:bit,kind:b",
		"full_name":  "type:text,base:text,kind:b,generated:true",
		"feigned":    "type:clinic.date,base:clinic.date,kind:b",
		"serial":     "type:bigint,base:int8,kind:b,sequence:true",
	}
	if len(persons.Columns) != len(want) {
		t.Errorf("persons has %d columns, not %d", len(persons.Columns), len(want))
	}
	for _, col := range persons.Columns {
		if got := text(col); got != want[col.Name] {
			t.Errorf("%s is\n%s, not\n%s", col.Name, got, want[col.Name])
		}
	}
	if !slices.Equal(persons.PrimaryKey, []string{"id"}) || fmt.Sprint(persons.Uniques) != "[[code] [code Weird Name] [code]]" {
		t.Errorf("keys are %v and %v", persons.PrimaryKey, persons.Uniques)
	}
	visits, lines := c.Table("clinic.visits"), c.Table("clinic.lines")
	if fmt.Sprint(visits.ForeignKeys) != "[{[person] clinic.persons [id]}]" || fmt.Sprint(visits.PrimaryKey) != "[id day]" {
		t.Errorf("visits: %v, %v", visits.ForeignKeys, visits.PrimaryKey)
	}
	if fmt.Sprint(lines.ForeignKeys) != "[{[visit day] clinic.visits [id day]}]" || fmt.Sprint(lines.Uniques) != "[[no visit]]" {
		t.Errorf("lines: %v, %v", lines.ForeignKeys, lines.Uniques)
	}
	if part := c.Table("parts.visits_1a"); len(part.ForeignKeys) > 0 || len(part.Columns) != 4 {
		t.Errorf("a partition is %+v", part)
	}
}

// What a name resolves to in the reader's session must not matter, nor what the reader may read.
func TestRead_asAnybody(t *testing.T) {
	t.Parallel()
	db := oddDatabase(t)
	want := read(t, db)
	conn, err := pgx.Connect(t.Context(), db.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	owner, role := db, "reader_of_"+db.Name
	if _, err := conn.Exec(t.Context(), `create role `+role+` login password 'august'; alter database `+db.Name+` set search_path = clinic, parts`); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn, err := pgx.Connect(context.Background(), owner.URL())
		if err == nil {
			_, err = conn.Exec(context.Background(), "drop role "+role)
			_ = conn.Close(context.Background())
		}
		if err != nil {
			t.Error(err)
		}
	})
	db.User, db.Password = role, "august"
	a, _ := json.Marshal(want)
	b, _ := json.Marshal(read(t, db))
	if string(a) != string(b) {
		t.Errorf("another reader sees\n%s\nnot\n%s", b, a)
	}
}

package scan

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/chunk"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/copytext"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/identify"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
	"github.com/feel-august/terraform-provider-august/internal/bucket"
)

// rig is a database of rows in memory, and what an export has made of them.
type rig struct {
	*testing.T
	policy  *policy.Policy
	catalog *catalog.Catalog
	rows    map[string][][]string // of the source, by table; NULL is "\x00"
	results map[string][][]string // where they differ from the source
	hidden  []string
	crowd   int // of strangers in the set
	queries []string
	broken  error
}

const null = "\x00"

// clinic is patients and their notes, with rules under which all is well.
func clinic(t *testing.T) *rig {
	column := func(name, typ string) catalog.Column {
		return catalog.Column{Name: name, Type: typ, Base: typ, Kind: "b"}
	}
	r := &rig{
		T: t,
		catalog: &catalog.Catalog{Tables: []catalog.Table{
			{Schema: "c", Name: "patients", Kind: catalog.KindTable, PrimaryKey: []string{"id"}, Columns: []catalog.Column{
				column("id", "int8"), column("first_name", "text"), column("last_name", "varchar"), column("date_of_birth", "date"),
				column("email", "citext"), column("cell_phone", "text"), column("ssn", "bpchar"), column("chart_id", "text"), column("address", "text"),
				column("gender", "text"),
			}},
			{Schema: "c", Name: "notes", Kind: catalog.KindTable, PrimaryKey: []string{"id"}, Columns: []catalog.Column{
				column("id", "int8"), column("patient", "int8"), column("note", "text"), column("doc", "jsonb"), column("label", "text"),
			}, ForeignKeys: []catalog.ForeignKey{{Columns: []string{"patient"}, Table: "c.patients", References: []string{"id"}}}},
		}},
		policy: &policy.Policy{
			Version: 1, Method: policy.SafeHarbor, Subject: policy.Subject{Table: "c.patients", Key: "id"},
			Tables: map[string]policy.Table{
				"c.patients": {Columns: map[string]policy.Rule{
					"id": {Transformer: policy.Surrogate}, "first_name": {Transformer: policy.Name, Part: "first"}, "last_name": {Transformer: policy.Name, Part: "last"},
					"date_of_birth": {Transformer: policy.Year}, "email": {Transformer: policy.Email}, "cell_phone": {Transformer: policy.Phone},
					"ssn": {Transformer: policy.SSN}, "chart_id": {Transformer: policy.Surrogate}, "address": {Transformer: policy.Street},
					"gender": {Transformer: policy.Keep, Class: policy.None},
				}},
				"c.notes": {Subject: []string{"patient"}, Columns: map[string]policy.Rule{
					"id": {Transformer: policy.Surrogate}, "patient": {Transformer: policy.Surrogate}, "note": {Transformer: policy.Text},
					"doc": {Transformer: policy.JSON, Paths: map[string]policy.Rule{
						"text": {Transformer: policy.Text}, "kept": {Transformer: policy.Keep, Class: policy.None}, "code": {Transformer: policy.Surrogate}, "by.*": {Transformer: policy.Text},
					}},
					"label": {Transformer: policy.Keep, Class: policy.None},
				}},
			},
		},
		rows: map[string][][]string{}, results: map[string][][]string{},
		hidden: []string{"id", "first_name", "last_name", "date_of_birth", "email", "cell_phone", "ssn", "chart_id"},
	}
	first := strings.Fields("Zadok Yrsa Xanthe Wystan Verity Urania Tamsin Sorrel Rowena Quillan Peregrine Ottoline")
	last := strings.Fields("Abblethwaite Brackenbury Crumplehorn Dinglebatch Eaglesfield Fotherington Grubshaw Hinklebottom Inglethorpe Jollifant Kettlewhistle White")
	for i := range 12 {
		id := fmt.Sprint(700001 + i)
		r.rows["c.patients"] = append(r.rows["c.patients"], []string{id, first[i], last[i], fmt.Sprintf("19%d-03-0%d", 40+i, 1+i%9),
			strings.ToLower(first[i]) + "@clinic.test", fmt.Sprintf("(017) 444-81%02d", i), fmt.Sprintf("123-45-67%02d", i), fmt.Sprintf("MRN00123%02d", i), fmt.Sprintf("%d Zebra Street", 101+i), "white"})
		r.results["c.patients"] = append(r.results["c.patients"], []string{fmt.Sprint(300001 + i*17%12), "Fakea", "Fakeb", fmt.Sprintf("19%d-01-01", 40+i),
			fmt.Sprintf("p%d@example.com", i), fmt.Sprintf("(017) 555-01%02d", i), fmt.Sprintf("900-10-00%02d", i+1), fmt.Sprintf("QXZ00987%02d", i), "1 Madeup Way", "white"})
		if i == 9 { // whose numbers are nobody's, and made up for another
			r.rows["c.patients"][i][5], r.rows["c.patients"][i][6] = "(017) 555-0104", "900-10-0005"
		}
		r.rows["c.notes"] = append(r.rows["c.notes"], []string{fmt.Sprint(800001 + i), id, "seen", "{}", "white"})
		r.results["c.notes"] = append(r.results["c.notes"], []string{fmt.Sprint(400001 + i*7%12), fmt.Sprint(300001 + i*17%12), "seen", "{}", "white"})
	}
	return r
}

var query = regexp.MustCompile(`^select (.+) from (only )?"(\w+)"\."(\w+)"$`)

// source answers what the scan asks.
func (r *rig) source(_ context.Context, q string, to io.Writer) error {
	r.queries = append(r.queries, q) // workers: 1
	m := query.FindStringSubmatch(q)
	if m == nil {
		r.Fatalf("asked for %q", q)
	}
	if r.broken != nil {
		return r.broken
	}
	table := m[3] + "." + m[4]
	var at []int
	for name := range strings.SplitSeq(m[1], ", ") {
		at = append(at, slices.Index(r.names(table), strings.Trim(name, `"`)))
	}
	for _, row := range r.rows[table] {
		var fields []string
		for _, i := range at {
			fields = append(fields, row[i])
		}
		line := encode(fields)
		// A COPY comes in pieces of any size.
		for _, part := range [][]byte{line[:len(line)/2], line[len(line)/2:]} {
			if _, err := to.Write(part); err != nil {
				return err
			}
		}
	}
	return nil
}

func encode(fields []string) []byte {
	var line []byte
	for i, f := range fields {
		if i > 0 {
			line = append(line, '\t')
		}
		if f == null {
			line = append(line, copytext.Null...)
		} else {
			line = copytext.Escape(line, []byte(f))
		}
	}
	return append(line, '\n')
}

func (r *rig) names(table string) (names []string) {
	for _, t := range r.catalog.Tables {
		if t.Path() == table {
			for _, c := range t.Columns {
				names = append(names, c.Name)
			}
		}
	}
	return
}

// column adds a column to the notes, with a rule and its values in the source and the result.
func (r *rig) column(c catalog.Column, rule policy.Rule, source, result string) {
	if c.Kind == "" {
		c.Kind = "b"
	}
	c.Name = "odd"
	r.catalog.Tables[1].Columns = append(r.catalog.Tables[1].Columns, c)
	r.policy.Tables["c.notes"].Columns[c.Name] = rule
	for i := range r.rows["c.notes"] {
		s, t := "", ""
		if i == 3 {
			s, t = source, result
		}
		r.rows["c.notes"][i] = append(r.rows["c.notes"][i], s)
		r.results["c.notes"][i] = append(r.results["c.notes"][i], t)
	}
}

// export writes the result, guarded, and scans it.
func (r *rig) export(options Options) (*Result, error) {
	r.Helper()
	s, err := New(r.policy, r.catalog)
	if err != nil {
		r.Fatal(err)
	}
	set := identify.New(1 << 16)
	if err := s.Collect(r.Context(), r.source, set); err != nil {
		return nil, err
	}
	for i := range r.crowd { // of every length, beginning with any letter or digit
		normal := fmt.Sprintf("%c%0*d", "0123456789abcdefghijklmnopqrstuvwxyz"[i%36], i/36%32, i)
		set.Add(identify.Kind(i/(36*32)%10), []byte(normal)) // of ten
	}
	b, err := bucket.Open(r.Context(), "file://"+r.TempDir(), bucket.Options{})
	if err != nil {
		r.Fatal(err)
	}
	var tables []evidence.Table
	for _, t := range r.catalog.Tables {
		table := evidence.Table{Name: t.Path(), Rows: int64(len(r.rows[t.Path()]))}
		for _, c := range t.Columns {
			table.Columns = append(table.Columns, evidence.Column{Name: c.Name, Type: c.Type})
		}
		g, err := s.Guard(t.Path(), r.names(t.Path()), r.hidden, t.Columns)
		if err != nil {
			r.Fatal(err)
		}
		w := g.Worker()
		for i := 0; i < len(r.rows[t.Path()]); i += 5 {
			to, err := chunk.Create(r.Context(), b, fmt.Sprintf("exports/x/%s-%d.zst", t.Name, i))
			if err != nil {
				r.Fatal(err)
			}
			for j := i; j < min(i+5, len(r.rows[t.Path()])); j++ {
				line := encode(r.results[t.Path()][j])
				w.Line(encode(append(slices.Clone(r.rows[t.Path()][j]), r.person(t.Path(), r.rows[t.Path()][j])...)), line)
				if err := to.Write(line, 1); err != nil {
					r.Fatal(err)
				}
			}
			w.Commit()
			o, err := to.Close()
			if err != nil {
				r.Fatal(err)
			}
			table.Objects = append(table.Objects, o)
		}
		tables = append(tables, table)
	}
	if options.Workers == 0 {
		options.Workers = 1
	}
	r.queries = nil
	return s.Run(r.Context(), b, tables, r.source, set, options)
}

// person is the hidden columns of a row.
func (r *rig) person(table string, row []string) []string {
	key := row[0]
	if table == "c.notes" {
		key = row[1]
	}
	out := make([]string, len(r.hidden))
	for i := range out {
		out[i] = null
	}
	for _, p := range r.rows["c.patients"] {
		if p[0] == key {
			for i, name := range r.hidden {
				out[i] = p[slices.Index(r.names("c.patients"), name)]
			}
		}
	}
	return out
}

// passes and stops say what becomes of the export. What is reported must not hold what was found.
func (r *rig) passes() *Result {
	r.Helper()
	result, err := r.export(Options{})
	if err != nil {
		r.Fatal(err)
	}
	if err := result.Err(); err != nil || !result.Scan.Passed {
		r.Errorf("stopped: %v", err)
	}
	return result
}

func (r *rig) stops(table, column string, kinds ...string) {
	r.Helper()
	result, err := r.export(Options{})
	if err != nil {
		r.Fatal(err)
	}
	var got []string
	for _, f := range result.Scan.Findings {
		if f.Table != table || f.Column != column || f.Count < 1 {
			r.Errorf("found %+v", f)
		}
		got = append(got, f.Kind)
	}
	for _, k := range kinds {
		if !slices.Contains(got, k) {
			r.Errorf("found %v in %s.%s, and no %s", got, table, column, k)
		}
	}
	if err := result.Err(); err == nil || result.Scan.Passed || !strings.Contains(err.Error(), table+"."+column+" holds ") {
		r.Errorf("error %v, passed %t", err, result.Scan.Passed)
	}
	r.silent(fmt.Sprint(result.Err(), result.Scan))
}

// silent makes sure that a text holds nothing of the source.
func (r *rig) silent(text string) {
	r.Helper()
	for _, p := range r.rows["c.patients"] {
		for _, v := range p[:9] {
			if strings.Contains(strings.ToLower(text), strings.ToLower(v)) {
				r.Errorf("%q is told", v)
			}
		}
	}
}

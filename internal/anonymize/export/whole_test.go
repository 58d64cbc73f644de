package export_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/export"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/export/exporttest"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
	"github.com/feel-august/terraform-provider-august/internal/bucket"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
)

// ways lead from a row of each table of the full clinic to its patient.
var ways = map[string]string{
	"clinic.patients":     "join clinic.patients p on p.id = t.id",
	"clinic.appointments": "join clinic.patients p on p.id = t.patient",
	"clinic.line_items":   "join clinic.appointments a on a.id = t.appointment join clinic.patients p on p.id = a.patient",
	"clinic.transactions": "join clinic.line_items l on l.id = t.line_item join clinic.appointments a on a.id = l.appointment join clinic.patients p on p.id = a.patient",
	"clinic.claims":       "join clinic.appointments a on a.id = t.appointment join clinic.patients p on p.id = a.patient",
	"clinic.lab_orders":   "join clinic.patients p on p.id = t.patient",
	"clinic.lab_results":  "join clinic.patients p on p.id = t.patient",
	"clinic.messages":     "join clinic.patients p on p.id = t.patient",
}

// newWhole is the full clinic under its full policy. Each row has a number beside it, which is kept, so that the test can tell what has
// become of whom.
func newWhole(t *testing.T, ids string) *rig {
	t.Helper()
	t.Parallel()
	r := &rig{t: t, folder: t.TempDir(), db: pgtest.New(t)}
	r.conn = r.connect()
	r.exec(exporttest.SQL(300))
	p := exporttest.Policy(ids)
	for table := range p.Tables {
		r.exec(strings.ReplaceAll(`alter table TABLE add tag integer; update TABLE t set tag = s.n from (select ctid as at, row_number() over (order by id) as n from TABLE) s where t.ctid = s.at`, "TABLE", table))
		p.Tables[table].Columns["tag"] = policy.Rule{Transformer: policy.Keep, Class: "none", Type: "integer", Reason: "to compare"}
	}
	r.exec("set timezone = 'UTC'; set datestyle = 'ISO, YMD'; analyze")
	var err error
	if r.bucket, err = bucket.Open(t.Context(), "file://"+r.folder, bucket.Options{}); err != nil {
		t.Fatal(err)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r.public = public
	r.Config = export.Config{Source: r.source(r.db.User, r.db.Password), Bucket: r.bucket, Sign: private, Runtime: "test", Policy: p, SpanPages: 8}
	return r
}

// cells are the columns of a row.
type cells map[string]string

// became is what has become of a table's rows, by their number.
func (r *rig) became(m *evidence.Manifest, table string) map[string]cells {
	r.t.Helper()
	at := slices.IndexFunc(m.Tables, func(t evidence.Table) bool { return t.Name == table })
	all := map[string]cells{}
	for _, line := range r.lines(m, table) {
		row := cells{}
		for i, field := range strings.Split(line, "\t") {
			row[m.Tables[at].Columns[i].Name] = field
		}
		all[row["tag"]] = row
	}
	if len(all) == 0 {
		r.t.Fatalf("%s is empty", table)
	}
	return all
}

// were are the rows of the source, with the number of the patient that each is about as "person".
func (r *rig) were(table string) map[string]cells {
	r.t.Helper()
	columns := slices.Sorted(maps.Keys(r.Policy.Tables[table].Columns))
	all := map[string]cells{}
	for _, line := range r.rows("select p.tag, t." + strings.Join(columns, ", t.") + " from " + table + " t " + ways[table]) {
		fields := strings.Split(line, "\t")
		row := cells{"person": fields[0]}
		for i, c := range columns {
			row[c] = fields[i+1]
		}
		all[row["tag"]] = row
	}
	return all
}

// moment reads a date or a time as COPY writes it.
func (r *rig) moment(s string) time.Time {
	r.t.Helper()
	at, err := time.Parse("2006-01-02 15:04:05", strings.TrimSuffix(s, "+00"))
	if err != nil {
		at, err = time.Parse(time.DateOnly, s)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return at
}

// shifts is how far each date of a table has moved, by row and column. Births of people of ninety and more are all one, and left out.
func (r *rig) shifts(m *evidence.Manifest, table string) map[[2]string]time.Duration {
	r.t.Helper()
	all, rows := map[[2]string]time.Duration{}, r.became(m, table)
	for tag, from := range r.were(table) {
		for column, rule := range r.Policy.Tables[table].Columns {
			if rule.Transformer != policy.DateShift || from[column] == `\N` || column == "date_of_birth" && from[column] < "1939" {
				continue
			}
			all[[2]string{tag, column}] = r.moment(rows[tag][column]).Sub(r.moment(from[column]))
		}
	}
	return all
}

// All of a patient's dates, in all tables, move by the same number of days: so every interval and the order of any two stay.
func TestRun_intervals(t *testing.T) {
	r := newWhole(t, policy.Surrogate)
	r.Export = "x"
	m := r.run()
	moved, events, kinds := map[string]time.Duration{}, map[string]int{}, map[string]bool{}
	codes := r.became(m, "clinic.patients")
	for table := range r.Policy.Tables {
		were, became := r.were(table), r.became(m, table)
		if len(were) != len(became) {
			t.Errorf("%s: %d rows of %d", table, len(became), len(were))
		}
		for at, by := range r.shifts(m, table) {
			person := were[at[0]]["person"]
			if before, ok := moved[person]; ok && before != by {
				t.Fatalf("%s.%s of patient %s moved by %s, another date by %s", table, at[1], person, by, before)
			}
			moved[person] = by
			events[person]++
			kinds[table+"."+at[1]] = true
		}
		// The row is still the same patient's.
		if _, ok := r.Policy.Tables[table].Columns["patient"]; ok {
			for tag, row := range became {
				if row["patient"] != codes[were[tag]["person"]]["id"] {
					t.Fatalf("row %s of %s has become another patient's", tag, table)
				}
			}
		}
	}
	different := map[time.Duration]bool{}
	for person, by := range moved {
		days := by.Hours() / 24
		if days != math.Trunc(days) || days < -364 || days > -1 {
			t.Errorf("patient %s moved by %s", person, by)
		}
		if events[person] < 20 {
			t.Errorf("patient %s has %d dates", person, events[person])
		}
		different[by] = true
	}
	if len(moved) != 300 || len(kinds) != 18 {
		t.Errorf("%d patients, %d columns: %v", len(moved), len(kinds), kinds)
	}
	if len(different) < 150 { // of 364 for 300 patients: 204 on average
		t.Errorf("%d different shifts", len(different))
	}
}

// invented are the transformers whose results stand for a person, or for something of one's.
var invented = []string{policy.Surrogate, policy.Permute, policy.Scramble, policy.Name, policy.Person, policy.Email, policy.Phone, policy.SSN, policy.Street, policy.URL, policy.IP}

// refer are columns that repeat the codes of other rows.
var refer = []string{"patient", "appointment", "line_item", "lab_order"}

// pseudonyms are what stands for each row in an export, by table.column and the row's number: codes, made-up names, shifts.
func (r *rig) pseudonyms(m *evidence.Manifest) map[string]cells {
	r.t.Helper()
	all := map[string]cells{}
	put := func(column, tag, value string) {
		if value == `\N` || value == "" {
			return
		}
		if all[column] == nil {
			all[column] = cells{}
		}
		all[column][tag] = value
	}
	for table, rules := range r.Policy.Tables {
		for tag, row := range r.became(m, table) {
			for column, rule := range rules.Columns {
				if slices.Contains(invented, rule.Transformer) && !slices.Contains(refer, column) {
					put(table+"."+column, tag, row[column])
				}
			}
		}
	}
	for at, by := range r.shifts(m, "clinic.patients") {
		if at[1] == "created_at" { // all others are the same: see TestRun_intervals
			put("shift", at[0], by.String())
		}
	}
	for tag, row := range r.became(m, "clinic.patients") {
		var extra struct {
			Address  struct{ Street string }
			Contacts []struct{ Name, Phone string }
		}
		if err := json.Unmarshal([]byte(row["extra"]), &extra); err != nil || len(extra.Contacts) != 1 {
			r.t.Fatalf("%v %+v", err, extra)
		}
		put("extra.address.street", tag, extra.Address.Street)
		put("extra.contacts.name", tag, extra.Contacts[0].Name)
		put("extra.contacts.phone", tag, extra.Contacts[0].Phone)
	}
	return all
}

// linked are the columns by which the people of one export are known again in another: the same row has the same value, or rows
// have the same order, more often than chance makes it so.
func linked(a, b map[string]cells) (columns []string) {
	for column := range a {
		same, rows := 0.0, 0.0
		counts := [2]map[string]float64{{}, {}}
		for tag, v := range a[column] {
			if w, ok := b[column][tag]; ok {
				rows++
				counts[0][v]++
				counts[1][w]++
				if v == w {
					same++
				}
			}
		}
		chance := 0.0
		for v, n := range counts[0] {
			chance += n * counts[1][v] / rows
		}
		if same > chance+6*math.Sqrt(chance)+6 {
			columns = append(columns, fmt.Sprintf("%s: %.0f of %.0f, by chance %.1f", column, same, rows, chance))
		}
		alike, pairs := 0.0, 0.0
		for n := 1; n < len(a[column]); n++ {
			before, after := strconv.Itoa(n), strconv.Itoa(n+1)
			if va, vb := rise(a[column], before, after), rise(b[column], before, after); va != 0 && vb != 0 {
				pairs++
				if va == vb {
					alike++
				}
			}
		}
		if alike > pairs/2+3*math.Sqrt(pairs) && pairs > 100 {
			columns = append(columns, fmt.Sprintf("%s: the order of %.0f of %.0f neighbours", column, alike, pairs))
		}
	}
	slices.Sort(columns)
	return
}

// rise is whether a number grows from one row to the next: 1, -1, or 0 for what is no number.
func rise(of cells, before, after string) int {
	x, err := strconv.ParseInt(of[before], 10, 64)
	y, bad := strconv.ParseInt(of[after], 10, 64)
	switch {
	case err != nil || bad != nil || x == y:
		return 0
	case x < y:
		return 1
	}
	return -1
}

// Whoever has two exports with ephemeral keys cannot tell who in one is who in the other. With a key that persists one can, which
// says that this test would see it.
func TestRun_unlinkable(t *testing.T) {
	for _, ids := range []string{policy.Surrogate, policy.Permute} {
		t.Run(ids, func(t *testing.T) {
			r := newWhole(t, ids)
			twice := func(names ...string) (a, b map[string]cells, keys [2]string) {
				t.Helper()
				r.Export = names[0]
				m := r.run()
				a, keys[0] = r.pseudonyms(m), m.KeyID
				r.Export = names[1]
				m = r.run()
				b, keys[1] = r.pseudonyms(m), m.KeyID
				return
			}
			a, b, keys := twice("a", "b")
			if len(a) < 30 || len(a["shift"]) != 300 || len(a) != len(b) || len(a["clinic.patients.id"]) != 300 || keys[0] == keys[1] {
				t.Errorf("%d and %d columns, keys %v", len(a), len(b), keys)
			}
			if found := linked(a, b); found != nil {
				t.Errorf("linked by\n%s", strings.Join(found, "\n"))
			}
			if ids != policy.Permute {
				return
			}
			r.Policy.Keys, r.Key = policy.Persistent, []byte("a key of a test, of 32 bytes or more")
			a, b, keys = twice("c", "d")
			if signed, err := os.ReadFile(filepath.Join(r.folder, evidence.ManifestName("d"))); err != nil || !strings.Contains(string(signed), "6 columns of free text are scrubbed") || !strings.Contains(string(signed), "Keys outlive the run") {
				t.Errorf("the manifest remarks otherwise: %v", err)
			}
			if found := linked(a, b); len(found) < len(a) || keys[0] != keys[1] {
				t.Errorf("of %d columns that are the same, linked by %d:\n%s", len(a), len(found), strings.Join(found, "\n"))
			}
		})
	}
}

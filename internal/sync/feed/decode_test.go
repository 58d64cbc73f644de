package feed

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
)

var all = []Feed{
	Doctors, Offices, Patients, Appointments, LineItems, LineItemDeletions, Transactions, PatientPayments, PatientPaymentLog, EOBs, EligibilityChecks,
	Sublabs, LabOrders, LabDocuments, LabTests, LabResults, PatientLabResults,
}

func TestFeedsAreDescribedRightly(t *testing.T) {
	names := map[string]bool{}
	for _, f := range all {
		if err := f.Valid(); err != nil {
			t.Error(err)
		}
		if names[f.Name] {
			t.Errorf("%s occurs twice", f.Name)
		}
		names[f.Name] = true
		for _, name := range f.Omit {
			if slices.ContainsFunc(f.Columns, func(c Column) bool { return c.Name == name }) {
				t.Errorf("%s.%s is omitted, and has a column", f.Name, name)
			}
		}
		// Minimum necessary: free text about patients, their names and their member ids have no column.
		for _, c := range f.Columns {
			for _, never := range []string{"reason", "notes", "id_number", "social_security", "date_of_birth", "icd"} {
				if strings.Contains(c.Name, never) && c.Name != "adjustment_reason" && f.Name+"."+c.Name != "patients.date_of_birth" {
					t.Errorf("%s.%s must have no column", f.Name, c.Name)
				}
			}
		}
	}
}

func TestValues(t *testing.T) {
	for _, c := range []struct {
		kind Kind
		in   string
		want string // "!" and the reason when it is refused
	}{
		{ID, `12`, "12"}, {ID, `"12"`, "12"}, {ID, `" 012 "`, "12"}, {ID, `12.0`, "12"}, {ID, `null`, null}, {ID, `""`, null},
		{ID, `12.5`, "!not an id"}, {ID, `"x"`, "!not an id"}, {ID, `9223372036854775808`, "!too large for the column"}, {ID, `{}`, "!not text"}, {ID, `true`, "!not an id"},
		{TextID, `"7_20260304"`, "7_20260304"}, {TextID, `7000001`, "7000001"}, {TextID, `7000001.0`, "7000001"}, {TextID, `"7"`, "7"}, {TextID, `"a\tb"`, "!not an id"},
		{Integer, `1`, "1"}, {Integer, `"2"`, "2"}, {Integer, `3000000000`, "!too large for the column"},
		{Money, `"120.00"`, "120.00"}, {Money, `120`, "120"}, {Money, `-0.5`, "-0.5"}, {Money, `".5"`, "0.5"}, {Money, `"5."`, "5"}, {Money, `""`, null}, {Money, `null`, null},
		{Money, `"+7.25"`, "7.25"}, {Money, `1.5e2`, "1.5e2"}, {Money, `0e999`, "!not a decimal"}, {Money, `0e30`, "0e30"}, {Money, `"1,234.00"`, "!not a decimal"}, {Money, `"$5"`, "!not a decimal"},
		{Money, `"NaN"`, "!not a decimal"}, {Money, `"Infinity"`, "!not a decimal"}, {Money, `12345678901`, "!too large for the column"}, {Money, `"-"`, "!not a decimal"}, {Money, `"."`, "!not a decimal"}, {Money, `true`, "!not a decimal"},
		{Bool, `true`, "t"}, {Bool, `"False"`, "f"}, {Bool, `"true"`, "t"}, {Bool, `0`, "f"}, {Bool, `null`, null}, {Bool, `"maybe"`, "!not a boolean"},
		{Text, `"a\\b\n"`, `a\\b\n`}, {Text, `""`, ""}, {Text, `null`, null}, {Text, `5.50`, "5.50"}, {Text, `"\u0000x"`, "x"}, {Text, `"\\N"`, `\\N`}, {Text, `[1]`, "!not text"}, {Text, `"é\u00e9"`, "éé"},
		{Timestamp, `"2021-02-14T13:40:39"`, "2021-02-14 13:40:39"}, {Timestamp, `"2021-02-14 13:40:39.120"`, "2021-02-14 13:40:39.12"}, {Timestamp, `"2021-02-14T13:40"`, "2021-02-14 13:40:00"},
		{Timestamp, `"2021-02-14T13:40:39Z"`, "2021-02-14 13:40:39"}, {Timestamp, `"2021-02-14T13:40:39.1234567-08:00"`, "2021-02-14 13:40:39.123456"}, {Timestamp, `"2021-02-14"`, "2021-02-14 00:00:00"},
		{Timestamp, `"2021-02-30T00:00:00"`, null}, {Timestamp, `"yesterday"`, null}, {Timestamp, `"2021-02-14T25:00:00"`, null}, {Timestamp, `1613310039`, null}, {Timestamp, `"0000-01-01"`, null}, {Timestamp, `"2021-02-14T13:40:39 PST"`, null},
		{Date, `"1979-06-04"`, "1979-06-04"}, {Date, `"1979-06-04T10:00:00"`, "1979-06-04"}, {Date, `"2024-02-29"`, "2024-02-29"}, {Date, `"2023-02-29"`, null}, {Date, `""`, null}, {Date, `"blank"`, null},
	} {
		got, err := appendValue(nil, c.kind, []byte(c.in))
		if err != nil {
			got = []byte("!" + err.Error())
		}
		if string(got) != c.want {
			t.Errorf("kind %d, %s: %s, want %s", c.kind, c.in, got, c.want)
		}
	}
}

func TestDecode(t *testing.T) {
	f := &Feed{Name: "f", Key: "id", Version: "updated_at", Deleted: "gone", Omit: []string{"ssn"}, Volatile: []string{"photo"},
		Columns: []Column{{"id", ID}, {"name", Text}, {"gone", Bool}, {"updated_at", Timestamp}}}
	d := NewDecoder(f)
	row, err := d.Decode([]byte(`{"ssn":"900-00-0001","id":"7","photo":"https://x/1","na\u006de":"a\tb","unknown":{"a":[1,"}"]},"gone":true,"updated_at":"2026-03-04T10:00:00"}`))
	if err != nil || row.Key != "7" || row.Version != "2026-03-04 10:00:00" || !row.Deleted {
		t.Fatalf("%+v, %v", row, err)
	}
	fields := strings.Split(strings.TrimSuffix(string(row.AppendCopy(nil)), "\n"), "\t")
	if len(fields) != len(f.CopyColumns()) || fields[1] != `a\tb` || strings.Contains(fields[4], "ssn") || strings.Contains(fields[4], "900-") || !strings.HasPrefix(fields[5], `\\x`) || fields[6] != "t" {
		t.Errorf("%q", fields)
	}
	hash := func(s string) string {
		row, err := d.Decode([]byte(s))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(string(row.AppendCopy(nil)), "\t")[5]
	}
	base := hash(`{"id":1,"photo":"a","x":1}`)
	if hash(`{"id":1,"photo":"b","x":1}`) != base {
		t.Error("a volatile member counts as a change")
	}
	if hash(`{ "id": 1, "photo": "a",  "x":1 }`) != base {
		t.Error("white space counts as a change")
	}
	if hash(`{"id":1,"photo":"a","x":2}`) == base {
		t.Error("a member without a column does not count as a change")
	}
	for in, want := range map[string]RowError{
		`{"name":"Testa Patientova"}`:        {"", "id: missing"},
		`{"id":"Testa"}`:                     {"", "id: not an id"},
		`{"id":5,"gone":"Testa Patientova"}`: {"5", "gone: not a boolean"},
		`["id"]`:                             {"", "not a JSON object"},
		`{"id":5,"x":` + strings.Repeat("[", 900) + strings.Repeat("]", 900) + `}`: {"", "nested too deeply"},
	} {
		_, err := d.Decode([]byte(in))
		var e *RowError
		if !errors.As(err, &e) || *e != want {
			t.Errorf("%.40s: %+v", in, err)
		}
	}
	if _, err := d.Decode([]byte(`{}`)); err == nil {
		t.Error("values of an earlier row were taken for this one's")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"id":1,"billed":"1.00","updated_at":"2026-03-04T10:00:00","x":[{"y":"\\\""}]}`))
	f.Add([]byte(`{"id":"\ud800","appointment":7.0}`))
	f.Add([]byte(` { } `))
	f.Fuzz(func(t *testing.T, raw []byte) {
		row, err := NewDecoder(&LineItems).Decode(raw) // must not panic on anything
		if err != nil {
			return
		}
		line := row.AppendCopy(nil)
		if n := bytes.Count(line, []byte("\t")); n != len(LineItems.CopyColumns())-1 {
			t.Errorf("%d tabs", n)
		}
		if bytes.Count(line, []byte("\n")) != 1 || bytes.ContainsAny(line, "\x00\r") {
			t.Errorf("line %q", line)
		}
		if !json.Valid(raw) {
			return
		}
		// encoding/json agrees on the members.
		var o map[string]json.RawMessage
		if err := json.Unmarshal(raw, &o); err != nil {
			t.Fatalf("decoded what encoding/json refuses: %v", err)
		}
	})
}

func FuzzDecimal(f *testing.F) {
	for _, s := range []string{"120.00", "-0.5", "1e3", ".5", "5.", "1e-40", "000000000000001", "0.000000001e10", "999999999.999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if s == "" || strings.TrimSpace(s) != s {
			return
		}
		got, err := appendDecimal(nil, []byte(s), 2)
		if err != nil {
			return
		}
		ours, err := decimal.NewFromString(string(got))
		if err != nil {
			t.Fatalf("%q became %q: %v", s, got, err)
		}
		if ours.Round(2).Abs().Cmp(decimal.NewFromBigInt(big.NewInt(1), 10)) >= 0 {
			t.Errorf("%q does not fit numeric(12,2)", s)
		}
		if theirs, err := decimal.NewFromString(s); err == nil && !theirs.Equal(ours) {
			t.Errorf("%q became %q", s, got)
		}
	})
}

func FuzzTime(f *testing.F) {
	for _, s := range []string{"2021-02-14T13:40:39", "2024-02-29 00:00", "1979-06-04", "2021-02-14T13:40:39.5+05:30", "9999-12-31T23:59:59.999999999Z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := appendTime(nil, []byte(s), false)
		want, err := time.Parse("2006-01-02T15:04:05", s)                                       // also takes a fraction
		if err == nil && want.Year() >= 1 && s[13] == ':' && !strings.Contains(s, ",") && !ok { // Parse also takes one-digit hours
			t.Errorf("%q is a time", s)
		}
		if !ok {
			return
		}
		ours, e := time.Parse("2006-01-02 15:04:05.999999", string(got))
		if e != nil {
			t.Fatalf("%q became %q: %v", s, got, e)
		}
		if err == nil && !ours.Equal(want.Truncate(time.Microsecond)) {
			t.Errorf("%q became %q", s, got)
		}
	})
}

func FuzzID(f *testing.F) {
	for _, s := range []string{"1", "-1", "007", "1.0", "9223372036854775807", "1e3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := appendInteger(nil, []byte(s), -1<<63, 1<<63-1, errID)
		if err != nil {
			return
		}
		if n, err := strconv.ParseInt(string(got), 10, 64); err != nil || strconv.FormatInt(n, 10) != string(got) {
			t.Errorf("%q became %q", s, got)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	raw := []byte(`{"id":9100001,"appointment":7000001,"patient":5000001,"doctor":30001,"code":"99213","procedure_type":"C","description":"OFFICE VISIT EST LOW","modifiers":["25","","",""],"diagnosis_pointers":["1","2","",""],"quantity":"1.00","units":"UN","price":"150.00","billed":"150.00","allowed":"98.40","adjustment":"51.60","ins1_paid":"78.40","ins2_paid":"0.00","ins3_paid":"0.00","ins_total":"78.40","pt_paid":"0.00","paid_total":"78.40","balance_ins":"0.00","balance_pt":"20.00","balance_total":"20.00","expected_reimbursement":null,"billing_status":"ERA Received","insurance_status":"","denied_flag":false,"service_date":"2026-03-04","posted_date":"2026-03-05","updated_at":"2026-03-21T06:14:09"}`)
	d := NewDecoder(&LineItems)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Decode(raw); err != nil {
			b.Fatal(err)
		}
	}
}

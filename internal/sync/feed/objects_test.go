package feed

import (
	"errors"
	"strings"
	"testing"
)

// decoded is an object's row by column, as COPY writes it.
func decoded(t *testing.T, f *Feed, object string) map[string]string {
	t.Helper()
	row, err := NewDecoder(f).Decode([]byte(object))
	if err != nil {
		t.Fatalf("%s: %v", f.Name, err)
	}
	fields := strings.Split(strings.TrimSuffix(string(row.AppendCopy(nil)), "\n"), "\t")
	names := f.CopyColumns()
	if len(fields) != len(names) {
		t.Fatalf("%s: %d fields for %d columns", f.Name, len(fields), len(names))
	}
	out := map[string]string{}
	for i, name := range names {
		out[name] = fields[i]
	}
	return out
}

// Objects as they have been seen: ids and decimals in any spelling, naive times, members that must not
// be kept, members that nobody knows.
func TestObjects(t *testing.T) {
	for _, c := range []struct {
		feed   *Feed
		object string
		want   map[string]string
		never  string // must be nowhere in the row
	}{
		{&Patients, `{"id":"5000001","doctor":30001.0,"last_name":"Patientova","date_of_birth":"1979-06-04","social_security_number":"900-00-0001","race":"declined","employer":"never","primary_insurance":{"insurance_id_number":"never"},"patient_status":"I","disable_sms_messages":"False","copay":"20.00","updated_at":"2026-03-04T10:00:00","new_member":1}`,
			map[string]string{"id": "5000001", "doctor": "30001", "date_of_birth": "1979-06-04", "patient_status": "I", "disable_sms_messages": "f", "copay": "20.00", "updated_at": "2026-03-04 10:00:00", "date_of_death": null}, "900-,never,declined"},
		{&PatientPaymentLog, `{"id":31000001,"action":"C","amount":"-12.50","appointment":7000001,"patient":"5000001","doctor":"","created_by":10001,"updated_at":"2026-03-04"}`,
			map[string]string{"amount": "-12.50", "appointment": "7000001", "patient": "5000001", "doctor": null, "created_by": "10001", "updated_at": "2026-03-04 00:00:00"}, ""},
		{&EOBs, `{"id":1,"doctor":"30001","total_paid":120.5,"check_date":"2026-03-04T00:00:00","deposit_date":null,"posted_date":"junk","scanned_eob":"https://never"}`,
			map[string]string{"doctor": "30001", "total_paid": "120.5", "check_date": "2026-03-04", "deposit_date": null, "posted_date": null}, "never"},
		{&EligibilityChecks, `{"id":1,"patient":"5000001","appointment":null,"eligibility":"CB","query_date":"2026-03-04 10:00","coverage_subscriber":{"name":"never"},"coverage_details":"never"}`,
			map[string]string{"patient": "5000001", "appointment": null, "eligibility": "CB", "query_date": "2026-03-04 10:00:00"}, "never"},
		{&Sublabs, `{"id":1,"name":"Lab","facility_code":"X1","vendor_name":""}`, map[string]string{"facility_code": "X1", "vendor_name": ""}, ""},
		{&LabOrders, `{"id":40000001,"patient":5000001,"doctor":30001,"sublab":"50001","status":"S","timestamp":"2026-03-04T10:00:00","icd10_codes":[{"code":"I10"}],"documents":["43000001",43000002]}`,
			map[string]string{"sublab": "50001", "timestamp": "2026-03-04 10:00:00", "accession_number": null}, ""},
		{&LabDocuments, `{"id":1,"lab_order":40000001,"type":"RES","document":"https://never","hl7":"MSH|never","timestamp":"2026-03-04T10:00:00"}`,
			map[string]string{"has_document": "t", "has_hl7": "t", "type": "RES"}, "never"},
		{&LabDocuments, `{"id":1,"lab_order":40000001,"type":"RES","document":"","hl7":null}`, map[string]string{"has_document": "f", "has_hl7": "f"}, ""},
		{&LabTests, `{"id":1,"lab_order":"40000001","status":"P","collection_date":"","specimen_total_volume":"2.5"}`,
			map[string]string{"lab_order": "40000001", "collection_date": null, "specimen_total_volume": "2.5"}, ""},
		{&LabResults, `{"id":7,"lab_test":1,"lab_order":"40000001","document":3,"status":"F","value":"140 mEq/L","value_is_numeric":true,"unit":"mEq/L","normal_range":"135–145 mEq/L","is_abnormal":false,"abnormal_status":"","observation_code":" 2951-2 ","observation_description":"Sodium","test_performed":"2026-03-04T10:00:00"}`,
			map[string]string{"value": "140 mEq/L", "is_abnormal": "false", "value_kind": "number", "value_comparator": null, "value_number": "140", "value_titre": null, "value_unit": "mEq/L", "range_kind": "interval",
				"range_low": "135", "range_high": "145", "range_low_inclusive": "t", "range_high_inclusive": "t", "abnormal_state": "normal", "abnormal_basis": "computed", "rule_version": "1", "observation_key": "2951 2"}, ""},
		{&LabResults, `{"id":8,"value":"<0.010000000000000000001","normal_range":"0-<100","is_abnormal":null,"abnormal_status":"LL"}`,
			map[string]string{"value_comparator": "<", "value_number": "0.010000000000000000001", "range_low": null, "range_high": "100", "range_high_inclusive": "f", "abnormal_state": "abnormal", "abnormal_direction": "low",
				"abnormal_severity": "critical", "abnormal_basis": "lab_flag", "observation_key": "#8"}, ""},
		{&LabResults, `{"id":9,"value":"1:80\t","normal_range":"<1:40","is_abnormal":"True","observation_description":"ANA\ttitre"}`,
			map[string]string{"value_kind": "titre", "value_titre": "80", "value_number": null, "range_kind": "titre", "range_high": "40", "range_low": null, "range_low_inclusive": null, "abnormal_state": "abnormal", "abnormal_basis": "lab_is_abnormal", "observation_key": "ana titre"}, ""},
		{&LabResults, `{"id":10,"value":"\u0000\u0000","normal_range":{"low":1}}`, map[string]string{"!": "normal_range: not text"}, ""},
		{&PatientLabResults, `{"id":1,"patient":5000001,"title":"Glucose","lab_result_value":"126","lab_result_value_units":"mg/dL","lab_normal_range":"70 99","lab_abnormal_flag":"null","doctor_signoff":"true","lab_result_value_as_float":126.0,"scanned_in_result":"https://never","updated_at":"2026-03-04T10:00:00"}`,
			map[string]string{"value_number": "126", "abnormal_state": "abnormal", "abnormal_direction": "high", "abnormal_basis": "computed", "doctor_signoff": "t"}, "never"},
	} {
		if want, refused := c.want["!"]; refused {
			var bad *RowError
			if _, err := NewDecoder(c.feed).Decode([]byte(c.object)); !errors.As(err, &bad) || bad.Reason != want {
				t.Errorf("%s: %v, want %s", c.feed.Name, err, want)
			}
			continue
		}
		got := decoded(t, c.feed, c.object)
		for column, want := range c.want {
			if got[column] != want {
				t.Errorf("%s.%s: %q, want %q", c.feed.Name, column, got[column], want)
			}
		}
		for _, never := range strings.Split(c.never, ",") {
			for column, value := range got {
				if never != "" && strings.Contains(value, never) {
					t.Errorf("%s.%s holds %q", c.feed.Name, column, never)
				}
			}
		}
	}
}

// What is derived of members that are not kept counts as content; the members themselves do not, for a
// hash of little else would give them away.
func TestOmittedMembersAndContent(t *testing.T) {
	hash := func(f *Feed, object string) string { return decoded(t, f, object)["content_hash"] }
	base := hash(&LabDocuments, `{"id":1,"document":"https://a","hl7":"MSH"}`)
	if hash(&LabDocuments, `{"id":1,"document":"https://b","hl7":"MSH|other"}`) != base {
		t.Error("another signature is a change")
	}
	if hash(&LabDocuments, `{"id":1,"document":"https://a","hl7":""}`) == base {
		t.Error("a message that vanishes is no change")
	}
	if hash(&Patients, `{"id":1,"social_security_number":"900-00-0001"}`) != hash(&Patients, `{"id":1,"social_security_number":"900-00-0002"}`) {
		t.Error("the hash tells of the social security number")
	}
	d := NewDecoder(&LabResults)
	if _, err := d.Decode([]byte(`{"id":1,"value":"5"}`)); err != nil {
		t.Fatal(err)
	}
	row, err := d.Decode([]byte(`{"id":2}`))
	if err != nil || !strings.Contains(string(row.AppendCopy(nil)), "\tempty\t") {
		t.Errorf("a value of an earlier row was taken for this one's: %v", err)
	}
	if row, err := NewDecoder(&LabOrders).Decode([]byte(`{"id":2,"timestamp":"2026-03-04T10:00:00"}`)); err != nil || row.Mark != "2026-03-04 10:00:00" || row.Version != "" {
		t.Errorf("%+v, %v", row, err)
	}
}

func FuzzDecodeResult(f *testing.F) {
	f.Add([]byte(`{"id":1,"value":"<0.01\t","normal_range":"0-<100","comments":"\\\n"}`))
	f.Add([]byte(`{"id":1,"value":"\ud800 1:80","observation_code":"\u0000\\N"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		row, err := NewDecoder(&LabResults).Decode(raw)
		if err != nil {
			return
		}
		line := string(row.AppendCopy(nil))
		if strings.Count(line, "\t") != len(LabResults.CopyColumns())-1 || strings.Count(line, "\n") != 1 || strings.ContainsAny(line, "\x00\r") {
			t.Errorf("line %q", line)
		}
	})
}

func BenchmarkDecodeResult(b *testing.B) {
	raw := []byte(`{"id":42000001,"lab_test":41000001,"lab_order":"40000001","document":43000002,"status":"F","value":"126","value_is_numeric":true,"unit":"mg/dL","normal_range":"70 99","is_abnormal":true,"abnormal_status":"H","observation_code":"2345-7","observation_description":"Glucose","group_code":"CMP","test_performed":"2026-03-04T10:00:00","specimen_received":"2026-03-04T08:00:00","comments":""}`)
	d := NewDecoder(&LabResults)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Decode(raw); err != nil {
			b.Fatal(err)
		}
	}
}

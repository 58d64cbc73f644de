package policy_test

import (
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
	. "github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
)

// Names as they occur in schemas of practices, by what they hold. A dash is nothing: what may be kept without a word, if its type
// has no room for anything.
const names = `
A first_name last_name middle_name nick_name full_name firstName LastName emergency_contact_name responsible_party_name patient_name signee initials name guarantor employer
A spouse mother_maiden_name next_of_kin username created_by updatedBy surname preferred_name
B address address2 street city county zip zip_code ZipCode postal_code employer_address employer_city lat lng latitude geo_hash location census_tract home_town
C date_of_birth dob DOB dateOfBirth date_of_death scheduled_time service_date posted_date check_date created_at updated_at ordered_at admission discharge_day birth_year age first_edi_date valid_until
D home_phone cell_phone phone phone_number PhoneNumber mobile sms office_phone emergency_contact_phone tel
E fax fax_number
F email e_mail patient_email emailAddress email_address
G ssn social_security_number SSN ssn_last4 tin tax_id
H chart_id mrn medical_record_number chart_number MRN patient_mrn
I primary_insurance_id member_id subscriber_id policy_number group_number medicaid_number medicare_id mbi insurance_number
J account account_number card_number stripe_customer iban trace_number check_number bank_account
K license license_number dea_number certificate npi_number
L vin plate vehicle_no auto_accident_insurance
M device_id serial udi implantable_device push_token portal_device_id imei
N website url photo_url link document_href avatar_link uri
O ip ip_address remote_addr client_ip user_agent ipv6
P fingerprint voice_print retina signature
Q photo patient_photo image avatar scanned_document face
R id uuid patient_id patientid PatientID accession_number requisition_id control_number edi_837 barcode external_id external_key token content_hash session_id claim_number
- status quantity price duration level counts priority paid ins1_paid balance_total units doctor_signoff color denied_lines payer_id payer_name primary_insurer_payer_id insurance_payer_name
- timezone code value unit state gender race reason note title rate stage`

func TestClassOf(t *testing.T) {
	t.Parallel()
	n := 0
	for line := range strings.Lines(names) {
		fields := strings.Fields(line)
		for i := 1; i < len(fields); i++ {
			n++
			want := strings.TrimPrefix(fields[0], "-")
			if got := ClassOf(&catalog.Column{Name: fields[i], Base: "text", Kind: "b"}); got != want {
				t.Errorf("%s is of class %q, not %q", fields[i], got, want)
			}
			if got := ClassOf(&catalog.Column{Name: fields[i], Base: "bool", Kind: "b"}); got != "" {
				t.Errorf("%s, a boolean, is of class %q", fields[i], got)
			}
			if got := ClassOf(&catalog.Column{Name: fields[i], Base: "date", Kind: "b"}); got != "C" {
				t.Errorf("%s, a date, is of class %q", fields[i], got)
			}
		}
	}
	if n < 150 {
		t.Errorf("%d names", n)
	}
	for _, test := range []struct{ name, base, want string }{
		{"ins_name", "int4", ""}, {"id", "int2", ""}, {"id", "int4", "R"}, {"ssn", "int4", "G"}, {"x", "uuid", "R"}, {"mrn", "uuid", "H"}, {"x", "inet", "O"}, {"x", "interval", "C"}, {"lat", "float8", "B"},
		{"birth_year", "int2", "C"}, {"photo", "bytea", "Q"}, {"x", "bytea", ""},
	} {
		if got := ClassOf(&catalog.Column{Name: test.name, Base: test.base, Kind: "b"}); got != test.want {
			t.Errorf("%s %s is of class %q, not %q", test.name, test.base, got, test.want)
		}
	}
}

func TestSuggest(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]string{
		"first_name text": "name first", "nick_name text": "name first", "middle_name text": "name middle", "last_name text": "name last", "full_name text not null": "name full",
		"initials text": "null", "username text not null": "constant",
		"zip character varying(10)": "zip3", "zip character varying(2)": "null", "city text": "city", "address text": "street", "lat double precision": "null", "lat numeric(9,6) not null": "constant 0",
		"dob date": "year", "created_at timestamp with time zone not null": "year", "dob text": "year", "age smallint": "age", "age text": "age", "starts time": "null", "starts time not null": "constant 00:00:00",
		"birth_year integer": "null",
		"phone text":         "phone", "fax text": "phone", "phone bigint": "null", "email text": "email", "email character varying(20)": "null", "ssn text": "ssn", "ssn_last4 text": "null", "ssn integer": "null",
		"mrn text": "surrogate", "mrn bigint": "surrogate", "mrn character varying(4)": "null", "account_number text": "surrogate", "member_id integer": "surrogate", "vin text": "null",
		"photo_url text": "url", "photo_url character varying(30)": "null", "ip inet": "ip", "ip text": "ip", "user_agent text": "null", "photo bytea": "null", "photo bytea not null": "constant",
		"signature text": "null", "x uuid": "surrogate", "token text": "surrogate",
		"note text": "text", "note text not null": "text", "note character varying(8)": "null", "tags text[]": "text", "codes character varying(4)[] not null": "constant {}",
		"ok boolean": "keep", "mood mood": "keep", "n smallint": "keep", "n integer": "keep", "fee numeric(9,2)": "keep", "n bigint": "null", "n bigint not null": "constant 0", "n numeric not null": "constant 0",
		"payload json": "null", "payload jsonb not null": "constant {}", "a pair": "null", "during daterange": "null", "a xml not null": "constant", "search tsvector": "derived", "search tsvector not null": "constant",
		"x inet not null": "ip", "ok boolean[]": "keep",
	} {
		c := col(words)
		one := catalog.Table{Schema: "a", Name: "b", Columns: []catalog.Column{c}}
		r, _ := Suggest(&one, &c)
		if got := strings.Join(strings.Fields(r.Transformer+" "+r.Part+" "+r.Value), " "); got != want {
			t.Errorf("for %s it is %q, not %q", words, got, want)
		}
	}
	keyed := table("a.b", []string{"n"}, "n bigint not null", "u text", "f integer", "s smallint", "g uuid")
	keyed.Uniques = [][]string{{"u", "s"}}
	keyed.ForeignKeys = []catalog.ForeignKey{{Columns: []string{"f"}, Table: "a.c", References: []string{"id"}}}
	for name, want := range map[string]string{"n": "surrogate R", "u": "surrogate R", "f": "surrogate R", "s": "keep ", "g": "surrogate R"} {
		if r, class := Suggest(&keyed, keyed.Column(name)); r.Transformer+" "+class != want {
			t.Errorf("for the key %s it is %s %s, not %s", name, r.Transformer, class, want)
		}
	}
	computed := col("full_name text")
	computed.Generated = true
	if r, _ := Suggest(&keyed, &computed); r.Transformer != Derived {
		t.Errorf("for a computed column it is %s", r.Transformer)
	}
}

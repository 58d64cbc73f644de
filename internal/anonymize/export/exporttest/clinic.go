// Package exporttest is a clinic to anonymise in benchmarks, of any size, with a policy that leaves no column of its out. It
// is imported by tests only.
package exporttest

import (
	_ "embed"
	"fmt"
	"regexp"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
)

//go:embed clinic.sql
var clinic string

// SQL makes the clinic, with so many patients, and thirty times as many rows in all.
func SQL(patients int) string { return fmt.Sprintf(clinic, patients) }

// Policy is a full one: each column that could tell of somebody is transformed. Ids are mapped by the transformer that is given:
// policy.Surrogate remembers each, policy.Permute none.
func Policy(ids string) *policy.Policy {
	keep := func(column string) policy.Rule {
		return policy.Rule{Transformer: policy.Keep, Class: "none", Type: column, Reason: "says nothing of a person"}
	}
	rule := func(transformer string) policy.Rule { return policy.Rule{Transformer: transformer} }
	part := func(transformer, part string) policy.Rule { return policy.Rule{Transformer: transformer, Part: part} }
	return &policy.Policy{
		Version: policy.Version, Method: policy.ExpertDetermination, Attestation: policy.Attestation{By: "an invented expert", ID: "BENCH-1", Expires: "2999-12-31"},
		Keys: policy.Ephemeral, AsOf: "2026-11-26", Shift: policy.Shift{Min: -364, Max: -1}, Subject: policy.Subject{Table: "clinic.patients", Key: "id"},
		Exclude:    map[string]string{"public.*": "none of the clinic's"},
		References: []policy.Reference{{Table: "clinic.transactions", Column: "appointment", To: "clinic.appointments", ToCol: "id"}},
		Tables: map[string]policy.Table{
			"clinic.patients": {Columns: map[string]policy.Rule{
				"id": rule(ids), "doctor": keep("bigint"), "first_name": part(policy.Name, "first"), "middle_name": part(policy.Name, "middle"), "last_name": part(policy.Name, "last"),
				"nick_name": part(policy.Name, "first"), "date_of_birth": rule(policy.DateShift), "gender": keep("text"), "social_security_number": rule(policy.SSN), "chart_id": rule(ids),
				"email": rule(policy.Email), "home_phone": rule(policy.Phone), "cell_phone": rule(policy.Phone), "office_phone": rule(policy.Phone), "address": rule(policy.Street),
				"city": rule(policy.City), "state": keep("text"), "zip_code": rule(policy.Zip3), "emergency_contact_name": part(policy.Person, "full"), "emergency_contact_phone": rule(policy.Phone),
				"responsible_party_name": rule(policy.Null), "employer": rule(policy.Null), "member_id": rule(policy.Scramble), "group_number": rule(policy.Scramble), "photo_url": rule(policy.URL),
				"language": keep("text"), "race": keep("text"), "ethnicity": keep("text"), "notes": rule(policy.Text), "created_at": rule(policy.DateShift), "updated_at": rule(policy.DateShift), "last_ip": rule(policy.IP),
				"portal_id": rule(ids), "active": keep("boolean"),
				"extra": {Transformer: policy.JSON, Paths: map[string]policy.Rule{"address.street": rule(policy.Street), "address.zip": rule(policy.Zip3),
					"contacts[].name": part(policy.Person, "full"), "contacts[].phone": rule(policy.Phone), "score": keep("")}},
			}},
			"clinic.appointments": {Subject: []string{"patient"}, Columns: map[string]policy.Rule{
				"id": rule(ids), "patient": rule(ids), "doctor": keep("bigint"), "office": keep("integer"), "scheduled_time": rule(policy.DateShift), "duration": keep("integer"), "status": keep("text"),
				"reason": rule(policy.Text), "notes": rule(policy.Text), "icd10": keep("text[]"), "created_at": rule(policy.DateShift), "updated_at": rule(policy.DateShift),
			}},
			"clinic.line_items": {Subject: []string{"appointment", "patient"}, Columns: map[string]policy.Rule{
				"id": rule(ids), "appointment": rule(ids), "code": keep("text"), "procedure_type": keep("text"), "modifiers": keep("text[]"), "description": keep("text"),
				"price": keep("numeric(10,2)"), "billed": keep("numeric(10,2)"), "allowed": keep("numeric(10,2)"), "paid": keep("numeric(10,2)"), "adjustment": keep("numeric(10,2)"),
				"balance": keep("numeric(10,2)"), "quantity": keep("integer"), "units": keep("text"), "diagnosis_pointers": keep("text[]"), "billing_status": keep("text"),
				"service_date": rule(policy.DateShift), "posted_date": rule(policy.DateShift), "doctor": keep("bigint"), "updated_at": rule(policy.DateShift),
			}},
			"clinic.transactions": {Subject: []string{"line_item", "appointment", "patient"}, Columns: map[string]policy.Rule{
				"id": rule(ids), "line_item": rule(ids), "appointment": rule(ids), "amount": keep("numeric(10,2)"), "adjustment": keep("numeric(10,2)"), "adjustment_reason": keep("text"),
				"group_code": keep("text"), "kind": keep("text"), "payer": keep("text"), "payer_id": keep("text"), "check_number": rule(policy.Scramble), "trace_number": rule(policy.Scramble),
				"check_date": rule(policy.DateShift), "posted_date": rule(policy.DateShift), "created_at": rule(policy.DateShift),
			}},
			"clinic.claims": {Subject: []string{"appointment", "patient"}, Columns: map[string]policy.Rule{
				"id": rule(ids), "appointment": rule(ids), "level": keep("integer"), "status": keep("text"), "payer": keep("text"), "member_id": rule(policy.Scramble),
				"control_number": rule(policy.Scramble), "billed": rule(policy.DateShift), "edi_837": rule(policy.Null),
			}},
			"clinic.lab_orders": {Subject: []string{"patient"}, Columns: map[string]policy.Rule{
				"id": rule(ids), "patient": rule(ids), "accession_number": rule(policy.Scramble), "requisition": rule(policy.Scramble), "vendor": keep("text"), "status": keep("text"),
				"ordered_at": rule(policy.DateShift), "note": rule(policy.Text),
			}},
			"clinic.lab_results": {Subject: []string{"patient"}, Columns: map[string]policy.Rule{
				"id": rule(ids), "patient": rule(ids), "lab_order": rule(ids), "loinc": keep("text"), "name": keep("text"), "value": keep("text"), "value_number": keep("numeric(10,2)"),
				"unit": keep("text"), "reference_range": keep("text"), "abnormal": keep("text"), "status": keep("text"), "comments": rule(policy.Text),
				"collected": rule(policy.DateShift), "performed": rule(policy.DateShift), "received": rule(policy.DateShift),
			}},
			"clinic.messages": {Subject: []string{"patient"}, Columns: map[string]policy.Rule{
				"id": rule(ids), "patient": rule(ids), "at": rule(policy.DateShift),
				"body": {Transformer: policy.JSON, Paths: map[string]policy.Rule{"from": part(policy.Name, "full"), "email": rule(policy.Email), "text": rule(policy.Text), "urgent": keep("")}},
			}},
		},
	}
}

// Bare makes the clinic's tables without rows, keys and references, to copy into.
func Bare() string {
	tables, _, _ := strings.Cut(fmt.Sprintf(clinic, 0), "create function")
	return keys.ReplaceAllString(tables, "")
}

var keys = regexp.MustCompile(` primary key| unique| references clinic\.[a-z_]+`)

// Canaries are parts of what the clinic's people are called, and of what identifies them: no text that leaves has one.
func Canaries() []string {
	return []string{"Zorvan", "Quillix", "Brunalda", "Tesmira", "Oskvald", "Yelmara", "Finnbrek", "Quorra", "Dravina", "Ulmeric", "Perluna", "Hestrid",
		"Varnell", "Quenberg", "Zettlow", "Ombrick", "Trasken", "Yarwick", "Felbrant", "Morvane", "MRN000", "mail.example.test"}
}

package policy

import "strings"

// known is what names and types do not tell of a database.
type known struct {
	exclude    map[string]string
	rules      map[Cell]Rule
	references []Reference
}

// ours is what is known of this product's own tables: all that their migrations say in comments.
func ours() known {
	k := known{
		exclude: map[string]string{
			"august.*":            "the runtime's own state: credentials, deliveries, runs and the audit trail, which staging has of its own",
			"drchrono.quarantine": "rows as received that nobody could decode: what is in them is not known",
			"billing.daily":       "exact days with groups as small as one claim; staging derives its own",
		},
		rules: map[Cell]Rule{},
	}
	keep := func(reason, tables string) {
		k.each(tables, Rule{Transformer: Keep, Reason: reason})
	}
	keep("a code out of a list", `
		drchrono.appointments ins1_status ins2_status payment_profile
		drchrono.line_items units
		drchrono.transactions adjustment_reason adjustment_group_code claim_status
		drchrono.patient_payments payment_method payment_transaction_type
		drchrono.patient_payment_log action payment_method source
		drchrono.patients patient_status patient_payment_profile
		drchrono.eobs payment_method
		drchrono.eligibility_checks cob_level eligibility request_service_type service_type_description
		drchrono.lab_orders status priority
		drchrono.lab_documents type
		drchrono.lab_tests code status
		drchrono.lab_results status observation_code group_code value_kind value_comparator range_kind abnormal_state abnormal_direction abnormal_severity abnormal_basis abnormal_rule
		drchrono.patient_lab_results loinc_code lab_order_status value_kind value_comparator range_kind abnormal_state abnormal_direction abnormal_severity abnormal_basis abnormal_rule
		billing.claim state status reason insurer_status denial_reasons
		billing.claim_history old_state new_state old_insurer_status new_insurer_status
		billing.mismatch reason severity field
		labs.order_progress progress
		labs.acknowledgement source status
		labs.review source state reason status abnormal_state direction severity basis`)
	keep("out of a list, the source's or one that the practice keeps for all of its visits", `
		drchrono.appointments status billing_status
		drchrono.line_items code procedure_type billing_status
		billing.claim billing_status
		billing.claim_history old_billing_status new_billing_status`)
	keep("the payer's, who is not the patient", `
		drchrono.appointments primary_insurer_payer_id secondary_insurer_payer_id
		drchrono.eobs insurance_payer_id
		billing.claim payer_id`)
	keep("what was measured, or what is normal: a figure, no number of a record", `
		drchrono.lab_results value_number value_titre range_low range_high
		drchrono.patient_lab_results value_number value_titre range_low range_high`)
	keep("of the provider, and the same for many", `
		drchrono.doctors specialty timezone`)
	keep("states may stay: 164.514(b)(2)(i)(B)", `
		drchrono.offices state
		drchrono.patients state`)
	keep("one of DrChrono's six words for administrative sex", `
		drchrono.patients gender`)
	keep("words that are the same for every mismatch of a kind", `
		billing.mismatch text`)

	// Whoever works at the practice is named by nobody's record, and is hidden all the same.
	k.each(`drchrono.doctors npi_number practice_group practice_group_name
		drchrono.patient_payment_log created_by`, Rule{Transformer: Null})
	// Written by a run to all rows that it found changed: by stamps that differ, moved days would be known.
	k.each(`billing.claim state_since updated_at
		billing.claim_history observed_at
		billing.mismatch since updated_at resolved_at
		labs.order_progress updated_at
		labs.review since updated_at`, Rule{Transformer: Year})
	k.each(`labs.acknowledgement acknowledged_by`, Rule{Transformer: Constant, Value: "staff"})
	k.each(`drchrono.offices name`, Rule{Transformer: Constant, Value: "Office"})
	// Names and codes as laboratories, clinicians or front desks have written them: mostly of a list, but nothing holds them to
	// it. Who pays may be an employer, a lawyer or the patient, and a laboratory's name may say in which town it is.
	k.each(`drchrono.appointments primary_insurer_name secondary_insurer_name
		drchrono.eobs insurance_payer_name
		drchrono.eligibility_checks payer_name
		billing.claim payer
		drchrono.line_items insurance_status
		drchrono.lab_tests description specimen_source specimen_condition
		drchrono.lab_results value unit normal_range is_abnormal abnormal_status observation_description value_unit value_flag value_text range_unit range_expected
		drchrono.patient_lab_results title lab_result_value lab_result_value_units lab_normal_range lab_normal_range_units lab_abnormal_flag value_unit value_flag value_text range_unit range_expected`,
		Rule{Transformer: Text})
	k.each(`drchrono.lab_tests name
		labs.review test name`, Rule{Transformer: Text, Class: None, Reason: "of a laboratory's test, as written by hand"})
	k.each(`drchrono.sublabs name vendor_name`, Rule{Transformer: Text, Class: None, Reason: "of a laboratory"})
	k.each(`drchrono.sublabs facility_code`, Rule{Transformer: Surrogate})

	// An id of a result is of one table or of the other, and tables beside say which: one domain for both. Digests that follow
	// from what a result says, and keys that are made of ids, are codes; equal ones stay equal.
	code := func(domain, tables string) { k.each(tables, Rule{Transformer: Surrogate, Domain: domain}) }
	code("drchrono.doctors.id", `
		drchrono.appointments billing_provider`) // the same id, as a text
	code("labs.result", `
		drchrono.lab_results id superseded_by
		drchrono.patient_lab_results id
		labs.review result
		labs.acknowledgement result`)
	code("labs.fingerprint", `
		drchrono.lab_results fingerprint
		drchrono.patient_lab_results fingerprint
		labs.review fingerprint
		labs.acknowledgement fingerprint`)
	code("labs.observation", `
		labs.review observation
		labs.acknowledgement observation`)
	code("labs.observation_key", `
		drchrono.lab_results observation_key`)
	code("payments.trace_number", `
		drchrono.eobs insurance_payer_trace_number
		drchrono.transactions trace_number`)

	refer := func(to string, cells ...string) {
		for _, c := range cells {
			i := strings.LastIndexByte(c, '.')
			k.references = append(k.references, Reference{Table: c[:i], Column: c[i+1:], To: to, ToCol: "id", Orphans: true})
		}
	}
	refer("drchrono.appointments", "drchrono.appointments.cloned_from", "drchrono.appointments.resubmit_claim_original_id", "drchrono.line_item_deletions.appointment_id")
	refer("drchrono.line_items", "drchrono.line_item_deletions.billing_line_item_id")
	refer("drchrono.lab_documents", "drchrono.lab_results.document")
	refer("drchrono.lab_results", "drchrono.lab_results.superseded_by")
	refer("drchrono.doctors", "drchrono.patient_lab_results.ordering_doctor")
	refer("drchrono.patient_payments", "billing.mismatch.payment", "billing.mismatch.repeats")
	return k
}

// each gives the columns of a list the same rule: lines of a table and its columns.
func (k *known) each(tables string, r Rule) {
	for line := range strings.Lines(tables) {
		fields := strings.Fields(line)
		for i := 1; i < len(fields); i++ {
			k.rules[Cell{fields[0], fields[i]}] = r
		}
	}
}

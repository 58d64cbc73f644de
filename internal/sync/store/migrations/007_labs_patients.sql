-- The remaining objects of DrChrono, and what follows from laboratories' results: which row of an
-- observation holds, how far each order has got, and what a clinician must look at.

alter table august.checkpoint add column read_at timestamptz;
alter table august.checkpoint add column sweep_values text[];
comment on column august.checkpoint.read_at      is 'When the last complete pass began, by this database''s clock.';
comment on column august.checkpoint.sweep_values is 'Values of the feed''s query parameter that the pass takes one after the other; null: it reads the list whole.';

alter table august.sweep_page add column part text not null default '';
comment on column august.sweep_page.part is 'Value of the query parameter that the page belongs to; empty when the list is read whole.';

create table drchrono.patients (
    id                        bigint primary key,
    chart_id                  text,
    doctor                    bigint,
    first_name                text,
    middle_name               text,
    last_name                 text,
    date_of_birth             date,
    gender                    text,
    email                     text,
    home_phone                text,
    cell_phone                text,
    office_phone              text,
    address                   text,
    city                      text,
    state                     text,
    zip_code                  text,
    patient_status            text,
    patient_payment_profile   text,
    copay                     text,
    date_of_death             date,
    date_of_first_appointment date,
    date_of_last_appointment  date,
    disable_sms_messages      boolean,
    created_at                timestamp,
    updated_at                timestamp,
    raw                       json not null,
    content_hash              bytea not null,
    observed_at               timestamptz not null,
    deleted_at_source         timestamptz
);
create index patients_doctor on drchrono.patients (doctor);
comment on table drchrono.patients is 'People whom the practice treats. Social security numbers, photos, insurance cards and demographics that nothing here needs are never stored.';
comment on column drchrono.patients.id is 'DrChrono''s id.';
comment on column drchrono.patients.chart_id is 'Chart number in the practice.';
comment on column drchrono.patients.doctor is 'Primary provider: doctors.id.';
comment on column drchrono.patients.first_name is 'Given name.';
comment on column drchrono.patients.middle_name is 'Middle name.';
comment on column drchrono.patients.last_name is 'Family name.';
comment on column drchrono.patients.date_of_birth is 'Date of birth.';
comment on column drchrono.patients.gender is 'Administrative sex: Male, Female, Other, UNK, ASKU or empty.';
comment on column drchrono.patients.email is 'E-mail address.';
comment on column drchrono.patients.home_phone is 'Telephone at home.';
comment on column drchrono.patients.cell_phone is 'Mobile telephone.';
comment on column drchrono.patients.office_phone is 'Telephone at work.';
comment on column drchrono.patients.address is 'Street.';
comment on column drchrono.patients.city is 'City.';
comment on column drchrono.patients.state is 'Two letters.';
comment on column drchrono.patients.zip_code is 'ZIP code.';
comment on column drchrono.patients.patient_status is 'A active, I inactive, D deceased.';
comment on column drchrono.patients.patient_payment_profile is 'Who pays by default: Cash, Insurance and so on.';
comment on column drchrono.patients.copay is 'Usual copay, as written.';
comment on column drchrono.patients.date_of_death is 'Date of death.';
comment on column drchrono.patients.date_of_first_appointment is 'First visit.';
comment on column drchrono.patients.date_of_last_appointment is 'Latest visit.';
comment on column drchrono.patients.disable_sms_messages is 'Whether the patient wants no text messages.';
comment on column drchrono.patients.created_at is 'Creation, zone unnamed.';
comment on column drchrono.patients.updated_at is 'Last change, zone unnamed.';
comment on column drchrono.patients.raw is 'The object as received, without the members that are never stored; holds patients'' data.';
comment on column drchrono.patients.content_hash is 'SHA-256 of what is kept of the received object: an equal one is not written again.';
comment on column drchrono.patients.observed_at is 'When this version was asked for, by this database''s clock.';
comment on column drchrono.patients.deleted_at_source is 'When the object was found deleted or missing at the source; null while it is there.';

create table drchrono.patient_payment_log (
    id                bigint primary key,
    action            text,
    amount            numeric(12,2),
    appointment       text,
    patient           bigint,
    doctor            bigint,
    payment_method    text,
    source            text,
    created_by        text,
    updated_at        timestamp,
    raw               json not null,
    content_hash      bytea not null,
    observed_at       timestamptz not null,
    deleted_at_source timestamptz
);
create index patient_payment_log_appointment on drchrono.patient_payment_log (appointment);
comment on table drchrono.patient_payment_log is 'History of patients'' payments. Nothing links a row to its payment.';
comment on column drchrono.patient_payment_log.id is 'DrChrono''s id.';
comment on column drchrono.patient_payment_log.action is 'C created, U updated, D deleted, F filled, A filled by itself.';
comment on column drchrono.patient_payment_log.amount is 'Amount.';
comment on column drchrono.patient_payment_log.appointment is 'appointments.id.';
comment on column drchrono.patient_payment_log.patient is 'patients.id.';
comment on column drchrono.patient_payment_log.doctor is 'doctors.id.';
comment on column drchrono.patient_payment_log.payment_method is 'CASH, CHCK, VISA and so on.';
comment on column drchrono.patient_payment_log.source is 'Where the change came from.';
comment on column drchrono.patient_payment_log.created_by is 'User who made it.';
comment on column drchrono.patient_payment_log.updated_at is 'Last change, zone unnamed.';
comment on column drchrono.patient_payment_log.raw is 'The object as received; holds patients'' data.';
comment on column drchrono.patient_payment_log.content_hash is 'SHA-256 of what is kept of the received object: an equal one is not written again.';
comment on column drchrono.patient_payment_log.observed_at is 'When this version was asked for, by this database''s clock.';
comment on column drchrono.patient_payment_log.deleted_at_source is 'When the object was found deleted or missing at the source; null while it is there.';

create table drchrono.eobs (
    id                           bigint primary key,
    doctor                       bigint,
    insurance_payer_id           text,
    insurance_payer_name         text,
    insurance_payer_trace_number text,
    payment_method               text,
    total_paid                   numeric(12,2),
    check_date                   date,
    deposit_date                 date,
    posted_date                  date,
    updated_at                   timestamp,
    raw                          json not null,
    content_hash                 bytea not null,
    observed_at                  timestamptz not null,
    deleted_at_source            timestamptz
);
create index eobs_doctor on drchrono.eobs (doctor);
create index eobs_trace on drchrono.eobs (insurance_payer_trace_number);
comment on table drchrono.eobs is 'Payers'' checks with their totals (explanations of benefits). They name no patient.';
comment on column drchrono.eobs.id is 'DrChrono''s id.';
comment on column drchrono.eobs.doctor is 'doctors.id.';
comment on column drchrono.eobs.insurance_payer_id is 'Payer id.';
comment on column drchrono.eobs.insurance_payer_name is 'Payer.';
comment on column drchrono.eobs.insurance_payer_trace_number is 'Number of the check or transfer; transactions.trace_number holds it too.';
comment on column drchrono.eobs.payment_method is 'ACH, CHK, FWT, VPAY, NON and so on.';
comment on column drchrono.eobs.total_paid is 'Total of the check.';
comment on column drchrono.eobs.check_date is 'Date on the check.';
comment on column drchrono.eobs.deposit_date is 'When it was deposited.';
comment on column drchrono.eobs.posted_date is 'When it was posted.';
comment on column drchrono.eobs.updated_at is 'Last change, zone unnamed.';
comment on column drchrono.eobs.raw is 'The object as received, without the scanned document''s address.';
comment on column drchrono.eobs.content_hash is 'SHA-256 of what is kept of the received object: an equal one is not written again.';
comment on column drchrono.eobs.observed_at is 'When this version was asked for, by this database''s clock.';
comment on column drchrono.eobs.deleted_at_source is 'When the object was found deleted or missing at the source; null while it is there.';

create table drchrono.eligibility_checks (
    id                       bigint primary key,
    patient                  bigint,
    appointment              text,
    cob_level                text,
    payer_name               text,
    eligibility              text,
    request_service_type     text,
    service_type_description text,
    query_date               timestamp,
    updated_at               timestamp,
    raw                      json not null,
    content_hash             bytea not null,
    observed_at              timestamptz not null,
    deleted_at_source        timestamptz
);
create index eligibility_checks_appointment on drchrono.eligibility_checks (appointment);
comment on table drchrono.eligibility_checks is 'Payers'' answers on whether a patient is covered, without the coverage itself.';
comment on column drchrono.eligibility_checks.id is 'DrChrono''s id.';
comment on column drchrono.eligibility_checks.patient is 'patients.id.';
comment on column drchrono.eligibility_checks.appointment is 'appointments.id.';
comment on column drchrono.eligibility_checks.cob_level is 'Primary Insurance or Secondary Insurance.';
comment on column drchrono.eligibility_checks.payer_name is 'Payer, as the clearinghouse named it.';
comment on column drchrono.eligibility_checks.eligibility is 'X12 271 EB01: 1 to 5 active, 6 to 8 inactive, and others.';
comment on column drchrono.eligibility_checks.request_service_type is 'X12 service type that was asked about.';
comment on column drchrono.eligibility_checks.service_type_description is 'Its words.';
comment on column drchrono.eligibility_checks.query_date is 'When it was asked, zone unnamed.';
comment on column drchrono.eligibility_checks.updated_at is 'Last change, zone unnamed.';
comment on column drchrono.eligibility_checks.raw is 'The object as received, without coverage and subscriber; holds patients'' data.';
comment on column drchrono.eligibility_checks.content_hash is 'SHA-256 of what is kept of the received object: an equal one is not written again.';
comment on column drchrono.eligibility_checks.observed_at is 'When this version was asked for, by this database''s clock.';
comment on column drchrono.eligibility_checks.deleted_at_source is 'When the object was found deleted or missing at the source; null while it is there.';

create table drchrono.sublabs (
    id                bigint primary key,
    name              text,
    facility_code     text,
    vendor_name       text,
    raw               json not null,
    content_hash      bytea not null,
    observed_at       timestamptz not null,
    deleted_at_source timestamptz
);
comment on table drchrono.sublabs is 'Laboratories'' places.';
comment on column drchrono.sublabs.id is 'DrChrono''s id.';
comment on column drchrono.sublabs.name is 'Name.';
comment on column drchrono.sublabs.facility_code is 'The laboratory''s code on orders and results.';
comment on column drchrono.sublabs.vendor_name is 'Laboratory.';
comment on column drchrono.sublabs.raw is 'The object as received.';
comment on column drchrono.sublabs.content_hash is 'SHA-256 of what is kept of the received object: an equal one is not written again.';
comment on column drchrono.sublabs.observed_at is 'When this version was asked for, by this database''s clock.';
comment on column drchrono.sublabs.deleted_at_source is 'When the object was found deleted or missing at the source; null while it is there.';

create table drchrono.lab_orders (
    id                      bigint primary key,
    patient                 bigint,
    doctor                  bigint,
    sublab                  bigint,
    status                  text,
    priority                text,
    timestamp               timestamp,
    requisition_id          text,
    external_requisition_id text,
    accession_number        text,
    raw                     json not null,
    content_hash            bytea not null,
    observed_at             timestamptz not null,
    deleted_at_source       timestamptz
);
create index lab_orders_patient on drchrono.lab_orders (patient);
comment on table drchrono.lab_orders is 'What was asked of laboratories. Notes and diagnoses stay in raw.';
comment on column drchrono.lab_orders.id is 'DrChrono''s id.';
comment on column drchrono.lab_orders.patient is 'patients.id.';
comment on column drchrono.lab_orders.doctor is 'doctors.id.';
comment on column drchrono.lab_orders.sublab is 'sublabs.id.';
comment on column drchrono.lab_orders.status is 'N not sent, Q queued, A notice needed, S sent, R results received, E error.';
comment on column drchrono.lab_orders.priority is 'N normal, S at once.';
comment on column drchrono.lab_orders.timestamp is 'When submitted, zone unnamed. Nothing tells when the order changed.';
comment on column drchrono.lab_orders.requisition_id is 'Printed id.';
comment on column drchrono.lab_orders.external_requisition_id is 'Id of an order that was born elsewhere.';
comment on column drchrono.lab_orders.accession_number is 'The laboratory''s number.';
comment on column drchrono.lab_orders.raw is 'The object as received; holds patients'' data.';
comment on column drchrono.lab_orders.content_hash is 'SHA-256 of what is kept of the received object: an equal one is not written again.';
comment on column drchrono.lab_orders.observed_at is 'When this version was asked for, by this database''s clock.';
comment on column drchrono.lab_orders.deleted_at_source is 'When the object was found deleted or missing at the source; null while it is there.';

create table drchrono.lab_documents (
    id                bigint primary key,
    lab_order         bigint,
    type              text,
    timestamp         timestamp,
    has_document      boolean,
    has_hl7           boolean,
    raw               json not null,
    content_hash      bytea not null,
    observed_at       timestamptz not null,
    deleted_at_source timestamptz
);
create index lab_documents_order on drchrono.lab_documents (lab_order);
comment on table drchrono.lab_documents is 'Requisitions and reports of orders. Their files and HL7 messages are never stored.';
comment on column drchrono.lab_documents.id is 'DrChrono''s id.';
comment on column drchrono.lab_documents.lab_order is 'lab_orders.id.';
comment on column drchrono.lab_documents.type is 'REQ requisition, ABN notice, R-A both, RES report.';
comment on column drchrono.lab_documents.timestamp is 'When uploaded, zone unnamed.';
comment on column drchrono.lab_documents.has_document is 'Whether there is a file.';
comment on column drchrono.lab_documents.has_hl7 is 'Whether there is an HL7 message.';
comment on column drchrono.lab_documents.raw is 'The object as received, without the file''s address and the message.';
comment on column drchrono.lab_documents.content_hash is 'SHA-256 of what is kept of the received object: an equal one is not written again.';
comment on column drchrono.lab_documents.observed_at is 'When this version was asked for, by this database''s clock.';
comment on column drchrono.lab_documents.deleted_at_source is 'When the object was found deleted or missing at the source; null while it is there.';

create table drchrono.lab_tests (
    id                    bigint primary key,
    lab_order             bigint,
    code                  text,
    name                  text,
    description           text,
    status                text,
    collection_date       timestamp,
    specimen_source       text,
    specimen_condition    text,
    specimen_total_volume numeric(12,4),
    raw                   json not null,
    content_hash          bytea not null,
    observed_at           timestamptz not null,
    deleted_at_source     timestamptz
);
create index lab_tests_order on drchrono.lab_tests (lab_order);
comment on table drchrono.lab_tests is 'Tests of orders. Notes stay in raw.';
comment on column drchrono.lab_tests.id is 'DrChrono''s id.';
comment on column drchrono.lab_tests.lab_order is 'lab_orders.id.';
comment on column drchrono.lab_tests.code is 'The laboratory''s code.';
comment on column drchrono.lab_tests.name is 'Name.';
comment on column drchrono.lab_tests.description is 'Words for the code.';
comment on column drchrono.lab_tests.status is 'P preliminary, I pending, C correction, F final, X cancelled.';
comment on column drchrono.lab_tests.collection_date is 'When the specimen was taken, zone unnamed.';
comment on column drchrono.lab_tests.specimen_source is 'Where it was taken from.';
comment on column drchrono.lab_tests.specimen_condition is 'Condition of the specimen.';
comment on column drchrono.lab_tests.specimen_total_volume is 'Volume of the specimen.';
comment on column drchrono.lab_tests.raw is 'The object as received; holds patients'' data.';
comment on column drchrono.lab_tests.content_hash is 'SHA-256 of what is kept of the received object: an equal one is not written again.';
comment on column drchrono.lab_tests.observed_at is 'When this version was asked for, by this database''s clock.';
comment on column drchrono.lab_tests.deleted_at_source is 'When the object was found deleted or missing at the source; null while it is there.';

create table drchrono.lab_results (
    id                      bigint primary key,
    lab_test                bigint,
    lab_order               bigint,
    document                bigint,
    status                  text,
    value                   text,
    value_is_numeric        boolean,
    unit                    text,
    normal_range            text,
    is_abnormal             text,
    abnormal_status         text,
    observation_code        text,
    observation_description text,
    group_code              text,
    test_performed          timestamp,
    specimen_received       timestamp,
    value_kind              text not null,
    value_comparator        text,
    value_number            numeric,
    value_titre             bigint,
    value_unit              text,
    value_flag              text,
    value_text              text,
    range_kind              text not null,
    range_low               numeric,
    range_high              numeric,
    range_low_inclusive     boolean,
    range_high_inclusive    boolean,
    range_unit              text,
    range_expected          text,
    abnormal_state          text not null,
    abnormal_direction      text not null,
    abnormal_severity       text not null,
    abnormal_basis          text not null,
    abnormal_rule           text,
    rule_version            integer not null,
    fingerprint             text not null,
    observation_key         text not null,
    superseded_by           bigint,
    raw                     json not null,
    content_hash            bytea not null,
    observed_at             timestamptz not null,
    deleted_at_source       timestamptz
);
create index lab_results_order on drchrono.lab_results (lab_order);
create index lab_results_observation on drchrono.lab_results (lab_test, observation_key);
comment on table drchrono.lab_results is 'What laboratories found: texts as received, and beside them what was read in them. Comments stay in raw.';
comment on column drchrono.lab_results.id is 'DrChrono''s id.';
comment on column drchrono.lab_results.lab_test is 'lab_tests.id.';
comment on column drchrono.lab_results.lab_order is 'lab_orders.id.';
comment on column drchrono.lab_results.document is 'lab_documents.id.';
comment on column drchrono.lab_results.status is 'P preliminary, I pending, C correction, F final, X cancelled.';
comment on column drchrono.lab_results.value is 'Value, as received.';
comment on column drchrono.lab_results.value_is_numeric is 'Whether it was meant to be a number.';
comment on column drchrono.lab_results.unit is 'Unit, as received.';
comment on column drchrono.lab_results.normal_range is 'Reference range, as received.';
comment on column drchrono.lab_results.is_abnormal is 'The laboratory''s is_abnormal, as received.';
comment on column drchrono.lab_results.abnormal_status is 'The laboratory''s flag, as received.';
comment on column drchrono.lab_results.observation_code is 'What was measured: the laboratory''s code, sometimes LOINC.';
comment on column drchrono.lab_results.observation_description is 'Its name.';
comment on column drchrono.lab_results.group_code is 'Panel.';
comment on column drchrono.lab_results.test_performed is 'When performed, zone unnamed.';
comment on column drchrono.lab_results.specimen_received is 'When the specimen arrived, zone unnamed.';
comment on column drchrono.lab_results.value_kind is 'What the value is: empty, number, titre, text, narrative, no_result.';
comment on column drchrono.lab_results.value_comparator is 'Sign before a number or titre: <, <=, >, >=.';
comment on column drchrono.lab_results.value_number is 'The number, with all its digits.';
comment on column drchrono.lab_results.value_titre is 'Of a titre 1:80 the 80.';
comment on column drchrono.lab_results.value_unit is 'Unit: the one behind the value, else the declared one.';
comment on column drchrono.lab_results.value_flag is 'Flag written behind the value.';
comment on column drchrono.lab_results.value_text is 'A word or two, white space tidied.';
comment on column drchrono.lab_results.range_kind is 'What the range is: none, interval, titre, words, unparsed.';
comment on column drchrono.lab_results.range_low is 'Lower bound; null: open.';
comment on column drchrono.lab_results.range_high is 'Upper bound; null: open.';
comment on column drchrono.lab_results.range_low_inclusive is 'Whether the lower bound is within the range.';
comment on column drchrono.lab_results.range_high_inclusive is 'Whether the upper bound is within the range.';
comment on column drchrono.lab_results.range_unit is 'Unit of the bounds.';
comment on column drchrono.lab_results.range_expected is 'Words to expect.';
comment on column drchrono.lab_results.abnormal_state is 'normal, abnormal, unknown, not_applicable (microbiology).';
comment on column drchrono.lab_results.abnormal_direction is 'low, high, none.';
comment on column drchrono.lab_results.abnormal_severity is 'none, ordinary, critical; only a laboratory''s flag makes one critical.';
comment on column drchrono.lab_results.abnormal_basis is 'Who decided: lab_flag, lab_is_abnormal, computed, none.';
comment on column drchrono.lab_results.abnormal_rule is 'Rule that decided.';
comment on column drchrono.lab_results.rule_version is 'Version of the grammar and the rules that read the row.';
comment on column drchrono.lab_results.fingerprint is 'Digest of what a clinician reads of the result.';
comment on column drchrono.lab_results.observation_key is 'Names the observation within its test: rows of one test and key are versions of one observation.';
comment on column drchrono.lab_results.superseded_by is 'lab_results.id of the version that holds instead; null for the one that holds.';
comment on column drchrono.lab_results.raw is 'The object as received; holds patients'' data.';
comment on column drchrono.lab_results.content_hash is 'SHA-256 of what is kept of the received object: an equal one is not written again.';
comment on column drchrono.lab_results.observed_at is 'When this version was asked for, by this database''s clock.';
comment on column drchrono.lab_results.deleted_at_source is 'When the object was found deleted or missing at the source; null while it is there.';

create table drchrono.patient_lab_results (
    id                     bigint primary key,
    patient                bigint,
    ordering_doctor        bigint,
    title                  text,
    loinc_code             text,
    lab_result_value       text,
    lab_result_value_units text,
    lab_normal_range       text,
    lab_normal_range_units text,
    lab_abnormal_flag      text,
    lab_order_status       text,
    date_test_performed    timestamp,
    doctor_signoff         boolean,
    created_at             timestamp,
    updated_at             timestamp,
    value_kind             text not null,
    value_comparator       text,
    value_number           numeric,
    value_titre            bigint,
    value_unit             text,
    value_flag             text,
    value_text             text,
    range_kind             text not null,
    range_low              numeric,
    range_high             numeric,
    range_low_inclusive    boolean,
    range_high_inclusive   boolean,
    range_unit             text,
    range_expected         text,
    abnormal_state         text not null,
    abnormal_direction     text not null,
    abnormal_severity      text not null,
    abnormal_basis         text not null,
    abnormal_rule          text,
    rule_version           integer not null,
    fingerprint            text not null,
    raw                    json not null,
    content_hash           bytea not null,
    observed_at            timestamptz not null,
    deleted_at_source      timestamptz
);
create index patient_lab_results_patient on drchrono.patient_lab_results (patient);
comment on table drchrono.patient_lab_results is 'Results that were entered by hand or came from elsewhere; they belong to no order. Comments stay in raw.';
comment on column drchrono.patient_lab_results.id is 'DrChrono''s id.';
comment on column drchrono.patient_lab_results.patient is 'patients.id.';
comment on column drchrono.patient_lab_results.ordering_doctor is 'doctors.id.';
comment on column drchrono.patient_lab_results.title is 'Name of the test.';
comment on column drchrono.patient_lab_results.loinc_code is 'LOINC code.';
comment on column drchrono.patient_lab_results.lab_result_value is 'Value, as received.';
comment on column drchrono.patient_lab_results.lab_result_value_units is 'Unit, as received.';
comment on column drchrono.patient_lab_results.lab_normal_range is 'Reference range, as received.';
comment on column drchrono.patient_lab_results.lab_normal_range_units is 'Unit of the range, as received.';
comment on column drchrono.patient_lab_results.lab_abnormal_flag is 'Flag, as received (HL7 table 0078).';
comment on column drchrono.patient_lab_results.lab_order_status is 'Order Entered, Results Received, Results Reviewed with Patient and so on.';
comment on column drchrono.patient_lab_results.date_test_performed is 'When performed, zone unnamed.';
comment on column drchrono.patient_lab_results.doctor_signoff is 'Whether a doctor has signed it off.';
comment on column drchrono.patient_lab_results.created_at is 'Creation, zone unnamed.';
comment on column drchrono.patient_lab_results.updated_at is 'Last change, zone unnamed.';
comment on column drchrono.patient_lab_results.value_kind is 'What the value is: empty, number, titre, text, narrative, no_result.';
comment on column drchrono.patient_lab_results.value_comparator is 'Sign before a number or titre: <, <=, >, >=.';
comment on column drchrono.patient_lab_results.value_number is 'The number, with all its digits.';
comment on column drchrono.patient_lab_results.value_titre is 'Of a titre 1:80 the 80.';
comment on column drchrono.patient_lab_results.value_unit is 'Unit: the one behind the value, else the declared one.';
comment on column drchrono.patient_lab_results.value_flag is 'Flag written behind the value.';
comment on column drchrono.patient_lab_results.value_text is 'A word or two, white space tidied.';
comment on column drchrono.patient_lab_results.range_kind is 'What the range is: none, interval, titre, words, unparsed.';
comment on column drchrono.patient_lab_results.range_low is 'Lower bound; null: open.';
comment on column drchrono.patient_lab_results.range_high is 'Upper bound; null: open.';
comment on column drchrono.patient_lab_results.range_low_inclusive is 'Whether the lower bound is within the range.';
comment on column drchrono.patient_lab_results.range_high_inclusive is 'Whether the upper bound is within the range.';
comment on column drchrono.patient_lab_results.range_unit is 'Unit of the bounds.';
comment on column drchrono.patient_lab_results.range_expected is 'Words to expect.';
comment on column drchrono.patient_lab_results.abnormal_state is 'normal, abnormal, unknown, not_applicable (microbiology).';
comment on column drchrono.patient_lab_results.abnormal_direction is 'low, high, none.';
comment on column drchrono.patient_lab_results.abnormal_severity is 'none, ordinary, critical; only a laboratory''s flag makes one critical.';
comment on column drchrono.patient_lab_results.abnormal_basis is 'Who decided: lab_flag, lab_is_abnormal, computed, none.';
comment on column drchrono.patient_lab_results.abnormal_rule is 'Rule that decided.';
comment on column drchrono.patient_lab_results.rule_version is 'Version of the grammar and the rules that read the row.';
comment on column drchrono.patient_lab_results.fingerprint is 'Digest of what a clinician reads of the result.';
comment on column drchrono.patient_lab_results.raw is 'The object as received, without addresses of documents; holds patients'' data.';
comment on column drchrono.patient_lab_results.content_hash is 'SHA-256 of what is kept of the received object: an equal one is not written again.';
comment on column drchrono.patient_lab_results.observed_at is 'When this version was asked for, by this database''s clock.';
comment on column drchrono.patient_lab_results.deleted_at_source is 'When the object was found deleted or missing at the source; null while it is there.';

create schema labs;
comment on schema labs is 'What follows from laboratories'' results. Holds patients'' data.';

create table labs.order_progress (
    lab_order    bigint primary key,
    progress     text not null,
    tests        integer not null,
    done         integer not null,
    cancelled    integer not null,
    open         integer not null,
    corrected    boolean not null,
    settled      boolean not null,
    rule_version integer not null,
    updated_at   timestamptz not null default now()
);
comment on table labs.order_progress is 'How far each order has got, by its own status and by what came back.';
comment on column labs.order_progress.lab_order is 'lab_orders.id.';
comment on column labs.order_progress.progress is 'not_sent, queued, abn_needed, sent, partial_results, results_received, cancelled, error, unknown.';
comment on column labs.order_progress.tests is 'Tests of the order.';
comment on column labs.order_progress.done is 'Tests with all their results, cancelled ones not counted.';
comment on column labs.order_progress.cancelled is 'Tests that were cancelled.';
comment on column labs.order_progress.open is 'Tests still to come, in whole or in part.';
comment on column labs.order_progress.corrected is 'Whether a current result, or a test, is a correction.';
comment on column labs.order_progress.settled is 'Whether all tests came back or were cancelled. Young orders that are not settled are read again by every run.';
comment on column labs.order_progress.rule_version is 'Version of the rules that derived the row.';
comment on column labs.order_progress.updated_at is 'When the row last changed.';

create table labs.acknowledgement (
    id              bigint generated always as identity primary key,
    source          text not null check (source in ('lab_results', 'patient_lab_results')),
    observation     text not null,
    result          bigint not null,
    status          text not null,
    fingerprint     text not null,
    acknowledged_by text not null,
    acknowledged_at timestamptz not null default now(),
    withdrawn_at    timestamptz
);
create index acknowledgement_observation on labs.acknowledgement (source, observation, id desc) where withdrawn_at is null;
comment on table labs.acknowledgement is 'What clinicians have seen. Staff''s tools append here what they showed, copied from labs.review: insert into labs.acknowledgement (source, observation, result, status, fingerprint, acknowledged_by) select source, observation, result, status, fingerprint, ''who'' from labs.review where ... The newest one of an observation that is not withdrawn holds; the next run settles labs.review. Sign-offs in DrChrono are appended by the runtime.';
comment on column labs.acknowledgement.id is 'Number of the acknowledgement.';
comment on column labs.acknowledgement.source is 'Table that the result is in.';
comment on column labs.acknowledgement.observation is 'labs.review.observation.';
comment on column labs.acknowledgement.result is 'Id of the row that was seen.';
comment on column labs.acknowledgement.status is 'Its status then.';
comment on column labs.acknowledgement.fingerprint is 'Digest of its content then.';
comment on column labs.acknowledgement.acknowledged_by is 'Who has seen it; ''drchrono'' for a sign-off there.';
comment on column labs.acknowledgement.acknowledged_at is 'When.';
comment on column labs.acknowledgement.withdrawn_at is 'When it was taken back; null: it stands.';

create table labs.review (
    source         text not null check (source in ('lab_results', 'patient_lab_results')),
    observation    text not null,
    result         bigint not null,
    lab_order      bigint,
    patient        bigint,
    doctor         bigint,
    state          text not null check (state in ('open', 'acknowledged', 'reopened')),
    reason         text not null,
    status         text not null,
    abnormal_state text not null,
    direction      text not null,
    severity       text not null,
    basis          text not null,
    test           text not null,
    name           text not null,
    fingerprint    text not null,
    code           uuid not null default gen_random_uuid(),
    since          timestamptz not null default now(),
    updated_at     timestamptz not null default now(),
    primary key (source, observation)
);
create index review_queue on labs.review (severity, since) where state in ('open', 'reopened');
comment on table labs.review is 'Observations that a clinician must look at, or has looked at. Others have no row.';
comment on column labs.review.source is 'Table that the result is in.';
comment on column labs.review.observation is 'The observation: of lab_results its test and key, of patient_lab_results its id.';
comment on column labs.review.result is 'Id of the row that holds.';
comment on column labs.review.lab_order is 'lab_orders.id.';
comment on column labs.review.patient is 'patients.id.';
comment on column labs.review.doctor is 'doctors.id of who ordered it.';
comment on column labs.review.state is 'open: nobody has seen it; acknowledged: seen as it is; reopened: it changed after it was seen.';
comment on column labs.review.reason is 'Why.';
comment on column labs.review.status is 'Status of the row.';
comment on column labs.review.abnormal_state is 'As in the row.';
comment on column labs.review.direction is 'As abnormal_direction of the row.';
comment on column labs.review.severity is 'As abnormal_severity of the row.';
comment on column labs.review.basis is 'As abnormal_basis of the row.';
comment on column labs.review.test is 'Name of the test.';
comment on column labs.review.name is 'What was measured.';
comment on column labs.review.fingerprint is 'Digest of the row''s content.';
comment on column labs.review.code is 'Names the observation where nothing of the patient may be named: drawn by lot, it follows from nothing.';
comment on column labs.review.since is 'When this state was first observed.';
comment on column labs.review.updated_at is 'When the row last changed.';

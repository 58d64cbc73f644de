-- What DrChrono said, in typed columns with the received JSON beside them. The JSON and some typed
-- columns hold patients' data. It is "json", not "jsonb": nothing queries it, and parsing jsonb is
-- more than half of a load's cost. Times are naive because the source names no zone.

create schema drchrono;
comment on schema drchrono is 'Objects read from DrChrono: typed columns, and the received JSON. Holds patients'' data.';

create table drchrono.doctors (
    id                   bigint primary key,
    first_name           text,
    last_name            text,
    specialty            text,
    npi_number           text,
    practice_group       text,
    practice_group_name  text,
    timezone             text,
    is_account_suspended boolean,
    raw                  json        not null,
    content_hash         bytea       not null,
    observed_at          timestamptz not null,
    deleted_at_source    timestamptz
);
comment on table drchrono.doctors is 'Providers of the practice.';
comment on column drchrono.doctors.id is 'DrChrono''s id.';
comment on column drchrono.doctors.first_name is 'Provider''s given name.';
comment on column drchrono.doctors.last_name is 'Provider''s family name.';
comment on column drchrono.doctors.specialty is 'Specialty.';
comment on column drchrono.doctors.npi_number is 'National provider identifier.';
comment on column drchrono.doctors.practice_group is 'Practice group id.';
comment on column drchrono.doctors.practice_group_name is 'Practice group.';
comment on column drchrono.doctors.timezone is 'Provider''s time zone.';
comment on column drchrono.doctors.is_account_suspended is 'Whether the account is suspended.';
comment on column drchrono.doctors.raw is 'The object as received.';
comment on column drchrono.doctors.content_hash is 'SHA-256 of the received object: an equal one is not written again.';
comment on column drchrono.doctors.observed_at is 'When this version was asked for, by this database''s clock.';
comment on column drchrono.doctors.deleted_at_source is 'When the object was found deleted or missing at the source; null while it is there.';

create table drchrono.offices (
    id                 bigint primary key,
    name               text,
    doctor             bigint,
    state              text,
    archived           boolean,
    raw                json        not null,
    content_hash       bytea       not null,
    observed_at        timestamptz not null,
    deleted_at_source  timestamptz
);
comment on table drchrono.offices is 'Offices of the practice.';
comment on column drchrono.offices.id is 'DrChrono''s id.';
comment on column drchrono.offices.name is 'Office name.';
comment on column drchrono.offices.doctor is 'Owner of the office: doctors.id.';
comment on column drchrono.offices.state is 'Two letters.';
comment on column drchrono.offices.archived is 'Whether the office is closed.';
comment on column drchrono.offices.raw is 'The object as received.';
comment on column drchrono.offices.content_hash is 'SHA-256 of the received object: an equal one is not written again.';
comment on column drchrono.offices.observed_at is 'When this version was asked for, by this database''s clock.';
comment on column drchrono.offices.deleted_at_source is 'When the object was found deleted or missing at the source; null while it is there.';

create table drchrono.appointments (
    id                         text primary key,
    patient                    bigint,
    doctor                     bigint,
    office                     bigint,
    scheduled_time             timestamp,
    duration                   integer,
    status                     text,
    billing_status             text,
    ins1_status                text,
    ins2_status                text,
    first_billed_date          timestamp,
    last_billed_date           timestamp,
    first_edi_date             timestamp,
    last_edi_date              timestamp,
    primary_insurer_name       text,
    primary_insurer_payer_id   text,
    secondary_insurer_name     text,
    secondary_insurer_payer_id text,
    payment_profile            text,
    billing_provider           text,
    resubmit_claim_original_id text,
    cloned_from                text,
    appt_is_break              boolean,
    deleted_flag               boolean,
    created_at                 timestamp,
    updated_at                 timestamp,
    raw                        json        not null,
    content_hash               bytea       not null,
    observed_at                timestamptz not null,
    deleted_at_source          timestamptz
);
create index appointments_patient on drchrono.appointments (patient);
create index appointments_updated_at on drchrono.appointments (updated_at);
comment on table drchrono.appointments is 'Visits. A visit with line items is, per payer level, a claim. The reason, notes and diagnoses stay in raw.';
comment on column drchrono.appointments.id is 'DrChrono''s id: text, because recurrences not yet real have ids with an underscore.';
comment on column drchrono.appointments.patient is 'patients.id; null for a break.';
comment on column drchrono.appointments.doctor is 'doctors.id.';
comment on column drchrono.appointments.office is 'offices.id.';
comment on column drchrono.appointments.scheduled_time is 'Start, by the office''s wall clock.';
comment on column drchrono.appointments.duration is 'Minutes.';
comment on column drchrono.appointments.status is 'Visit status, or the practice''s own.';
comment on column drchrono.appointments.billing_status is 'What the practice wants done with the visit; may be a custom value.';
comment on column drchrono.appointments.ins1_status is 'Claim status at the primary payer.';
comment on column drchrono.appointments.ins2_status is 'Claim status at the secondary payer.';
comment on column drchrono.appointments.first_billed_date is 'First time a claim was generated.';
comment on column drchrono.appointments.last_billed_date is 'Latest time a claim was generated.';
comment on column drchrono.appointments.first_edi_date is 'First electronic submission.';
comment on column drchrono.appointments.last_edi_date is 'Latest electronic submission.';
comment on column drchrono.appointments.primary_insurer_name is 'Primary payer on the claim.';
comment on column drchrono.appointments.primary_insurer_payer_id is 'Its payer id.';
comment on column drchrono.appointments.secondary_insurer_name is 'Secondary payer on the claim.';
comment on column drchrono.appointments.secondary_insurer_payer_id is 'Its payer id.';
comment on column drchrono.appointments.payment_profile is 'Cash, insurance and so on.';
comment on column drchrono.appointments.billing_provider is 'doctors.id, as the source writes it.';
comment on column drchrono.appointments.resubmit_claim_original_id is 'Visit whose claim this one resubmits.';
comment on column drchrono.appointments.cloned_from is 'Visit this one was copied from.';
comment on column drchrono.appointments.appt_is_break is 'True: not a visit.';
comment on column drchrono.appointments.deleted_flag is 'True: deleted in DrChrono.';
comment on column drchrono.appointments.created_at is 'Creation, zone unnamed.';
comment on column drchrono.appointments.updated_at is 'Last change, zone unnamed.';
comment on column drchrono.appointments.raw is 'The object as received; holds patients'' data.';
comment on column drchrono.appointments.content_hash is 'SHA-256 of the received object: an equal one is not written again.';
comment on column drchrono.appointments.observed_at is 'When this version was asked for, by this database''s clock.';
comment on column drchrono.appointments.deleted_at_source is 'When the object was found deleted or missing at the source; null while it is there.';

create table drchrono.line_items (
    id                     bigint primary key,
    appointment            text,
    patient                bigint,
    doctor                 bigint,
    code                   text,
    procedure_type         text,
    quantity               numeric(12,4),
    units                  text,
    price                  numeric(12,2),
    billed                 numeric(12,2),
    allowed                numeric(12,2),
    adjustment             numeric(12,2),
    ins1_paid              numeric(12,2),
    ins2_paid              numeric(12,2),
    ins3_paid              numeric(12,2),
    ins_total              numeric(12,2),
    pt_paid                numeric(12,2),
    paid_total             numeric(12,2),
    balance_ins            numeric(12,2),
    balance_pt             numeric(12,2),
    balance_total          numeric(12,2),
    expected_reimbursement numeric(12,2),
    billing_status         text,
    insurance_status       text,
    denied_flag            boolean,
    service_date           date,
    posted_date            date,
    updated_at             timestamp,
    raw                    json        not null,
    content_hash           bytea       not null,
    observed_at            timestamptz not null,
    deleted_at_source      timestamptz
);
create index line_items_appointment on drchrono.line_items (appointment);
create index line_items_patient on drchrono.line_items (patient);
create index line_items_updated_at on drchrono.line_items (updated_at);
comment on table drchrono.line_items is 'Charges of visits.';
comment on column drchrono.line_items.id is 'DrChrono''s id.';
comment on column drchrono.line_items.appointment is 'appointments.id.';
comment on column drchrono.line_items.patient is 'patients.id.';
comment on column drchrono.line_items.doctor is 'doctors.id.';
comment on column drchrono.line_items.code is 'CPT, HCPCS or custom code.';
comment on column drchrono.line_items.procedure_type is 'C CPT, H HCPCS, U custom; others occur.';
comment on column drchrono.line_items.quantity is 'Units charged.';
comment on column drchrono.line_items.units is 'Kind of unit.';
comment on column drchrono.line_items.price is 'Fee of one unit.';
comment on column drchrono.line_items.billed is 'Charge.';
comment on column drchrono.line_items.allowed is 'Allowed by the payer.';
comment on column drchrono.line_items.adjustment is 'Adjusted off in total.';
comment on column drchrono.line_items.ins1_paid is 'Paid by the primary payer.';
comment on column drchrono.line_items.ins2_paid is 'Paid by the secondary payer.';
comment on column drchrono.line_items.ins3_paid is 'Paid by the tertiary payer.';
comment on column drchrono.line_items.ins_total is 'Paid by all payers.';
comment on column drchrono.line_items.pt_paid is 'Paid by the patient.';
comment on column drchrono.line_items.paid_total is 'Paid in total.';
comment on column drchrono.line_items.balance_ins is 'Open with payers.';
comment on column drchrono.line_items.balance_pt is 'Open with the patient.';
comment on column drchrono.line_items.balance_total is 'Open in total.';
comment on column drchrono.line_items.expected_reimbursement is 'Contract estimate.';
comment on column drchrono.line_items.billing_status is 'Line''s copy of the claim status.';
comment on column drchrono.line_items.insurance_status is 'Display text; not an enumeration.';
comment on column drchrono.line_items.denied_flag is 'Line denied.';
comment on column drchrono.line_items.service_date is 'Date of service.';
comment on column drchrono.line_items.posted_date is 'Date of entry.';
comment on column drchrono.line_items.updated_at is 'Last change, zone unnamed.';
comment on column drchrono.line_items.raw is 'The object as received; holds patients'' data.';
comment on column drchrono.line_items.content_hash is 'SHA-256 of the received object: an equal one is not written again.';
comment on column drchrono.line_items.observed_at is 'When this version was asked for, by this database''s clock.';
comment on column drchrono.line_items.deleted_at_source is 'When the object was found deleted or missing at the source; null while it is there.';

create table drchrono.line_item_deletions (
    billing_line_item_id bigint primary key,
    appointment_id       text,
    created_at           timestamp,
    raw                  json        not null,
    content_hash         bytea       not null,
    observed_at          timestamptz not null,
    deleted_at_source    timestamptz
);
comment on table drchrono.line_item_deletions is 'Line items deleted at the source.';
comment on column drchrono.line_item_deletions.billing_line_item_id is 'line_items.id of the deleted line.';
comment on column drchrono.line_item_deletions.appointment_id is 'appointments.id of its visit.';
comment on column drchrono.line_item_deletions.created_at is 'When it was deleted, zone unnamed.';
comment on column drchrono.line_item_deletions.raw is 'The object as received.';
comment on column drchrono.line_item_deletions.content_hash is 'SHA-256 of the received object: an equal one is not written again.';
comment on column drchrono.line_item_deletions.observed_at is 'When this version was asked for, by this database''s clock.';
comment on column drchrono.line_item_deletions.deleted_at_source is 'When the object was found deleted or missing at the source; null while it is there.';

create table drchrono.transactions (
    id                    bigint primary key,
    line_item             bigint,
    appointment           text,
    patient               bigint,
    doctor                bigint,
    ins_name              integer,
    ins_paid              numeric(12,2),
    adjustment            numeric(12,2),
    adjustment_reason     text,
    adjustment_group_code text,
    claim_status          text,
    posted_date           date,
    check_date            date,
    trace_number          text,
    created_at            timestamp,
    updated_at            timestamp,
    raw                   json        not null,
    content_hash          bytea       not null,
    observed_at           timestamptz not null,
    deleted_at_source     timestamptz
);
create index transactions_line_item on drchrono.transactions (line_item);
create index transactions_appointment on drchrono.transactions (appointment);
create index transactions_updated_at on drchrono.transactions (updated_at);
comment on table drchrono.transactions is 'Postings of remittances per line item. One remitted line is several rows: sum them.';
comment on column drchrono.transactions.id is 'DrChrono''s id.';
comment on column drchrono.transactions.line_item is 'line_items.id.';
comment on column drchrono.transactions.appointment is 'appointments.id.';
comment on column drchrono.transactions.patient is 'patients.id.';
comment on column drchrono.transactions.doctor is 'doctors.id.';
comment on column drchrono.transactions.ins_name is 'Payer level, not a name: 1 primary, 2 secondary.';
comment on column drchrono.transactions.ins_paid is 'Payer''s payment in this row.';
comment on column drchrono.transactions.adjustment is 'Adjusted amount in this row.';
comment on column drchrono.transactions.adjustment_reason is 'CARC, or DrChrono''s own negative codes (-3 is a payment).';
comment on column drchrono.transactions.adjustment_group_code is 'CO, PR, OA, PI or empty.';
comment on column drchrono.transactions.claim_status is 'X12 835 CLP02.';
comment on column drchrono.transactions.posted_date is 'When posted.';
comment on column drchrono.transactions.check_date is 'Date of the check or transfer.';
comment on column drchrono.transactions.trace_number is 'Number of the check or transfer.';
comment on column drchrono.transactions.created_at is 'Creation, zone unnamed.';
comment on column drchrono.transactions.updated_at is 'Last change, zone unnamed.';
comment on column drchrono.transactions.raw is 'The object as received; holds patients'' data.';
comment on column drchrono.transactions.content_hash is 'SHA-256 of the received object: an equal one is not written again.';
comment on column drchrono.transactions.observed_at is 'When this version was asked for, by this database''s clock.';
comment on column drchrono.transactions.deleted_at_source is 'When the object was found deleted or missing at the source; null while it is there.';

create table drchrono.patient_payments (
    id                       bigint primary key,
    patient                  bigint,
    appointment              text,
    line_item                bigint,
    doctor                   bigint,
    amount                   numeric(12,2),
    payment_method           text,
    payment_transaction_type text,
    posted_date              date,
    received_date            date,
    trace_number             text,
    created_at               timestamp,
    updated_at               timestamp,
    raw                      json        not null,
    content_hash             bytea       not null,
    observed_at              timestamptz not null,
    deleted_at_source        timestamptz
);
create index patient_payments_appointment on drchrono.patient_payments (appointment);
create index patient_payments_updated_at on drchrono.patient_payments (updated_at);
comment on table drchrono.patient_payments is 'Payments by patients. The notes stay in raw.';
comment on column drchrono.patient_payments.id is 'DrChrono''s id.';
comment on column drchrono.patient_payments.patient is 'patients.id.';
comment on column drchrono.patient_payments.appointment is 'appointments.id; null while not allocated.';
comment on column drchrono.patient_payments.line_item is 'line_items.id; null while not allocated.';
comment on column drchrono.patient_payments.doctor is 'doctors.id.';
comment on column drchrono.patient_payments.amount is 'Amount; refunds and corrections may be negative.';
comment on column drchrono.patient_payments.payment_method is 'CASH, CHCK, VISA and so on.';
comment on column drchrono.patient_payments.payment_transaction_type is 'Empty credit, REF refund, COR correction, COPAY, COINSR, OTHR.';
comment on column drchrono.patient_payments.posted_date is 'When posted.';
comment on column drchrono.patient_payments.received_date is 'When received.';
comment on column drchrono.patient_payments.trace_number is 'Check or reference number.';
comment on column drchrono.patient_payments.created_at is 'Creation, zone unnamed.';
comment on column drchrono.patient_payments.updated_at is 'Last change, zone unnamed.';
comment on column drchrono.patient_payments.raw is 'The object as received; holds patients'' data.';
comment on column drchrono.patient_payments.content_hash is 'SHA-256 of the received object: an equal one is not written again.';
comment on column drchrono.patient_payments.observed_at is 'When this version was asked for, by this database''s clock.';
comment on column drchrono.patient_payments.deleted_at_source is 'When the object was found deleted or missing at the source; null while it is there.';

create table drchrono.quarantine (
    feed        text        not null,
    key         text        not null,
    reason      text        not null,
    raw         text        not null,
    observed_at timestamptz not null,
    primary key (feed, key)
);
comment on table drchrono.quarantine is 'Received rows that could not be decoded. A row leaves when a later version of it decodes.';
comment on column drchrono.quarantine.feed is 'Feed that received it.';
comment on column drchrono.quarantine.key is 'Key of the row, or a hash of it when the key itself cannot be read.';
comment on column drchrono.quarantine.reason is 'Which column is at fault and why; never its value.';
comment on column drchrono.quarantine.raw is 'The row as received; holds patients'' data.';
comment on column drchrono.quarantine.observed_at is 'When it was asked for, by this database''s clock.';

-- What follows from DrChrono's visits and lines: claims, and the history of their states. The
-- schema holds patients' data, as the visits do.

create schema billing;
comment on schema billing is 'Claims derived from DrChrono''s visits. Holds patients'' data.';

create table billing.claim (
    appointment         text          not null,
    level               smallint      not null check (level in (1, 2)),
    counts              boolean       not null,
    state               text          not null,
    status              text          not null,
    reason              text          not null,
    billing_status      text          not null,
    insurer_status      text          not null,
    payer               text          not null,
    payer_id            text          not null,
    patient             bigint,
    doctor              bigint,
    service_date        date,
    submitted_on        date,
    lines               integer       not null,
    denied_lines        integer       not null,
    denial_reasons      text[]        not null,
    billed              numeric(14,2) not null,
    adjustment          numeric(14,2) not null,
    insurance_paid      numeric(14,2) not null,
    level_paid          numeric(14,2) not null,
    patient_paid        numeric(14,2) not null,
    balance_insurance   numeric(14,2) not null,
    balance_patient     numeric(14,2) not null,
    posted_paid         numeric(14,2) not null,
    paid_differs        boolean       not null,
    rule_version        integer       not null,
    state_since         timestamptz   not null default now(),
    updated_at          timestamptz   not null default now(),
    primary key (appointment, level)
);
create index claim_status on billing.claim (status, state) where counts;
create index claim_patient on billing.claim (patient);
comment on table  billing.claim                   is 'A claim: one visit at one payer level. DrChrono has no such object; it follows from the visit, its lines and their postings.';
comment on column billing.claim.appointment       is 'drchrono.appointments.id.';
comment on column billing.claim.level             is '1 primary payer, 2 secondary.';
comment on column billing.claim.counts            is 'Whether this level''s state is the visit''s; a visit counts once.';
comment on column billing.claim.state             is 'Detailed state.';
comment on column billing.claim.status            is 'Short view of the state: not_billed, submitted, pending, paid, denied, unknown.';
comment on column billing.claim.reason            is 'Rule that decided.';
comment on column billing.claim.billing_status    is 'What the practice wants done, as received.';
comment on column billing.claim.insurer_status    is 'What clearinghouse or payer said at this level, as received.';
comment on column billing.claim.payer             is 'Payer of this level, as named on the claim.';
comment on column billing.claim.payer_id          is 'Its payer id.';
comment on column billing.claim.patient           is 'drchrono.patients.id.';
comment on column billing.claim.doctor            is 'drchrono.doctors.id.';
comment on column billing.claim.service_date      is 'First date of service of the lines; without one, the visit''s.';
comment on column billing.claim.submitted_on      is 'First day on which a claim was made or sent.';
comment on column billing.claim.lines             is 'Lines of the visit.';
comment on column billing.claim.denied_lines      is 'Lines denied at this level.';
comment on column billing.claim.denial_reasons    is 'Denial reason codes (CARC) posted at this level.';
comment on column billing.claim.billed            is 'Charged.';
comment on column billing.claim.adjustment        is 'Adjusted off.';
comment on column billing.claim.insurance_paid    is 'Paid by all payers, by the lines'' totals.';
comment on column billing.claim.level_paid        is 'Paid by the payer of this level, by the lines'' totals.';
comment on column billing.claim.patient_paid      is 'Paid by the patient.';
comment on column billing.claim.balance_insurance is 'Open with payers.';
comment on column billing.claim.balance_patient   is 'Open with the patient.';
comment on column billing.claim.posted_paid       is 'Paid by the payer of this level, by the sum of its postings.';
comment on column billing.claim.paid_differs      is 'Whether lines and postings disagree about what this level paid; nothing is changed because of it.';
comment on column billing.claim.rule_version      is 'Version of the rules that derived the row.';
comment on column billing.claim.state_since       is 'When this state was first observed.';
comment on column billing.claim.updated_at        is 'When the row last changed.';

create table billing.claim_history (
    id                 bigint generated always as identity primary key,
    appointment        text        not null,
    level              smallint    not null,
    observed_at        timestamptz not null default now(),
    run_id             bigint      not null,
    old_state          text,
    new_state          text,
    old_billing_status text,
    new_billing_status text,
    old_insurer_status text,
    new_insurer_status text,
    rule_version       integer     not null
);
create index claim_history_claim on billing.claim_history (appointment, level, id);
comment on table  billing.claim_history              is 'Every observed change of a claim''s state or raw statuses. DrChrono keeps no such history.';
comment on column billing.claim_history.appointment  is 'drchrono.appointments.id.';
comment on column billing.claim_history.level        is 'Payer level.';
comment on column billing.claim_history.observed_at  is 'When the change was seen; the source does not say when it happened.';
comment on column billing.claim_history.run_id       is 'august.run.id that saw it.';
comment on column billing.claim_history.old_state    is 'State before; null when the claim is new.';
comment on column billing.claim_history.new_state    is 'State after; null when the claim is gone: visit deleted, cancelled or left without lines.';
comment on column billing.claim_history.rule_version is 'Rules that derived the new state; a change of rules may change states by itself.';
comment on column billing.claim_history.old_billing_status is 'What the practice wanted done, before.';
comment on column billing.claim_history.new_billing_status is 'What the practice wants done.';
comment on column billing.claim_history.old_insurer_status is 'What the payer had said, before.';
comment on column billing.claim_history.new_insurer_status is 'What the payer says.';

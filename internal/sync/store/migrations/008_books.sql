-- What reconciliation and the days need: where the books differ, and how claims stood day by day.

create table billing.mismatch (
    key            text          primary key,
    reason         text          not null,
    severity       text          not null check (severity in ('info', 'warning', 'fault')),
    appointment    text,
    line_item      bigint,
    level          integer,
    transaction    bigint,
    payment        bigint,
    repeats        bigint,
    field          text          not null,
    expected       numeric(14,2) not null,
    found          numeric(14,2) not null,
    difference     numeric(14,2) not null generated always as (found - expected) stored,
    text           text          not null,
    since          timestamptz   not null default now(),
    updated_at     timestamptz   not null default now(),
    resolved_at    timestamptz
);
create index mismatch_open on billing.mismatch (reason, severity) where resolved_at is null;
create index mismatch_appointment on billing.mismatch (appointment);
comment on table  billing.mismatch             is 'Where line items, transactions and patient payments disagree. Only named, never corrected: which of them is right is for a person to say.';
comment on column billing.mismatch.key         is 'The same for the same mismatch in every run.';
comment on column billing.mismatch.reason      is 'unallocated_payment, orphan_transaction, orphan_payment, overpaid, underpaid, negative_balance, line_total_drift, posting_drift, payment_drift, paid_without_posting, duplicate_payment.';
comment on column billing.mismatch.severity    is 'info: may be right, or passes by itself; warning: somebody has to look; fault: two records of the same money disagree.';
comment on column billing.mismatch.appointment is 'drchrono.appointments.id, as the record names it; it may not exist.';
comment on column billing.mismatch.line_item   is 'drchrono.line_items.id, as the record names it; null for a visit as a whole.';
comment on column billing.mismatch.level       is 'Payer level, where it is about one.';
comment on column billing.mismatch.transaction is 'drchrono.transactions.id, where it is about one.';
comment on column billing.mismatch.payment     is 'drchrono.patient_payments.id, where it is about one.';
comment on column billing.mismatch.repeats     is 'drchrono.patient_payments.id that the payment seems to repeat.';
comment on column billing.mismatch.field       is 'Column of the source whose value is compared.';
comment on column billing.mismatch.expected    is 'Amount by the line''s parts or totals.';
comment on column billing.mismatch.found       is 'Amount found instead.';
comment on column billing.mismatch.difference  is 'Found less expected.';
comment on column billing.mismatch.text        is 'What is wrong, in words that are the same for every mismatch of the kind: no patient''s data.';
comment on column billing.mismatch.since       is 'When it was first seen, or seen again after it had been resolved.';
comment on column billing.mismatch.updated_at  is 'When the row last changed.';
comment on column billing.mismatch.resolved_at is 'When the books agreed again; null while they do not.';

-- Payments are looked up by their line.
create index patient_payments_line_item on drchrono.patient_payments (line_item);

create table billing.daily (
    day            date          not null,
    status         text          not null,
    payer          text          not null,
    doctor         bigint        not null,
    claims         bigint        not null,
    billed         numeric(14,2) not null,
    insurance_paid numeric(14,2) not null,
    patient_paid   numeric(14,2) not null,
    balance        numeric(14,2) not null,
    updated_at     timestamptz   not null default now(),
    primary key (day, status, payer, doctor)
);
comment on table  billing.daily                is 'Claims by status, payer and provider as each of the practice''s days ended. Exact figures with small groups: they stay in the database.';
comment on column billing.daily.day            is 'Day by the practice''s own clock. The newest row is of a day that may not have ended yet.';
comment on column billing.daily.status         is 'Short status of the claims at the end of the day, as observed by then.';
comment on column billing.daily.payer          is 'Primary payer.';
comment on column billing.daily.doctor         is 'drchrono.doctors.id of the visits; 0 without.';
comment on column billing.daily.claims         is 'Claims, each visit once.';
comment on column billing.daily.billed         is 'Charged.';
comment on column billing.daily.insurance_paid is 'Paid by payers, by the lines'' totals of that day.';
comment on column billing.daily.patient_paid   is 'Paid by patients, likewise.';
comment on column billing.daily.balance        is 'Open with payers and patients, likewise.';
comment on column billing.daily.updated_at     is 'When the row last changed.';

-- How old a feed's data is, for every instance to say.
alter table august.checkpoint add column fresh_at timestamptz;
comment on column august.checkpoint.fresh_at is 'When the newest complete sweep began: what the source held then is here. Null before the first.';

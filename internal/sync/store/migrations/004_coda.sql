-- The way to Coda: what each row of a view should be, and what Coda is known to hold. No patient's
-- data goes this way.

create table august.outbox (
    pipeline   text        not null references august.pipeline on delete cascade,
    view       text        not null,
    key        text        not null,
    payload    jsonb,
    hash       bytea       not null,
    sent       bytea,
    sent_at    timestamptz,
    changed_at timestamptz not null default now(),
    primary key (pipeline, view, key)
);
comment on table  august.outbox            is 'One row per row of a Coda view: the newest state wins, so a slow Coda never makes a queue.';
comment on column august.outbox.key        is 'Value of the Coda table''s key column.';
comment on column august.outbox.payload    is 'Fields of the row; null: the row is to be deleted from Coda.';
comment on column august.outbox.hash       is 'SHA-256 of the payload.';
comment on column august.outbox.sent       is 'Hash of what Coda confirmed, followed by a hash of the table and columns it went to; the row waits while it differs from the wanted.';
comment on column august.outbox.sent_at    is 'When Coda confirmed it.';
comment on column august.outbox.changed_at is 'When the payload last changed.';

create table august.coda_view (
    pipeline   text        not null references august.pipeline on delete cascade,
    view       text        not null,
    in_flight  text        not null default '',
    next_try   timestamptz not null default '-infinity',
    failures   integer     not null default 0,
    error      text        not null default '',
    withheld   bigint      not null default 0,
    updated_at timestamptz not null default now(),
    primary key (pipeline, view)
);
comment on table  august.coda_view           is 'How the push of each Coda view stands.';
comment on column august.coda_view.in_flight is 'Request id of a write that Coda accepted and has not confirmed; "?" when the answer was lost.';
comment on column august.coda_view.next_try  is 'No write before this time.';
comment on column august.coda_view.failures  is 'Failures since the last success.';
comment on column august.coda_view.error     is 'What went wrong and what to do; empty while all is well.';
comment on column august.coda_view.withheld  is 'Claims left out of the view because their group is too small to show.';

create table august.coda_account (
    account       bytea         primary key,
    writes        timestamptz[] not null default '{}',
    blocked_until timestamptz   not null default '-infinity',
    strikes       integer       not null default 0
);
comment on table  august.coda_account               is 'Coda''s limit of row writes, which counts per user across instances.';
comment on column august.coda_account.account       is 'SHA-256 of the API token.';
comment on column august.coda_account.writes        is 'Times of the newest writes.';
comment on column august.coda_account.blocked_until is 'Coda answered 429: nobody writes before this time.';
comment on column august.coda_account.strikes       is '429 answers since the last success.';

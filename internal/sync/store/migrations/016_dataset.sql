-- Imports of anonymised exports, in a staging database. Production's stay empty. Additive: no earlier revision knows of them.

create table august.dataset (
    id          bigint      generated always as identity primary key,
    export      text        not null,
    manifest    text        not null,
    policy_hash text        not null,
    method      text        not null,
    snapshot    timestamptz not null,
    tables      integer     not null,
    rows        bigint      not null,
    runtime     text        not null,
    actor       text        not null default session_user,
    begun_at    timestamptz not null,
    imported_at timestamptz not null default clock_timestamp()
);
comment on table  august.dataset             is 'History of imports; the newest is what the database serves. That it has a row says that this is a staging database: an import replaces its rows.';
comment on column august.dataset.export      is 'Name of the export.';
comment on column august.dataset.manifest    is 'SHA-256 of its signed manifest, hex.';
comment on column august.dataset.policy_hash is 'Of the policy that the export was made by.';
comment on column august.dataset.method      is 'By which it counts as de-identified: safe_harbor, expert_determination.';
comment on column august.dataset.snapshot    is 'Moment in production that its rows are of.';
comment on column august.dataset.rows        is 'Rows of all its tables.';
comment on column august.dataset.runtime     is 'Version of the august-sync that imported it.';
comment on column august.dataset.actor       is 'Database user.';

create table august.dataset_step (
    load text        not null,
    step text        not null,
    rows bigint      not null default 0,
    at   timestamptz not null default clock_timestamp(),
    primary key (load, step)
);
comment on table  august.dataset_step      is 'What an import that is under way, or was killed, has done: each step in the transaction that did it. Empty otherwise.';
comment on column august.dataset_step.load is 'Digest of the manifest and of how the tables were made when it began; a step of another one is worth nothing.';

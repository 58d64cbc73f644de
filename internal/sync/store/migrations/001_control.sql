-- The runtime's own state. The schema august holds no patient data.

create table august.pipeline (
    name       text primary key,
    spec       jsonb       not null,
    generation bigint      not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    next_run   timestamptz,
    last_full  timestamptz
);
comment on table  august.pipeline            is 'Declared pipelines, as the control API received them.';
comment on column august.pipeline.spec       is 'runtimeapi.PipelineSpec.';
comment on column august.pipeline.generation is 'Rises by one with every change of the spec.';
comment on column august.pipeline.next_run   is 'When the schedule fires next; null when it never does.';
comment on column august.pipeline.last_full  is 'End of the last full sync that succeeded.';

create table august.run (
    id           bigint generated always as identity primary key,
    pipeline     text        not null references august.pipeline on delete cascade,
    state        text        not null default 'pending'
                 check (state in ('pending', 'running', 'parked', 'succeeded', 'failed')),
    "full"       boolean     not null default false,
    full_since   timestamptz not null default now(),
    generation   bigint      not null,
    requested_at timestamptz not null default now(),
    started_at   timestamptz,
    finished_at  timestamptz,
    resume_at    timestamptz,
    error        text        not null default '',
    attempt      integer     not null default 0,
    lease_owner  text,
    lease_until  timestamptz
);
comment on table  august.run             is 'Runs of pipelines. An instance holds a run by a lease that it renews; an expired lease may be taken over.';
comment on column august.run."full"      is 'Whether the run re-reads everything, whatever the checkpoints say.';
comment on column august.run.full_since  is 'A full run re-reads the feeds that had no complete full sweep since then.';
comment on column august.run.generation  is 'Generation of the spec that asked for the run.';
comment on column august.run.resume_at   is 'When a parked run may go on: the end of a throttle''s pause.';
comment on column august.run.error       is 'What went wrong and what to do; never a value read from the source.';
comment on column august.run.attempt     is 'Takeovers and failures since the run stored its newest page.';
comment on column august.run.lease_owner is 'Instance that works on the run.';

-- One open run per pipeline: a second request joins the first.
create unique index run_open on august.run (pipeline) where state in ('pending', 'running', 'parked');
create index run_newest on august.run (pipeline, id desc);

create table august.feed_run (
    run_id      bigint      not null references august.run on delete cascade,
    feed        text        not null,
    ordinal     integer     not null,
    state       text        not null default 'pending'
                check (state in ('pending', 'running', 'parked', 'succeeded', 'failed')),
    pages       bigint      not null default 0,
    read        bigint      not null default 0,
    changed     bigint      not null default 0,
    deleted     bigint      not null default 0,
    quarantined bigint      not null default 0,
    started_at  timestamptz,
    finished_at timestamptz,
    primary key (run_id, feed)
);
comment on table  august.feed_run             is 'What a run did with one DrChrono object; written with every page.';
comment on column august.feed_run.ordinal     is 'Position of the feed in its dataset.';
comment on column august.feed_run.read        is 'Rows received from the source.';
comment on column august.feed_run.changed     is 'Rows inserted or updated; the rest were the same or older.';
comment on column august.feed_run.deleted     is 'Rows newly marked as deleted at the source.';
comment on column august.feed_run.quarantined is 'Rows that could not be decoded; see drchrono.quarantine.';

create sequence august.sweep_number;

create table august.checkpoint (
    pipeline      text not null references august.pipeline on delete cascade,
    feed          text not null,
    watermark     timestamp,
    full_at       timestamptz,
    sweep         bigint,
    sweep_full    boolean     not null default false,
    sweep_since   text        not null default '',
    sweep_started timestamptz,
    updated_at    timestamptz not null default now(),
    primary key (pipeline, feed)
);
comment on table  august.checkpoint               is 'How far each feed of each pipeline has got.';
comment on column august.checkpoint.watermark     is 'Greatest updated_at of the source, in its own unnamed zone, that is surely stored; null before the first complete sweep.';
comment on column august.checkpoint.full_at       is 'End of the last complete full sweep.';
comment on column august.checkpoint.sweep         is 'Number of the pass over the feed that is under way or was last; its pages are in august.sweep_page.';
comment on column august.checkpoint.sweep_full    is 'Whether that pass reads everything.';
comment on column august.checkpoint.sweep_since   is 'Lower bound of that pass, as sent to the source.';
comment on column august.checkpoint.sweep_started is 'When that pass began; null when none is under way.';

create table august.sweep_page (
    sweep       bigint      not null,
    page        integer     not null,
    next        text        not null default '',
    pages       integer     not null default 0,
    total       bigint      not null default 0,
    keys        text[]      not null,
    keyless     integer     not null default 0,
    newest      timestamp,
    fetched_at  timestamptz not null,
    primary key (sweep, page)
);
comment on table  august.sweep_page            is 'Pages of an unfinished sweep, written in the transaction that stored their rows: the point to resume from, and the proof of what was seen.';
comment on column august.sweep_page.next       is 'Cursor of the page that follows; empty at the end and for numbered pages.';
comment on column august.sweep_page.pages      is 'Pages the source announced; 0 when it did not say.';
comment on column august.sweep_page.total      is 'Rows the source announced.';
comment on column august.sweep_page.keys       is 'Keys on the page. A complete sweep marks rows it never saw as deleted at the source.';
comment on column august.sweep_page.keyless    is 'Rows whose key could not be read; a sweep that has any deletes nothing.';
comment on column august.sweep_page.newest     is 'Greatest updated_at on the page.';
comment on column august.sweep_page.fetched_at is 'When the page was asked for, by this database''s clock.';

create table august.credential (
    application   text primary key,
    access_token  text        not null default '',
    refresh_token text        not null,
    expires_at    timestamptz,
    seed          bytea       not null,
    refused       boolean     not null default false,
    updated_at    timestamptz not null default now()
);
comment on table  august.credential               is 'OAuth tokens of each DrChrono application. The row''s lock makes refreshes single-flight across instances.';
comment on column august.credential.refresh_token is 'The token to refresh with next; DrChrono may rotate it at each refresh.';
comment on column august.credential.expires_at    is 'When the access token counts as stale, a little before its end.';
comment on column august.credential.seed          is 'SHA-256 of the refresh token in the secret that this row was seeded from; a new secret seeds the row anew.';
comment on column august.credential.refused       is 'The source refused the refresh token: nothing helps but a new authorisation.';

create table august.throttle (
    application  text primary key,
    next_at      timestamptz not null default '-infinity',
    hour         timestamptz not null default '-infinity',
    used         integer     not null default 0,
    paused_until timestamptz not null default '-infinity',
    calls        bigint      not null default 0
);
comment on table  august.throttle              is 'Call budget of each DrChrono application, shared by all instances.';
comment on column august.throttle.next_at      is 'Earliest moment of the next call.';
comment on column august.throttle.hour         is 'Clock hour that "used" counts.';
comment on column august.throttle.used         is 'Calls reserved in that hour.';
comment on column august.throttle.paused_until is 'End of a pause that the source asked for.';
comment on column august.throttle.calls        is 'Calls ever reserved.';

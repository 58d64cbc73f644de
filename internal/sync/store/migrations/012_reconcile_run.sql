-- A reconciliation is a kind of run: leased, parked and resumed as a sync is. The previous revision takes one
-- for a sync, which does no harm; its report is missing then.

alter table august.run
    add column kind      text    not null default 'sync' check (kind in ('sync', 'reconcile')),
    add column repair    boolean not null default false,
    add column then_sync boolean not null default false,
    add column then_full boolean not null default false,
    add column report    jsonb;
comment on column august.run.kind      is 'sync: reads and merges. reconcile: reads everything and compares.';
comment on column august.run.repair    is 'Whether a reconciliation writes the rows that differ.';
comment on column august.run.then_sync is 'A sync was asked for while the reconciliation was open, and follows on it.';
comment on column august.run.then_full is 'And it is to be a full one.';
comment on column august.run.report    is 'runtimeapi.Reconcile of a reconciliation that has ended: counts only, no row''s content.';

-- A queued run is not open yet: it waits until the pipeline's open run has ended.
alter table august.run drop constraint run_state_check;
alter table august.run add constraint run_state_check check (state in ('queued', 'pending', 'running', 'parked', 'succeeded', 'failed'));
create unique index run_queued on august.run (pipeline, repair) where state = 'queued';
create index run_reconcile on august.run (pipeline, id desc) where kind = 'reconcile';

insert into august.run (pipeline, kind, state, generation, requested_at, started_at, finished_at, repair, report)
select pipeline, 'reconcile', 'succeeded', 0, started_at, started_at, finished_at, coalesce((report->>'repair')::boolean, false), report from august.reconcile;
comment on table august.reconcile is 'Newest comparison of each pipeline, as the revision before august.run.report kept it.';

alter table august.pipeline
    add column next_reconcile timestamptz,
    add column reconcile_due  timestamptz;
comment on column august.pipeline.next_reconcile is 'When the schedule of reconciliations fires next; null when it never does.';
comment on column august.pipeline.reconcile_due  is 'When the schedule fired first since the last reconciliation that ended; null when none is awaited.';

create table august.reconcile_feed (
    run_id       bigint      not null references august.run on delete cascade,
    feed         text        not null,
    sweep        bigint      not null default nextval('august.sweep_number'),
    started      timestamptz not null default clock_timestamp(),
    split_values text[],
    refused      integer     not null default 0,
    read_at      timestamptz,
    report       jsonb,
    primary key (run_id, feed)
);
comment on table  august.reconcile_feed              is 'How far a reconciliation under way has got with each feed.';
comment on column august.reconcile_feed.sweep        is 'Number of its pass; the pages are in august.sweep_page, the rows in august.reconcile_row.';
comment on column august.reconcile_feed.started      is 'When the pass began: what was written since is not judged by what it did not see.';
comment on column august.reconcile_feed.split_values is 'Parts that the list is read in; null when it is read whole.';
comment on column august.reconcile_feed.refused      is 'Parts that the source refused to list; they are not compared.';
comment on column august.reconcile_feed.read_at      is 'When everything was read; what remains is to ask for the rows that only the database has.';
comment on column august.reconcile_feed.report       is 'runtimeapi.ReconcileFeed, once the feed has been compared.';

create table august.reconcile_row (
    sweep    bigint  not null,
    key      text    collate "C" not null,
    hash     bytea   not null,
    deleted  boolean not null,
    diff     text    not null,
    young    boolean not null,
    repaired boolean not null,
    primary key (sweep, key)
);
comment on table  august.reconcile_row          is 'Rows of the source as a reconciliation under way saw them, written in the transaction that repaired them; emptied when the feed has been compared.';
comment on column august.reconcile_row.hash     is 'Hash of the row''s content at the source.';
comment on column august.reconcile_row.deleted  is 'The source does not have it, or flags it as deleted.';
comment on column august.reconcile_row.diff     is 'missing, differs, deleted or gone: how the database differed when the row was first seen. bad: it could not be decoded. unasked: whether it is gone could not be asked. Empty: the same.';
comment on column august.reconcile_row.young    is 'The difference is younger than the last sync, and the next one brings it.';
comment on column august.reconcile_row.repaired is 'The difference was repaired.';

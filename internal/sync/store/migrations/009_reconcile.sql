-- Rows that a full sweep missed are looked for again before they count as gone.

alter table august.checkpoint add column missed text[] not null default '{}';
alter table august.checkpoint add column missed_sweep bigint;
comment on column august.checkpoint.missed       is 'Keys that a complete full sweep did not see, too many to ask for one by one. The next one that misses them too marks them.';
comment on column august.checkpoint.missed_sweep is 'That sweep.';

create table august.reconcile (
    pipeline    text primary key references august.pipeline on delete cascade,
    started_at  timestamptz not null,
    finished_at timestamptz not null,
    report      jsonb       not null
);
comment on table  august.reconcile             is 'Newest comparison of each pipeline with its source.';
comment on column august.reconcile.report      is 'runtimeapi.Reconcile: counts only, no row''s content.';

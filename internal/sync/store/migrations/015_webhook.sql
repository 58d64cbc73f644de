-- What follows from deliveries of the webhook. Additive: the previous revision takes a run of kind derive for a sync,
-- which derives at its end.

create table august.derive_mark (
    id       bigint      generated always as identity primary key,
    pipeline text        not null,
    at       timestamptz not null default clock_timestamp()
);
comment on table  august.derive_mark          is 'Pipelines whose tables changed since they derived last. Only added to, and removed by whoever derives: nobody waits for anybody.';
comment on column august.derive_mark.pipeline is 'No reference: its check would lock the pipeline''s row.';
create index derive_mark_pipeline on august.derive_mark (pipeline, at);

alter table august.run drop constraint run_kind_check;
alter table august.run add constraint run_kind_check check (kind in ('sync', 'reconcile', 'derive'));
comment on column august.run.kind is 'sync: reads and merges. reconcile: reads everything and compares. derive: reads nothing, and computes what follows from deliveries.';
create index run_derive on august.run (pipeline, id desc) where kind = 'derive';

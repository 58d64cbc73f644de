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

-- Who takes a parked delivery up again or gives it up is in the audit trail: the delivery itself does not stay for ever. What
-- deliveries change is recorded where they change it.
create function august.audit_shelf() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    kind text := nullif(current_setting('august.audit_source', true), '');
begin
    insert into august.audit (cluster, source, source_id, relation, operation, keys, before, after, deliveries)
    values (august.audit_cluster(), coalesce(kind, 'sql'), case when kind is null then current_setting('application_name') else coalesce(current_setting('august.audit_id', true), '') end,
        'august.inbox', lower(tg_op), array[old.id::text], sha256(convert_to(old.state, 'UTF8')), case when tg_op = 'UPDATE' then sha256(convert_to(new.state, 'UTF8')) end, array[old.delivery]);
    return null;
end $$;
comment on function august.audit_shelf() is 'Records that a parked delivery was taken from the shelf; the hashes are of its state.';
create trigger audit_unparked after update on august.inbox for each row when (old.state = 'parked') execute function august.audit_shelf();
create trigger audit_dropped after delete on august.inbox for each row when (old.state = 'parked') execute function august.audit_shelf();

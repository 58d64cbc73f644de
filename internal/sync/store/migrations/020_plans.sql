-- What the runtime asks of tables that have grown, by an index. Each was missed, or is not used, at a million rows:
-- internal/sync/plans. Additive for the previous revision, but for speed. Whoever has taken advice may have done some of it by hand.

-- The newest full run, and what an ordinary run of the last week has read.
create index if not exists run_full on august.run (pipeline, id desc) where "full";
create index if not exists run_finished on august.run (finished_at);

-- What the source has told of late that it has deleted.
create index if not exists line_item_deletions_observed_at on drchrono.line_item_deletions (observed_at);

-- Nothing of the runtime asks when a row was changed at the source: checkpoints say how far it has read. Each of these
-- cost 6 % of a load's WAL, and kept a changed row's update from leaving the indexes alone.
drop index if exists drchrono.appointments_updated_at, drchrono.line_items_updated_at, drchrono.transactions_updated_at, drchrono.patient_payments_updated_at;

-- A row of the outbox is written when its content changes and again when it was sent; neither is in an index. With room
-- on its page both leave the indexes alone: half of the WAL, and a fifth of the size.
alter table august.outbox set (fillfactor = 50);

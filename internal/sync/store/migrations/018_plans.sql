-- What the runtime asks of tables that have grown, by an index. Each was missed, or is not used, at a million rows:
-- internal/sync/plans. Additive for the previous revision, but for speed.

-- The newest full run, and what an ordinary run of the last week has read.
create index run_full on august.run (pipeline, id desc) where "full";
create index run_finished on august.run (finished_at);

-- What the source has told of late that it has deleted.
create index line_item_deletions_observed_at on drchrono.line_item_deletions (observed_at);

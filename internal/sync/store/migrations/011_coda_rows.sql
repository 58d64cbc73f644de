-- A row that Coda refuses must not hold up the others, and what Coda shows is compared with what was sent.

alter table august.outbox
    add column refused    bytea,
    add column refused_as text,
    add column retry_at   timestamptz,
    add column mended     bytea;
comment on column august.outbox.refused    is 'Content and destination, hashed as in "sent", that Coda did not take.';
comment on column august.outbox.refused_as is 'Why not; nothing of the row.';
comment on column august.outbox.retry_at   is 'Until then the refused content is not tried again; another content is.';
comment on column august.outbox.mended     is 'Content that was sent again because Coda showed another; it is not sent a third time.';

alter table august.coda_view add column wrote_at timestamptz not null default '-infinity';
comment on column august.coda_view.wrote_at  is 'When Coda last confirmed a write to the view''s table.';
comment on column august.coda_view.in_flight is 'Request ids of writes that Coda accepted and has not confirmed, by space; "?" when the answer to one was lost, "??" when that one has been given its time.';

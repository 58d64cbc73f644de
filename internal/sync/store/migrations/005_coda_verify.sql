-- Coda is edited by people: from time to time its rows are compared with what was sent.

alter table august.coda_view add column verified_at timestamptz not null default '-infinity';
comment on column august.coda_view.verified_at is 'When the table''s keys were last compared with the outbox.';

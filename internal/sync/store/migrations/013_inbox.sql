-- Deliveries of DrChrono's webhook. Additive: the previous revision receives none.

create table august.inbox (
    id          bigint      generated always as identity primary key,
    delivery    text        not null,
    digest      bytea       not null,
    event       text        not null,
    kind        text        not null,
    key         text        not null,
    lane        smallint    not null,
    practice    bigint      not null default 0,
    object      bytea,
    via         text        not null check (via in ('pubsub', 'inbox')),
    received_at timestamptz not null default clock_timestamp(),
    state       text        not null default 'pending' check (state in ('pending', 'applied', 'ignored', 'unknown', 'parked')),
    reason      text        not null default '',
    attempts    integer     not null default 0,
    settled_at  timestamptz,
    unique (delivery, digest)
);
comment on table  august.inbox             is 'Deliveries of the webhook: those that wait, those that are parked, and for a while those that are done.';
comment on column august.inbox.id          is 'Order in which they came, within a lane.';
comment on column august.inbox.delivery    is 'X-drchrono-delivery; "sha256:" and the digest where there was none.';
comment on column august.inbox.digest      is 'SHA-256 of event and object: the same id with another content is another delivery.';
comment on column august.inbox.event       is 'X-drchrono-event.';
comment on column august.inbox.kind        is 'What it is about: the feed''s name where one has such objects.';
comment on column august.inbox.key         is 'The object''s id; empty when it was not said.';
comment on column august.inbox.lane        is 'Of (kind, key): one transaction at a time applies a lane, in order.';
comment on column august.inbox.practice    is 'practice_group_id; 0 when it was not said.';
comment on column august.inbox.object      is 'The object, byte for byte as DrChrono sent it: it may be no JSON at all. null when there was none, and once it is no longer needed.';
comment on column august.inbox.via         is 'Whether Pub/Sub held it until it was applied, or this table.';
comment on column august.inbox.received_at is 'When the receiver took it, by this database''s clock.';
comment on column august.inbox.state       is 'pending; applied; ignored: no pipeline wants the event; unknown: not an event that DrChrono is known to send; parked: it cannot be applied and waits for a person.';
comment on column august.inbox.reason      is 'Why it is parked or ignored, without any value of it.';
comment on column august.inbox.attempts    is 'How often it was tried to apply it.';
comment on column august.inbox.settled_at  is 'When it left the state pending last.';

-- What waits is found in order, what is parked by object and by time, what is done by age.
create index inbox_pending on august.inbox (lane, id) where state = 'pending';
create index inbox_parked  on august.inbox (received_at) where state = 'parked';
create index inbox_object  on august.inbox (kind, key, id);
create index inbox_settled on august.inbox (settled_at) where state in ('applied', 'ignored', 'unknown');

alter table august.inbox set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05, fillfactor = 80);

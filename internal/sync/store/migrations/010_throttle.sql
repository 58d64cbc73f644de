-- What the call budget learns of the source, and bulk requests that outlive the hour they were made in.

alter table august.throttle
    add column rolling       integer,
    add column rolling_until timestamptz not null default '-infinity';
comment on column august.throttle.rolling       is 'Calls in ten minutes that the source was seen to refuse more than; null when it never did. The limit is undocumented.';
comment on column august.throttle.rolling_until is 'When that is forgotten, and learned again if it still holds.';

create table august.throttle_minute (
    application text        not null,
    minute      timestamptz not null,
    calls       integer     not null,
    primary key (application, minute)
);
comment on table  august.throttle_minute       is 'Calls of each application by the minute, for the last hour.';
comment on column august.throttle_minute.calls is 'Calls booked for that minute.';

create table august.bulk_request (
    sweep        bigint      not null,
    page         integer     not null,
    uuid         text        not null,
    submitted_at timestamptz not null,
    primary key (sweep, page)
);
comment on table  august.bulk_request              is 'Bulk pages that were submitted and not fetched when their run stopped. The source keeps a result for an hour.';
comment on column august.bulk_request.uuid         is 'The source''s name of the request.';
comment on column august.bulk_request.submitted_at is 'When it was submitted, by this database''s clock: nothing in the result is newer.';

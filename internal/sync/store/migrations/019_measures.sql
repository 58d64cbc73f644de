-- Connections as they were seen, by minute: how many are needed is known from what was taken, not from one look. No statement and no
-- value of any row is here. Additive: no earlier revision knows of it.

create table august.connection_look (
    minute   timestamptz primary key,
    samples  integer     not null,
    first    timestamptz not null,
    last     timestamptz not null,
    received bigint      not null
) with (fillfactor = 60);
comment on table  august.connection_look          is 'Minutes in which somebody looked at the connections.';
comment on column august.connection_look.received is 'Number of the newest delivery at the last look; those that came twice have two.';

create table august.connection_minute (
    minute timestamptz not null, role text not null,
    connections bigint not null, most integer not null,
    active bigint not null, most_active integer not null,
    idle_in_transaction bigint not null, most_idle_in_transaction integer not null,
    primary key (minute, role)
) with (fillfactor = 60);
comment on table  august.connection_minute      is 'Connections of each role: the sum over the looks of the minute, and the most of any of them.';
comment on column august.connection_minute.role is 'Of the database; empty: all together.';

create table august.connection_wait (
    minute timestamptz not null, role text not null, type text not null,
    connections bigint not null,
    primary key (minute, role, type)
) with (fillfactor = 60);
comment on table  august.connection_wait      is 'What connections at work waited for: the sum over the looks of the minute.';
comment on column august.connection_wait.type is 'Of the wait event, as pg_stat_activity has it.';

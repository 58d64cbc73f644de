-- What PostgreSQL counts, kept by day: advice is on what happened between two looks, never on totals of unknown age. No
-- statement's text and no value of any row is here. Additive: no earlier revision knows of it.

create table august.workload_look (
    one      boolean     primary key default true check (one),
    at       timestamptz not null,
    timeline text        not null,
    resets   timestamptz[] not null,
    evicted  bigint      not null
);
comment on table  august.workload_look          is 'The newest look at the counters.';
comment on column august.workload_look.timeline is 'Of the server''s log: after a failover another server counts.';
comment on column august.workload_look.resets   is 'When the database''s counters and those of pg_stat_statements were last set back.';
comment on column august.workload_look.evicted  is 'How often pg_stat_statements had to make room.';

create table august.workload_statement (
    role text not null, queryid bigint not null,
    calls double precision not null, seconds double precision not null, rows double precision not null, blocks double precision not null,
    since timestamptz not null,
    primary key (role, queryid)
) with (fillfactor = 60);
comment on table august.workload_statement is 'Counters of statements as they were at the newest look.';

create table august.workload_table (
    relid oid primary key,
    inserted double precision not null, updated double precision not null, hot_updated double precision not null, deleted double precision not null,
    seq_scans double precision not null, seq_rows double precision not null,
    since timestamptz not null
) with (fillfactor = 60);
comment on table august.workload_table is 'Counters of tables as they were at the newest look.';

create table august.workload_index (
    relid oid primary key,
    scans double precision not null,
    since timestamptz not null
) with (fillfactor = 60);
comment on table  august.workload_index       is 'Counters of indexes as they were at the newest look.';
comment on column august.workload_index.since is 'Since when they are counted without a gap.';

create table august.workload_day (
    day     date        primary key,
    first   timestamptz not null,
    last    timestamptz not null,
    gaps    bigint      not null,
    evicted bigint      not null
) with (fillfactor = 60);
comment on table  august.workload_day         is 'Days of which there are figures, by UTC; what happened between two looks is of the day of the second one.';
comment on column august.workload_day.gaps    is 'How often counters went back: a restart, a reset, a failover.';
comment on column august.workload_day.evicted is 'Statements that pg_stat_statements had no room for, estimated.';

create table august.workload_statement_day (
    day date not null, role text not null, queryid bigint not null,
    calls double precision not null, seconds double precision not null, rows double precision not null, blocks double precision not null,
    primary key (day, role, queryid)
) with (fillfactor = 60);
comment on table august.workload_statement_day is 'What each statement did on a day. Its text is in pg_stat_statements, and stays there.';

create table august.workload_table_day (
    day date not null, relid oid not null,
    inserted double precision not null, updated double precision not null, hot_updated double precision not null, deleted double precision not null,
    seq_scans double precision not null, seq_rows double precision not null,
    primary key (day, relid)
) with (fillfactor = 60);
comment on table august.workload_table_day is 'What was done to each table on a day.';

create table august.workload_index_day (
    day date not null, relid oid not null,
    scans double precision not null,
    primary key (day, relid)
) with (fillfactor = 60);
comment on table august.workload_index_day is 'How often each index was used on a day.';

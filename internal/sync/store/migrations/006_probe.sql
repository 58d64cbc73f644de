-- The rows of recovery drills' write probes. They are numbers and times, and live for a day at most.

create table august.probe (
    probe  text        not null,
    number bigint      not null,
    at     timestamptz not null default clock_timestamp(),
    primary key (probe, number)
);
comment on table  august.probe        is 'Rows that a recovery drill committed, to find out afterwards which of them are there.';
comment on column august.probe.probe  is 'Name of the probe; its drill removes it, and what is older than a day goes with the next probe.';
comment on column august.probe.number is 'Number of the attempt; the drill keeps those that were acknowledged.';
comment on column august.probe.at     is 'When it was written, before its commit.';

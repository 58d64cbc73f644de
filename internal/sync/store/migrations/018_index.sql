-- Indexes that somebody has declared: what is to be, and how far it is. Additive: no earlier revision knows of them.

create table august.index (
    schema      text        not null,
    name        text        not null,
    goal        text        not null check (goal in ('present', 'absent')),
    state       text        not null check (state in ('wanted', 'done', 'failed')),
    spec        jsonb       not null,
    definition  text        not null,
    problem     text        not null default '',
    builder     integer,
    begun_at    timestamptz,
    changed_at  timestamptz not null default clock_timestamp(),
    primary key (schema, name)
);
comment on table  august.index            is 'Indexes that the control API was asked to make or drop. One that was dropped has no row.';
comment on column august.index.goal       is 'present or absent: what it is to be.';
comment on column august.index.state      is 'wanted: an instance makes it so, one index at a time; done; failed: needs another word of the caller.';
comment on column august.index.spec       is 'As it was declared.';
comment on column august.index.definition is 'As PostgreSQL prints it: which index is meant.';
comment on column august.index.problem    is 'What went wrong at the last attempt, without any value of a row.';
comment on column august.index.builder    is 'Backend that is at it; of one that was killed, the one that was.';

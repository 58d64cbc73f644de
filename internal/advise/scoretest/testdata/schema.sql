-- A made-up practice. Every value is drawn from a row's number, so that each run has the same rows; madeup.rows says how many.
create schema madeup;

-- draw is one of n numbers, the same for the same row and salt.
create function madeup.draw(i bigint, salt int, n bigint) returns bigint language sql immutable strict parallel safe
    return (hashint8extended(i, salt) & 9007199254740991) % n;

create function madeup.rows() returns bigint language sql stable return current_setting('madeup.rows')::bigint;

-- What the ten statements of sync.md §2.1 read.
create table madeup.appointments (
    id bigint primary key, practice int not null, doctor int not null, patient bigint not null, external text not null,
    name text collate "en-x-icu" not null, email text not null, billing_status text not null, service_date date not null,
    scheduled_at timestamptz not null, updated_at timestamptz not null, deleted_at timestamptz, raw jsonb not null);
insert into madeup.appointments
select i, madeup.draw(i, 1, 8), madeup.draw(i, 2, 60), madeup.draw(i, 3, madeup.rows() / 10), 'EXT-' || madeup.draw(i, 4, 1000000000),
    'Made-up ' || chr(65 + madeup.draw(i, 5, 26)::int) || madeup.draw(i, 5, madeup.rows() / 2), 'Guest.' || madeup.draw(i, 6, madeup.rows()) || '@madeup.example',
    case when k < 5 then 'Pending' when k < 100 then 'Hold' when k < 200 then 'Denied' when k < 500 then 'Billed' else 'Paid' end,
    date '2026-01-01' + madeup.draw(i, 8, 700)::int,
    timestamptz '2026-01-01 00:00Z' + madeup.draw(i, 9, 60000000) * interval '1 second', timestamptz '2026-01-01 00:00Z' + madeup.draw(i, 10, 60000000) * interval '1 second',
    case when madeup.draw(i, 11, 500) = 0 then timestamptz '2026-06-01 00:00Z' end,
    jsonb_build_object('denied', (madeup.draw(i, 12, 500) = 0)::text, 'visit', 'V' || madeup.draw(i, 13, madeup.rows() / 5), 'filler', repeat('made up ', 20))
from (select i, madeup.draw(i, 7, 1000) as k from generate_series(1, madeup.rows()) i) drawn;

create table madeup.line_items (
    id bigint primary key, appointment bigint not null, code text not null, balance numeric(12,2) not null, posted_on date not null, filler text not null);
insert into madeup.line_items
select i, 1 + madeup.draw(i, 21, madeup.rows()), 'C' || madeup.draw(i, 22, 300), madeup.draw(i, 23, 10000) / 100.0, date '2026-01-01' + madeup.draw(i, 24, 700)::int, repeat('made up ', 8)
from generate_series(1, madeup.rows()) i;

-- Where further indexes are missing, each kind on a table of its own.
create table madeup.claims (id bigint primary key, payer int not null, state text not null, level int not null, billed numeric(12,2) not null, filler text not null);
insert into madeup.claims
select i, madeup.draw(i, 31, 40), 'state ' || madeup.draw(i, 32, 6), 1 + madeup.draw(i, 33, 3), madeup.draw(i, 34, 90000) / 100.0, repeat('made up ', 12)
from generate_series(1, madeup.rows()) i;

create table madeup.ledger (id bigint primary key, account int not null, posted_on date not null, amount numeric(12,2) not null, memo text not null);
insert into madeup.ledger
select i, madeup.draw(i, 41, 50), date '2026-01-01' + madeup.draw(i, 42, 700)::int, madeup.draw(i, 43, 90000) / 100.0, repeat('made up ', 10)
from generate_series(1, madeup.rows()) i;

create table madeup.readings (id bigint primary key, device int not null, at timestamptz not null, figure int not null, filler text not null);
insert into madeup.readings
select i, madeup.draw(i, 51, 40), timestamptz '2026-01-01 00:00Z' + madeup.draw(i, 52, 60000000) * interval '1 second', madeup.draw(i, 53, 900), repeat('made up ', 8)
from generate_series(1, madeup.rows()) i;

create table madeup.jobs (id bigint primary key, kind int not null, created_at timestamptz not null, done_at timestamptz, filler text not null);
insert into madeup.jobs
select i, madeup.draw(i, 61, 12), timestamptz '2026-01-01 00:00Z' + madeup.draw(i, 62, 60000000) * interval '1 second', case when madeup.draw(i, 63, 200) > 0 then timestamptz '2027-12-01 00:00Z' end, repeat('made up ', 8)
from generate_series(1, madeup.rows()) i;

create table madeup.tasks (id bigint primary key, owner int not null, closed boolean not null, title text not null);
insert into madeup.tasks
select i, madeup.draw(i, 71, 30), madeup.draw(i, 72, 100) > 0, repeat('made up ', 10) from generate_series(1, madeup.rows()) i;

create table madeup.visits (id bigint primary key, clinic int not null, patient bigint not null, day date not null, minutes int not null, filler text not null);
insert into madeup.visits
select i, madeup.draw(i, 81, 10), madeup.draw(i, 82, madeup.rows() / 8), date '2026-01-01' + madeup.draw(i, 83, 365)::int, madeup.draw(i, 84, 90), repeat('made up ', 12)
from generate_series(1, madeup.rows()) i;
create index visits_patient_idx on madeup.visits (patient, day);

create table madeup.charges (id bigint primary key, doctor int not null, amount int not null, filler text not null);
insert into madeup.charges
select i, madeup.draw(i, 91, 40), madeup.draw(i, 92, 90000), repeat('made up ', 14) from generate_series(1, madeup.rows()) i;

create table madeup.events (id bigint primary key, at timestamp not null, kind int not null, filler text not null);
insert into madeup.events
select i, timestamp '2026-01-01' + i * (interval '700 days' / madeup.rows()), madeup.draw(i, 102, 9), repeat('made up ', 9) from generate_series(1, madeup.rows()) i;

create table madeup.bookings (id bigint primary key, made_at timestamp not null, room int not null, filler text not null);
insert into madeup.bookings
select i, timestamp '2026-01-01' + madeup.draw(i, 111, 60000000) * interval '1 second', madeup.draw(i, 112, 9), repeat('made up ', 9) from generate_series(1, madeup.rows()) i;

create table madeup.people (
    id bigint primary key, clinic int not null, last_name text not null, birth_year int not null, phone text not null, filler text not null);
insert into madeup.people
select i, madeup.draw(i, 121, 20), 'Madeup-' || madeup.draw(i, 122, 300), 1930 + madeup.draw(i, 123, 90), '555-01' || madeup.draw(i, 124, 1000000), repeat('made up ', 8)
from generate_series(1, madeup.rows()) i;

create table madeup.documents (id bigint primary key, tags jsonb not null, raw jsonb not null);
insert into madeup.documents
select i, jsonb_build_array('t' || madeup.draw(i, 131, 2000), 'u' || madeup.draw(i, 132, 5)), jsonb_build_object('source_id', 'S' || madeup.draw(i, 133, 1000000000), 'filler', repeat('made up ', 15))
from generate_series(1, madeup.rows()) i;

create table madeup.messages (id bigint primary key, created_at timestamptz not null, labels text[] not null, body text not null);
insert into madeup.messages
select i, timestamptz '2026-01-01 00:00Z' + madeup.draw(i, 141, 60000000) * interval '1 second', array['l' || madeup.draw(i, 142, 3000), 'all'], repeat('made up ', 10)
from generate_series(1, madeup.rows()) i;

create table madeup.invoices (id bigint primary key, number text not null constraint invoices_number_key unique, sent_on date not null);
insert into madeup.invoices
select i, 'INV-' || i, date '2026-01-01' + madeup.draw(i, 151, 700)::int from generate_series(1, madeup.rows() / 4) i;
create table madeup.invoice_lines (id bigint primary key, invoice bigint not null, amount int not null, filler text not null);
insert into madeup.invoice_lines
select i, 1 + madeup.draw(i, 152, madeup.rows() / 4), madeup.draw(i, 153, 900), repeat('made up ', 9) from generate_series(1, madeup.rows()) i;

create table madeup.orders (id bigint primary key, patient bigint not null, ordered_on date not null, filler text not null);
insert into madeup.orders
select i, madeup.draw(i, 161, madeup.rows() / 6), date '2026-01-01' + madeup.draw(i, 162, 700)::int, repeat('made up ', 9) from generate_series(1, madeup.rows()) i;
create table madeup.results (id bigint primary key, order_id bigint not null, figure int not null, filler text not null);
insert into madeup.results
select i, 1 + madeup.draw(i, 163, madeup.rows()), madeup.draw(i, 164, 900), repeat('made up ', 9) from generate_series(1, madeup.rows()) i;

create table madeup.scores (id bigint primary key, clinic int not null, score int, filler text not null);
insert into madeup.scores
select i, madeup.draw(i, 171, 25), case when madeup.draw(i, 172, 10) > 0 then madeup.draw(i, 173, 1000000)::int end, repeat('made up ', 9) from generate_series(1, madeup.rows()) i;

create table madeup.tickets (id bigint primary key, status text not null, desk int not null, title text not null);
insert into madeup.tickets
select i, 'status ' || madeup.draw(i, 181, 12), madeup.draw(i, 182, 60), repeat('made up ', 9) from generate_series(1, madeup.rows()) i;

create table madeup.sessions (id bigint primary key, token text not null, seen int not null, filler text not null) with (fillfactor = 80);
insert into madeup.sessions
select i, 'T' || madeup.draw(i, 191, 1000000000), 0, repeat('made up ', 9) from generate_series(1, madeup.rows()) i;

-- Traps: an index would be no help, or cost more than it gives.
create table madeup.members (id bigint primary key, sex text not null, active boolean not null, filler text not null);
insert into madeup.members
select i, case when madeup.draw(i, 201, 2) = 0 then 'a' else 'b' end, madeup.draw(i, 202, 10) > 0, repeat('made up ', 9) from generate_series(1, madeup.rows()) i;

create table madeup.rooms (id int primary key, name text not null, beds int not null);
insert into madeup.rooms select i, 'Room ' || i, 1 + i % 4 from generate_series(1, 40) i;

create table madeup.heartbeats (id int primary key, last_seen timestamptz not null, hits int not null, filler text not null) with (fillfactor = 50);
insert into madeup.heartbeats
select i, timestamptz '2026-01-01 00:00Z' + i * interval '1 second', 0, repeat('made up ', 9) from generate_series(1, madeup.rows() / 20) i;

create table madeup.trail (id bigint generated always as identity primary key, at timestamptz not null default now(), actor int not null, line text not null);
insert into madeup.trail (actor, line)
select madeup.draw(i, 211, 300), repeat('made up ', 6) from generate_series(1, madeup.rows() / 4) i;

create table madeup.journal (id bigint primary key, day date not null, kind int not null, note text not null);
insert into madeup.journal
select i, date '2026-01-01' + madeup.draw(i, 221, 700)::int, madeup.draw(i, 222, 9), 'made up note ' || madeup.draw(i, 223, madeup.rows()) || repeat(' made up', 8) from generate_series(1, madeup.rows()) i;

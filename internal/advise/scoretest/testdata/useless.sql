-- Indexes that are in the way, and such as only look so.
create table madeup.supplies (
    id bigint primary key, shelf int not null, item text not null, lot text not null constraint supplies_lot_key unique, supplier int not null,
    bought_on date not null, expires_at timestamp not null, price int, note text not null, serial bigint not null);
insert into madeup.supplies
select i, madeup.draw(i, 301, 200), 'Item ' || madeup.draw(i, 302, 500), 'LOT-' || i, madeup.draw(i, 303, 50), date '2026-01-01' + madeup.draw(i, 304, 700)::int,
    timestamp '2027-01-01' + madeup.draw(i, 305, 60000000) * interval '1 second', case when madeup.draw(i, 306, 20) > 0 then madeup.draw(i, 307, 900) end, 'made up note ' || i, madeup.draw(i, 308, 1000000000000)
from generate_series(1, madeup.rows()) i;

create index supplies_note_unused on madeup.supplies (note);
create index supplies_price_unused on madeup.supplies (price);
create index supplies_item_unused on madeup.supplies (upper(item));
create index supplies_bought_unused on madeup.supplies (bought_on) where price is null;
create index supplies_lot_duplicate on madeup.supplies (lot); -- of the constraint's
create index supplies_supplier_idx on madeup.supplies (supplier);
create index supplies_supplier_duplicate on madeup.supplies (supplier);
create index supplies_item_idx on madeup.supplies (lower(item));
create index supplies_item_duplicate on madeup.supplies (lower(item));
create index supplies_serial_idx on madeup.supplies (serial, shelf);
create index supplies_serial_redundant on madeup.supplies (serial);
create index supplies_expires_idx on madeup.supplies (expires_at, supplier);
create index supplies_expires_redundant on madeup.supplies (expires_at);

create table madeup.rentals (
    id bigint primary key, room int not null, guest int not null, day date not null, booked_at timestamp not null, cancelled boolean not null, terms text not null, raw jsonb not null);
insert into madeup.rentals
select i, madeup.draw(i, 311, 100), madeup.draw(i, 312, madeup.rows()), date '2026-01-01' + madeup.draw(i, 313, 700)::int,
    timestamp '2026-01-01' + madeup.draw(i, 317, 60000000) * interval '1 second', madeup.draw(i, 314, 20) = 0,
    'made up terms ' || madeup.draw(i, 315, 40), jsonb_build_object('made', 'up ' || madeup.draw(i, 316, madeup.rows()))
from generate_series(1, madeup.rows()) i;
create index rentals_raw_unused on madeup.rentals using gin (raw);
create index rentals_terms_unused on madeup.rentals using hash (terms);
create index rentals_cancelled_idx on madeup.rentals (booked_at, room) where cancelled;
create index rentals_cancelled_redundant on madeup.rentals (booked_at) where cancelled;
create index rentals_guest_idx on madeup.rentals (guest, day desc);
create index rentals_guest_redundant on madeup.rentals (guest);
create index rentals_room_idx on madeup.rentals (room, booked_at, id);
create index rentals_room_redundant on madeup.rentals (room, booked_at);
create index rentals_room_duplicate on madeup.rentals (room, booked_at, id);
create index rentals_raw_idx on madeup.rentals ((raw ->> 'made'), day);
create index rentals_raw_redundant on madeup.rentals ((raw ->> 'made'));
create index rentals_brin_unused on madeup.rentals using brin (day);

-- Guarded: a constraint, a reference, an identity or an order rests on it; or it is not what it looks like.
create table madeup.staff (
    id bigint primary key, badge text not null constraint staff_badge_key unique, clinic int not null, room int not null, shift tstzrange not null, code text not null, sign text collate "en-x-icu" not null,
    wide text not null, left_at date, constraint staff_room_excl exclude using gist (shift with &&, int4range(room, room, '[]') with &&));
insert into madeup.staff
select i, 'B' || i, madeup.draw(i, 321, 20), i, tstzrange(timestamptz '2026-01-01 00:00Z' + i * interval '1 hour', timestamptz '2026-01-01 00:30Z' + i * interval '1 hour'), 'code ' || madeup.draw(i, 322, madeup.rows()),
    'sign ' || madeup.draw(i, 323, madeup.rows()), md5(i::text) || md5((i + 1)::text) || md5((i + 2)::text), case when madeup.draw(i, 324, 40) = 0 then date '2026-02-02' end
from generate_series(1, madeup.rows() / 4) i;
create unique index staff_code_identity on madeup.staff (code, id);
alter table madeup.staff replica identity using index staff_code_identity;
create index staff_clinic_clustered on madeup.staff (clinic, id);
alter table madeup.staff cluster on staff_clinic_clustered;
create index staff_sign_idx on madeup.staff (sign);
create index staff_sign_pattern on madeup.staff (sign text_pattern_ops); -- the same column, for LIKE
create index staff_left_idx on madeup.staff (left_at) where left_at is not null;
create index staff_left_room_idx on madeup.staff (left_at, room); -- another predicate
create index staff_room_lean on madeup.staff (room); -- its wider one is much larger
create index staff_room_wide on madeup.staff (room, wide);

-- Each rota is of somebody; who leaves takes theirs along. The first reference has an index that only deletes use, the
-- second has none; that to kinds has one, and no kind was deleted yet.
create table madeup.rota (id bigint primary key, staff bigint not null constraint rota_staff_fkey references madeup.staff on delete cascade, day date not null, filler text not null);
insert into madeup.rota select i, 1 + madeup.draw(i, 331, madeup.rows() / 4), date '2026-01-01' + madeup.draw(i, 332, 700)::int, repeat('made up ', 6) from generate_series(1, madeup.rows()) i;
create index rota_staff_idx on madeup.rota (staff);
create table madeup.kinds (id int primary key, title text not null);
insert into madeup.kinds select i, 'made up kind ' || i from generate_series(0, 8) i;
create table madeup.consents (
    id bigint primary key, staff bigint not null constraint consents_staff_fkey references madeup.staff on delete cascade,
    kind int not null constraint consents_kind_fkey references madeup.kinds, filler text not null);
insert into madeup.consents select i, 1 + madeup.draw(i, 333, madeup.rows() / 4), madeup.draw(i, 334, 9), repeat('made up ', 6) from generate_series(1, madeup.rows()) i;
create index consents_kind_idx on madeup.consents (kind);

-- A partitioned table: its partitions' indexes come and go with their parent's.
create table madeup.months (id bigint not null, day date not null, place int not null, primary key (id, day)) partition by range (day);
create table madeup.months_1 partition of madeup.months for values from ('2026-01-01') to ('2026-07-01');
create table madeup.months_2 partition of madeup.months for values from ('2026-07-01') to ('2027-01-01');
insert into madeup.months select i, date '2026-01-01' + madeup.draw(i, 341, 300)::int, madeup.draw(i, 342, 500) from generate_series(1, madeup.rows() / 2) i;
create index months_place_idx on madeup.months (place);

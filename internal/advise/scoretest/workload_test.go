package scoretest

// statement is one of the workload.
type statement struct {
	name  string
	sql   string // parameters are $1, $2, …
	draws string // one row for each set of parameters, as text; "" without parameters
	calls int    // how often it runs in the day that is watched
	write bool
	log   bool // pg_stat_statements has $1 for the name of a JSON key, too: only a log tells what is asked for
}

// missing is a statement that lacks an index.
type missing struct {
	statement
	right string // index made by hand: the floor
	ten   bool   // of the ten in which other advisors were right three times
}

// wanting is where indexes are missing.
var wanting = []missing{
	{statement{name: "equal, equal, range", calls: 40,
		sql:   `select id from madeup.appointments where practice = $1 and billing_status = $2 and service_date >= $3`,
		draws: `select practice, billing_status, '2027-10-01' from madeup.appointments`},
		`madeup.appointments (practice, billing_status, service_date) include (id)`, true},
	{statement{name: "equal", calls: 60,
		sql:   `select * from madeup.appointments where external = $1`,
		draws: `select external from madeup.appointments`},
		`madeup.appointments (external)`, true},
	{statement{name: "any of a list", calls: 40,
		sql:   `select id, doctor from madeup.appointments where patient = any($1::bigint[])`,
		draws: `select array[patient, patient + 1, patient + 2] from madeup.appointments`},
		`madeup.appointments (patient)`, true},
	{statement{name: "latest of all", calls: 40,
		sql: `select id, scheduled_at, doctor from madeup.appointments order by scheduled_at desc limit 50`},
		`madeup.appointments (scheduled_at)`, true},
	{statement{name: "few that are deleted", calls: 40,
		sql:   `select id, updated_at from madeup.appointments where deleted_at is not null and updated_at > $1`,
		draws: `select updated_at from madeup.appointments`},
		`madeup.appointments (updated_at) where deleted_at is not null`, true},
	{statement{name: "join to the many", calls: 60,
		sql: `select l.id, l.code, l.balance from madeup.appointments a
			join madeup.line_items l on l.appointment = a.id where a.external = $1`,
		draws: `select external from madeup.appointments`},
		`madeup.line_items (appointment)`, true},
	{statement{name: "JSON key, rarely so", calls: 20, log: true,
		sql: `select id from madeup.appointments where raw ->> 'denied' = 'true'`},
		`madeup.appointments (id) where raw ->> 'denied' = 'true'`, true},
	{statement{name: "lower", calls: 40,
		sql:   `select id, name from madeup.appointments where lower(email) = $1`,
		draws: `select lower(email) from madeup.appointments`},
		`madeup.appointments (lower(email))`, true},
	{statement{name: "LIKE, by the language's order", calls: 40,
		sql:   `select id, name from madeup.appointments where name like $1`,
		draws: `select left(name, 13) || '%' from madeup.appointments`},
		`madeup.appointments (name text_pattern_ops)`, true},
	{statement{name: "JSON contains", calls: 20,
		sql:   `select id from madeup.appointments where raw @> $1::jsonb`,
		draws: `select jsonb_build_object('visit', raw ->> 'visit') from madeup.appointments`},
		`madeup.appointments using gin (raw jsonb_path_ops)`, true},

	{statement{name: "equal three times", calls: 40,
		sql:   `select * from madeup.claims where payer = $1 and state = $2 and level = $3`,
		draws: `select payer, state, level from madeup.claims`},
		`madeup.claims (payer, state, level)`, false},
	{statement{name: "equal, between, ordered", calls: 40,
		sql: `select posted_on, amount, memo from madeup.ledger
			where account = $1 and posted_on between $2 and $3 order by posted_on`,
		draws: `select account, posted_on, posted_on + 60 from madeup.ledger`},
		`madeup.ledger (account, posted_on)`, false},
	{statement{name: "latest of one", calls: 40,
		sql:   `select at, figure from madeup.readings where device = $1 order by at desc limit 20`,
		draws: `select device from madeup.readings`},
		`madeup.readings (device, at)`, false},
	{statement{name: "queue", calls: 80,
		sql: `select id, kind from madeup.jobs where done_at is null order by created_at limit 10`},
		`madeup.jobs (created_at) where done_at is null`, false},
	{statement{name: "few that are open", calls: 40,
		sql:   `select id, title from madeup.tasks where owner = $1 and not closed`,
		draws: `select owner from madeup.tasks`},
		`madeup.tasks (owner) where not closed`, false},
	{statement{name: "sum over a range", calls: 40,
		sql:   `select sum(minutes) from madeup.visits where clinic = $1 and day between $2 and $3`,
		draws: `select clinic, day, day + 60 from madeup.visits`},
		`madeup.visits (clinic, day) include (minutes)`, false},
	{statement{name: "many rows, few columns", calls: 40,
		sql:   `select doctor, amount from madeup.charges where doctor = $1`,
		draws: `select doctor from madeup.charges`},
		`madeup.charges (doctor) include (amount)`, false},
	{statement{name: "range of what is appended", calls: 40,
		sql:   `select id, kind, filler from madeup.events where at >= $1 and at < $2`,
		draws: `select at, at + interval '1 day' from madeup.events`},
		`madeup.events (at)`, false},
	{statement{name: "cast", calls: 40,
		sql:   `select id, room from madeup.bookings where made_at::date = $1`,
		draws: `select made_at::date from madeup.bookings`},
		`madeup.bookings ((made_at::date))`, false},
	{statement{name: "lower, and equal", calls: 40,
		sql:   `select id, phone from madeup.people where lower(last_name) = $1 and birth_year = $2`,
		draws: `select lower(last_name), birth_year from madeup.people`},
		`madeup.people (lower(last_name), birth_year)`, false},
	{statement{name: "JSON key", calls: 20, log: true,
		sql:   `select id from madeup.documents where raw ->> 'source_id' = $1`,
		draws: `select raw ->> 'source_id' from madeup.documents`},
		`madeup.documents ((raw ->> 'source_id'))`, false},
	{statement{name: "JSON has a member", calls: 20,
		sql:   `select id from madeup.documents where tags ? $1`,
		draws: `select tags ->> 0 from madeup.documents`},
		`madeup.documents using gin (tags)`, false},
	{statement{name: "arrays overlap", calls: 20,
		sql:   `select id, body from madeup.messages where labels && $1::text[]`,
		draws: `select array[labels[1]] from madeup.messages`},
		`madeup.messages using gin (labels)`, false},
	{statement{name: "next page", calls: 40,
		sql: `select id, created_at, body from madeup.messages where (created_at, id) < ($1, $2)
			order by created_at desc, id desc limit 20`,
		draws: `select created_at, id from madeup.messages`},
		`madeup.messages (created_at, id)`, false},
	{statement{name: "join from what is unique", calls: 60,
		sql: `select l.id, l.amount from madeup.invoices i
			join madeup.invoice_lines l on l.invoice = i.id where i.number = $1`,
		draws: `select 'INV-' || (1 + id / 4) from madeup.invoice_lines`},
		`madeup.invoice_lines (invoice)`, false},
	{statement{name: "reference without a key", calls: 40,
		sql:   `select id, ordered_on from madeup.orders where patient = $1`,
		draws: `select patient from madeup.orders`},
		`madeup.orders (patient)`, false},
	{statement{name: "left join", calls: 60,
		sql: `select o.id, r.figure from madeup.orders o
			left join madeup.results r on r.order_id = o.id where o.patient = $1`,
		draws: `select patient from madeup.orders`},
		`madeup.results (order_id)`, false},
	{statement{name: "best of one, nulls last", calls: 40,
		sql:   `select id, score from madeup.scores where clinic = $1 order by score desc nulls last limit 10`,
		draws: `select clinic from madeup.scores`},
		`madeup.scores (clinic, score desc nulls last)`, false},
	{statement{name: "in a list, and equal", calls: 40,
		sql:   `select id, title from madeup.tickets where status in ($1, $2) and desk = $3`,
		draws: `select status, 'status 1', desk from madeup.tickets`},
		`madeup.tickets (desk, status)`, false},
	{statement{name: "update by what is no key", calls: 60, write: true,
		sql:   `update madeup.sessions set seen = seen + 1 where token = $1`,
		draws: `select token from madeup.sessions`},
		`madeup.sessions (token)`, false},
}

// others are statements that lack nothing: they use what there is, write, or cannot be helped.
var others = []statement{
	// No index is any good for these, or none is worth what it costs.
	{name: "half of all", calls: 20, sql: `select id, filler from madeup.members where sex = $1`, draws: `select sex from madeup.members`},
	{name: "tiny table", calls: 200, sql: `select id, beds from madeup.rooms where name = $1`, draws: `select 'Room ' || (1 + id % 40) from madeup.members`},
	{name: "silent for long", calls: 2, sql: `select count(*) from madeup.heartbeats where last_seen < $1`, draws: `select last_seen from madeup.heartbeats`},
	{name: "trail of one", calls: 1, sql: `select at, line from madeup.trail where actor = $1`, draws: `select actor from madeup.trail`},
	{name: "nearly all", calls: 10, sql: `select id, note from madeup.journal where day > $1`, draws: `select '2026-02-01' from madeup.journal`},
	{name: "anywhere in the text, or equal", calls: 10, sql: `select id from madeup.journal where note like '%' || $1 || '%' or kind = $2`, draws: `select left(note, 20), kind from madeup.journal`},
	{name: "has its index", calls: 40, sql: `select day, minutes from madeup.visits where patient = $1 order by day`, draws: `select patient from madeup.visits`},
	{name: "few rows, one more column", calls: 40, sql: `select sum(balance) from madeup.line_items where appointment = $1`, draws: `select appointment from madeup.line_items`},

	// The indexes of these are rightly there.
	{name: "supplies by lot", calls: 20, sql: `select id, item from madeup.supplies where lot = $1`, draws: `select lot from madeup.supplies`},
	{name: "supplies by supplier", calls: 20, sql: `select id, item from madeup.supplies where supplier = $1`, draws: `select supplier from madeup.supplies`},
	{name: "supplies by item", calls: 20, sql: `select id, lot from madeup.supplies where lower(item) = $1`, draws: `select lower(item) from madeup.supplies`},
	{name: "supplies by serial", calls: 20, sql: `select id, lot from madeup.supplies where serial = $1 and shelf = $2`, draws: `select serial, shelf from madeup.supplies`},
	{name: "supplies that expire", calls: 20, sql: `select id, lot from madeup.supplies where expires_at = $1 and supplier = $2`, draws: `select expires_at, supplier from madeup.supplies`},
	{name: "rentals cancelled", calls: 20, sql: `select id from madeup.rentals where cancelled and booked_at between $1 and $1::timestamp + interval '1 day' order by booked_at, room`, draws: `select booked_at from madeup.rentals`},
	{name: "rentals of a guest", calls: 20, sql: `select id, room from madeup.rentals where guest = $1 order by day desc`, draws: `select guest from madeup.rentals`},
	{name: "rentals of a room", calls: 20, sql: `select booked_at, id from madeup.rentals where room = $1 order by booked_at desc, id desc limit 20`, draws: `select room from madeup.rentals`},
	{name: "rentals by JSON key", calls: 20, log: true, sql: `select id from madeup.rentals where raw ->> 'made' = $1 and day = $2`, draws: `select raw ->> 'made', day from madeup.rentals`},
	{name: "staff by sign", calls: 20, sql: `select id from madeup.staff where sign = $1`, draws: `select sign from madeup.staff`},
	{name: "staff by how a sign begins", calls: 20, sql: `select id from madeup.staff where sign like $1`, draws: `select left(sign, 8) || '%' from madeup.staff`},
	{name: "staff that left", calls: 20, sql: `select count(*) from madeup.staff where left_at is not null`},
	{name: "staff that left, by room", calls: 20, sql: `select id, room from madeup.staff where left_at = $1 order by room limit 20`, draws: `select '2026-02-02' from madeup.staff`},
	{name: "staff of a room", calls: 20, sql: `select id, badge from madeup.staff where room = $1`, draws: `select room from madeup.staff`},
	{name: "staff wide", calls: 20, sql: `select id from madeup.staff where room = $1 and wide = $2`, draws: `select room, wide from madeup.staff`},
	{name: "months by place", calls: 20, sql: `select id from madeup.months where place = $1 and day < '2026-06-01'`, draws: `select place from madeup.months`},

	{name: "line item entered", calls: 60, write: true, draws: `select 1000000000 + id, appointment from madeup.line_items`,
		sql: `insert into madeup.line_items (id, appointment, code, balance, posted_on, filler) values ($1, $2, 'C1', 1, '2027-12-01', 'made up') on conflict do nothing`},
	{name: "appointment touched", calls: 60, write: true, sql: `update madeup.appointments set updated_at = $1 where id = $2`, draws: `select updated_at, id from madeup.appointments`},
	{name: "job done", calls: 60, write: true, sql: `update madeup.jobs set done_at = now() where id = $1`, draws: `select id from madeup.jobs`},
	{name: "message written", calls: 60, write: true, draws: `select 1000000000 + id from madeup.messages`,
		sql: `insert into madeup.messages (id, created_at, labels, body) values ($1, now(), '{l1,all}', 'made up') on conflict do nothing`},
	{name: "score changed", calls: 20, write: true, sql: `update madeup.scores set score = $1 where id = $2`, draws: `select score, id from madeup.scores`},
	{name: "event appended", calls: 60, write: true, draws: `select 1000000000 + id from madeup.events`,
		sql: `insert into madeup.events (id, at, kind, filler) values ($1, now()::timestamp, 1, 'made up') on conflict do nothing`},
	{name: "some alive", calls: 400, write: true, sql: `update madeup.heartbeats set last_seen = now(), hits = hits + 1 where id between $1 and $1::int + 49`, draws: `select id from madeup.heartbeats`},
	{name: "trail written", calls: 10, write: true, draws: `select 1 + madeup.rows() / 20 from madeup.members`,
		sql: `insert into madeup.trail (actor, line) select i % 300, 'made up' from generate_series(1, $1::bigint) i`},
	{name: "supply priced", calls: 60, write: true, sql: `update madeup.supplies set price = $1 where id = $2`, draws: `select price, id from madeup.supplies`},
	{name: "rental entered", calls: 60, write: true, draws: `select 1000000000 + id from madeup.rentals`,
		sql: `insert into madeup.rentals select $1::bigint, room, guest, day, booked_at, cancelled, terms, raw from madeup.rentals where id = $1::bigint - 1000000000 on conflict do nothing`},
	{name: "staff leaves", calls: 20, write: true, sql: `delete from madeup.staff where id = $1`, draws: `select id from madeup.staff`},
}

// useless are the indexes that are in the way, by kind. Of a pair that is the same, either may go.
var useless = map[string][]string{
	"unused": {"supplies_note_unused", "supplies_price_unused", "supplies_item_unused", "supplies_bought_unused",
		"rentals_raw_unused", "rentals_terms_unused", "rentals_brin_unused"},
	"duplicate": {"supplies_lot_duplicate", "supplies_supplier_duplicate|supplies_supplier_idx", "supplies_item_duplicate|supplies_item_idx",
		"rentals_room_duplicate|rentals_room_idx"},
	"redundant": {"supplies_serial_redundant", "supplies_expires_redundant", "rentals_cancelled_redundant", "rentals_guest_redundant",
		"rentals_room_redundant", "rentals_raw_redundant"},
	"invalid": {"supplies_shelf_invalid", "supplies_expires_invalid", "rentals_room_invalid"},
}

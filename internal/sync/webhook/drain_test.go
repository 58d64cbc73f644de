package webhook

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// What becomes of each sort of delivery.
func TestDrain_settles(t *testing.T) {
	t.Parallel()
	r := newDrainRig(t)
	r.declare("off", runtimeapi.PipelineSpec{Dataset: "billing", Paused: true, WebhookEvents: []string{"PATIENT_CREATE"}})
	r.arrive(
		delivery("1", "LINE_ITEM_CREATE", lineItem(1, "10.00", "2026-03-04T10:00:00")),
		delivery("2", "PATIENT_CREATE", `{"id":5,"last_name":"Synthetic"}`),
		delivery("3", "TASK_CREATE", `{"id":6}`),
		delivery("4", "CLAIM_EXPLODED", `{"id":7}`),
		delivery("5", Ping, `null`),
		Parse("6", "LINE_ITEM_MODIFY", []byte(`{"object":`), time.Now()),
		delivery("7", "LINE_ITEM_MODIFY", `{"id":8,"billed":"Synthetic"}`),
		delivery("8", "LINE_ITEM_MODIFY", `null`),
		Parse("9", "VACCINE_ADMINISTERED", []byte(`<html>Synthetic`), time.Now()),
		delivery("10", "", `{"id":1}`),
	)
	r.start(r.drain(r.db))
	r.settled()
	for id, want := range map[string]string{
		"1":  "applied  f",
		"2":  "ignored no enabled pipeline names the event f",
		"3":  "ignored pipeline billing names the event, and its dataset holds no such objects f",
		"4":  "unknown DrChrono is not known to send this event t",
		"5":  "ignored it only asks for an answer f",
		"7":  "parked billed: not a decimal t",
		"8":  "parked it holds no object f",
		"9":  "parked it is no JSON t",
		"10": "parked it names no event t",
	} {
		r.is("delivery "+id, want, `select concat(state, ' ', reason, ' ', object is not null) from august.inbox where delivery = $1`, id)
	}
	r.is("delivery 6", "parked t", `select concat(state, ' ', object is not null) from august.inbox where delivery = '6'`)
	r.is("attempts and moments", "10", `select count(*) from august.inbox where attempts = 1 and settled_at >= received_at`)
	r.is("rows", "1 10.00", `select concat(count(*), ' ', max(billed)) from drchrono.line_items`)
	r.is("marks", "billing", `select string_agg(pipeline, ',') from august.derive_mark`)
	r.until("a warning of the unknown event", func() bool { return strings.Contains(r.logs.String(), "CLAIM_EXPLODED") })
	if logs := r.logs.String(); strings.Contains(logs, "Synthetic") {
		t.Errorf("logs: %s", logs)
	}
	// What changes nothing leaves no mark.
	r.arrive(delivery("11", "LINE_ITEM_MODIFY", lineItem(1, "10.00", "2026-03-04T10:00:00")))
	r.settled()
	r.is("marks after a repeated delivery", "1", `select count(*) from august.derive_mark`)
}

// The same id with another content is another delivery, and the same one twice is one.
func TestDrain_duplicates(t *testing.T) {
	t.Parallel()
	r := newDrainRig(t)
	one, two := delivery("1", "LINE_ITEM_CREATE", lineItem(1, "10.00", "2026-03-04T10:00:00")), delivery("1", "LINE_ITEM_CREATE", lineItem(2, "20.00", "2026-03-04T10:00:00"))
	r.arrive(one, two, one)
	r.start(r.drain(r.db))
	r.settled()
	r.arrive(two, one)
	r.settled()
	r.is("deliveries", "2", `select count(*) from august.inbox`)
	r.is("rows", "30.00", `select sum(billed) from drchrono.line_items`)
}

// A delivery that the database refuses is parked; its neighbours go on, and those behind it in its lane.
func TestDrain_poison(t *testing.T) {
	t.Parallel()
	r := newDrainRig(t)
	r.exec(`alter table drchrono.line_items add constraint poisonous check (code <> 'POISON-SYNTHETIC')`)
	var all []Delivery
	for i := range 300 {
		object := lineItem(i%100, fmt.Sprintf("%d.00", i), fmt.Sprintf("2026-03-04T10:%02d:00", i/100))
		if i == 17 || i == 117 || i == 205 {
			object = strings.Replace(object, "99213", "POISON-SYNTHETIC", 1)
		}
		all = append(all, delivery(fmt.Sprint(i), "LINE_ITEM_MODIFY", object))
	}
	all = append(all, delivery("bad number", "LINE_ITEM_MODIFY", `{"id":50,"billed":"SYNTHETIC"}`), delivery("other", "APPOINTMENT_MODIFY", `{"id":"7","updated_at":"2026-03-04T10:00:00"}`))
	r.arrive(all...)
	r.start(r.drain(r.db))
	r.settled()
	r.is("parked", "117,17,205,bad number", `select string_agg(delivery, ',' order by delivery) from august.inbox where state = 'parked'`)
	r.is("reasons", "the database refuses it: SQLSTATE 23514 line_items poisonous", `select reason from august.inbox where delivery = '17'`)
	r.is("objects", "4", `select count(*) from august.inbox where state = 'parked' and object is not null and attempts = 1`)
	r.is("rows", "100", `select count(*) from drchrono.line_items`)
	r.is("the newest of the neighbours", "", `select coalesce(string_agg(id::text, ',' order by id), '') from drchrono.line_items where billed <> 200 + id and id not in (5)`)
	r.is("what stood before the refused one", "105.00", `select billed from drchrono.line_items where id = 5`)
	r.is("another feed", "1", `select count(*) from drchrono.appointments`)
	if strings.Contains(r.logs.String(), "SYNTHETIC") {
		t.Errorf("a value was logged: %s", r.logs)
	}
}

// A database that refuses everything, or is away, is no fault of a delivery's: nothing is parked.
func TestDrain_outageParksNothing(t *testing.T) {
	t.Parallel()
	r := newDrainRig(t)
	r.exec(`alter table drchrono.line_items rename to elsewhere`)
	r.arrive(delivery("1", "LINE_ITEM_CREATE", lineItem(1, "10.00", "2026-03-04T10:00:00")))
	r.start(r.drain(r.db))
	r.until("word of the failure", func() bool { return strings.Contains(r.logs.String(), "the inbox is not drained") })
	r.is("state", "pending 0", `select concat(state, ' ', attempts) from august.inbox`)
	r.exec(`alter table drchrono.elsewhere rename to line_items`)
	r.settled()
	r.is("state", "applied 1", `select concat(state, ' ', attempts) from august.inbox`)
}

// Nor is it while a delivery at fault is isolated.
func TestDrain_outageWhileIsolating(t *testing.T) {
	t.Parallel()
	r := newDrainRig(t)
	r.exec(`alter table drchrono.line_items add constraint poisonous check (code <> '99213')`)
	r.exec(`alter table drchrono.transactions rename to elsewhere`)
	r.arrive(delivery("1", "LINE_ITEM_CREATE", lineItem(1, "10.00", "2026-03-04T10:00:00")),
		delivery("2", "LINE_ITEM_TRANSACTION_DELETE", `{"id":1,"updated_at":"2026-03-04T10:00:00"}`))
	d := r.drain(r.db)
	if n, err := d.pass(t.Context()); n != 0 || err == nil {
		t.Errorf("%d deliveries settled, %v", n, err)
	}
	r.is("states", "pending pending", `select string_agg(state, ' ') from august.inbox`)
	r.exec(`alter table drchrono.elsewhere rename to transactions`)
	if n, err := d.pass(t.Context()); n != 2 || err != nil {
		t.Errorf("%d deliveries settled, %v", n, err)
	}
	r.is("states", "parked applied", `select string_agg(state, ' ' order by id) from august.inbox`)
}

// A batch is bounded by bytes, and goes on where it stopped.
func TestDrain_bytes(t *testing.T) {
	t.Parallel()
	r := newDrainRig(t)
	filler := strings.Repeat("x", 900<<10)
	for i := range 12 {
		object := strings.Replace(lineItem(1, fmt.Sprintf("%d.00", i), fmt.Sprintf("2026-03-04T10:%02d:00", i)), `"code"`, `"filler":"`+filler+`","code"`, 1)
		r.arrive(delivery(fmt.Sprint(i), "LINE_ITEM_MODIFY", object))
	}
	var told []string
	d := r.drain(r.db, func(cfg *DrainConfig) {
		cfg.Batch = func(source string, rows int, took time.Duration) {
			told = append(told, fmt.Sprint(source, " ", rows, " ", took > 0))
		}
	})
	n, err := d.pass(t.Context())
	if err != nil || n != 5 { // the fifth passes 4 MiB
		t.Errorf("the first batch held %d deliveries, %v", n, err)
	}
	if text := strings.Join(told, ","); text != "inbox 5 true" {
		t.Errorf("told of %s", text)
	}
	r.is("applied, in order", "0,1,2,3,4", `select string_agg(delivery, ',' order by id) from august.inbox where state = 'applied'`)
	r.start(d)
	r.settled()
	r.is("the newest", "11.00", `select billed from drchrono.line_items`)
}

// A batch is bounded by rows, too, and takes the first ones.
func TestDrain_rows(t *testing.T) {
	t.Parallel()
	r := newDrainRig(t)
	r.arrive(mixed(0, 40)...) // in other lanes, too
	for i := range mostRows + 20 {
		r.arrive(delivery(fmt.Sprint("m", 40+i), "LINE_ITEM_MODIFY", lineItem(1, fmt.Sprintf("%d.00", i), "2026-03-05T10:00:00")))
	}
	d := r.drain(r.db)
	if n, err := d.pass(t.Context()); n > mostRows || n < mostRows/2 || err != nil {
		t.Errorf("the first batch held %d deliveries, %v", n, err)
	}
	r.is("pending before one that is applied, in its lane", "0", `select count(*) from august.inbox p where state = 'pending' and exists (select from august.inbox where lane = p.lane and id > p.id and state = 'applied')`)
	r.start(d)
	r.settled()
	r.is("the newest", fmt.Sprintf("%d.00", mostRows+19), `select billed from drchrono.line_items where id = 1`)
}

// Lanes that another instance holds are left alone, and are free when its session ends.
func TestDrain_lanes(t *testing.T) {
	t.Parallel()
	r := newDrainRig(t)
	var all []Delivery
	for i := range 64 {
		all = append(all, delivery(fmt.Sprint(i), "LINE_ITEM_CREATE", lineItem(i, "1.00", "2026-03-04T10:00:00")))
	}
	r.arrive(all...)
	held := all[0].Subject.Lane()
	other := r.connect(r.db)
	tx, err := other.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `select pg_advisory_xact_lock($1, $2)`, laneLock, held); err != nil {
		t.Fatal(err)
	}
	r.start(r.drain(r.db))
	r.until("the other lanes", func() bool {
		return r.one(`select count(*) from august.inbox where state = 'pending' and lane <> $1`, held) == "0"
	})
	r.is("the held lane", r.one(`select count(*) from august.inbox where lane = $1`, held), `select count(*) from august.inbox where state = 'pending'`)
	_ = tx.Conn().PgConn().Conn().Close() // as when the other instance is killed
	_ = tx.Rollback(t.Context())
	r.settled()
	r.is("rows", "64", `select count(*) from drchrono.line_items`)
}

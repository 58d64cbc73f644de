package clinic

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
)

// Object is an object of the practice as its JSON reads; numbers are json.Number.
type Object map[string]any

// Op is what happened to an object.
type Op string

// The changes that watchers hear of.
const (
	Create Op = "CREATE"
	Modify Op = "MODIFY"
	Delete Op = "DELETE"
)

// Change is one edit.
type Change struct {
	Version int64
	Kind    Kind
	ID      string
	Op      Op
	Object  Object // the state after the edit; before it, when deleted
	Unseen  bool   // its time of change has not moved
}

// Body is the object as a read without verbose fields serves it.
func (c Change) Body() []byte {
	body, _, err := encodeObject(c.Kind, c.Object)
	if err != nil {
		panic("clinic: an object is not JSON: " + err.Error()) // it was, when it was stored
	}
	return body
}

// Watch calls fn after every edit, in order, outside the clinic's lock but inside the editor's call.
func (c *Clinic) Watch(fn func(Change)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watchers = append(c.watchers, fn)
}

// Get returns one object with its verbose fields.
func (c *Clinic) Get(k Kind, id string) (Object, bool) {
	r, ok := c.Find(k, id, 0)
	if !ok {
		return nil, false
	}
	return r.Object(), true
}

// Object decodes the row with its verbose fields.
func (r *Row) Object() Object {
	d := json.NewDecoder(bytes.NewReader(r.AppendJSON(nil, true)))
	d.UseNumber()
	o := Object{}
	if err := d.Decode(&o); err != nil {
		panic("clinic: a row is not JSON: " + err.Error()) // only we write rows
	}
	return o
}

// All returns every live object of a kind in id order.
func (c *Clinic) All(k Kind) []Object {
	rows := c.View(k, 0)
	out := make([]Object, len(rows))
	for i, r := range rows {
		out[i] = r.Object()
	}
	return out
}

// Edit sets fields of an object and moves its updated_at, unless the change sets that itself.
func (c *Clinic) Edit(k Kind, id string, change Object) error {
	old, ok := c.Find(k, id, 0)
	if !ok {
		return fmt.Errorf("clinic: no %s %s", k, id)
	}
	o := old.Object()
	maps.Copy(o, change)
	if _, ok := o["updated_at"]; ok && change["updated_at"] == nil {
		o["updated_at"] = c.stamp(old.Updated)
	}
	return c.store(k, Modify, o)
}

// EditUnseen sets fields of an object and leaves its updated_at alone, as an insurer's status that
// arrives at DrChrono may.
func (c *Clinic) EditUnseen(k Kind, id string, change Object) error {
	old, ok := c.Find(k, id, 0)
	if !ok {
		return fmt.Errorf("clinic: no %s %s", k, id)
	}
	o := old.Object()
	maps.Copy(o, change)
	return c.save(Change{Kind: k, Op: Modify, Object: o, Unseen: true})
}

// Touch moves an object's updated_at and nothing else.
func (c *Clinic) Touch(k Kind, id string) error { return c.Edit(k, id, nil) }

// Add puts a new object into the practice and returns its id. What the object leaves out is taken
// from another object of the kind; id and times are made up unless given.
func (c *Clinic) Add(k Kind, o Object) (string, error) {
	rows := c.View(k, 0)
	if len(rows) == 0 {
		return "", fmt.Errorf("clinic: no %s to take the shape from", k)
	}
	full := rows[len(rows)/2].Object()
	for _, f := range []string{"id", "billing_line_item_id"} {
		if _, has := full[f]; has && o[f] == nil {
			c.mu.Lock()
			c.nextID[k]++
			id := c.nextID[k]
			c.mu.Unlock()
			full[f] = json.Number(strconv.FormatInt(id, 10))
			if k == Appointments {
				full[f] = strconv.FormatInt(id, 10)
			}
		}
	}
	for _, f := range []string{"created_at", "updated_at", "timestamp"} {
		if _, has := full[f]; has {
			full[f] = c.stamp(0)
		}
	}
	maps.Copy(full, o)
	key := fmt.Sprint(full["id"])
	if k == LineItemDeletions {
		key = fmt.Sprint(full["billing_line_item_id"])
	}
	return key, c.store(k, Create, full)
}

// Delete removes an object the way DrChrono does: an appointment is only flagged, a line item takes
// its transactions along and leaves a row in line_item_deletions, all else vanishes.
func (c *Clinic) Delete(k Kind, id string) error {
	old, ok := c.Find(k, id, 0)
	if !ok {
		return fmt.Errorf("clinic: no %s %s", k, id)
	}
	o := old.Object()
	switch k {
	case Appointments:
		o["deleted_flag"], o["updated_at"] = true, c.stamp(old.Updated)
	case LineItems:
		for _, t := range c.View(Transactions, 0) {
			if t.LineItem == old.ID {
				if err := c.store(Transactions, Delete, t.Object()); err != nil {
					return err
				}
			}
		}
		gone := Object{"billing_line_item_id": old.ID, "appointment_id": old.Appointment, "created_at": c.stamp(0)}
		if err := c.store(LineItemDeletions, Create, gone); err != nil {
			return err
		}
	}
	return c.store(k, Delete, o)
}

// stamp is the wall clock, and always later than the object's last change: a test that edits twice
// in a second still sees the object move.
func (c *Clinic) stamp(after int64) string {
	now := c.wall()
	if now <= after && after-now < 60 {
		now = after + 1
	}
	return naive(now)
}

func (c *Clinic) store(k Kind, op Op, o Object) error {
	return c.save(Change{Kind: k, Op: op, Object: o})
}

func (c *Clinic) save(ch Change) error {
	body, extra, err := encodeObject(ch.Kind, ch.Object)
	if err != nil {
		return err
	}
	e := entry{Kind: ch.Kind, Op: ch.Op, Object: ch.Object, Changed: c.clock().UnixNano(), Wall: c.wall()}
	c.mu.Lock()
	ch.Version = c.apply(e, body, extra)
	err = c.write(e)
	watchers := c.watchers
	c.mu.Unlock()
	ch.ID = makeRow(ch.Kind, body, nil).Key()
	for _, w := range watchers {
		w(ch)
	}
	return err
}

func (c *Clinic) apply(e entry, body, extra []byte) int64 {
	t := c.tables[e.Kind]
	r := makeRow(e.Kind, body, extra)
	r.changed = e.Changed
	r.dead = e.Op == Delete && e.Kind != Appointments
	switch e.Kind { // `since` works on these although the body shows no time of change
	case LabOrders, LabDocuments:
		r.Updated = e.Wall
	}
	t.put(r)
	c.nextID[e.Kind] = max(c.nextID[e.Kind], r.ID)
	c.version++
	return c.version
}

// encodeObject splits an object into its plain and verbose JSON.
func encodeObject(k Kind, o Object) (body, extra []byte, err error) {
	plain, verbose := Object{}, Object{}
	for name, v := range o {
		if verboseFields[k][name] {
			verbose[name] = v
		} else {
			plain[name] = v
		}
	}
	if body, err = encode(plain); err != nil {
		return nil, nil, err
	}
	if len(verbose) > 0 {
		if extra, err = encode(verbose); err != nil {
			return nil, nil, err
		}
		extra[0] = ','
		extra = extra[:len(extra)-1]
	}
	return body, extra, nil
}

// encode is json.Marshal without HTML escapes: DrChrono writes "<5.7" as it is.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("clinic: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}

// verboseFields are served with verbose=true only; without it they are absent, not null.
var verboseFields = map[Kind]map[string]bool{
	Appointments: set("clinical_note", "custom_fields", "custom_vitals", "extended_updated_at", "reminders",
		"status_transitions", "vitals"),
	Patients: set("auto_accident_insurance", "custom_demographics", "patient_flags", "patient_flags_attached",
		"primary_insurance", "secondary_insurance", "tertiary_insurance", "referring_doctor", "workers_comp_insurance"),
	EligibilityChecks: set("coverage_details"),
}

func set(names ...string) map[string]bool {
	m := map[string]bool{}
	for _, n := range names {
		m[n] = true
	}
	return m
}

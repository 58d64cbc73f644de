package drchrono

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
)

// badParam is a query that the API refuses.
type badParam struct{ field, message string }

type keep func(*clinic.Row) bool

const dayRangeLimit = 190

// filters turns a query into the tests a row must pass. empty says that the answer is an empty list
// whatever the rows.
func (e *endpoint) filters(q url.Values, c *clinic.Clinic, s Settings, bulk bool) (tests []keep, empty bool, bad *badParam) {
	has := func(name string) bool { return q.Get(name) != "" }
	if since := q.Get("since"); since != "" && (e.since || (bulk && e.kind == clinic.EligibilityChecks)) {
		from, ok := clinic.ParseTime(since)
		if !ok { // a zone lands here too: Z and offsets are refused
			return nil, false, &badParam{"since", "Enter a valid date/time, without a time zone."}
		}
		tests = append(tests, func(r *clinic.Row) bool { return r.Updated >= from })
	}
	if e.needs && !has("since") && !has("occurred_since") && !has("date") && !has("date_range") {
		return nil, false, &badParam{"non_field_errors", "One of since, occurred_since, date or date_range is required."}
	}
	if e.kind == clinic.Appointments && !truthy(q.Get("show_archived")) {
		tests = append(tests, func(r *clinic.Row) bool { return !r.Deleted })
	}
	if e.kind == clinic.Patients && !truthy(q.Get("show_inactive")) {
		tests = append(tests, func(r *clinic.Row) bool { return !r.Inactive })
	}
	for _, name := range e.params {
		value := q.Get(name)
		if value == "" || name == "show_archived" || name == "show_inactive" {
			continue
		}
		test, none, bad := e.filter(name, value, c, s)
		if bad != nil {
			return nil, false, bad
		}
		empty = empty || none
		if test != nil {
			tests = append(tests, test)
		}
	}
	return tests, empty, nil
}

func (e *endpoint) filter(name, value string, c *clinic.Clinic, s Settings) (test keep, empty bool, bad *badParam) {
	switch name {
	case "patient", "doctor", "office", "appointment", "appointment_id", "line_item", "order", "ordering_doctor":
		id, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return nil, false, &badParam{name, "Enter a number."}
		}
		return e.ref(name, id, c), false, nil
	case "date", "occurred_since", "service_date", "posted_date", "query_date", "created_at", "appointment_date", "mu_date":
		from, ok := clinic.ParseTime(value)
		if !ok {
			return nil, false, &badParam{name, "Enter a valid date."}
		}
		if name == "occurred_since" {
			return func(r *clinic.Row) bool { return r.Date >= from }, false, nil
		}
		from -= from % daySeconds
		return e.between(name, from, from+daySeconds, c), false, nil
	case "date_range", "query_date_range", "appointment_date_range", "service_date_range", "mu_date_range":
		a, b, _ := strings.Cut(value, "/")
		from, ok1 := clinic.ParseTime(a)
		to, ok2 := clinic.ParseTime(b)
		if !ok1 || !ok2 || to < from {
			return nil, false, &badParam{name, "Enter a valid date range: YYYY-MM-DD/YYYY-MM-DD."}
		}
		if name == "date_range" && to-from > dayRangeLimit*daySeconds {
			if s.WideRangeEmpty {
				return nil, true, nil
			}
			return nil, false, &badParam{name, "The date range may not be longer than 190 days."}
		}
		return e.between(strings.TrimSuffix(name, "_range"), from-from%daySeconds, to-to%daySeconds+daySeconds, c), false, nil
	case "ignore_virtual":
		return func(r *clinic.Row) bool { return !truthy(value) || r.Sub == "" }, false, nil
	case "first_name", "last_name": // a prefix, whatever the case
		want := strings.ToLower(value)
		return func(r *clinic.Row) bool { return strings.HasPrefix(strings.ToLower(r.Field(name)), want) }, false, nil
	case "service_types":
		want := strings.Split(value, ",")
		return func(r *clinic.Row) bool { return slices.Contains(want, r.Field("request_service_type")) }, false, nil
	default:
		return func(r *clinic.Row) bool { return r.Field(name) == value }, false, nil
	}
}

const daySeconds = int64(24 * 60 * 60)

// ref tests a foreign key, through the parent where the object does not carry it.
func (e *endpoint) ref(name string, id int64, c *clinic.Clinic) keep {
	via := func(parent clinic.Kind, key func(*clinic.Row) int64, of func(*clinic.Row) int64) keep {
		return func(r *clinic.Row) bool {
			p, ok := c.Find(parent, strconv.FormatInt(key(r), 10), 0)
			return ok && of(p) == id
		}
	}
	visit := func(r *clinic.Row) int64 { return r.Appointment }
	order := func(r *clinic.Row) int64 { return r.Order }
	doctor := func(r *clinic.Row) int64 { return r.Doctor }
	switch name {
	case "patient":
		return func(r *clinic.Row) bool { return r.Patient == id }
	case "office":
		if e.kind == clinic.LineItems || e.kind == clinic.PatientPaymentLog {
			return via(clinic.Appointments, visit, func(r *clinic.Row) int64 { return r.Office })
		}
		return func(r *clinic.Row) bool { return r.Office == id }
	case "appointment", "appointment_id":
		return func(r *clinic.Row) bool { return r.Appointment == id }
	case "line_item":
		return func(r *clinic.Row) bool { return r.LineItem == id }
	case "order":
		return func(r *clinic.Row) bool { return r.Order == id }
	}
	switch e.kind { // doctor
	case clinic.Doctors:
		return func(r *clinic.Row) bool { return r.ID == id }
	case clinic.LabTests, clinic.LabResults, clinic.LabDocuments:
		return via(clinic.LabOrders, order, doctor)
	case clinic.ClaimBillingNotes, clinic.EligibilityChecks:
		return via(clinic.Appointments, visit, doctor)
	}
	return func(r *clinic.Row) bool { return r.Doctor == id }
}

// between tests one of the date fields against a half-open interval.
func (e *endpoint) between(name string, from, to int64, c *clinic.Clinic) keep {
	in := func(at int64) bool { return at >= from && at < to }
	switch name {
	case "posted_date":
		return func(r *clinic.Row) bool { return in(r.Posted) }
	case "created_at":
		return func(r *clinic.Row) bool {
			at, ok := clinic.ParseTime(r.Field("created_at"))
			return ok && in(at)
		}
	case "appointment_date":
		return func(r *clinic.Row) bool {
			p, ok := c.Find(clinic.Appointments, strconv.FormatInt(r.Appointment, 10), 0)
			return ok && in(p.Date)
		}
	}
	return func(r *clinic.Row) bool { return in(r.Date) }
}

// selected returns the rows that a query asks for, in the list's order.
func (e *endpoint) selected(q url.Values, c *clinic.Clinic, s Settings, by clinic.Order, bulk bool) ([]*clinic.Row, *badParam) {
	tests, empty, bad := e.filters(q, c, s, bulk)
	if bad != nil || empty {
		return nil, bad
	}
	rows := c.Sorted(e.kind, by, s.lag())
	if len(tests) == 0 {
		return rows, nil
	}
	out := make([]*clinic.Row, 0, min(len(rows), 1024))
next:
	for _, r := range rows {
		for _, t := range tests {
			if !t(r) {
				continue next
			}
		}
		out = append(out, r)
	}
	return out, nil
}

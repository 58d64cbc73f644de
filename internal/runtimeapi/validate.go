package runtimeapi

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/robfig/cron/v3"

	"github.com/feel-august/terraform-provider-august/internal/sync/billing"
)

// Served is the datasets that a pipeline can name.
var Served = []string{"billing", "labs", "appointments", "patients"}

// WebhookEvents is every event DrChrono sends. PATIENT_FLAG_CMODIFY is the documented spelling,
// PATIENT_FLAG_MODIFY the console's; both are one event.
var WebhookEvents = []string{
	"APPOINTMENT_CREATE", "APPOINTMENT_DELETE", "APPOINTMENT_MODIFY", "CASH_PAYMENT_DELETE",
	"CLINICAL_NOTE_LOCK", "CLINICAL_NOTE_UNLOCK", "LAB_ORDER_CREATE", "LAB_ORDER_DELETE",
	"LAB_ORDER_MODIFY", "LINE_ITEM_CREATE", "LINE_ITEM_DELETE", "LINE_ITEM_MODIFY",
	"LINE_ITEM_TRANSACTION_DELETE", "PATIENT_ALLERGY_CREATE", "PATIENT_ALLERGY_MODIFY",
	"PATIENT_CREATE", "PATIENT_FLAG_CMODIFY", "PATIENT_FLAG_CREATE", "PATIENT_FLAG_MODIFY",
	"PATIENT_MEDICATION_CREATE", "PATIENT_MEDICATION_MODIFY", "PATIENT_MODIFY",
	"PATIENT_PROBLEM_CREATE", "PATIENT_PROBLEM_MODIFY", "TASK_CREATE", "TASK_DELETE",
	"TASK_MODIFY", "VACCINE_ADMINISTERED",
}

// ViewBillingSummary is claims counted and summed per month of service, status and payer. It holds
// no patient's data, and small groups are folded or withheld.
const ViewBillingSummary = "billing_summary"

// More views of billing, of groups of at least eleven, too.
const (
	ViewBillingDay        = "billing_day"        // claims by status, payer and provider at the end of the newest day
	ViewBillingMismatches = "billing_mismatches" // open mismatches by month first seen, reason and severity
)

// ViewAbnormalResults is the lab results that wait for a clinician. It names no patient and shows no
// value; its key is found in the database, in labs.review.code.
const ViewAbnormalResults = "abnormal_results"

// ViewFields is the fields of each Coda view, by dataset and view.
var ViewFields = map[string]map[string][]string{
	"billing": {
		ViewBillingSummary:    {"month", "status", "payer", "claims", "billed", "insurance_paid", "patient_paid", "balance"},
		ViewBillingDay:        {"day", "status", "payer", "doctor", "claims", "billed", "insurance_paid", "patient_paid", "balance"},
		ViewBillingMismatches: {"month", "reason", "severity", "mismatches"},
	},
	"labs": {
		ViewAbnormalResults: {"test", "observation", "abnormal_state", "direction", "severity", "basis", "review", "reason", "doctor"},
	},
}

var (
	nameForm   = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)
	docForm    = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	tableForm  = regexp.MustCompile(`^grid-[A-Za-z0-9_-]+$`)
	columnForm = regexp.MustCompile(`^c-[A-Za-z0-9_-]+$`)
)

// ValidateName says what is wrong with a pipeline's name, or returns nil.
func ValidateName(name string) *Error {
	if nameForm.MatchString(name) {
		return nil
	}
	return &Error{Code: CodeInvalid, Field: "name",
		Message: "must start with a lower-case letter, hold only lower-case letters, digits and hyphens, not end with a hyphen, and have at most 63 characters"}
}

// Validate lists everything that is wrong with the spec, each with the path of the field at fault.
// It needs nothing but the spec, so that a plan and the runtime decide alike.
func (s PipelineSpec) Validate() []Error {
	var v findings
	v.dataset(s.Dataset)
	if s.Schedule != "" {
		if _, err := ParseSchedule(s.Schedule); err != nil {
			v.add("schedule", "%v", err)
		}
	}
	if s.Reconcile != nil {
		v.reconcile(s.Reconcile.Schedule)
	}
	v.events(s.WebhookEvents)
	if len(s.StatusOverrides) > 0 && s.Dataset != "billing" && slices.Contains(Served, s.Dataset) {
		v.add("status_overrides", "only dataset \"billing\" has claims; leave it out")
	}
	v.overrides(s.StatusOverrides)
	v.views(s.Dataset, s.CodaViews)
	return v
}

// findings collects what is wrong.
type findings []Error

func (v *findings) add(field, format string, args ...any) {
	*v = append(*v, Error{Code: CodeInvalid, Field: field, Message: fmt.Sprintf(format, args...)})
}

func (v *findings) dataset(name string) {
	if !slices.Contains(Served, name) {
		v.add("dataset", "%q is no dataset; use %s", name, quoted(Served))
	}
}

func (v *findings) reconcile(schedule string) {
	if schedule == "" {
		v.add("reconcile.schedule", "is empty; give five fields of cron, for example \"0 4 * * 0\", or leave reconcile out")
	} else if _, err := ParseSchedule(schedule); err != nil {
		v.add("reconcile.schedule", "%v", err)
	}
}

func (v *findings) events(events []string) {
	seen := map[string]bool{}
	for i, event := range events {
		field := fmt.Sprintf("webhook_events[%d]", i)
		switch {
		case event == "PING":
			v.add(field, "PING is always answered; leave it out")
		case seen[event]:
			v.add(field, "%s is listed twice", event)
		case slices.Contains(WebhookEvents, event):
		case slices.Contains(WebhookEvents, strings.ToUpper(event)):
			v.add(field, "%q must be written %s", event, strings.ToUpper(event))
		default:
			v.add(field, "%q is no event of DrChrono; it sends %s", event, strings.Join(WebhookEvents, ", "))
		}
		seen[event] = true
	}
}

func (v *findings) overrides(overrides map[string]string) {
	folded := map[string]string{}
	for _, status := range slices.Sorted(maps.Keys(overrides)) {
		field := "status_overrides." + status
		if _, ok := billing.ParseState(overrides[status]); !ok {
			v.add(field, "%q is no claim state; use one of %s", overrides[status], strings.Join(ClaimStates(), ", "))
		}
		if strings.ContainsFunc(status, unicode.IsControl) { // also what PostgreSQL would not store
			v.add("status_overrides", "%q holds a control character; no billing status of DrChrono does", status)
		}
		key := billing.Fold(status)
		if key == "" {
			v.add("status_overrides", "an empty billing status means \"not billed\" and cannot be overridden")
		}
		if first, ok := folded[key]; ok {
			v.add(field, "means the same as %q: case, spaces and apostrophes make no difference; keep one", first)
		}
		folded[key] = status
	}
}

func (v *findings) views(dataset string, views []CodaView) {
	fields := ViewFields[dataset]
	seen, tables := map[string]bool{}, map[string]string{}
	for i, view := range views {
		at := fmt.Sprintf("coda_views[%d].", i)
		known, ok := fields[view.View]
		if len(fields) == 0 && slices.Contains(Served, dataset) {
			v.add(at+"view", "dataset %q has no views", dataset)
		} else if !ok && slices.Contains(Served, dataset) {
			v.add(at+"view", "%q is no view of %q; use %s", view.View, dataset, quoted(slices.Sorted(maps.Keys(fields))))
		}
		if ok && seen[view.View] {
			v.add(at+"view", "%q is listed twice; a view goes to one table", view.View)
		}
		seen[view.View] = true

		v.id(at+"doc_id", view.DocID, docForm, "a Coda doc's id, such as \"AbCDeFGH\": what follows \"_d\" in the doc's address")
		if strings.HasPrefix(view.TableID, "table-") {
			v.add(at+"table_id", "%q is a view of a table; Coda takes rows in base tables only, whose ids start with \"grid-\"", view.TableID)
		} else {
			v.id(at+"table_id", view.TableID, tableForm, "a Coda base table's id, such as \"grid-AbCDeFGH\"; names are not accepted, for they change")
		}
		if table := view.DocID + "/" + view.TableID; view.TableID != "" {
			if first, twice := tables[table]; twice {
				v.add(at+"table_id", "table %s of doc %s already receives view %q; each view needs a table of its own", view.TableID, view.DocID, first)
			}
			tables[table] = view.View
		}
		v.columns(at, view, known, ok)
		if ok {
			v.phi(at, view, known)
		}
	}
}

func (v *findings) columns(at string, view CodaView, known []string, check bool) {
	const wants = "a Coda column's id, such as \"c-AbCDeFGH\"; names are not accepted, for they change"
	v.id(at+"key_column", view.KeyColumn, columnForm, wants)
	if len(view.Columns) == 0 {
		v.add(at+"columns", "names no column; map at least one field of the view to a Coda column")
	}
	used := map[string]string{view.KeyColumn: "key_column"}
	for _, field := range slices.Sorted(maps.Keys(view.Columns)) {
		column := view.Columns[field]
		path := at + "columns." + field
		if check && !slices.Contains(known, field) {
			v.add(path, "%q is no field of view %q; it has %s", field, view.View, strings.Join(known, ", "))
		}
		v.id(path, column, columnForm, wants)
		if first, twice := used[column]; twice && column != "" {
			v.add(path, "column %s already receives %s; each needs a column of its own", column, first)
		}
		used[column] = field
	}
}

func (v *findings) id(field, value string, form *regexp.Regexp, wants string) {
	switch {
	case value == "":
		v.add(field, "is empty; give %s", wants)
	case !form.MatchString(value):
		v.add(field, "%q is not %s", value, wants)
	}
}

var (
	cronFields = [5]string{"minute", "hour", "day of month", "month", "day of week"}
	cronParser = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)
)

// ParseSchedule reads a five-field cron expression. Times are UTC. The error names the field.
func ParseSchedule(schedule string) (cron.Schedule, error) {
	fields := strings.Fields(schedule)
	switch {
	case strings.HasPrefix(schedule, "@"):
		return nil, fmt.Errorf("%q is a shorthand; write the five fields minute, hour, day of month, month, day of week, for example \"*/15 * * * *\"", schedule)
	// The parser takes a zone, and panics on one without a space.
	case strings.Contains(schedule, "="):
		return nil, fmt.Errorf("%q sets a time zone; schedules are UTC", schedule)
	case len(fields) != len(cronFields):
		return nil, fmt.Errorf("%q has %d fields, not five; write minute, hour, day of month, month, day of week, for example \"*/15 * * * *\"", schedule, len(fields))
	}
	for i, field := range fields {
		alone := [5]string{"*", "*", "*", "*", "*"}
		alone[i] = field
		if _, err := cronParser.Parse(strings.Join(alone[:], " ")); err != nil {
			return nil, fmt.Errorf("%s %q is not understood: %w", cronFields[i], field, err)
		}
	}
	parsed, err := cronParser.Parse(strings.Join(fields, " "))
	if err != nil {
		return nil, err
	}
	if parsed.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return nil, errors.New("never comes: no year has such a day; check day of month and month")
	}
	return utc{parsed}, nil
}

// utc keeps a schedule in UTC whatever zone it is asked in.
type utc struct{ cron.Schedule }

func (s utc) Next(t time.Time) time.Time { return s.Schedule.Next(t.UTC()) }

// ClaimStates is every state that a status override can name.
func ClaimStates() []string {
	names := make([]string, 0, len(billing.States))
	for _, s := range billing.States {
		if s != billing.Unknown {
			names = append(names, string(s))
		}
	}
	return names
}

func quoted(names []string) string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = fmt.Sprintf("%q", name)
	}
	return strings.Join(out, ", ")
}

package clinic_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
)

var today = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)

func small(t *testing.T) *clinic.Clinic {
	t.Helper()
	return clinic.New(clinic.Size{Patients: 50, Today: today, Clock: func() time.Time { return today.Add(40 * time.Hour) }}, 1)
}

func dump(c *clinic.Clinic) []byte {
	var b []byte
	for _, k := range clinic.Kinds {
		for _, r := range c.View(k, 0) {
			b = append(r.AppendJSON(b, true), '\n')
		}
	}
	return b
}

func TestSameSeedSameClinic(t *testing.T) {
	if !bytes.Equal(dump(small(t)), dump(small(t))) {
		t.Error("two clinics of one seed differ")
	}
	a, b := small(t), clinic.New(clinic.Size{Patients: 50, Today: today}, 2)
	for _, k := range clinic.Kinds {
		for _, r := range b.View(k, 0) {
			if _, shared := a.Find(k, r.Key(), 0); shared {
				t.Fatalf("%s %s is in both practices", k, r.Key())
			}
		}
	}
}

func TestDefaultSize(t *testing.T) {
	c := clinic.New(clinic.Size{Today: today}, 1)
	for kind, want := range map[clinic.Kind]int{
		clinic.Patients: 2000, clinic.Appointments: 12000, clinic.LineItems: 25000, clinic.Transactions: 45000, clinic.LabResults: 8000,
		clinic.PatientPayments: 6500, clinic.Doctors: 8, clinic.Offices: 3,
	} {
		if n := c.Count(kind); n < want*8/10 || n > want*12/10 {
			t.Errorf("%d %s, want about %d", n, kind, want)
		}
	}
	for _, k := range clinic.Kinds {
		if c.Count(k) == 0 {
			t.Errorf("no %s", k)
		}
	}
}

func TestEveryRowIsWhatItsColumnsSay(t *testing.T) {
	c := small(t)
	end := today.Format("2006-01-02T15:04:05")
	for _, k := range clinic.Kinds {
		last := ""
		for i, r := range c.View(k, 0) {
			if !json.Valid(r.AppendJSON(nil, true)) || !json.Valid(r.Body) {
				t.Fatalf("%s %s is no JSON: %s", k, r.Key(), r.Body)
			}
			if i > 0 && r.Key() == last {
				t.Errorf("%s %s is there twice", k, last)
			}
			last = r.Key()
			o := r.Object()
			for _, f := range []string{"updated_at", "created_at", "timestamp"} {
				if at, ok := o[f].(string); ok && (at > end || len(at) != 19) {
					t.Errorf("%s %s: %s is %s", k, r.Key(), f, at)
				}
			}
			if at := r.Field("updated_at"); at != "" {
				if sec, ok := clinic.ParseTime(at); !ok || sec != r.Updated {
					t.Errorf("%s %s: column %d, body %s", k, r.Key(), r.Updated, at)
				}
			}
		}
	}
}

func TestReferencesResolve(t *testing.T) {
	c := small(t)
	parents := map[string]clinic.Kind{"patient": clinic.Patients, "doctor": clinic.Doctors, "office": clinic.Offices, "appointment": clinic.Appointments,
		"line_item": clinic.LineItems, "lab_order": clinic.LabOrders, "lab_test": clinic.LabTests, "document": clinic.LabDocuments, "sublab": clinic.Sublabs,
		"ordering_doctor": clinic.Doctors}
	for _, k := range clinic.Kinds {
		for _, o := range c.All(k) {
			for field, parent := range parents {
				v, ok := o[field]
				if !ok || v == nil || (k == clinic.LabDocuments && field == "document") {
					continue
				}
				if _, found := c.Find(parent, fmt.Sprint(v), 0); !found {
					t.Errorf("%s %v: no %s %v", k, o["id"], field, v)
				}
			}
		}
	}
}

func cents(t *testing.T, v any) decimal.Decimal {
	t.Helper()
	if v == nil || v == "" {
		return decimal.Zero
	}
	s, ok := v.(string)
	if !ok || !regexp.MustCompile(`^-?\d+\.\d\d$`).MatchString(s) {
		t.Fatalf("money is text with two decimals, not %v", v)
	}
	return decimal.RequireFromString(s)
}

func TestMoneyAddsUp(t *testing.T) {
	c := clinic.New(clinic.Size{Patients: 150, Today: today}, 1)
	paid := map[string]decimal.Decimal{}
	for _, tr := range c.All(clinic.Transactions) {
		id := fmt.Sprint(tr["line_item"])
		paid[id] = paid[id].Add(cents(t, tr["ins_paid"]))
		if tr["adjustment_reason"] == "-3" && !cents(t, tr["adjustment"]).IsZero() {
			t.Errorf("transaction %v is a payment with an adjustment", tr["id"])
		}
	}
	odd := 0
	for _, l := range c.All(clinic.LineItems) {
		sum := func(fields ...string) decimal.Decimal {
			total := decimal.Zero
			for _, f := range fields {
				total = total.Add(cents(t, l[f]))
			}
			return total
		}
		if !sum("ins_total", "pt_paid").Equal(sum("paid_total")) || !sum("balance_ins", "balance_pt").Equal(sum("balance_total")) {
			t.Errorf("line %v does not add up: %v", l["id"], l)
		}
		if !sum("adjustment", "paid_total", "balance_total").Equal(sum("billed")) {
			t.Errorf("line %v: billed %v is not what became of it: %v", l["id"], l["billed"], l)
		}
		if !sum("ins1_paid", "ins2_paid", "ins3_paid").Equal(sum("ins_total")) {
			odd++ // planted
		} else if !sum("ins_total").Equal(paid[fmt.Sprint(l["id"])]) {
			t.Errorf("line %v: insurers paid %v, transactions say %v", l["id"], l["ins_total"], paid[fmt.Sprint(l["id"])])
		}
	}
	if odd == 0 || odd > 30 {
		t.Errorf("%d lines whose books disagree", odd)
	}
}

// A test practice of fifty patients has every status and every lab form.
func TestEveryCaseOccurs(t *testing.T) {
	c := small(t)
	all := string(dump(c))
	for _, status := range []string{"Incomplete Information", "In Process Emdeon", "Rejected Emdeon", "Rejected EPS", "Rejected Jopari",
		"In Process Payor", "Rejected Waystar Professional", "Rejected Waystar Institutional", "In Process Payer", "Payer Acknowledged",
		"Rejected Payor", "Rejected Payer", "Paid in Full", "Partially Paid", "Coordination of Benefits", "ERA Received", "ERA Denied",
		"HCFA Form Faxed"} {
		if !strings.Contains(all, `"ins1_status":"`+status+`"`) {
			t.Errorf("no ins1_status %s", status)
		}
	}
	for _, status := range []string{"Auto Accident Claim", "Balance Due", "Bill Insurance", "Bill Secondary Insurance",
		"Durable Medical Equipment Claim", "Internal Review", "Paid In Full", "Settled", "Worker's Comp Claim", "Worker’s Comp Claim", "",
		"Sent to Test Attorney"} {
		if !strings.Contains(all, `"billing_status":"`+status+`","ins1_status"`) {
			t.Errorf("no billing_status %q", status)
		}
	}
	for _, form := range []string{"70 99", "0.7 1.3", "3.5 - 5.1", "10 to 40", "150-450", "-2-2", "4.0–11.0", "<5.7", "< 150", "<=30", "0-<100", ">40",
		">=60", "> OR = 60", "≥ 40", "135-145 mEq/L", "12-16^N", "Negative", "Non Reactive", "Not Detected", "Clear", "Yellow", "", "-",
		"Not Estab.", "See note"} {
		if !strings.Contains(all, `"normal_range":"`+form+`"`) {
			t.Errorf("no range %q", form)
		}
	}
	for _, text := range []string{`"value":"<0.01"`, `"value":"1:80"`, `"value":"!!Storno"`, `"value":"TNP"`, `"value":"140 mEq/L"`, `"is_abnormal":"True"`,
		`"is_abnormal":null`, `"status":"C"`, `"appt_is_break":true`, `"deleted_flag":true`, `"claim_status":"22"`, `"claim_status":"4"`,
		`"status":"Cancelled"`, `"status":"No Show"`, `"status":"Rescheduled"`, `"payment_transaction_type":"COPAY"`, `"patient_status":"I"`,
		`"billed":null`, `"line_item":null`, "\\rOBX|"} {
		if !strings.Contains(all, text) {
			t.Errorf("nothing with %s", text)
		}
	}
	if !regexp.MustCompile(`"id":"\d+_\d{8}"`).MatchString(all) {
		t.Error("no virtual appointment")
	}
}

func TestOnlySyntheticPeople(t *testing.T) {
	for seed := uint64(1); seed <= 2; seed++ {
		c := clinic.New(clinic.Size{Patients: 50, Today: today}, seed)
		all := string(dump(c))
		for _, k := range clinic.Canaries() {
			if !strings.Contains(all, k) {
				t.Errorf("the canary %s is not planted", k)
			}
		}
		for _, p := range c.All(clinic.Patients) {
			if ssn := p["social_security_number"].(string); ssn != "" && !strings.HasPrefix(ssn, "900-") {
				t.Errorf("SSN %s", ssn)
			}
			if mail := p["email"].(string); mail != "" && !strings.HasSuffix(mail, "@example.test") {
				t.Errorf("e-mail %s", mail)
			}
			if !strings.HasPrefix(p["cell_phone"].(string), "(555) 555-01") {
				t.Errorf("phone %v", p["cell_phone"])
			}
		}
	}
}

func TestEdits(t *testing.T) {
	c := small(t)
	var heard []clinic.Change
	c.Watch(func(ch clinic.Change) { heard = append(heard, ch) })
	id := c.View(clinic.Patients, 0)[4].Key()
	before, _ := c.Get(clinic.Patients, id)
	for range 2 {
		if err := c.Edit(clinic.Patients, id, clinic.Object{"city": "Newtown"}); err != nil {
			t.Fatal(err)
		}
	}
	after, _ := c.Get(clinic.Patients, id)
	if after["city"] != "Newtown" || after["updated_at"].(string) <= before["updated_at"].(string) || after["primary_insurance"] == nil {
		t.Errorf("after the edit: %v", after)
	}
	if r, _ := c.Find(clinic.Patients, id, 0); bytes.Contains(r.Body, []byte("primary_insurance")) {
		t.Error("a verbose field moved into the plain object")
	}
	added, err := c.Add(clinic.Appointments, clinic.Object{"status": "Arrived"})
	if err != nil {
		t.Fatal(err)
	}
	if o, ok := c.Get(clinic.Appointments, added); !ok || o["status"] != "Arrived" || o["id"] != added {
		t.Errorf("added: %v", o)
	}
	gone := c.View(clinic.PatientPayments, 0)[0].Key()
	if err := c.Delete(clinic.PatientPayments, gone); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Get(clinic.PatientPayments, gone); ok {
		t.Error("the deleted payment is there")
	}
	if len(heard) != 4 || heard[0].Op != clinic.Modify || heard[2].Op != clinic.Create || heard[3].Op != clinic.Delete || heard[3].ID != gone {
		t.Errorf("heard %v", heard)
	}
	if c.Edit(clinic.Patients, "1", nil) == nil || c.Delete("nonsense", "1") == nil {
		t.Error("edits of nothing pass")
	}
}

func TestJournalKeepsEditsAndDay(t *testing.T) {
	file := filepath.Join(t.TempDir(), "clinic.jsonl")
	at := today.Add(30 * time.Hour)
	size := clinic.Size{Patients: 50, Clock: func() time.Time { return at }}
	c, err := clinic.Open(file, size, 1)
	if err != nil {
		t.Fatal(err)
	}
	line := c.View(clinic.Transactions, 0)[0].LineItem
	if err := c.Delete(clinic.LineItems, fmt.Sprint(line)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Add(clinic.Transactions, clinic.Object{"ins_paid": "1.25"}); err != nil {
		t.Fatal(err)
	}
	want := dump(c)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.WriteString(`{"kind":"patients","op":"MOD`) // killed while writing
	_ = f.Close()
	for day := range 2 {
		at = at.Add(24 * time.Hour)
		again, err := clinic.Open(file, size, 1)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(dump(again), want) {
			t.Errorf("day %d: not the same practice", day)
		}
		_ = again.Close()
	}
	other, err := clinic.Open(file, size, 2)
	if err != nil || other.Version() != 0 {
		t.Errorf("another seed: %v, version %d", err, other.Version())
	}
	_ = other.Close()
	size.LabOrders = 300
	larger, err := clinic.Open(file, size, 2)
	if err != nil || larger.Count(clinic.LabOrders) != 300 || larger.Count(clinic.LineItems) != other.Count(clinic.LineItems) {
		t.Errorf("with more lab orders: %v, %d orders", err, larger.Count(clinic.LabOrders))
	}
	_ = larger.Close()
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		clinic.New(clinic.Size{Today: today}, 1)
	}
}

// Package clinic makes up a medical practice: patients, visits, charges, remittances, lab results.
// Everything in it is synthetic and says so. The DrChrono sandbox serves it.
//
// The same size, seed and day always give the same practice, byte for byte. Objects are kept as the
// JSON that goes over the wire, so a page of a thousand rows is a copy, not an encoding.
package clinic

import (
	"io"
	"sync"
	"time"
	_ "time/tzdata" // the practice's wall clock must not depend on the machine
)

// Kind names one sort of object, as in DrChrono's paths.
type Kind string

// The kinds a practice holds.
const (
	Doctors           Kind = "doctors"
	Offices           Kind = "offices"
	Users             Kind = "users"
	Patients          Kind = "patients"
	Appointments      Kind = "appointments"
	LineItems         Kind = "line_items"
	LineItemDeletions Kind = "line_item_deletions"
	Transactions      Kind = "transactions"
	PatientPayments   Kind = "patient_payments"
	PatientPaymentLog Kind = "patient_payment_log"
	ClaimBillingNotes Kind = "claim_billing_notes"
	EOBs              Kind = "eobs"
	EligibilityChecks Kind = "eligibility_checks"
	Sublabs           Kind = "sublabs"
	LabOrders         Kind = "lab_orders"
	LabTests          Kind = "lab_tests"
	LabResults        Kind = "lab_results"
	LabDocuments      Kind = "lab_documents"
	PatientLabResults Kind = "patient_lab_results"
)

// Kinds lists every kind, parents before children.
var Kinds = []Kind{Doctors, Offices, Users, Patients, Appointments, LineItems, LineItemDeletions, Transactions,
	PatientPayments, PatientPaymentLog, ClaimBillingNotes, EOBs, EligibilityChecks, Sublabs, LabOrders, LabTests,
	LabResults, LabDocuments, PatientLabResults}

// Size says how much practice to make.
type Size struct {
	// Patients is the number of patients; all else scales with it. 2,000 patients have about 12,000
	// appointments, 25,000 line items, 40,000 transactions and 8,000 lab results. Default 2,000.
	Patients int
	// LabOrders is the number of lab orders, of five or six results each. Default three for four patients.
	LabOrders int
	// Today is the last day of the practice's history (only its date counts). Default: the clock's.
	Today time.Time
	// Clock stamps later edits. Default time.Now.
	Clock func() time.Time
	// Zone is the wall clock of the naive times. Default America/New_York, so that a client that
	// takes them for UTC is found out.
	Zone *time.Location
}

// Clinic is one practice. It is safe for concurrent use.
type Clinic struct {
	clock func() time.Time
	zone  *time.Location
	seed  uint64
	today time.Time

	mu       sync.RWMutex
	tables   map[Kind]*table
	nextID   map[Kind]int64
	version  int64
	watchers []func(Change)
	journal  io.WriteCloser
}

// New makes a practice of the given size.
func New(size Size, seed uint64) *Clinic {
	if size.Patients <= 0 {
		size.Patients = 2000
	}
	if size.Clock == nil {
		size.Clock = time.Now
	}
	if size.Zone == nil {
		size.Zone = mustZone("America/New_York")
	}
	if size.Today.IsZero() {
		size.Today = size.Clock().In(size.Zone)
	}
	y, m, d := size.Today.Date()
	c := &Clinic{
		clock: size.Clock, zone: size.Zone, seed: seed, today: time.Date(y, m, d, 0, 0, 0, 0, time.UTC),
		tables: map[Kind]*table{}, nextID: map[Kind]int64{},
	}
	for _, k := range Kinds {
		c.tables[k] = &table{}
	}
	generate(c, size)
	return c
}

// Today is the last day of the generated history, as midnight UTC.
func (c *Clinic) Today() time.Time { return c.today }

// Now is the practice's wall clock, in DrChrono's naive notation.
func (c *Clinic) Now() string { return naive(c.wall()) }

// wall is now as seconds since 1970 on the practice's wall clock, whatever the zone.
func (c *Clinic) wall() int64 {
	t := c.clock().In(c.zone)
	_, offset := t.Zone()
	return t.Unix() + int64(offset)
}

// Count is the number of live objects of a kind, archived and inactive ones included.
func (c *Clinic) Count(k Kind) int { return len(c.View(k, 0)) }

// Version counts the edits made so far.
func (c *Clinic) Version() int64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.version
}

func mustZone(name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		panic(err) // tzdata is linked in
	}
	return z
}

const (
	naiveLayout = "2006-01-02T15:04:05"
	dateLayout  = "2006-01-02"
	day         = int64(24 * 60 * 60)
)

func naive(sec int64) string { return time.Unix(sec, 0).UTC().Format(naiveLayout) }
func date(sec int64) string  { return time.Unix(sec, 0).UTC().Format(dateLayout) }

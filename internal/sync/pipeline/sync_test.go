package pipeline_test

import (
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
)

func TestFirstDeclarationSyncsThePracticeInFull(t *testing.T) {
	r := newRig(t, 40)
	s, _ := r.instance()
	r.start(s)
	r.put(s, spec)
	run := r.ended(s, runtimeapi.RunSucceeded, runtimeapi.RunFailed)
	if run.State != runtimeapi.RunSucceeded || !run.Full {
		t.Fatalf("%+v\n%s", run, r.logs)
	}
	r.equal()
	st, err := s.Status(t.Context(), "billing")
	if err != nil || st.LastFull == nil || st.Rows["line_items"] != int64(r.clinic.Count(clinic.LineItems)) || st.NextRun != nil {
		t.Errorf("%+v, %v", st, err)
	}
	if n := r.one(`select count(*) from august.sweep_page`); n != "0" {
		t.Errorf("%s pages of ended sweeps are left", n)
	}

	// The same again changes nothing, be it full or not.
	for _, full := range []bool{true, false} {
		run := r.sync(s, full)
		if read, changed, deleted := changed(run); read == 0 || changed != 0 || deleted != 0 {
			t.Errorf("full %t: read %d, changed %d, deleted %d", full, read, changed, deleted)
		}
	}
	r.equal()
	for _, canary := range clinic.Canaries() {
		if strings.Contains(r.logs.String(), canary) {
			t.Error("a patient's data is in the log")
		}
	}
}

func TestIncrementalSyncPicksUpEditsAndDeletions(t *testing.T) {
	r := newRig(t, 40, few...)
	s, _ := r.instance()
	r.start(s)
	r.put(s, spec)
	r.ended(s, runtimeapi.RunSucceeded)

	key := func(k clinic.Kind, i int) string { return r.clinic.View(k, 0)[i].Key() }
	edits := []error{
		r.clinic.Edit(clinic.LineItems, key(clinic.LineItems, 3), clinic.Object{"billed": "321.09"}),
		r.clinic.Edit(clinic.Appointments, key(clinic.Appointments, 5), clinic.Object{"ins1_status": "ERA Received"}),
		r.clinic.Edit(clinic.Doctors, key(clinic.Doctors, 0), clinic.Object{"specialty": "Other"}),
		r.clinic.Delete(clinic.LineItems, key(clinic.LineItems, 10)),
		r.clinic.Delete(clinic.Appointments, key(clinic.Appointments, 7)),
	}
	for range 3 {
		_, err := r.clinic.Add(clinic.PatientPayments, clinic.Object{"amount": "12.34"})
		edits = append(edits, err)
	}
	for _, err := range edits {
		if err != nil {
			t.Fatal(err)
		}
	}
	run := r.sync(s, false)
	r.equal()
	if read, _, deleted := changed(run); run.Full || deleted < 2 || read > 2000 {
		t.Errorf("%+v", run)
	}

	// A transaction goes without a trace: a full sync finds it.
	if err := r.clinic.Delete(clinic.Transactions, key(clinic.Transactions, 20)); err != nil {
		t.Fatal(err)
	}
	if _, _, deleted := changed(r.sync(s, false)); deleted != 0 {
		t.Errorf("an incremental sync deleted %d rows", deleted)
	}
	if _, _, deleted := changed(r.sync(s, true)); deleted != 1 {
		t.Errorf("the full sync deleted %d rows", deleted)
	}
	r.equal()
}

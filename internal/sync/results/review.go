package results

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/sync/labs"
)

// Where results are.
const (
	ofOrders   = "lab_results"
	ofPatients = "patient_lab_results"
)

// inDrChrono is who acknowledged a result that was signed off there.
const inDrChrono = "drchrono"

// signOffs takes up what was signed off in DrChrono, with the content that was there when it was first
// seen: a result that changes later must come back to the queue although the mark stays. A mark that is
// taken away takes its acknowledgement along; set again, it stands for the content of that time.
func signOffs(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `
		select r.id, coalesce(r.doctor_signoff, false), coalesce(r.lab_order_status, ''), r.fingerprint, exists (
			select from labs.acknowledgement a where a.source = $1 and a.observation = r.id::text and a.withdrawn_at is null and a.acknowledged_by = $2)
		from drchrono.patient_lab_results r where r.deleted_at_source is null order by r.id`, ofPatients, inDrChrono)
	if err != nil {
		return err
	}
	var (
		id                  int64
		signed, has         bool
		status, fingerprint string
		given, withdrawn    []int64
		fingerprints        []string
	)
	if _, err := pgx.ForEachRow(rows, []any{&id, &signed, &status, &fingerprint, &has}, func() error {
		switch is := labs.Acknowledged(signed, status); {
		case is && !has:
			given, fingerprints = append(given, id), append(fingerprints, fingerprint)
		case !is && has:
			withdrawn = append(withdrawn, id)
		}
		return nil
	}); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `update labs.acknowledgement set withdrawn_at = now()
		where source = $1 and acknowledged_by = $2 and withdrawn_at is null and observation in (select unnest($3::bigint[])::text)`, ofPatients, inDrChrono, withdrawn); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `insert into labs.acknowledgement (source, observation, result, status, fingerprint, acknowledged_by)
		select $1, id::text, id, $2, fingerprint, $3 from unnest($4::bigint[], $5::text[]) as n (id, fingerprint)`,
		ofPatients, string(labs.Final), inDrChrono, given, fingerprints)
	return err
}

var reviews = table{name: "review", key: []string{"source", "observation"},
	rest: []string{"result", "lab_order", "patient", "doctor", "state", "reason", "status", "abnormal_state", "direction", "severity",
		"basis", "test", "name", "fingerprint"},
	keep: ", since = case when t.state = excluded.state then t.since else now() end"}

// qCandidates is every version that holds and may wait for a clinician, or that one has seen. Results
// that are no part of an order have no status: they count as final.
const qCandidates = `
with seen as (
	select distinct on (source, observation) source, observation, result, status, fingerprint
	from labs.acknowledgement where withdrawn_at is null order by source, observation, id desc
), held as (
	select '` + ofOrders + `' as source, concat(r.lab_test, ':', r.observation_key) as observation, r.id, r.lab_order, o.patient, o.doctor,
		coalesce(r.status, '') as status, r.abnormal_state, r.abnormal_direction, r.abnormal_severity, r.abnormal_basis,
		coalesce(t.name, '') as test, coalesce(nullif(r.observation_description, ''), r.observation_code, '') as name, r.fingerprint
	from drchrono.lab_results r
	left join drchrono.lab_orders o on o.id = r.lab_order
	left join drchrono.lab_tests t on t.id = r.lab_test
	where r.deleted_at_source is null and r.superseded_by is null
	union all
	select '` + ofPatients + `', r.id::text, r.id, null, r.patient, r.ordering_doctor,
		'` + string(labs.Final) + `', r.abnormal_state, r.abnormal_direction, r.abnormal_severity, r.abnormal_basis,
		coalesce(r.title, ''), coalesce(nullif(r.title, ''), r.loinc_code, ''), r.fingerprint
	from drchrono.patient_lab_results r
	where r.deleted_at_source is null
)
select h.*, s.result, coalesce(s.status, ''), coalesce(s.fingerprint, '')
from held h left join seen s using (source, observation)
where s.result is not null or h.abnormal_state = '` + string(labs.Abnormal) + `'
	or h.abnormal_state = '` + string(labs.Unknown) + `' and h.abnormal_basis = '` + string(labs.ByFlag) + `'`

// review derives what waits for a clinician, and what one has seen.
func review(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, qCandidates)
	if err != nil {
		return err
	}
	var (
		source, observation, status, test, name string
		order, patient, doctor, seen            *int64
		c                                       labs.Candidate
		state, direction, severity, basis       string
		ack                                     labs.Acknowledgement
		ackStatus                               string
		wanted                                  [][]any
	)
	if _, err := pgx.ForEachRow(rows, []any{&source, &observation, &c.ID, &order, &patient, &doctor, &status, &state, &direction, &severity, &basis,
		&test, &name, &c.Fingerprint, &seen, &ackStatus, &ack.Fingerprint}, func() error {
		c.Status = labs.ParseStatus(status)
		c.Decision = labs.Decision{State: labs.State(state), Direction: labs.Direction(direction), Severity: labs.Severity(severity), Basis: labs.Basis(basis)}
		var last *labs.Acknowledgement
		if seen != nil {
			ack.ID, ack.Status = *seen, labs.ParseStatus(ackStatus)
			last = &ack
		}
		place, why := labs.Review(c, last)
		if place == labs.ReviewNotNeeded {
			return nil
		}
		wanted = append(wanted, []any{source, observation, c.ID, copied(order), copied(patient), copied(doctor), string(place), why, status,
			state, direction, severity, basis, test, name, c.Fingerprint})
		return nil
	}); err != nil {
		return err
	}
	return reviews.become(ctx, tx, wanted)
}

// copied is a value apart from the variable that the next row is read into.
func copied(v *int64) any {
	if v == nil {
		return nil
	}
	return *v
}

package plans

import "strings"

// few marks a reason that holds while a table has some thousand rows, of which a page or a block is a large share. At a
// million rows it is none.
const few = "few rows: "

const (
	derives  = "what follows from the practice's data is computed from all of it; a derivation rests for ten times as long as the last one took"
	pages    = derives + ", 4000 visits at a time"
	compares = "a reconciliation, or a full sweep, holds all that is stored against all that the source has"
	verifies = "verifying computes the whole trail anew"
	states   = "a status says exactly how many rows there are"
)

// reasons is why a statement may read, or sort, all of a table that grows.
var reasons = map[string]string{
	"audit/export.go entries":  few + "it reads one block's entries",
	"audit/export.go write 2":  "an export by hand reads the blocks once, whenever they were sealed",
	"audit/retire.go record 1": "it reads the partition that it removes",
	"audit/retire.go write 1":  "it reads the partition that it removes",
	"audit/seal.go end":        few + "it reads one block's entries",
	"audit/seal.go sealNext 1": few + "it reads one block's entries",
	"audit/verify.go chain 2":  verifies, "audit/verify.go cluster 1": verifies, "audit/verify.go cluster 2": verifies, "audit/verify.go entries": verifies,

	"claims/books.go books 1": pages, "claims/books.go books 2": pages, "claims/books.go books 3": pages,
	"claims/stage.go addLines": pages, "claims/stage.go addPostings": pages, "claims/stage.go visits": pages,
	"claims/books.go strayPayments": derives, "claims/books.go strayTransactions": derives, "claims/books.go eachAccount": derives,
	"claims/claims.go merge 1": derives, "claims/claims.go merge 2": derives, "claims/claims.go merge 3": derives,
	"claims/reconcile.go Reconcile 1": derives, "claims/reconcile.go Reconcile 2": derives,
	"claims/views.go grouped": derives, "claims/views.go mismatches": derives,
	"claims/daily.go Daily 4":   few + "it looks at one day",
	"claims/claims.go Status 1": states, "claims/claims.go Status 2": states,
	"results/derive.go become 1": derives, "results/derive.go become 2": derives, "results/derive.go progress": derives,
	"results/derive.go supersede 1": derives, "results/derive.go supersede 2": derives,
	"results/review.go qCandidates": derives, "results/review.go signOffs 1": derives,
	"results/results.go Due":      "it goes before a run of labs, which derives from all orders",
	"results/results.go Status 1": states, "results/results.go Status 2": states,

	`foreign key: DELETE FROM ONLY "august"."run" WHERE $1 OPERATOR(pg_catalog.=) "pipeline"`: "all runs of a pipeline that is deleted go with it",
	"pipeline/budget.go measured": few + "it reads the runs of a week and the full ones",
	"pipeline/webhook.go webhook": few + "it looks at the newest 10,000 deliveries",
	"probe/digest.go digest":      "a drill's digest is of all rows",

	"store/compare_count.go EachBucket": compares, "store/compare_count.go Unseen": compares, "store/compare_count.go Differences": compares,
	"store/sweep.go Missing":          compares,
	"store/merge_compare.go qCompare": few + "it compares a page", "store/merge_rule.go qTouch": few + "it touches a page", "store/merge_rule.go qMerge": few + "it merges a page",
	"store/merge_rule.go qSame":      few + "it looks up a page",
	"store/merge_rule.go qMarkTable": "a full sweep looks at every deletion that the source has told of",
	"store/parts.go Held":            states,
	"store/parts.go Parts":           "it lists every value that there is, of payers' checks, which are few beside what they pay",
}

const (
	refuses  = "only when Coda refuses, fails or was edited by hand: it reads or changes rows by their whole key, or one view's"
	vanishes = "only when a lease, a connection or a call of the source is lost: it reads or changes rows by their key"
	clock    = "only when a schedule fires, while the test waits for none: it changes a pipeline, of which there are few"
)

// unexercised is why a statement, or all of a folder's, is not issued by TestPlans. An empty reason is of one that may be,
// depending on what comes first.
var unexercised = map[string]string{
	"advisor/":            "it reads the catalogues, and one row a day for each statement, table and index; its own tests look at its plans",
	"audit/heads.go rest": "only for a head whose block is gone, by its number",

	"coda/batch.go park": refuses, "coda/batch.go refuse": refuses, "coda/flight.go block": refuses, "coda/flight.go reserve 2": "once for each account",
	"coda/pusher.go note": refuses, "coda/pusher.go unreadable": refuses, "coda/verify.go mend": refuses,
	"coda/writer.go remove 2": refuses, "coda/writer.go remove 3": refuses, "coda/writer.go settle 2": refuses, "coda/writer.go settle 3": refuses,

	"coda/verify.go compare": "", "coda/verify.go verify 2": "",

	"indexes/indexes.go Delete":      "only for an index that is gone already: its order, by its key",
	"measures/roles.go statements 2": "only when statements were counted at two looks, ten minutes apart: one row a day for each",

	"pipeline/attend.go idle":       "",
	"pipeline/declare.go enqueue 2": "only for a sync that is asked for during another kind of run, of which a pipeline has one that is open",
	"pipeline/fire.go fire 2":       clock, "pipeline/fire.go fireReconcile 1": clock, "pipeline/fire.go fireReconcile 2": clock,
	"pipeline/requests.go dropRequest": vanishes, "pipeline/requests.go keepRequest": vanishes, "pipeline/schedule.go hasEnded": vanishes,
	"pipeline/schedule.go giveBack 1": "", "pipeline/schedule.go giveBack 2": "", "pipeline/schedule.go heartbeat": "",
	"results/derive.go supersede 3": "only when a result has versions: by their keys",
	"store/credential.go Refresh 1": vanishes, "store/credential.go Refresh 2": "once in two days: it changes the application's row",
	"store/sweep.go Abandon": vanishes, "store/sweep_missed.go MarkGone": "", "store/sweep_missed.go Missed": "", "store/sweep_missed.go NoteMissed 1": "", "store/sweep_missed.go NoteMissed 2": "",
	"store/throttle.go Pause": vanishes, "store/throttle.go book": "once for each application",
	"webhook/pull.go park": "only when the database refuses the data of a delivery: by its key",
}

const people = "for whoever looks a patient's, a visit's or a check's rows up, in the website or by hand"

// kept is why an index is there that no plan of the runtime used.
var kept = map[string]string{
	"appointments_patient": people, "line_items_patient": people, "transactions_appointment": people, "patient_payments_appointment": people,
	"patients_doctor": people, "patient_payment_log_appointment": people, "eobs_trace": people, "eligibility_checks_appointment": people,
	"lab_orders_patient": people, "lab_tests_order": people, "lab_results_order": people, "lab_documents_order": people, "patient_lab_results_patient": people,
	"claim_patient": people, "claim_history_claim": people, "mismatch_appointment": people,
	"eobs_doctor":          people,
	"derive_mark_pipeline": "for marks that pile up while nothing derives",
	"inbox_object":         "for a person who replays what is parked of one object",
	"run_finished":         "for declarations, when there are more runs than those of a week",
}

// excuse is the entry of unexercised that a statement falls under.
func excuse(name string) string {
	folder, _, _ := strings.Cut(name, "/")
	if _, ok := unexercised[folder+"/"]; ok {
		return folder + "/"
	}
	return name
}

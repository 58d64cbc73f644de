package advise

// How lists are paged: the largest page that the source gives, and what it costs in calls. A page of a bulk list is
// submitted and then fetched.
const (
	ListPage    = 250
	BulkPage    = 1000
	BulkPerPage = 2
)

// perVisit is how many rows a practice has of each object for each visit, in thousandths, where nobody says otherwise.
var perVisit = map[string]int64{
	"appointments": 1000, "patients": 250, "line_items": 2500, "line_item_deletions": 50, "transactions": 3000, "patient_payments": 400,
	"lab_orders": 200, "lab_documents": 200, "lab_tests": 600, "lab_results": 2000, "patient_lab_results": 500,
}

func list(name string) CallFeed { return CallFeed{Name: name, PageSize: ListPage, PerPage: 1} }
func bulk(name string) CallFeed {
	return CallFeed{Name: name, PageSize: BulkPage, PerPage: BulkPerPage}
}

// unending is a list that does not say how many pages it has: one more is read.
func unending(f CallFeed) CallFeed { f.Beyond = 1; return f }

// whole is a list that cannot be asked for what changed.
func whole(f CallFeed) CallFeed { f.Whole = true; return f }

// CallDatasets is what an ordinary pipeline of each dataset reads.
var CallDatasets = map[string][]CallFeed{
	"billing": {
		whole(list("doctors")), whole(list("offices")), unending(bulk("appointments")), bulk("line_items"),
		list("line_item_deletions"), bulk("transactions"), list("patient_payments"),
		list("patient_payment_log"), whole(list("eobs")), bulk("eligibility_checks"),
	},
	"labs": {
		whole(list("doctors")), whole(list("sublabs")), list("lab_orders"), list("lab_documents"), whole(list("lab_tests")), whole(list("lab_results")),
		list("patient_lab_results"),
	},
	"appointments": {whole(list("doctors")), whole(list("offices")), unending(bulk("appointments"))},
	"patients":     {whole(list("doctors")), unending(bulk("patients"))},
}

// OfVisits sizes a feed by the practice's visits: all of them, and those of a day. A visit's rows change for weeks after
// it; so many times over a day's are taken.
func (f CallFeed) OfVisits(visits, daily int64) CallFeed {
	const unsettled = 5
	f.Rows = divideUp(visits*perVisit[f.Name], 1000)
	f.Changed = min(f.Rows, divideUp(daily*unsettled*perVisit[f.Name], 1000))
	return f
}

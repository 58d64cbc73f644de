package main

import "strings"

// figure is one line of the table: what a benchmark reports, its floor, and the goal.
type figure struct {
	what  string
	of    string // package below internal, or the module, a dot, and the benchmark without the word: "sync/store.Merge/line_items/insert/floor"
	unit  string // that the benchmark reports it in
	shown string // the same for readers, when the unit says more than that

	// Where the floor is: another benchmark beside this one, in the same unit, or another unit of this one.
	beside, floor string

	share float64 // goal: percent of the floor that is reached, at least; 0: none
	most  float64 // goal: at most so much; 0: none
}

// rate tells that more is better.
func (f figure) rate() bool { return strings.HasSuffix(f.unit, "/s") }

// figures is what there are goals for, and what there is a floor for. The goals are those of the design.
var figures = []figure{
	{what: "merge of new line items, page by page", of: "sync/store.Merge/line_items/insert/pages=1000", unit: "rows/s", beside: "floor", share: 70},
	{what: "· changed", of: "sync/store.Merge/line_items/update/pages=1000", unit: "rows/s", beside: "floor"},
	{what: "· unchanged", of: "sync/store.Merge/line_items/unchanged/pages=1000", unit: "rows/s", beside: "floor"},
	{what: "merge of new transactions", of: "sync/store.Merge/transactions/insert/pages=1000", unit: "rows/s", beside: "floor", share: 70},
	{what: "· changed", of: "sync/store.Merge/transactions/update/pages=1000", unit: "rows/s", beside: "floor"},
	{what: "· unchanged", of: "sync/store.Merge/transactions/unchanged/pages=1000", unit: "rows/s", beside: "floor"},
	{what: "merge of new lab results", of: "sync/store.MergeResults/pages=250", unit: "rows/s", beside: "floor", share: 70},

	{what: "full sync of 100,000 line items, no limits", of: "sync/pipeline.FullSync/line_items/insert/sync", unit: "s", beside: "floor", share: 70, most: 4},
	{what: "· again, unchanged", of: "sync/pipeline.FullSync/line_items/unchanged/sync", unit: "s", beside: "floor", most: 4},
	{what: "· the source alone", of: "sync/pipeline.FullSync/line_items/insert/fetch", unit: "s"},
	{what: "full sync of 100,000 transactions", of: "sync/pipeline.FullSync/transactions/insert/sync", unit: "s", beside: "floor", share: 70, most: 4},
	{what: "· again, unchanged", of: "sync/pipeline.FullSync/transactions/unchanged/sync", unit: "s", beside: "floor", most: 4},
	{what: "· the source alone", of: "sync/pipeline.FullSync/transactions/insert/fetch", unit: "s"},
	{what: "full sync of 100,000 lab results", of: "sync/pipeline.FullSync/lab_results/insert/sync", unit: "s", beside: "floor", share: 70, most: 4},
	{what: "· again, unchanged", of: "sync/pipeline.FullSync/lab_results/unchanged/sync", unit: "s", beside: "floor", most: 4},
	{what: "· the source alone", of: "sync/pipeline.FullSync/lab_results/insert/fetch", unit: "s"},

	{what: "full sync under DrChrono's limit of the second", of: "sync/pipeline.ThrottledSync/second", unit: "rows/s", floor: "ceiling-rows/s", share: 90},
	{what: "· and of the hour (made shorter), resumed across it", of: "sync/pipeline.ThrottledSync/hour", unit: "rows/s", floor: "ceiling-rows/s", share: 90},

	{what: "push to Coda under its limit", of: "sync/coda.Push/even", unit: "rows/s", floor: "ceiling-rows/s"},
	{what: "· when some writes are slow to arrive", of: "sync/coda.Push/uneven", unit: "rows/s", floor: "ceiling-rows/s"},

	{what: "WAL of a row of the outbox, changed or sent, and with full pages", of: "sync/plans.Writes/outbox/tuned", unit: "WAL-B/row", shown: "B", beside: "full"},
	{what: "· of a delivery, taken in and settled", of: "sync/plans.Writes/inbox/tuned", unit: "WAL-B/row", shown: "B", beside: "full"},

	{what: "webhook: deliveries durable in the inbox", of: "sync/webhook.Receive/inbox", unit: "deliveries/s", beside: "floor", share: 50},
	{what: "webhook: deliveries applied from a full inbox", of: "sync/webhook.Drain/inbox", unit: "deliveries/s", beside: "floor", share: 70},
	{what: "webhook at 1,000/s: delivery to 200, 99 in 100", of: "sync/cmd/august-sync.Webhooks/rate=1000/runtime", unit: "ms-p99", shown: "ms", beside: "floor", most: 15},
	{what: "· to commit, 95 in 100", of: "sync/cmd/august-sync.Webhooks/rate=1000/runtime", unit: "ms-commit-p95", shown: "ms", most: 200},
	{what: "webhook at 200/s: delivery to 200, 99 in 100", of: "sync/cmd/august-sync.Webhooks/rate=200/runtime", unit: "ms-p99", shown: "ms", beside: "floor", most: 15},
	{what: "· to commit, 95 in 100", of: "sync/cmd/august-sync.Webhooks/rate=200/runtime", unit: "ms-commit-p95", shown: "ms", most: 200},
	{what: "· to commit while full syncs go on, 95 in 100", of: "sync/cmd/august-sync.Webhooks/rate=200/syncing", unit: "ms-commit-p95", shown: "ms", most: 200},
	{what: "webhook: what receiving adds to a publish, 99 in 100", of: "sync/webhook.Publish", unit: "added-p99-ms", shown: "ms", most: 5},

	{what: "anonymisation, full policy, against a copy in two streams", of: "anonymize/export.Export/anonymised", unit: "rows/s", beside: "floor", share: 65},
	{what: "· in megabytes of the copy's text", of: "anonymize/export.Export/anonymised", unit: "MB/s", beside: "floor", share: 65},
	{what: "· with what comes before and after: identifiers, scan, manifest", of: "anonymize/export.Export/whole", unit: "rows/s", beside: "floor"},
	{what: "· peak memory of the process at 100,000 rows", of: "sync/cmd/august-sync.Anonymize/permute/rows=100000", unit: "MB-RSS", shown: "MB", most: 64},
	{what: "· at 2,000,000 rows", of: "sync/cmd/august-sync.Anonymize/permute/rows=2000000", unit: "MB-RSS", shown: "MB", beside: "rows=100000", share: 90, most: 64},
	{what: "· at 2,000,000 rows, with a crosswalk of all their ids", of: "sync/cmd/august-sync.Anonymize/surrogate/rows=2000000", unit: "MB-RSS", shown: "MB", beside: "rows=100000"},
	{what: "import of an export, against copying and indexing by hand", of: "anonymize/dataset.Import/import", unit: "rows/s", beside: "floor"},

	{what: "failover: writes interrupted, worst of 20", of: "localcloud/cloudsql.Failover", unit: "rto-ms-max", shown: "ms", most: 15_000},
	{what: "restore to a moment, until the clone answers", of: "localcloud/cloudsql.PointInTimeRecovery", unit: "clone-s", shown: "s", floor: "floor-s"},
	{what: "drill: digest of 100,000 rows", of: "sync/probe.Digest", unit: "ms/100k-rows", shown: "ms", floor: "ms-to-read"},

	{what: "index advice by HypoPG: of 30 missing indexes, not found", of: "advise/scoretest.Advise/hypopg", unit: "missed", shown: "of 30", most: 2},
	{what: "· of the ten that other advisors have three of", of: "advise/scoretest.Advise/hypopg", unit: "missed-of-ten", shown: "of 10", most: 2},
	{what: "· proposals that cost more than they save", of: "advise/scoretest.Advise/hypopg", unit: "wrong", most: 1},
	{what: "· of 20 indexes in the way, not found", of: "advise/scoretest.Advise/hypopg", unit: "useless-missed", shown: "of 20", most: 1},
	{what: "· indexes said to be in the way that have to stay", of: "advise/scoretest.Advise/hypopg", unit: "guarded", most: 1},
	{what: "· a day of the workload as advised, against indexes made by hand", of: "advise/scoretest.Advise/hypopg", unit: "blocks", floor: "blocks-by-hand", share: 90},
	{what: "· in time", of: "advise/scoretest.Advise/hypopg", unit: "s", floor: "s-by-hand"},
	{what: "· before the advice, in blocks", of: "advise/scoretest.Advise/hypopg", unit: "blocks-before", shown: "blocks"},
	{what: "· in time", of: "advise/scoretest.Advise/hypopg", unit: "s-before", shown: "s"},
	{what: "· how long the advice takes", of: "advise/scoretest.Advise/hypopg", unit: "s-advice", shown: "s", most: 120},
	{what: "index advice without HypoPG: missing indexes not found", of: "advise/scoretest.Advise/arithmetic", unit: "missed", shown: "of 30", most: 3},
	{what: "· proposals that cost more than they save", of: "advise/scoretest.Advise/arithmetic", unit: "wrong", most: 1},
	{what: "· a day of the workload as advised", of: "advise/scoretest.Advise/arithmetic", unit: "blocks", floor: "blocks-by-hand", share: 90},

	{what: "plan of 100 pipelines on 3 runtimes, 100 ms a call", of: "provider.Plan/pipelines/refresh", unit: "s", beside: "floor", most: 3},
	{what: "· without a refresh", of: "provider.Plan/pipelines/none", unit: "s", beside: "floor", most: 3},

	{what: "burst of 0 to 500/s, set as advised: to the answer, half of them", of: "provider.CapacityBurst/advised", unit: "ms-p50", shown: "ms", floor: "ms-query", most: 150},
	{what: "· 99 in 100", of: "provider.CapacityBurst/advised", unit: "ms-p99", shown: "ms", floor: "ms-query", most: 1000},
	{what: "· connections at most, of those that there are", of: "provider.CapacityBurst/advised", unit: "connections", floor: "connections-there-are", most: 115},
	{what: "· requests that are refused a connection, set as nobody has thought about it", of: "provider.CapacityBurst/naive", unit: "refused"},

	{what: "scheduled work rests after kill -9 of who does it, worst of 3", of: "sync/cmd/august-sync.Takeover", unit: "s-worst", shown: "s", most: 15},
	{what: "runtime: process start to ready", of: "sync/cmd/august-sync.Start", unit: "ms-to-ready", shown: "ms", most: 300},
	{what: "· idle memory", of: "sync/cmd/august-sync.Start", unit: "MB-RSS", shown: "MB", most: 50},
	{what: "· image", of: "gcp/image.Build", unit: "image-MB", shown: "MB", floor: "floor-MB", most: 25},
}

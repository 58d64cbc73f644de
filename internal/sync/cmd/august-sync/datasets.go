package main

import (
	"github.com/feel-august/terraform-provider-august/internal/sync/claims"
	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
	"github.com/feel-august/terraform-provider-august/internal/sync/pipeline"
	"github.com/feel-august/terraform-provider-august/internal/sync/results"
)

// datasets is what this build can sync. Datasets may share a feed: each keeps a checkpoint of its own, and
// a row counts as gone only when it was not written since the sweep that missed it began.
//
// A feed that is read in parts comes after the feed that it takes its parts from.
func datasets() map[string]pipeline.Dataset {
	return map[string]pipeline.Dataset{
		"billing": {
			Feeds: []feed.Feed{
				feed.Doctors, feed.Offices, feed.Appointments, feed.LineItems, feed.LineItemDeletions, feed.Transactions, feed.PatientPayments,
				feed.PatientPaymentLog, feed.EOBs, feed.EligibilityChecks,
			},
			Derive: claims.Derive,
			Status: claims.Status,
		},
		"labs": {
			Feeds: []feed.Feed{
				feed.Doctors, feed.Sublabs, feed.LabOrders, feed.LabDocuments, feed.LabTests, feed.LabResults, feed.PatientLabResults,
			},
			Due:    results.Due,
			Derive: results.Derive,
			Status: results.Status,
		},
		"appointments": {Feeds: []feed.Feed{feed.Doctors, feed.Offices, feed.Appointments}},
		"patients":     {Feeds: []feed.Feed{feed.Doctors, feed.Patients}},
	}
}

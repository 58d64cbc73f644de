package index

import (
	"fmt"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/advise/statement"
	"github.com/feel-august/terraform-provider-august/internal/advise/workload"
)

// The practice that the tests advise: made up, as are all figures.

func share(f float64) *float64 { return &f }

func col(name, base string, width, distinct, nulls, correlation float64, common ...float64) workload.Column {
	return workload.Column{Name: name, Type: base, Base: base, Width: width, Distinct: distinct, NullShare: nulls, Common: common,
		Correlation: correlation, NotNull: nulls == 0, Collatable: base == "text"}
}

func keys(columns ...string) []workload.Key {
	var all []workload.Key
	for _, c := range columns {
		all = append(all, workload.Key{Column: c})
	}
	return all
}

var from = time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)

func there(name string, columns ...string) workload.Index {
	return workload.Index{Schema: "public", Name: name, Method: BTree, Keys: keys(columns...), Valid: true, Ready: true, Bytes: 8 << 20,
		Since: from.AddDate(0, -2, 0), Scans: 1000, SinceScans: 3000}
}

func primary(table string) workload.Index {
	x := there(table+"_pkey", "id")
	x.Primary, x.Unique, x.Constraint = true, true, table+"_pkey"
	return x
}

func lineItems() workload.Table {
	done := col("done", "bool", 1, 2, 0, 0.9, 0.98, 0.02)
	done.TrueShare = share(0.98)
	return workload.Table{Schema: "public", Name: "line_items", Rows: 400000, Pages: 20000, Fillfactor: 100, Inserted: 40000, Updated: 20000, HotUpdated: 15000,
		UpdatedColumns: map[string]float64{"billing_status": 5000, "updated_at": 20000}, Analyzed: true,
		Columns: []workload.Column{
			col("id", "int8", 8, 400000, 0, 1),
			col("practice", "int4", 4, 40, 0, 0.03, 0.04, 0.03),
			col("appointment", "int8", 8, 130000, 0, 0.3),
			col("billing_status", "text", 8, 6, 0, 0.2, 0.7, 0.2, 0.05),
			col("service_date", "date", 4, 1500, 0, 0.1),
			col("deleted_at", "timestamptz", 8, 4000, 0.99, 0),
			col("updated_at", "timestamptz", 8, 300000, 0, 0.1),
			col("created_at", "timestamptz", 8, 400000, 0, 0.999),
			col("name", "text", 14, 200000, 0, 0),
			col("balance", "numeric", 6, 30000, 0, 0),
			col("raw", "jsonb", 677, 0, 0, 0),
			done,
		},
		Indexes: []workload.Index{primary("line_items")}}
}

func appointments() workload.Table {
	return workload.Table{Schema: "public", Name: "appointments", Rows: 130000, Pages: 4000, Inserted: 10000, Analyzed: true,
		Columns: []workload.Column{col("id", "int8", 8, 130000, 0, 1), col("doctor", "int4", 4, 100, 0, 0.1), col("scheduled", "timestamptz", 8, 100000, 0, 0.5)},
		Indexes: []workload.Index{primary("appointments")}}
}

func month() workload.Window { return workload.Window{From: from, To: from.AddDate(0, 0, 31)} }

func clinic(statements ...Statement) Input {
	return Input{Window: month(), Database: workload.Database{Version: 150018, Tables: []workload.Table{lineItems(), appointments()}}, Statements: statements}
}

func of(column string) statement.Operand { return statement.Operand{Column: column} }

func is(class statement.Class, column string) statement.Predicate {
	return statement.Predicate{Class: class, Of: of(column), Param: 1}
}

// ran is a statement on one table that ran often and took long.
func ran(id string, sc statement.Scope) Statement {
	if len(sc.Refs) == 0 {
		sc.Refs = []statement.Ref{{Name: "line_items"}}
	}
	if sc.Outputs == nil && !sc.Star {
		sc.Star = true
	}
	shape := &statement.Shape{Kind: statement.Select, Text: fmt.Sprintf("SELECT %s", id), Scopes: []statement.Scope{sc}}
	return Statement{Statement: workload.Statement{ID: id, Text: shape.Text, Calls: 20000, Seconds: 600, Rows: 200000, Source: workload.SourceStatistics}, Shape: shape}
}

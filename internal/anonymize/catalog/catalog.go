// Package catalog says what a database is made of, as far as anonymising it has to know. It is what the runtime tells the
// provider of the database behind it, what a policy is checked against, and holds no value of any row.
package catalog

import "slices"

// Catalog is the tables of a database, without those of PostgreSQL itself and of extensions.
type Catalog struct {
	SchemaVersion int32   `json:"schema_version"` // newest migration of the runtime's; 0 without
	Tables        []Table `json:"tables"`         // by schema and name
}

// Kind is what a relation is.
type Kind string

// Kinds of relations. Rows can be taken from KindTable and KindPartitioned only: the others must be left out.
const (
	KindTable            Kind = "table"
	KindPartitioned      Kind = "partitioned_table"
	KindPartition        Kind = "partition" // or a table that inherits
	KindView             Kind = "view"      // holds nothing of its own
	KindMaterializedView Kind = "materialized_view"
	KindForeignTable     Kind = "foreign_table"
)

// Table is a relation.
type Table struct {
	Schema      string       `json:"schema"`
	Name        string       `json:"name"`
	Kind        Kind         `json:"kind"`
	Parent      string       `json:"parent,omitempty"` // of a partition: the partitioned table, "schema.name"
	Columns     []Column     `json:"columns"`          // in their order
	PrimaryKey  []string     `json:"primary_key,omitempty"`
	Uniques     [][]string   `json:"uniques,omitempty"` // columns of unique constraints and indexes, the primary key not among them
	ForeignKeys []ForeignKey `json:"foreign_keys,omitempty"`
	Rows        int64        `json:"rows"` // estimated
}

// Path is "schema.name".
func (t *Table) Path() string { return t.Schema + "." + t.Name }

// Column is the column of the name, or nil.
func (t *Table) Column(name string) *Column {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return &t.Columns[i]
		}
	}
	return nil
}

// Unique says whether no two rows have the same value in a column.
func (t *Table) Unique(column string) bool {
	is := func(key []string) bool { return len(key) == 1 && key[0] == column }
	return is(t.PrimaryKey) || slices.ContainsFunc(t.Uniques, is)
}

// Table is the table of the path, or nil.
func (c *Catalog) Table(path string) *Table {
	for i := range c.Tables {
		t := &c.Tables[i]
		if n := len(t.Schema); len(path) == n+1+len(t.Name) && path[n] == '.' && path[:n] == t.Schema && path[n+1:] == t.Name {
			return t
		}
	}
	return nil
}

// Column is a column of a table.
type Column struct {
	Name      string `json:"name"`
	Type      string `json:"type"`                 // format_type's: "character varying(40)", "text[]"; of another schema than pg_catalog with its name
	Base      string `json:"base"`                 // pg_type.typname beneath domains, of an array's elements: "varchar", "timestamp", "text"
	Kind      string `json:"kind"`                 // pg_type.typtype of it: b base, e enum, c composite, r range, ..
	Array     bool   `json:"array,omitempty"`      //
	MaxLength int    `json:"max_length,omitempty"` // of varchar(n), char(n): characters; 0: no limit
	NotNull   bool   `json:"not_null,omitempty"`   //
	Generated bool   `json:"generated,omitempty"`  // by an expression: never copied, PostgreSQL computes it anew
	Sequence  bool   `json:"sequence,omitempty"`   // identity, or a default out of a sequence
}

// ForeignKey is a declared reference.
type ForeignKey struct {
	Columns    []string `json:"columns"`
	Table      string   `json:"table"` // that it refers to, "schema.name"
	References []string `json:"references"`
}

// Package statement is what a statement asks of tables: which of them it looks at, by which conditions, in which order, for which columns.
// Its parser is a package of its own: whoever only handles what was read need not carry PostgreSQL's grammar.
package statement

import "strings"

// Kind is what a statement does.
type Kind string

// Kinds of statements. All else is utility, which no index helps.
const (
	Select  Kind = "select"
	Insert  Kind = "insert"
	Update  Kind = "update"
	Delete  Kind = "delete"
	Merge   Kind = "merge"
	Utility Kind = "utility"
)

// Shape is a statement, as far as an index matters to it.
type Shape struct {
	Kind   Kind    `json:"kind"`
	Text   string  `json:"text"` // normalised and printed anew: no literals, no comments
	Scopes []Scope `json:"scopes,omitempty"`
	Params int     `json:"params,omitempty"` // $1 to $n
}

// Scope is one query level: the statement itself, a CTE, a subquery, an arm of a UNION. Names of one scope mean tables of it, or of
// those around it. A subquery or CTE that PostgreSQL would pull up has no scope of its own: its tables are among those of the scope
// that it is in.
type Scope struct {
	Parent     int         `json:"parent"` // the scope around it, -1 for none
	Refs       []Ref       `json:"refs"`
	Predicates []Predicate `json:"predicates,omitempty"` // that all hold
	Order      []Order     `json:"order,omitempty"`
	Group      []Operand   `json:"group,omitempty"`
	Limit      bool        `json:"limit,omitempty"`
	Outputs    []Operand   `json:"outputs,omitempty"` // columns that are read without a condition
	Star       bool        `json:"star,omitempty"`    // all columns are read
	Set        []string    `json:"set,omitempty"`     // of an UPDATE of Refs[0], or ON CONFLICT DO UPDATE: columns that are assigned
	Locks      bool        `json:"locks,omitempty"`   // FOR UPDATE and the like: no index-only scan
}

// Ref is a table in FROM, or the target.
type Ref struct {
	Schema string `json:"schema,omitempty"` // as written
	Name   string `json:"name"`
	Alias  string `json:"alias,omitempty"`
	Target bool   `json:"target,omitempty"` // is written to
	Outer  bool   `json:"outer,omitempty"`  // on the side of an outer join that may be missing
}

// Class is what a condition asks of an index.
type Class string

// Classes of conditions.
const (
	Equal    Class = "equal"    // = value
	In       Class = "in"       // = ANY(…), IN (…)
	Range    Class = "range"    // < <= > >= BETWEEN
	Null     Class = "null"     // IS NULL
	NotNull  Class = "not_null" // IS NOT NULL
	True     Class = "true"     // the column itself, IS TRUE
	False    Class = "false"    // NOT column, IS FALSE
	Like     Class = "like"     // LIKE, ~~; of a parameter whose text is not known
	Contains Class = "contains" // @>
	HasKey   Class = "has_key"  // ? ?| ?&
	Overlaps Class = "overlaps" // &&
	Search   Class = "search"   // @@
	Other    Class = "other"    // an index has nothing to give
)

// Predicate is one condition, operand on the side that an index could have.
type Predicate struct {
	Class    Class    `json:"class"`
	Of       Operand  `json:"of"`
	With     *Operand `json:"with,omitempty"`     // of a join: the other side. Both sides are given as conditions
	Param    int      `json:"param,omitempty"`    // the value is $n; 0: it is an expression of no column, or several
	Operator string   `json:"operator,omitempty"` // as written
}

// Operand is a column of a ref, or an expression over columns of one ref.
type Operand struct {
	Ref        int      `json:"ref"`          // of the scope's Refs; -1 when a name could be of several: Qualifier says what was written
	Up         int      `json:"up,omitempty"` // Ref is of the scope so many Parents further out; only of Predicate.With
	Qualifier  string   `json:"qualifier,omitempty"`
	Column     string   `json:"column,omitempty"`
	Expression string   `json:"expression,omitempty"` // printed anew, columns without qualifier: lower(name), (raw ->> 'state'); "" of a column
	Columns    []string `json:"columns,omitempty"`    // that the expression reads
}

// Indexable tells whether an index could be on it: an expression must not depend on a parameter.
func (o Operand) Indexable() bool {
	return o.Ref >= 0 && o.Up == 0 && !strings.Contains(o.Expression, "$")
}

// Order is an item of ORDER BY.
type Order struct {
	Of         Operand `json:"of"`
	Descending bool    `json:"descending,omitempty"`
	NullsFirst *bool   `json:"nulls_first,omitempty"` // as written; nil: the default of the direction
}

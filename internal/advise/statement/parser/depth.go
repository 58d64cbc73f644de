package parser

import (
	pg "github.com/pganalyze/pg_query_go/v6"
	pgquery "github.com/wasilibs/go-pgquery"
)

// deepestTree is how deep a statement's tree may be. The parser's stack is 64 kB, and what is deeper overwrites its data without a word, and
// so makes all wrong that it reads from then on. Measured: 87 operators or calls within each other, 71 casts, 46 rows, 43 subqueries, 34 WITH.
// Half of it is never read. What people write has a dozen.
const deepestTree = 40

// mostParentheses may be within each other: by themselves they make no tree.
const mostParentheses = 100

// opens has a level within it.
var opens = map[pg.Token]bool{pg.Token_ASCII_40: true, pg.Token_ASCII_91: true, pg.Token_CASE: true}

var closes = map[pg.Token]bool{pg.Token_ASCII_41: true, pg.Token_ASCII_93: true, pg.Token_END_P: true}

// parts separate what lies beside each other in the tree.
var parts = map[pg.Token]bool{
	pg.Token_ASCII_44: true, pg.Token_AND: true, pg.Token_OR: true, pg.Token_SELECT: true, pg.Token_FROM: true, pg.Token_WHERE: true,
	pg.Token_GROUP_P: true, pg.Token_HAVING: true, pg.Token_ORDER: true, pg.Token_LIMIT: true, pg.Token_OFFSET: true, pg.Token_SET: true,
	pg.Token_VALUES: true, pg.Token_RETURNING: true, pg.Token_ON: true, pg.Token_USING: true, pg.Token_WHEN: true, pg.Token_THEN: true, pg.Token_ELSE: true,
}

// chains nest all that is on their level, whatever lies between.
var chains = map[pg.Token]bool{pg.Token_UNION: true, pg.Token_INTERSECT: true, pg.Token_EXCEPT: true, pg.Token_JOIN: true}

// names and values are leaves: they make nothing deeper.
var leaves = map[pg.Token]bool{
	pg.Token_IDENT: true, pg.Token_SCONST: true, pg.Token_ICONST: true, pg.Token_FCONST: true, pg.Token_BCONST: true, pg.Token_XCONST: true, pg.Token_PARAM: true,
	pg.Token_ASCII_46: true, pg.Token_SQL_COMMENT: true, pg.Token_C_COMMENT: true, pg.Token_ASCII_59: true, pg.Token_AS: true, pg.Token_BY: true,
	pg.Token_ASC: true, pg.Token_DESC: true, pg.Token_NULL_P: true, pg.Token_TRUE_P: true, pg.Token_FALSE_P: true, pg.Token_DISTINCT: true,
}

// query is a statement within another, which weighs as much as three operators.
var query = map[pg.Token]bool{
	pg.Token_SELECT: true, pg.Token_WITH: true, pg.Token_VALUES: true, pg.Token_INSERT: true, pg.Token_UPDATE: true, pg.Token_DELETE_P: true, pg.Token_MERGE: true,
}

// nest is what is between parentheses.
type nest struct {
	operators int // since the last comma, or what else separates
	within    int // the deepest of what is nested there
	deepest   int // of all before
	chained   int
	weight    int // of the parentheses themselves
}

func (n *nest) part() {
	n.deepest = max(n.deepest, n.operators+n.within)
	n.operators, n.within = 0, 0
}

// deep is how deep a statement's tree can be at most: whatever may be an operator is counted as one. It only looks at its words.
func deep(text string) (int, error) {
	scanned, err := pgquery.Scan(text)
	if err != nil {
		return 0, ErrSyntax
	}
	levels := []nest{{}}
	closing := func() int {
		n := &levels[len(levels)-1]
		n.part()
		return n.deepest + n.chained + n.weight
	}
	before := pg.Token_SELECT
	for _, t := range scanned.Tokens {
		at := &levels[len(levels)-1]
		if query[t.Token] {
			at.weight = 3
		}
		switch {
		case opens[t.Token]:
			n := nest{weight: 1}
			if t.Token == pg.Token_ASCII_40 && (parts[before] || opens[before] || before < 256) { // it calls nothing
				n.weight = 0
			}
			if levels = append(levels, n); len(levels) > mostParentheses {
				return 0, ErrDeep
			}
		case closes[t.Token]:
			if len(levels) > 1 {
				d := closing()
				levels = levels[:len(levels)-1]
				at = &levels[len(levels)-1]
				at.within = max(at.within, d)
			}
		case parts[t.Token]:
			if at.part(); t.Token == pg.Token_ASCII_44 {
				at.weight = max(at.weight, 2) // a row, a list
			}
		case chains[t.Token]:
			at.chained++
		case leaves[t.Token] || t.KeywordKind == pg.KeywordKind_UNRESERVED_KEYWORD:
		default:
			at.operators++
		}
		before = t.Token
	}
	d := 0
	for len(levels) > 0 {
		d = max(d, closing())
		levels = levels[:len(levels)-1]
		if len(levels) > 0 {
			at := &levels[len(levels)-1]
			at.within = max(at.within, d)
		}
	}
	return d, nil
}

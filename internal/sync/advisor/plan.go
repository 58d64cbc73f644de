package advisor

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
)

// node is a step of a plan. Its conditions, which may hold values, are not read.
type node struct {
	Type  string  `json:"Node Type"`
	Cost  float64 `json:"Total Cost"`
	Index string  `json:"Index Name"`
	Plans []node  `json:"Plans"`
}

func (n *node) indexes(each func(name string)) {
	if n.Index != "" {
		each(n.Index)
	}
	for i := range n.Plans {
		n.Plans[i].indexes(each)
	}
}

func readPlan(answer []byte) (*node, error) {
	var plans []struct {
		Plan node `json:"Plan"`
	}
	// The decoder's own error may quote what it stumbled over.
	if json.Unmarshal(answer, &plans) != nil || len(plans) != 1 {
		return nil, errors.New("the plan cannot be read")
	}
	return &plans[0].Plan, nil
}

// unplannable says why a statement cannot be planned. PostgreSQL's own words may hold a value; its code does not.
func unplannable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err
	}
	if why, ok := why[pg.Code]; ok {
		return errors.New(why)
	}
	return errors.New("PostgreSQL does not plan it (SQLSTATE " + pg.Code + ")")
}

// untold tells that PostgreSQL could not tell the type of a parameter.
func untold(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && slices.Contains([]string{"42P18", "42P08", "42725", "42883", "42804"}, pg.Code)
}

var why = map[string]string{
	"42501": "the runtime's database role has no right to one of its tables: grant it SELECT there",
	"42P01": "a table of it is in no schema of its role's search_path",
	"42P18": "the type of a parameter cannot be told from its text",
	"42P08": "the type of a parameter cannot be told from its text",
	"42601": "its text in pg_stat_statements is no complete statement",
	"42703": "a column of it is gone",
	"42883": "an operator or a function of it does not fit the types that its parameters seem to have",
	"42725": "an operator or a function of it does not fit the types that its parameters seem to have",
	"42P17": "an index of that kind cannot be made",
	"42804": "an operator or a function of it does not fit the types that its parameters seem to have",
	"55P03": "a table of it is locked",
	"57014": "planning it takes too long",
	"3F000": "a schema of it is gone",
}

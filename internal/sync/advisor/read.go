package advisor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/advise/index"
	"github.com/feel-august/terraform-provider-august/internal/advise/statement"
	"github.com/feel-august/terraform-provider-august/internal/advise/workload"
)

// read has statements, and the expressions of indexes, read by PostgreSQL's grammar. From here on nothing has a literal.
func (a *Advisor) read(ctx context.Context, in *prepared, w *seen) error {
	texts := make([]string, len(w.statements))
	for i, s := range w.statements {
		texts[i] = s.Text
	}
	shapes, err := a.cfg.Reader.Statements(ctx, texts)
	if err != nil {
		return err
	}
	unread := map[string]*index.Unread{}
	for i, s := range w.statements {
		p := shapes[i]
		switch {
		case p.Err != nil:
			u := unread[p.Err.Error()]
			if u == nil {
				u = &index.Unread{Reason: p.Err.Error()}
				unread[u.Reason] = u
			}
			add(u, s)
			continue
		case p.Shape.Kind == statement.Utility, in.db.foreign(&s, p.Shape):
			continue
		}
		s.Text = p.Shape.Text
		in.db.widen(&s, p.Shape)
		in.db.touch(&s, p.Shape)
		in.Statements = append(in.Statements, index.Statement{Statement: s, Shape: p.Shape})
	}
	in.Unread = w.unread
	for _, reason := range slices.Sorted(maps.Keys(unread)) {
		in.Unread = append(in.Unread, *unread[reason])
	}
	in.db.referred()
	return a.expressions(ctx, in.db)
}

// expressions brings those of indexes into the form that those of statements have.
func (a *Advisor) expressions(ctx context.Context, db *inspected) error {
	var texts []string
	var into []*string
	for t := range db.Tables {
		for i := range db.Tables[t].Indexes {
			x := &db.Tables[t].Indexes[i]
			if x.Where != "" {
				texts, into = append(texts, x.Where), append(into, &x.Where)
			}
			for k := range x.Keys {
				if e := &x.Keys[k].Expression; *e != "" {
					texts, into = append(texts, *e), append(into, e)
				}
			}
		}
	}
	read, err := a.cfg.Reader.Expressions(ctx, texts)
	if err != nil {
		return fmt.Errorf("expressions of indexes: %w", err)
	}
	for i, text := range read {
		if text != "" {
			*into[i] = text
		}
	}
	return nil
}

// foreign tells of a statement that it is on no table that anybody could be advised on: on PostgreSQL's own, on the
// runtime's own, or on none.
func (d *inspected) foreign(s *workload.Statement, shape *statement.Shape) bool {
	for _, scope := range shape.Scopes {
		for _, r := range scope.Refs {
			switch {
			case r.Schema == "august", strings.HasPrefix(r.Schema, "pg_"), r.Schema == "information_schema":
			case r.Schema == "" && strings.HasPrefix(r.Name, "pg_"):
			case r.Schema == "" && d.find(s.SearchPath, r) == nil && slices.Contains(s.SearchPath, "august"):
			default:
				return false
			}
		}
	}
	return true
}

// widen lets a name that is in no schema of the statement's path be looked for where it is, if that is one place: a
// session may have set a path of its own.
func (d *inspected) widen(s *workload.Statement, shape *statement.Shape) {
	for _, scope := range shape.Scopes {
		for _, r := range scope.Refs {
			if r.Schema != "" || d.find(s.SearchPath, r) != nil {
				continue
			}
			var at []string
			for i := range d.Tables {
				if d.Tables[i].Name == r.Name {
					at = append(at, d.Tables[i].Schema)
				}
			}
			if len(at) == 1 {
				s.SearchPath = append(slices.Clone(s.SearchPath), at[0])
			}
		}
	}
}

// touch notes which columns a statement assigns to, in how many rows.
func (d *inspected) touch(s *workload.Statement, shape *statement.Shape) {
	for _, scope := range shape.Scopes {
		for _, r := range scope.Refs {
			t := d.find(s.SearchPath, r)
			if !r.Target || t == nil {
				continue
			}
			for _, column := range scope.Set {
				if t.UpdatedColumns == nil {
					t.UpdatedColumns = map[string]float64{}
				}
				t.UpdatedColumns[column] += s.Rows
			}
		}
	}
}

// referred adds updates of what is referred to to how often a foreign key is looked through.
func (d *inspected) referred() {
	for i := range d.Tables {
		for k := range d.Tables[i].Keys {
			key := &d.Tables[i].Keys[k]
			most := 0.0
			for _, column := range key.References {
				most = max(most, d.byOID[d.ids[key.Table]].UpdatedColumns[column])
			}
			key.Touched += most
		}
	}
}

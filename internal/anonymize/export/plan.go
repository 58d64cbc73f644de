package export

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/transform"
)

// check holds the policy against the database as the snapshot has it. Until it has nothing to say, no row is read.
func check(p *policy.Policy, c *catalog.Catalog, now time.Time) error {
	found := policy.Check(p, c, now)
	if len(found) == 0 {
		return nil
	}
	const most = 30
	var b strings.Builder
	fmt.Fprintf(&b, "the policy does not fit the database, and nothing was read (%d findings):", len(found))
	for i, f := range found {
		if i == most {
			fmt.Fprintf(&b, "\n  and %d more", len(found)-most)
			break
		}
		at := strings.Trim(f.Table+"."+f.Column, ".")
		if at == "" {
			at = f.Attribute
		}
		fmt.Fprintf(&b, "\n  %s: %s", at, f.Problem)
	}
	return errors.New(b.String())
}

// typeOf is a column's type beneath domains.
func typeOf(c *catalog.Catalog, path, column string) string {
	if t := c.Table(path); t != nil {
		if col := t.Column(column); col != nil {
			return col.Base
		}
	}
	return ""
}

// plan makes the tables of a policy, in the order of their names.
func plan(p *policy.Policy, c *catalog.Catalog, s *subset, set *transform.Set) ([]*table, error) {
	var tables []*table
	for path, rules := range p.Tables {
		in, err := set.Table(path)
		if err != nil {
			return nil, err
		}
		way, err := policy.Path(p, c, path)
		if err != nil {
			return nil, err
		}
		t := &table{path: path, query: query{table: path, columns: in.Read, hidden: in.Hidden, chosen: s.chosen(path)}}
		at := path
		for _, h := range way {
			t.query.way = append(t.query.way, hop{h.Column, h.Table, h.Key, typeOf(c, at, h.Column) != typeOf(c, h.Table, h.Key)})
			at = h.Table
		}
		for _, col := range in.Write {
			t.columns = append(t.columns, evidence.Column{Name: col.Name, Type: col.Type, Transformer: rules.Columns[col.Name].Transformer})
		}
		tables = append(tables, t)
	}
	slices.SortFunc(tables, func(a, b *table) int { return cmp.Compare(a.path, b.path) })
	return tables, nil
}

// references are those between exported tables.
func references(p *policy.Policy, c *catalog.Catalog) []reference {
	var all []reference
	add := func(r reference) {
		if _, exported := p.Tables[r.table]; !exported {
			return
		}
		if _, exported := p.Tables[r.to]; !exported {
			return
		}
		for i := range r.columns {
			r.cast = r.cast || typeOf(c, r.table, r.columns[i]) != typeOf(c, r.to, r.references[i])
		}
		all = append(all, r)
	}
	for i := range c.Tables {
		for _, f := range c.Tables[i].ForeignKeys {
			add(reference{table: c.Tables[i].Path(), to: f.Table, columns: f.Columns, references: f.References})
		}
	}
	for _, r := range p.References {
		add(reference{table: r.Table, to: r.To, columns: []string{r.Column}, references: []string{r.ToCol}, virtual: true, orphans: r.Orphans})
	}
	return all
}

// choose prepares a policy's subset; nil when all rows leave. With a persistent key the same rows are chosen in each run.
func choose(p *policy.Policy, c *catalog.Catalog, all []reference, key []byte) (*subset, error) {
	if p.Subset == nil {
		return nil, nil
	}
	t := c.Table(p.Subset.Table)
	if t == nil || len(t.PrimaryKey) == 0 {
		return nil, fmt.Errorf("%s has no primary key: a subset of it cannot be told", p.Subset.Table)
	}
	s := &subset{Subset: p.Subset, key: t.PrimaryKey, references: all}
	var seed [8]byte
	if len(key) > 0 {
		mac := hmac.New(sha256.New, key)
		_, _ = mac.Write([]byte("august subset")) // never fails
		copy(seed[:], mac.Sum(nil))
	} else {
		_, _ = rand.Read(seed[:]) // never fails
	}
	s.seed = int64(binary.BigEndian.Uint64(seed[:])) //nolint:gosec // a number of 64 bits, whatever its sign
	return s, nil
}

// measure asks how large tables are, and sorts the largest first: the smaller ones fill the gaps at the end. It looks for
// columns that may not be read too, and takes the locks that keep a table from being rewritten under a snapshot that would
// then see it empty.
func (s *snapshot) measure(ctx context.Context, tables []*table) error {
	paths := make([]string, len(tables))
	for i, t := range tables {
		if _, err := s.conn.Exec(ctx, t.query.text("")+" limit 0"); err != nil {
			return tableError(t.path, fmt.Errorf("may not be read: %w", safe(err)))
		}
		paths[i] = quotedPath(t.path)
	}
	rows, err := s.conn.Query(ctx, sizes, paths)
	if err != nil {
		return safe(err)
	}
	defer rows.Close()
	for rows.Next() {
		var at int
		var pages int64
		var whole, rewritten bool
		if err := rows.Scan(&at, &pages, &whole, &rewritten); err != nil {
			return safe(err)
		}
		if rewritten {
			return tableError(tables[at].path, errors.New("was rewritten after the snapshot began; run the export again"))
		}
		tables[at].pages, tables[at].whole = pages, whole
	}
	if err := rows.Err(); err != nil {
		return safe(err)
	}
	slices.SortStableFunc(tables, func(a, b *table) int { return cmp.Compare(b.pages, a.pages) })
	return nil
}

// sizes is, for each table, the pages of the largest of its parts, whether it cannot be read by pages, for that takes a right to
// ctid, and whether a part has other files now than in the snapshot.
const sizes = `
with recursive parts as (
	select at - 1 as at, path::regclass::oid as oid from unnest($1::text[]) with ordinality t(path, at)
	union all
	select parts.at, i.inhrelid from parts join pg_inherits i on i.inhparent = parts.oid
)
select parts.at::int, max(coalesce(pg_relation_size(c.oid), 0) / current_setting('block_size')::int)::bigint,
	not bool_and(has_column_privilege(($1::text[])[parts.at + 1], 'ctid', 'select')),
	bool_or(c.relkind in ('r', 'm') and c.relfilenode <> coalesce(pg_relation_filenode(c.oid), 0))
from parts join pg_class c on c.oid = parts.oid group by 1`

// orphaned counts rows that refer by a virtual reference to rows that are not there. A declared one's has PostgreSQL seen to.
func (r reference) orphaned(s *subset) string {
	q := fmt.Sprintf("select count(*) from %s t left join %s r on %s where t.%s is not null and r.%s is null",
		quotedPath(r.table), quotedPath(r.to), r.on("t", "r"), quoted(r.columns[0]), quoted(r.references[0]))
	if chosen := s.chosen(r.table); chosen != "" {
		q += " and (" + chosen + ")"
	}
	return q
}

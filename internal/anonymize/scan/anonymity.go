package scan

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/copytext"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
	"github.com/feel-august/terraform-provider-august/internal/bucket"
)

// maxClasses bounds the combinations that are counted at a time: some 10 MB. Of more, a part is counted in each of several
// passes over the table.
const (
	maxClasses = 1 << 17
	maxPasses  = 1 << 10
)

// class is the rows that share a combination.
type class struct {
	rows   int64
	values [diverse]uint32 // of the sensitive column, by their hash
	n      int32
}

// diverse is how many different sensitive values of a class are told apart: as many are enough.
const diverse = 8

var errClasses = errors.New("more combinations than fit")

// anonymity counts who shares quasi-identifiers.
func (s *Scanner) anonymity(ctx context.Context, written bucket.Bucket, tables []evidence.Table) ([]evidence.KAnonymity, error) {
	out := []evidence.KAnonymity{}
	for _, q := range s.policy.Quasi {
		i := slices.IndexFunc(tables, func(t evidence.Table) bool { return t.Name == q.Table })
		if i < 0 {
			return nil, fmt.Errorf("the policy declares quasi-identifiers of %s, which is not exported", q.Table)
		}
		k, err := s.share(ctx, written, tables[i], q, maxClasses)
		if err != nil {
			return nil, err
		}
		out = append(out, k)
	}
	return out, nil
}

// share counts one declaration, in as many passes as it takes.
func (s *Scanner) share(ctx context.Context, written bucket.Bucket, t evidence.Table, q policy.Quasi, most int) (evidence.KAnonymity, error) {
	at, sensitive := make([]int, len(q.Columns)), -1
	find := func(name string) (int, error) {
		n := slices.IndexFunc(t.Columns, func(c evidence.Column) bool { return c.Name == name })
		if n < 0 {
			return n, fmt.Errorf("the quasi-identifier %s.%s is not exported", t.Name, name)
		}
		return n, nil
	}
	var err error
	for i, name := range q.Columns {
		if at[i], err = find(name); err != nil {
			return evidence.KAnonymity{}, err
		}
	}
	if q.Sensitive != "" {
		if sensitive, err = find(q.Sensitive); err != nil {
			return evidence.KAnonymity{}, err
		}
	}
	for passes := uint64(1); passes <= maxPasses; passes *= 4 {
		k := evidence.KAnonymity{Table: t.Name, Columns: q.Columns, Required: q.K, Sizes: slices.Clone(sizes)}
		var err error
		for pass := uint64(0); pass < passes && err == nil; pass++ {
			c := &classes{at: at, sensitive: sensitive, passes: passes, pass: pass, most: most, of: map[uint64]*class{}}
			for _, o := range t.Objects {
				if err = lines(ctx, written, o, c.line); err != nil {
					break
				}
			}
			c.report(&k)
		}
		if errors.Is(err, errClasses) {
			continue
		}
		return k, err
	}
	return evidence.KAnonymity{}, fmt.Errorf("%s has more combinations of its quasi-identifiers than can be counted: they single out nearly everybody", t.Name)
}

// sizes are the sizes of classes that a reader wants to know apart.
var sizes = []evidence.Size{{UpTo: 1}, {UpTo: 2}, {UpTo: 4}, {UpTo: 9}, {UpTo: 19}, {UpTo: 49}, {UpTo: 99}, {}}

type classes struct {
	at           []int
	sensitive    int
	passes, pass uint64
	most         int
	of           map[uint64]*class
	fields       [][]byte
}

func (c *classes) line(line []byte) error {
	c.fields = copytext.Split(c.fields[:0], line)
	var h maphash.Hash
	h.SetSeed(seeds[0])
	for _, i := range c.at {
		if i >= len(c.fields) {
			return errors.New("a row has too few fields: this is a mistake of august-sync")
		}
		_, _ = h.Write(c.fields[i]) // neither fails
		_ = h.WriteByte('\t')
	}
	sum := h.Sum64()
	if sum%c.passes != c.pass {
		return nil
	}
	k := c.of[sum]
	if k == nil {
		if len(c.of) == c.most {
			return errClasses
		}
		k = &class{}
		c.of[sum] = k
	}
	k.rows++
	if c.sensitive >= 0 && c.sensitive < len(c.fields) && k.n < diverse {
		v := uint32(maphash.Bytes(seeds[1], c.fields[c.sensitive])) //nolint:gosec // a part of the hash will do
		if !slices.Contains(k.values[:k.n], v) {
			k.values[k.n] = v
			k.n++
		}
	}
	return nil
}

// report adds the classes of a pass.
func (c *classes) report(k *evidence.KAnonymity) {
	for _, one := range c.of {
		k.Classes++
		if k.Smallest == 0 || one.rows < k.Smallest {
			k.Smallest = one.rows
		}
		if one.rows == 1 {
			k.Unique++
		}
		if one.rows < int64(k.Required) {
			k.Below += one.rows
		}
		if n := int64(one.n); c.sensitive >= 0 && (k.Diverse == 0 || n < k.Diverse) {
			k.Diverse = n
		}
		for i := range k.Sizes {
			if up := k.Sizes[i].UpTo; up == 0 || one.rows <= up {
				k.Sizes[i].Classes++
				break
			}
		}
	}
}

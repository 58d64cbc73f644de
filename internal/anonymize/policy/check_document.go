package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// document says what is wrong with what is declared of the whole.
func (k *checker) document(now time.Time) {
	p := k.p
	if p.Version != Version {
		k.whole("version", "it is %d, and this program knows %d", p.Version, Version)
	}
	if p.Keys != Ephemeral && p.Keys != Persistent {
		k.whole("keys", "keys are %s or %s", Ephemeral, Persistent)
	}
	k.attestation(now)
	if _, err := time.Parse(time.DateOnly, p.AsOf); p.AsOf != "" && err != nil {
		k.whole("as_of", "it is no day like 2026-01-31")
	}
	k.shift()
	switch t := k.c.Table(p.Subject.Table); {
	case t == nil:
		k.whole("subject.table", "there is no table %q: name the table of the persons whom the data is about", p.Subject.Table)
	case t.Column(p.Subject.Key) == nil:
		k.whole("subject.key", "%s has no column %q", p.Subject.Table, p.Subject.Key)
	case !t.Unique(p.Subject.Key) || !t.Column(p.Subject.Key).NotNull:
		k.whole("subject.key", "%s.%s is not unique, or may be null: it does not name a person", p.Subject.Table, p.Subject.Key)
	default:
		rules, listed := p.Tables[p.Subject.Table]
		r, named := rules.Columns[p.Subject.Key]
		switch {
		case !listed:
			k.whole("subject.table", "the policy has no rules for it: what it says of persons is what the rest is scrubbed of")
		case named && r.Transformer != Surrogate && r.Transformer != Permute:
			k.column(Cell{p.Subject.Table, p.Subject.Key}, "transformer", "names and numbers of persons are drawn by the pseudonym of this key: use %s", Surrogate)
		}
	}
	for i, w := range p.Words {
		if strings.TrimSpace(w) == "" {
			k.whole(indexed("words", i), "it is empty")
		}
	}
}

func (k *checker) attestation(now time.Time) {
	a := k.p.Attestation
	day, err := time.Parse(time.DateOnly, a.Expires)
	switch {
	case err != nil:
		k.whole("attestation.expires", "say until which day it holds, like 2026-12-31")
	case !now.Before(day.AddDate(0, 0, 1)):
		k.whole("attestation.expires", "it has expired: have it renewed")
	}
}

// leastOffsets is how many offsets there must be: with a few, one known date gives many people's away.
const leastOffsets = 26

// mostDays bounds an offset.
const mostDays = 3650

func (k *checker) shift() {
	s := k.p.Shift
	used := false
	for _, t := range k.p.Tables {
		for _, r := range t.Columns {
			used = used || usesShift(r)
		}
	}
	if !used {
		return
	}
	offsets := 0
	if s.Min <= s.Max && s.Min >= -mostDays && s.Max <= mostDays {
		for d := s.Min; d <= s.Max; d++ {
			if d != 0 && (!s.Weeks || d%7 == 0) {
				offsets++
			}
		}
	}
	if offsets < leastOffsets {
		k.whole("shift", "from min to max, within %d days, there must be at least %d offsets, 0 and with weeks all but whole weeks left aside; there are %d", mostDays, leastOffsets, offsets)
	}
	if s.Max > 0 {
		k.whole("shift.max", "dates that move forward come to lie after the day of the export, which tells by how much they have moved at least: use -1 or less")
	}
}

// subset says what is wrong with the choice of rows: what refers to itself, in however many steps, has no first row to choose.
func (k *checker) subset() {
	s := k.p.Subset
	if s == nil {
		return
	}
	if _, listed := k.p.Tables[s.Table]; !listed || k.c.Table(s.Table) == nil {
		k.whole("subset.table", "the policy has no rules for a table %q", s.Table)
	}
	switch {
	case s.Percent < 0 || s.Percent > 100:
		k.whole("subset.percent", "it is from 1 to 100")
	case s.Percent == 0 && strings.TrimSpace(s.Where) == "":
		k.whole("subset", "say percent, where, or both")
	}
	if strings.Contains(s.Where, ";") {
		k.whole("subset.where", "it is one condition, without ;")
	}
	to := map[string][]string{}
	for _, l := range k.links.all {
		_, from := k.p.Tables[l.Table]
		_, there := k.p.Tables[l.To]
		if from && there && !l.Orphans && !slices.Contains(to[l.Table], l.To) {
			to[l.Table] = append(to[l.Table], l.To)
		}
	}
	if cycle := circle(to); cycle != nil {
		k.whole("subset", "the references %s go round in a circle, so rows cannot be chosen by them: declare one with orphans = true, exclude a table, or take all rows", strings.Join(cycle, " → "))
	}
}

// circle is a way back to where it began, or nil.
func circle(to map[string][]string) []string {
	const (
		under = 1
		done  = 2
	)
	state := map[string]int{}
	var way []string
	var visit func(at string) []string
	visit = func(at string) []string {
		switch state[at] {
		case done:
			return nil
		case under:
			return append(slices.Clone(way[slices.Index(way, at):]), at)
		}
		state[at] = under
		way = append(way, at)
		for _, next := range to[at] {
			if found := visit(next); found != nil {
				return found
			}
		}
		way = way[:len(way)-1]
		state[at] = done
		return nil
	}
	for _, at := range slices.Sorted(maps.Keys(to)) {
		if found := visit(at); found != nil {
			return found
		}
	}
	return nil
}

// quasi says what is wrong with the quasi-identifiers.
func (k *checker) quasi() {
	for i, q := range k.p.Quasi {
		at := indexed("quasi_identifiers", i)
		rules, listed := k.p.Tables[q.Table]
		if !listed {
			k.whole(at+".table", "the policy has no rules for a table %q", q.Table)
			continue
		}
		if len(q.Columns) == 0 {
			k.whole(at+".columns", "name at least one")
		}
		if q.K < 0 {
			k.whole(at+".k", "it is 0 or more")
		}
		of := slices.Clone(q.Columns)
		if q.Sensitive != "" {
			of = append(of, q.Sensitive)
		}
		for n, column := range of {
			switch r, named := rules.Columns[column]; {
			case !named:
				k.whole(at+".columns", "%s has no rule for a column %q", q.Table, column)
			case r.Transformer == Derived:
				k.whole(at+".columns", "%s.%s is not in the export", q.Table, column)
			case slices.Contains(of[:n], column):
				k.whole(at+".columns", "%q is named twice", column)
			}
		}
	}
}

func indexed(name string, i int) string { return fmt.Sprintf("%s[%d]", name, i) }

package transform

import (
	"fmt"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/copytext"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/identify"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
)

// benchLine has a worker turn line after line, whose key changes.
func benchLine(b *testing.B, w *Worker, values []string) {
	in := lines(values)
	var out []byte
	var err error
	for _, line := range in { // ids are new once
		if out, err = w.Line(out[:0], line); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(in[0])))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		out, _ = w.Line(out[:0], in[i%len(in)])
	}
}

// lines is rows of values, in which # is a number that is another one in each.
func lines(values []string) [][]byte {
	in := make([][]byte, 4096)
	for i := range in {
		for j, v := range values {
			if j > 0 {
				in[i] = append(in[i], '\t')
			}
			if v == "#" {
				v = fmt.Sprint(70_000_000 + i)
			}
			in[i] = copytext.Escape(in[i], []byte(v))
		}
		in[i] = append(in[i], '\n')
	}
	return in
}

// Nothing is allocated for a line, but what remembers its ids.
func TestLinesAllocateNothing(t *testing.T) {
	for name, table := range map[string]func(testing.TB) (*Worker, []string){"line items": lineItems, "patients": patients} {
		w, values := table(t)
		in := lines(values)
		var out []byte
		for _, line := range in {
			out, _ = w.Line(out[:0], line)
		}
		i := 0
		if n := testing.AllocsPerRun(len(in)-1, func() {
			out, _ = w.Line(out[:0], in[i])
			i++
		}); n > 0 {
			t.Errorf("%s: a line makes %v allocations", name, n)
		}
	}
}

// A line of twenty columns, of which four are ids and the others are kept: line items, as Safe Harbor has them.
func BenchmarkLineItems(b *testing.B) {
	w, values := lineItems(b)
	benchLine(b, w, values)
}

func lineItems(b testing.TB) (*Worker, []string) {
	bed := newBed(b, EphemeralKeys())
	columns := []any{"id int8", policy.Surrogate, "appointment text", policy.Surrogate, "patient int8", policy.Surrogate, "doctor int8", policy.Surrogate,
		"service date", policy.Year, "posted timestamptz", policy.Year}
	values := []string{"#", "#", "#", "17", "2024-03-05", "2024-03-06 10:11:12.345+00"}
	for i := range 14 {
		columns = append(columns, fmt.Sprintf("c%d text", i), policy.Keep)
		values = append(values, "99213 kept")
	}
	bed.table("a.t", nil, columns...)
	return worker(b, bed.set(b), "a.t"), values
}

// A person, most of whose twenty columns are invented.
func BenchmarkPatients(b *testing.B) {
	w, values := patients(b)
	benchLine(b, w, values)
}

func patients(b testing.TB) (*Worker, []string) {
	bed := newBed(b, EphemeralKeys())
	bed.Taken = identify.New(1 << 20).Has
	bed.Policy.Subject = policy.Subject{Table: "a.t", Key: "id"}
	bed.table("a.t", nil, "id int8", policy.Surrogate, "chart text", policy.Surrogate, "first text", named("first"), "middle text", named("middle"), "last text", named("last"),
		"born date", policy.Year, "email text", policy.Email, "home text", policy.Phone, "cell text", policy.Phone, "ssn text", policy.SSN, "street text", policy.Street,
		"city text", policy.City, "state text", policy.Keep, "zip text", policy.Zip3, "created timestamptz", policy.DateShift, "ip inet", policy.IP, "url text", policy.URL,
		"sex text", policy.Keep, "raw json", policy.Rule{Transformer: policy.Constant, Value: "{}"}, "age int4", policy.Age)
	return worker(b, bed.set(b), "a.t"), []string{"#", "MRN000123", "Testa", "B", "Sample", "1980-02-29", "t@practice.test", "(617) 867-5309", "617-867-5309", "123-45-6789", "1 Real Road",
		"Boston", "MA", "02139-1234", "2024-03-06 10:11:12.345+00", "10.1.2.3", "https://practice.test/1", "F", "44", "#"}
}

// One transformer after the other: a line of a key that is kept and one cell.
func BenchmarkCell(b *testing.B) {
	for _, c := range []struct {
		typ, value string
		rule       policy.Rule
	}{
		{"text", "kept", policy.Rule{Transformer: policy.Keep}},
		{"int8", "#", policy.Rule{Transformer: policy.Surrogate}},
		{"text", "AB#", policy.Rule{Transformer: policy.Surrogate}},
		{"int8", "#", policy.Rule{Transformer: policy.Permute}},
		{"text", "AB12345678", policy.Rule{Transformer: policy.Permute}},
		{"uuid", "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d", policy.Rule{Transformer: policy.Surrogate}},
		{"uuid", "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d", policy.Rule{Transformer: policy.Permute}},
		{"text", "AB12345678", policy.Rule{Transformer: policy.Token}},
		{"text", "AB12345678", policy.Rule{Transformer: policy.Scramble}},
		{"text", "Testa Sample", named("full")},
		{"text", "Testa Sample", policy.Rule{Transformer: policy.Person, Part: "full"}},
		{"text", "t@practice.test", policy.Rule{Transformer: policy.Email}},
		{"text", "(617) 867-5309", policy.Rule{Transformer: policy.Phone}},
		{"text", "123-45-6789", policy.Rule{Transformer: policy.SSN}},
		{"text", "02139-1234", policy.Rule{Transformer: policy.Zip3}},
		{"date", "1980-02-29", policy.Rule{Transformer: policy.Year}},
		{"timestamptz", "2024-03-06 10:11:12.345+00", policy.Rule{Transformer: policy.DateShift}},
		{"text", "03/06/2024", policy.Rule{Transformer: policy.DateShift}},
		{"text[]", "{02139,02140}", policy.Rule{Transformer: policy.Zip3}},
		{"json", `{"a":"02139","b":{"c":93}}`, policy.Rule{Transformer: policy.JSON, Paths: map[string]policy.Rule{"a": {Transformer: policy.Zip3}, "b.c": {Transformer: policy.Age}}}},
	} {
		b.Run(c.rule.Transformer+"/"+c.typ, func(b *testing.B) {
			bed := newBed(b, EphemeralKeys())
			bed.table("a.t", nil, "id int8", policy.Keep, "v "+c.typ, c.rule)
			benchLine(b, worker(b, bed.set(b), "a.t"), []string{"#", c.value})
		})
	}
}

// A crosswalk as it fills up, and what an id of it takes.
func BenchmarkCrosswalk(b *testing.B) {
	for _, words := range []int{1, 2, 3} {
		b.Run(fmt.Sprintf("new/%d", 4*words+4), func(b *testing.B) {
			x := newCrosswalk(words)
			n := uint64(0)
			b.ReportAllocs()
			for b.Loop() {
				n++
				if _, err := x.code(numberKey(n), func() (uint32, error) { return uint32(n), nil }); err != nil {
					b.Fatal(err)
				}
			}
			entries := 0
			for i := range x.shards {
				entries += len(x.shards[i].entries)
			}
			b.ReportMetric(float64(entries*4)/float64(n), "bytes/id")
		})
	}
}

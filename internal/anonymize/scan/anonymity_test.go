package scan

import (
	"reflect"
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/chunk"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
	"github.com/feel-august/terraform-provider-august/internal/bucket"
)

func TestAnonymity(t *testing.T) {
	t.Parallel()
	b, err := bucket.Open(t.Context(), "file://"+t.TempDir(), bucket.Options{})
	if err != nil {
		t.Fatal(err)
	}
	table := evidence.Table{Name: "c.patients", Columns: []evidence.Column{{Name: "zip"}, {Name: "id"}, {Name: "year"}, {Name: "diagnosis"}}}
	for i, rows := range []string{
		"100\t1\t1950\ta\n100\t2\t1950\tb\n100\t3\t1950\ta\n200\t4\t1960\ta\n",
		"200\t5\t1960\ta\n\\N\t6\t1960\ta\n1001\t7\t950\tc\n",
	} {
		w, err := chunk.Create(t.Context(), b, "x"+string(rune('0'+i)))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write([]byte(rows), strings.Count(rows, "\n")); err != nil {
			t.Fatal(err)
		}
		o, err := w.Close()
		if err != nil {
			t.Fatal(err)
		}
		table.Objects = append(table.Objects, o)
	}
	q := policy.Quasi{Table: "c.patients", Columns: []string{"zip", "year"}, K: 3, Sensitive: "diagnosis"}
	want := evidence.KAnonymity{Table: "c.patients", Columns: q.Columns, Classes: 4, Smallest: 1, Unique: 2, Below: 4, Required: 3, Diverse: 1,
		Sizes: []evidence.Size{{UpTo: 1, Classes: 2}, {UpTo: 2, Classes: 1}, {UpTo: 4, Classes: 1}, {UpTo: 9}, {UpTo: 19}, {UpTo: 49}, {UpTo: 99}, {}}}
	s := &Scanner{policy: &policy.Policy{Quasi: []policy.Quasi{q}}}
	for _, most := range []int{maxClasses, 3, 1} { // in one pass, and in several
		got, err := s.share(t.Context(), b, table, q, most)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%d at a time: %+v, want %+v", most, got, want)
		}
	}
	all, err := s.anonymity(t.Context(), b, []evidence.Table{table})
	if err != nil {
		t.Fatal(err)
	}
	if err := (&Result{K: all}).Err(); err == nil || !strings.Contains(err.Error(), "c.patients: 4 rows share (zip, year) with fewer than 3 in all") {
		t.Errorf("%v", err)
	}
	q.K, q.Sensitive = 1, ""
	k, err := s.share(t.Context(), b, table, q, maxClasses)
	if err != nil || k.Below != 0 || k.Diverse != 0 || (&Result{K: []evidence.KAnonymity{k}}).Err() != nil {
		t.Errorf("%+v, %v", k, err)
	}
	q.Columns = []string{"zip", "nowhere"}
	if _, err := s.share(t.Context(), b, table, q, maxClasses); err == nil {
		t.Error("a column that is not there is counted")
	}
}

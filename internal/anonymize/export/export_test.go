package export_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/export"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
)

func TestRun(t *testing.T) {
	r := newRig(t)
	m := r.run()
	r.copied(m, nil)

	at := slices.IndexFunc(m.Tables, func(t evidence.Table) bool { return t.Name == "clinic.patients" })
	patients := m.Tables[at]
	for _, c := range patients.Columns {
		want := int64(0)
		if c.Name == "last_name" {
			want = 2000 / 7
		}
		if c.Transformer == policy.Null {
			want = 2000
		}
		if c.Nulls != want {
			t.Errorf("%+v", c)
		}
	}
	if len(patients.Columns) != 10 || patients.Columns[5].Type != "date" {
		t.Errorf("columns %+v", patients.Columns)
	}
	if len(patients.Objects) < 2 {
		t.Errorf("%d parts", len(patients.Objects))
	}
	for _, o := range patients.Objects {
		if o.Bytes > r.PartBytes+2<<18 {
			t.Errorf("a part of %d bytes", o.Bytes)
		}
	}
	if !slices.Equal(m.Empty, []string{"clinic.secrets"}) {
		t.Errorf("empty are %v", m.Empty)
	}
	if m.Source.Database != r.db.Name || len(m.Source.System) != 64 || m.Source.Snapshot.IsZero() || m.KeyID == "" {
		t.Errorf("source %+v, key %q", m.Source, m.KeyID)
	}
	r.clean("log and manifest", r.log.String()+fmt.Sprint(m))
}

// The order in which people were registered does not show in a part.
func TestRun_order(t *testing.T) {
	r := newRig(t)
	m := r.run()
	sorted, before := 0, 0
	for _, line := range r.unsorted(m, "clinic.patients") {
		var id int
		if _, err := fmt.Sscan(line, &id); err != nil {
			t.Fatal(err)
		}
		if id == before+1 {
			sorted++
		}
		before = id
	}
	if sorted > 100 { // of 2000; chance leaves a few
		t.Errorf("%d rows follow on the one that was made before", sorted)
	}
}

// All rows are of one moment, whatever happens while they are read.
func TestRun_snapshot(t *testing.T) {
	r := newRig(t)
	want := r.rows("select * from clinic.visits")
	lines := r.rows("select * from clinic.lines")
	r.at(2, func() {
		r.exec("delete from clinic.lines where id > 5000; update clinic.lines set price = 0; delete from clinic.visits; insert into clinic.visits values ('new', 1)")
	})
	m := r.run()
	if got := r.lines(m, "clinic.visits"); !slices.Equal(got, want) {
		t.Errorf("%d visits of %d", len(got), len(want))
	}
	if got := r.lines(m, "clinic.lines"); !slices.Equal(got, lines) {
		t.Errorf("%d lines of %d", len(got), len(lines))
	}
}

// What is lost on the way is read again, under the same snapshot.
func TestRun_lostConnections(t *testing.T) {
	r := newRig(t)
	r.exec("insert into clinic.visits select 'w' || n, 1, null, repeat('word ', 1000) from generate_series(1, 4000) n") // more than fits between the two ends of a connection
	r.SpanPages, r.Workers = 1000, 1
	before := r.rows("select * from clinic.lines")
	r.at(4, func() {
		r.exec("update clinic.lines set price = 1")
		r.kill(r.conn, "at > 1")
	})
	m := r.run()
	if !slices.Equal(r.lines(m, "clinic.lines"), before) {
		t.Error("the lines are not those of the snapshot")
	}
	r.copied(m, map[string]string{"clinic.lines": "select id, visit, (id / 100.0)::numeric(10, 2) from clinic.lines"})
	if !strings.Contains(r.log.String(), "a span is read again") {
		t.Error("nothing was read again")
	}
	parts := 0
	for _, table := range m.Tables {
		parts += len(table.Objects)
	}
	if left := len(r.objects()); left != parts+1 {
		t.Errorf("%d objects, and %d parts in the manifest", left, parts)
	}
	r.clean("log", r.log.String())
}

// Without the one that holds the snapshot there is no other moment to go on with.
func TestRun_lostSnapshot(t *testing.T) {
	r := newRig(t)
	r.at(4, func() { r.kill(r.conn, "true") })
	if err := r.fails("run the export again"); !errors.Is(err, export.ErrHolder) {
		t.Errorf("%v", err)
	}
}

func TestRun_bucketStumbles(t *testing.T) {
	r := newRig(t)
	n := 0
	r.at(3, func() {})
	inner := r.Bucket.(hooked)
	r.Bucket = hooked{r.bucket, func(name string) error {
		if err := inner.before(name); err != nil {
			return err
		}
		if n++; n == 3 || n == 4 {
			return errors.New("503")
		}
		return nil
	}}
	r.Workers = 1
	r.copied(r.run(), nil)

	r.Export = "20261126-090000"
	r.Bucket = hooked{r.bucket, func(name string) error { return errors.New("the bucket is gone") }}
	_, err := export.Run(t.Context(), r.Config)
	if err == nil || !strings.Contains(err.Error(), "the bucket is gone") {
		t.Errorf("%v", err)
	}
}

func TestRun_interrupted(t *testing.T) {
	r := newRig(t)
	ctx, cancel := context.WithCancel(t.Context())
	r.at(5, cancel)
	_, err := export.Run(ctx, r.Config)
	r.failed(err, "interrupted")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestRun_names(t *testing.T) {
	r := newRig(t)
	left := filepath.Join(r.folder, evidence.DataFolder(r.Export), "0a0b0c0d-000001.zst")
	if err := os.MkdirAll(filepath.Dir(left), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(left, []byte("of a run that was killed"), 0o600); err != nil {
		t.Fatal(err)
	}
	second := r.Config
	var concurrent error
	r.at(3, func() { _, concurrent = export.Run(t.Context(), second) })
	r.run()
	if concurrent == nil || !strings.Contains(concurrent.Error(), "another run makes this export now") {
		t.Errorf("two runs at a time: %v", concurrent)
	}
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what a killed run left is there: %v", err)
	}
	before := r.objects()
	if _, err := export.Run(t.Context(), second); err == nil || !strings.Contains(err.Error(), "is published already") {
		t.Errorf("again: %v", err)
	}
	if !slices.Equal(before, r.objects()) {
		t.Error("a published export was touched")
	}
	for _, name := range []string{"", "../x", "a/b", "A", ".x", strings.Repeat("x", 101)} {
		second.Export = name
		if _, err := export.Run(t.Context(), second); err == nil || !strings.Contains(err.Error(), "the name of the export must") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

package audit_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/bucket"
	"github.com/feel-august/terraform-provider-august/internal/sync/audit"
)

// away is a bucket that may be down.
type away struct {
	bucket.Bucket
	down bool
}

var errDown = errors.New("the bucket is down")

func (a *away) Create(ctx context.Context, name string, body []byte) error {
	if a.down {
		return errDown
	}
	return a.Bucket.Create(ctx, name, body)
}

func (a *away) List(ctx context.Context, folder, from string) iter.Seq2[string, error] {
	if a.down {
		return func(yield func(string, error) bool) { yield("", errDown) }
	}
	return a.Bucket.List(ctx, folder, from)
}

// A bucket that is away holds nothing up, and gets the newest head when it is back.
func TestHeadsWaitForTheirBucket(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	heads, address := newBucket(t)
	b := &away{heads, true}
	export := func() error { return audit.ExportHead(t.Context(), r.pool, b, address) }
	if err := export(); err != nil {
		t.Fatalf("there is nothing to export: %v", err)
	}
	r.blocks(2)
	if export() == nil {
		t.Fatal("the bucket is down")
	}
	if report, err := audit.Verify(t.Context(), audit.Verification{Pool: r.pool, Heads: b}); err == nil {
		t.Errorf("heads could not be looked at, and the report is %+v", report)
	}
	r.blocks(1)
	b.down = false
	for range 2 {
		if err := export(); err != nil {
			t.Fatal(err)
		}
	}
	r.blocks(1)
	if err := export(); err != nil { // not within a minute of the last
		t.Fatal(err)
	}
	kept := func() (names []string) {
		for name, err := range heads.List(t.Context(), "heads", "") {
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, name)
		}
		return names
	}
	if n := len(kept()); n != 1 {
		t.Errorf("%d heads", n)
	}
	r.head(b, address)
	r.exec(`update august.audit_head set number = 0`) // is a hint only
	r.head(b, address)
	if report := r.good(audit.Verification{Heads: b}); report.Heads != 2 || len(kept()) != 2 {
		t.Errorf("%d heads of %d", report.Heads, len(kept()))
	}
	for _, name := range kept() {
		var head audit.Head
		body := slurp(t, heads, "heads/"+name)
		if err := json.Unmarshal([]byte(body), &head); err != nil || !strings.HasSuffix(name, head.Hash+".json") || head.Number < 3 || head.SealedAt.IsZero() {
			t.Errorf("%s says %s, %v", name, body, err)
		}
	}
}

func TestExport(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx := t.Context()
	heads, address := newBucket(t)
	r.blocks(2)
	middle := time.Now()
	r.blocks(3)
	r.exec(`update drchrono.doctors set deleted_at_source = now() where id = 3`)
	r.seal()
	r.head(heads, address)
	check := func(b bucket.Bucket, kinds ...string) audit.Report {
		t.Helper()
		report, err := audit.VerifyExport(ctx, b, heads)
		if err != nil {
			t.Fatal(err)
		}
		if len(kinds) == 0 != report.Good() || !report.Good() && !slices.Contains(kinds, report.Findings[0].Kind) {
			t.Errorf("found %v, want %v", report.Findings, kinds)
		}
		return report
	}
	whole, _ := newBucket(t)
	m, err := audit.Export(ctx, audit.Exported{Pool: r.pool, To: whole})
	if err != nil || m.Blocks != 6 || m.Entries != 16 || m.First != 1 || m.Last != 6 {
		t.Fatalf("%+v, %v", m, err)
	}
	if report := check(whole); report.Entries != 16 || report.Heads != 1 {
		t.Errorf("%+v", report)
	}
	if _, err := audit.Export(ctx, audit.Exported{Pool: r.pool, To: whole}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("written over: %v", err)
	}
	part, _ := newBucket(t)
	if m, err = audit.Export(ctx, audit.Exported{Pool: r.pool, To: part, From: middle}); err != nil || m.First != 3 || m.Last != 6 {
		t.Fatalf("%+v, %v", m, err)
	}
	check(part)
	nothing, _ := newBucket(t)
	if _, err := audit.Export(ctx, audit.Exported{Pool: r.pool, To: nothing, Until: middle.AddDate(-1, 0, 0)}); err == nil {
		t.Error("there is nothing of that time")
	}
	for name, err := range nothing.List(ctx, ".", "") {
		t.Errorf("half an export was left: %s, %v", name, err)
	}
	for what, c := range map[string]struct {
		change func(lines []string) []string
		kind   string
	}{
		"an entry changed":   {func(l []string) []string { l[1] = strings.Replace(l[1], "august", "nobody", 1); return l }, audit.EntryChanged},
		"an entry dropped":   {func(l []string) []string { return slices.Delete(l, 2, 3) }, audit.EntryMissing},
		"an entry doubled":   {func(l []string) []string { return slices.Insert(l, 2, l[1]) }, audit.EntryAdded},
		"entries swapped":    {func(l []string) []string { l[1], l[2] = l[2], l[1]; return l }, audit.EntryChanged},
		"a block changed":    {func(l []string) []string { l[4] = strings.Replace(l[4], `"entries":3`, `"entries":2`, 1); return l }, audit.BlockChanged},
		"a block dropped":    {func(l []string) []string { return slices.Delete(l, 4, 8) }, audit.BlockMissing},
		"the end cut off":    {func(l []string) []string { return l[:8] }, audit.ExportChanged},
		"an entry elsewhere": {func(l []string) []string { l[1], l[5] = l[5], l[1]; return l }, audit.EntryMissing},
	} {
		t.Run(what, func(t *testing.T) {
			check(rewritten(t, whole, c.change), c.kind, audit.EntryOutside)
		})
	}
	dir := t.TempDir()
	for name, body := range map[string]string{"manifest.json": slurp(t, whole, "manifest.json"), "audit.ndjson.gz": slurp(t, whole, "audit.ndjson.gz") + "x"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	spoilt, err := bucket.Open(ctx, "file://"+dir, bucket.Options{})
	if err != nil {
		t.Fatal(err)
	}
	check(spoilt, audit.ExportChanged)
}

func slurp(t *testing.T, b bucket.Bucket, name string) string {
	t.Helper()
	r, err := b.Open(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	body, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// rewritten is an export that was changed by somebody who made its manifest fit.
func rewritten(t *testing.T, from bucket.Bucket, change func([]string) []string) bucket.Bucket {
	t.Helper()
	zipped, err := gzip.NewReader(strings.NewReader(slurp(t, from, "audit.ndjson.gz")))
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := io.ReadAll(zipped)
	lines := change(strings.Split(strings.TrimSpace(string(raw)), "\n"))
	var out strings.Builder
	w := gzip.NewWriter(&out)
	_, _ = io.WriteString(w, strings.Join(lines, "\n"))
	_ = w.Close()
	var m map[string]any
	if err := json.Unmarshal([]byte(slurp(t, from, "manifest.json")), &m); err != nil {
		t.Fatal(err)
	}
	m["sha256"] = sha256Hex(out.String())
	manifest, _ := json.Marshal(m)
	to, _ := newBucket(t)
	if err := errors.Join(to.Create(t.Context(), "audit.ndjson.gz", []byte(out.String())), to.Create(t.Context(), "manifest.json", manifest)); err != nil {
		t.Fatal(err)
	}
	return to
}

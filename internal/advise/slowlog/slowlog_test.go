package slowlog

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/feel-august/terraform-provider-august/internal/advise/statement"
	"github.com/feel-august/terraform-provider-august/internal/advise/statement/parser"
)

// here reads statements in this process.
type here struct{}

func (here) StatementsWithLiterals(_ context.Context, texts []string) ([]parser.Parsed, error) {
	all := make([]parser.Parsed, len(texts))
	for i, t := range texts {
		p := &all[i]
		if p.Shape, p.Values, p.Err = parser.Literals(t); p.Err == nil && p.Shape.Kind != statement.Utility {
			p.Fingerprint, p.Err = parser.Fingerprint(t)
		}
	}
	return all, nil
}

// shown is what a log had, values too.
func shown(t *testing.T, l *Log) string {
	t.Helper()
	all, unread, err := l.Statements(t.Context(), here{})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, s := range all {
		fmt.Fprintf(&b, "%s: %s × %v, %.3f ms\n", s.Role, s.Text, s.Calls, s.Seconds*1000)
		for _, d := range s.Draws {
			for _, v := range d.Values() {
				if v == nil {
					b.WriteString("  NULL")
				} else {
					fmt.Fprintf(&b, "  %q", *v)
				}
			}
			fmt.Fprintf(&b, " × %v\n", d.Weight())
		}
	}
	for reason, s := range unread {
		fmt.Fprintf(&b, "unread: %s: %v\n", reason, s.Calls)
	}
	return b.String()
}

// The three files are what PostgreSQL 15 wrote of one run: the simple protocol, the extended one with and without prepared statements, EXECUTE, a
// cursor, errors, and durations in lines of their own.
const logged = `clinic: SELECT a FROM t WHERE b = $1 AND c = $2 × 7, 2.413 ms
  "4711"  "Parker 'Example'\nsecond line" × 2
  "4711"  "Parker 'Example'\nsecond line" × 1
  "4711"  "Parker 'Example'\nsecond line" × 1
  "4711"  "Parker 'Example'\nsecond line" × 1
  "4711"  "Parker 'Example'\nsecond line" × 1
  "1"  "x\n\ttabbed" × 1
clinic: SELECT a FROM t WHERE b = $1 × 1, 0.381 ms
postgres: SELECT a FROM t WHERE c = $1 × 1, 1.498 ms
  "logged before" × 1
`

func TestFormats(t *testing.T) {
	for _, format := range []string{"stderr", "csv", "json", "entries", "entries line by line"} {
		l := New(Options{Database: "postgres"})
		name := format
		if strings.HasPrefix(format, "entries") {
			name = "stderr"
		}
		text, err := os.ReadFile("testdata/log." + name)
		if err != nil {
			t.Fatal(err)
		}
		switch in := strings.NewReader(string(text)); format {
		case "stderr":
			err = l.Stderr(in)
		case "csv":
			err = l.CSV(in)
		case "json":
			err = l.JSON(in)
		case "entries":
			for _, entry := range strings.Split(strings.ReplaceAll(string(text), "\n2026-", "\n\x002026-"), "\x00") {
				l.Entry(time.Time{}, entry)
			}
		default:
			for line := range strings.SplitSeq(string(text), "\n") {
				l.Entry(time.Time{}, line)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		got, unread, _ := strings.Cut(shown(t, l), "unread: ")
		if diff := cmp.Diff(logged, got); diff != "" {
			t.Errorf("%s: %s", format, diff)
		}
		if !strings.Contains(unread, "utility") || !strings.Contains(unread, "more than one") {
			t.Errorf("%s: unread %s", format, unread)
		}
		if l.From.Format(time.TimeOnly) != "11:21:47" || l.To.Format(time.TimeOnly) != "11:21:48" {
			t.Errorf("%s: from %s to %s", format, l.From, l.To)
		}
		other := New(Options{Database: "other"})
		if name == "csv" {
			if err := other.CSV(strings.NewReader(string(text))); err != nil || shown(t, other) != "" {
				t.Errorf("another database's statements are read: %s, %v", shown(t, other), err)
			}
		}
	}
}

func TestWeights(t *testing.T) {
	l := New(Options{Prefix: "%t %u@%d %c %q", Always: time.Second, Sampled: 10 * time.Millisecond, Rate: 0.25})
	for i, ms := range []string{"5.0", "10.0", "999.0", "1000.0"} {
		for n, part := range []string{"LOG:  duration: " + ms + " ms  execute s/p: select a from t where b = $1 and c = $2", "DETAIL:  Parameters: $1 = 'it''s, $9 = ''x''', $2 = NULL",
			"LOG:  duration: 100.0 ms  execute fetch from s/p: select a from t where b = $1 and c = $2", "ERROR:  no", "DETAIL:  parameters: $1 = 'not of this', $2 = NULL"}[:3+i%2*2] {
			if i == 0 && n == 2 {
				continue // what is fetched later is sampled by itself
			}
			l.line(time.Time{}, fmt.Sprintf("2026-11-26 10:00:0%d UTC clinic@august 6b08164b.%d %s", i, i, part))
		}
	}
	all, _, err := l.Statements(t.Context(), here{})
	if err != nil || len(all) != 1 || all[0].Calls != 1+4+4+1 || math.Abs(all[0].Seconds-(0.005+4*0.010+4*0.999+1+3*4*0.1)) > 1e-9 {
		t.Fatalf("%+v, %v", all, err)
	}
	if d := all[0].Draws; len(d) < 4 || *d[0].Values()[0] != "it's, $9 = 'x'" || d[0].Values()[1] != nil || d[1].Weight() != 4 {
		t.Errorf("%d draws", len(d))
	}
}

// Values are for planning: nothing prints them.
func TestDraw_printed(t *testing.T) {
	l := New(Options{})
	l.line(time.Time{}, "2026-11-26 11:21:47.751 UTC [1]: [3-1] db=a,user=b LOG:  duration: 1.0 ms  execute x: select a from t where b = $1 and c = 'Parker'")
	l.line(time.Time{}, "2026-11-26 11:21:47.751 UTC [1]: [4-1] db=a,user=b DETAIL:  parameters: $1 = 'Parker'")
	all, _, err := l.Statements(t.Context(), here{})
	if err != nil || len(all) != 1 || len(all[0].Draws) != 1 || *all[0].Draws[0].Values()[1] != "Parker" {
		t.Fatalf("%+v, %v", all, err)
	}
	out, err := json.Marshal(all)
	for _, text := range []string{string(out), fmt.Sprintf("%v %+v %#v %s %q", all, all, all[0].Draws, all[0].Draws[0], all[0].Draws)} {
		if strings.Contains(text, "Parker") || err != nil {
			t.Errorf("%s, %v", text, err)
		}
	}
}

func FuzzLog(f *testing.F) {
	for _, name := range []string{"stderr", "csv", "json"} {
		text, err := os.ReadFile("testdata/log." + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text), CloudSQL)
	}
	f.Add("2026-11-26 10:00:00 UTC x LOG:  duration: 1 ms  execute p: select $1\n\tmore", "%t %-10u%q%%%")
	f.Fuzz(func(t *testing.T, text, format string) {
		l := New(Options{Prefix: format})
		_, _, _ = l.Stderr(strings.NewReader(text)), l.CSV(strings.NewReader(text)), l.JSON(strings.NewReader(text))
		l.Entry(time.Now(), text)
		for _, o := range l.order {
			if c := l.calls[o]; c == nil || c.calls < 0 || c.seconds < 0 {
				t.Errorf("%+v", c)
			}
		}
		for n, v := range parameters("parameters: " + text) {
			if n < 1 || v != nil && !strings.Contains(text, strings.ReplaceAll(*v, "'", "''")) {
				t.Errorf("$%d of %q is %q", n, text, *v)
			}
		}
	})
}

// A statement of many lines is read in one go: its text is not copied for each.
func TestLog_manyLines(t *testing.T) {
	log := New(Options{Prefix: "[%p] "})
	text := "[77] LOG:  duration: 900.500 ms  statement: insert into t values (1)" + strings.Repeat("\n\t,(2)", 20_000)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	log.Entry(time.Time{}, text)
	log.Entry(time.Time{}, "[77] LOG:  duration: 1.500 ms  statement: select 1")
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 32<<20 {
		t.Errorf("%d kB are read by way of %d MB", len(text)>>10, took>>20)
	}
}

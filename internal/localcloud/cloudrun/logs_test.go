package cloudrun

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestParseLine(t *testing.T) {
	at := time.Date(2026, 11, 26, 1, 2, 3, 4e6, time.UTC)
	for raw, want := range map[string]line{
		`plain`: {severity: "DEFAULT", text: "plain"},
		`{"severity":"INFO","time":"2026-11-26T01:02:03.004Z","message":"hello"}`:             {severity: "INFO", time: at, text: "hello"},
		`{"severity":"error","message":"hello","count":1,"logging.googleapis.com/trace":"x"}`: {severity: "ERROR", json: map[string]any{"message": "hello", "count": 1.0}},
		`{"broken`:             {severity: "DEFAULT", text: `{"broken`},
		`{"time":"yesterday"}`: {severity: "DEFAULT", json: map[string]any{"time": "yesterday"}},
	} {
		got := parseLine(raw)
		if got.raw != raw || got.severity != want.severity || !got.time.Equal(want.time) || got.text != want.text || !same(got.json, want.json) {
			t.Errorf("%s: %+v", raw, got)
		}
	}
}

// TestServiceLog reads revisions' logs together, and goes on where it stopped.
func TestServiceLog(t *testing.T) {
	dir := t.TempDir()
	home := filepath.Join(dir, "services", "p", "l", "s")
	write := func(name, text string) {
		t.Helper()
		file, err := os.OpenFile(filepath.Join(home, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err == nil {
			_, err = file.WriteString(text)
		}
		if err == nil {
			err = file.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(home, 0o700); err != nil {
		t.Fatal(err)
	}
	write("service.json", "{}")
	const one, two, three = `{"time":"2026-01-01T00:00:01Z"}`, `{"time":"2026-01-01T00:00:02Z"}`, `{"time":"2026-01-01T00:00:03Z"}`
	write("s-1.log", "before\n"+one+"\nbetween\n"+three+"\nhalf a l")
	write("s-2.log", two+"\n")
	all, err := ServiceLogs(dir)
	if err != nil || len(all) != 1 || all[0].Project != "p" || all[0].Location != "l" || all[0].Service != "s" {
		t.Fatalf("%+v %v", all, err)
	}
	s := all[0]
	if lines, err := s.Last(-1); err != nil || !slices.Equal(lines, []string{"before", one, "between", two, three}) {
		t.Errorf("%q %v", lines, err)
	}
	if lines, err := s.Last(2); err != nil || !slices.Equal(lines, []string{two, three}) {
		t.Errorf("%q %v", lines, err)
	}
	if lines, gone, err := s.Next(); err != nil || gone || len(lines) != 0 {
		t.Errorf("%q %v %v", lines, gone, err)
	}
	write("s-1.log", "ine\n")
	write("s-3.log", "new revision\n")
	if lines, gone, err := s.Next(); err != nil || gone || !slices.Equal(lines, []string{"half a line", "new revision"}) {
		t.Errorf("%q %v %v", lines, gone, err)
	}
	if err := os.RemoveAll(home); err != nil {
		t.Fatal(err)
	}
	if lines, gone, err := s.Next(); err != nil || !gone || len(lines) != 0 {
		t.Errorf("of a deleted service: %q %v %v", lines, gone, err)
	}
}

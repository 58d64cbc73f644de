package main

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
)

// command runs the binary to its end.
func (b *bundle) command(args ...string) (out string, code int) {
	b.t.Helper()
	cmd := exec.Command(binary, args...)
	for name, value := range b.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	text, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		b.t.Fatal(err)
	}
	return string(text), cmd.ProcessState.ExitCode()
}

func TestWebhook_parked(t *testing.T) {
	t.Parallel()
	b := bare(t, 5)
	if out, code := b.command("webhook", "parked"); code != 1 {
		t.Errorf("before the schema is there: %d %s", code, out)
	}
	if out, code := b.command("migrate"); code != 0 {
		t.Fatalf("migrate: %d %s", code, out)
	}
	b.exec(`insert into august.inbox (delivery, digest, event, kind, key, lane, object, via, state, reason, attempts, settled_at)
		select 'd' || n, '', 'LINE_ITEM_MODIFY', 'line_items', n::text, 0, '{"secret-canary-object":1}', 'inbox', 'parked', 'billed: not a decimal', 1, now() from generate_series(1, 3) n`)
	out, code := b.command("webhook", "parked", "--kind", "line_items", "--key", "2")
	if code != 0 || !strings.Contains(out, "billed: not a decimal") || strings.Count(out, "\n") != 2 || strings.Contains(out, "canary") {
		t.Errorf("parked: %d %s", code, out)
	}
	for _, test := range []struct {
		args string
		code int
		out  string
	}{
		{"replay", 1, ""},
		{"replay --key 1", 1, ""},
		{"replay --since yesterday", 1, ""},
		{"replay --id 1 --id 99", 0, "1 put back\n"},
		{"replay --id 1", 3, "0 put back\n"},
		{"discard --id 2", 1, ""},
		{"discard --id 2 --reason superseded", 0, "1 discarded\n"},
		{"replay --kind line_items --key 3", 0, "1 put back\n"},
	} {
		if out, code := b.command(append([]string{"webhook"}, strings.Fields(test.args)...)...); code != test.code || out != test.out {
			t.Errorf("%s: %d %q, want %d %q", test.args, code, out, test.code, test.out)
		}
	}
	if got := b.query(`select string_agg(state, ' ' order by id) from august.inbox`); got != "pending ignored pending" {
		t.Errorf("states: %s", got)
	}
}

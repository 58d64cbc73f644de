package advisor

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/advise/statement"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
)

// As a child of its own, the test's executable answers as august-sync does, or fails as it is told to.
func TestMain(m *testing.M) {
	mode, child := strings.CutPrefix(os.Args[len(os.Args)-1], "child:")
	if !child {
		pgtest.Main(m)
	}
	out := os.Stdout
	if mode == "hang" {
		time.Sleep(time.Hour)
	}
	if mode == "noise" {
		fmt.Println("Parker Example")
		os.Exit(0)
	}
	if word, ok := strings.CutPrefix(mode, "crash="); ok {
		crashing(word)
	}
	if err := Answer(os.Stdin, out); err != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

// crashing ends the process at the first question with a word, as an abort within the grammar would.
func crashing(word string) {
	answered = func(q question) {
		if strings.Contains(q.Text, word) {
			panic("while reading " + q.Text)
		}
	}
}

func childOf(t *testing.T, mode string) *Parser {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return &Parser{[]string{exe, "child:" + mode}, time.Hour}
}

func TestParser(t *testing.T) {
	t.Parallel()
	got, err := childOf(t, "").StatementsWithLiterals(t.Context(), []string{
		"select a from t where b = 'Parker Example' -- Parker", "selec 'Parker'", "set x = 'Parker'", "select a from t where b = 'Other'",
	})
	if err != nil || len(got) != 4 {
		t.Fatal(got, err)
	}
	if s := got[0].Shape; s.Kind != statement.Select || s.Text != "SELECT a FROM t WHERE b = $1" || len(s.Scopes) != 1 || got[0].Err != nil {
		t.Errorf("%+v", got[0])
	}
	if v := got[0].Values; len(v) != 1 || v[0].Param != 1 || v[0].Text != "Parker Example" || strings.Contains(fmt.Sprintf("%v %+v %#v %s", v, got[0], v[0], v), "Parker") {
		t.Errorf("%v", v)
	}
	if got[1].Err == nil || got[1].Shape != nil || strings.Contains(got[1].Err.Error(), "Parker") || got[2].Shape.Kind != statement.Utility {
		t.Errorf("%+v, %+v", got[1], got[2])
	}
	if got[0].Fingerprint == "" || got[0].Fingerprint != got[3].Fingerprint {
		t.Errorf("%q and %q", got[0].Fingerprint, got[3].Fingerprint)
	}
	expressions, err := childOf(t, "").Expressions(t.Context(), []string{"(raw ->> 'state'::text)", "lower(name)", "(deleted_at IS NOT NULL)", "a b c ("})
	if err != nil || strings.Join(expressions, "; ") != "(raw ->> 'state'); lower(name); (deleted_at IS NOT NULL); " {
		t.Errorf("%q, %v", expressions, err)
	}
	if none, err := childOf(t, "crash=").Statements(t.Context(), nil); err != nil || len(none) > 0 {
		t.Error(none, err)
	}
}

// What ends a child is left out; what is around it is read. What ends every child, or never ends, is an error of the call.
func TestParser_failing(t *testing.T) {
	t.Parallel()
	texts := []string{"select 1 from a", "select 1 from secret", "select 1 from b", "select 1 from c"}
	got, err := childOf(t, "crash=secret").Statements(t.Context(), texts)
	if err != nil || len(got) != 4 || got[1].Err == nil || strings.Contains(got[1].Err.Error(), "secret") {
		t.Fatalf("%+v, %v", got, err)
	}
	for i, name := range map[int]string{0: "a", 2: "b", 3: "c"} {
		if got[i].Err != nil || got[i].Shape.Scopes[0].Refs[0].Name != name {
			t.Errorf("%d: %+v", i, got[i])
		}
	}
	if _, err := childOf(t, "crash=select").Statements(t.Context(), append(texts, texts...)); err == nil || strings.Contains(err.Error(), "select") {
		t.Error(err)
	}
	if got, err := childOf(t, "noise").Statements(t.Context(), texts); err == nil || strings.Contains(err.Error(), "Parker") {
		t.Error(got, err)
	}
	if _, err := (&Parser{[]string{"/nowhere/august-sync"}, time.Minute}).Statements(t.Context(), texts); err == nil {
		t.Error("a child that is not there answers")
	}
	hanging := childOf(t, "hang")
	hanging.Within = 50 * time.Millisecond
	if _, err := hanging.Statements(t.Context(), texts); err == nil || !strings.Contains(err.Error(), "50ms") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := childOf(t, "hang").Statements(ctx, texts); err == nil {
		t.Error("a call that was given up answers")
	}
}

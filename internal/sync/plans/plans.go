// Package plans looks at how PostgreSQL runs the statements that the runtime issues, when tables have grown. It is used by
// tests only: auto_explain writes down the plan of every statement of a runtime at work, those within triggers included;
// each plan is held against rules, and each statement against the place in the code that issues it.
package plans

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Preload makes the sessions of one database user write each of their plans to the server's log, where Read finds them.
// It needs a superuser.
func Preload(user string) []string {
	var out []string
	for _, setting := range []string{"session_preload_libraries = auto_explain", "auto_explain.log_min_duration = 0", "auto_explain.log_format = json",
		"auto_explain.log_analyze = on", "auto_explain.log_buffers = on", "auto_explain.log_timing = off", "auto_explain.log_nested_statements = on"} {
		out = append(out, "alter role "+user+" set "+setting)
	}
	return out
}

// Execution is one statement as it ran.
type Execution struct {
	Text    string
	Context string // function that it ran in; "" when a client issued it
	Plan    Node
	Millis  float64
}

// Node is a node of a plan.
type Node struct {
	Type       string  `json:"Node Type"`
	Relation   string  `json:"Relation Name"`
	Index      string  `json:"Index Name"`
	Rows       float64 `json:"Actual Rows"`
	Loops      float64 `json:"Actual Loops"`
	Filtered   float64 `json:"Rows Removed by Filter"`
	Rechecked  float64 `json:"Rows Removed by Index Recheck"`
	Disk       string  `json:"Sort Space Type"`
	Batches    float64 `json:"Hash Batches"`
	AggBatches float64 `json:"HashAgg Batches"`
	Plans      []Node  `json:"Plans"`
}

// Walk visits a node and what is below it.
func (n *Node) Walk(visit func(*Node)) {
	visit(n)
	for i := range n.Plans {
		n.Plans[i].Walk(visit)
	}
}

// relations tells that a plan reads some relation.
func (n *Node) relations() (some bool) {
	n.Walk(func(n *Node) { some = some || n.Relation != "" })
	return some
}

// Read reads the plans out of a server's log, as stderr has it: an entry's further lines begin with a tab.
func Read(log string, visit func(Execution)) error {
	var e *Execution
	var body, context strings.Builder
	end := func() error {
		if e == nil {
			return nil
		}
		var doc struct {
			Text string `json:"Query Text"`
			Plan Node   `json:"Plan"`
		}
		if err := json.Unmarshal([]byte(body.String()), &doc); err != nil {
			return fmt.Errorf("read a plan: %w", err)
		}
		e.Text, e.Plan, e.Context = doc.Text, doc.Plan, functionOf(context.String())
		visit(*e)
		e = nil
		return nil
	}
	within := false // the plan
	for line := range strings.Lines(log) {
		if rest, more := strings.CutPrefix(line, "\t"); more {
			if e != nil && within {
				body.WriteString(rest)
			} else {
				context.WriteString(rest)
			}
			continue
		}
		if _, rest, is := strings.Cut(line, "CONTEXT:  "); is && e != nil {
			within = false
			context.WriteString(rest)
			continue
		}
		if err := end(); err != nil {
			return err
		}
		_, said, is := strings.Cut(line, "LOG:  duration: ")
		if !is || !strings.HasSuffix(strings.TrimSpace(line), "plan:") {
			continue
		}
		e, within = &Execution{}, true
		if _, err := fmt.Sscanf(said, "%f", &e.Millis); err != nil {
			return fmt.Errorf("read a plan's duration: %w", err)
		}
		body.Reset()
		context.Reset()
	}
	return end()
}

// functionOf is what a nested statement runs in, by the innermost of its context's lines that says so. The check of a foreign
// key names nothing.
func functionOf(context string) string {
	if context == "" {
		return ""
	}
	for line := range strings.Lines(context) {
		for _, before := range []string{"PL/pgSQL function ", `SQL function "`} {
			if _, name, ok := strings.Cut(line, before); ok {
				name, _, _ = strings.Cut(strings.NewReplacer(`"`, "(").Replace(name), "(")
				return strings.TrimPrefix(strings.TrimSpace(name), "august.")
			}
		}
	}
	return "foreign key"
}

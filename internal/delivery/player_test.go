package delivery_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rhysd/actionlint"
)

// player plays workflows as GitHub's runner does, as far as these need it: jobs in the order of their needs, reusable workflows by their inputs and
// outputs, and each `run` by bash, with a fresh workspace a job. What an action would do is done by a stand-in. An expression or an
// action that it does not know ends the test.
type player struct {
	t       *testing.T
	dir     string
	env     []string                                          // of every step
	inputs  map[string]string                                 // defaults of reusable workflows that are other here
	actions map[string]func(job *job, with map[string]string) // by name, without the commit
	arrive  func(environment, name string)                    // a job has passed the environment's rules
	event   map[string]any                                    // github.*
	plays   int
	printed strings.Builder // by all steps
}

// values are what an expression may read.
type values map[string]any

// job is one that is being played.
type job struct {
	name, environment, work, temp string
	env                           []string // by actions, for the steps that follow
}

// play plays a workflow with inputs, and gives the outputs of its jobs, or of a reusable one. It ends with the first job that fails.
func (p *player) play(path string, inputs map[string]string) (jobs map[string]map[string]string, outputs map[string]string, err error) {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		p.t.Fatal(err)
	}
	w, errs := actionlint.Parse(text)
	if len(errs) > 0 {
		p.t.Fatal(errs)
	}
	given := values{}
	call, called := w.FindWorkflowCallEvent()
	if called {
		for _, input := range call.Inputs {
			value, ok := inputs[input.ID]
			if other, has := p.inputs[input.ID]; !ok && has {
				value, ok = other, true
			}
			if !ok && input.Default != nil {
				value = input.Default.Value
			}
			given[input.ID] = value
		}
	}
	jobs = map[string]map[string]string{}
	for _, id := range order(w) {
		j := w.Jobs[id]
		needs := values{}
		for _, need := range j.Needs {
			needs[need.Value] = values{"outputs": toValues(jobs[need.Value])}
		}
		scope := values{"inputs": given, "needs": needs, "github": p.event}
		if j.If != nil && !truth(p.eval(j.If.Value, scope)) {
			jobs[id] = map[string]string{}
			continue
		}
		if jobs[id], err = p.run(path, id, j, scope); err != nil {
			return jobs, nil, fmt.Errorf("%s, job %s: %w", filepath.Base(path), id, err)
		}
	}
	if called {
		outputs = map[string]string{}
		all := values{}
		for id, out := range jobs {
			all[id] = values{"outputs": toValues(out)}
		}
		for name, output := range call.Outputs {
			outputs[name] = p.fill(output.Value.Value, values{"jobs": all, "inputs": given})
		}
	}
	return jobs, outputs, nil
}

// order is that of the jobs' needs; among equals, by name.
func order(w *actionlint.Workflow) (ids []string) {
	for len(ids) < len(w.Jobs) {
		for _, id := range slices.Sorted(maps.Keys(w.Jobs)) {
			ready := !slices.ContainsFunc(w.Jobs[id].Needs, func(need *actionlint.String) bool { return !slices.Contains(ids, need.Value) })
			if ready && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

func (p *player) run(path, id string, j *actionlint.Job, scope values) (map[string]string, error) {
	if j.WorkflowCall != nil {
		with := map[string]string{}
		for name, input := range j.WorkflowCall.Inputs {
			with[name] = p.fill(input.Value.Value, scope)
		}
		local := atRelease.ReplaceAllString(j.WorkflowCall.Uses.Value, ".github/workflows/$1")
		_, outputs, err := p.play(local, with)
		return outputs, err
	}
	if j.Strategy == nil || j.Strategy.Matrix == nil {
		return p.steps(path, id, j, scope)
	}
	for name, row := range j.Strategy.Matrix.Rows {
		list, ok := p.eval(row.Expression.Value, scope).([]any)
		if !ok || len(j.Strategy.Matrix.Rows) > 1 {
			p.t.Fatalf("%s: job %s: a matrix that is not played", path, id)
		}
		for _, value := range list {
			scope["matrix"] = values{name: value}
			if _, err := p.steps(path, id, j, scope); err != nil {
				return nil, err
			}
		}
	}
	return nil, nil
}

func (p *player) steps(path, id string, j *actionlint.Job, scope values) (map[string]string, error) {
	p.plays++
	now := &job{name: id, work: filepath.Join(p.dir, fmt.Sprint(p.plays), "work"), temp: filepath.Join(p.dir, fmt.Sprint(p.plays), "temp")}
	for _, dir := range []string{now.work, now.temp} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			p.t.Fatal(err)
		}
	}
	if j.Environment != nil {
		now.environment = p.fill(j.Environment.Name.Value, scope)
		p.arrive(now.environment, id)
	}
	done := values{}
	scope["steps"] = done
	scope["runner"] = values{"os": "Linux", "temp": now.temp}
	env := p.envOf(j.Env, scope)
	for _, step := range j.Steps {
		if step.If != nil && !truth(p.eval(step.If.Value, scope)) {
			continue
		}
		switch what := step.Exec.(type) {
		case *actionlint.ExecAction:
			name, _, _ := strings.Cut(what.Uses.Value, "@")
			act, known := p.actions[name]
			if !known {
				p.t.Fatalf("%s: nothing stands in for %s", path, name)
			}
			with := map[string]string{}
			for input, value := range what.Inputs {
				with[input] = p.fill(value.Value.Value, scope)
			}
			act(now, with)
		case *actionlint.ExecRun:
			output, err := p.command(now, what, slices.Concat(env, p.envOf(step.Env, scope)), scope)
			if step.ID != nil {
				done[step.ID.Value] = values{"outputs": toValues(output)}
			}
			if err != nil {
				return nil, err
			}
		}
	}
	outputs := map[string]string{}
	for name, output := range j.Outputs {
		outputs[name] = p.fill(output.Value.Value, scope)
	}
	return outputs, nil
}

// command runs the step's own words, as the runner would.
func (p *player) command(now *job, what *actionlint.ExecRun, env []string, scope values) (map[string]string, error) {
	script, out := filepath.Join(now.temp, "step.sh"), filepath.Join(now.temp, "output")
	if err := os.WriteFile(script, []byte(what.Run.Value), 0o600); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(out, nil, 0o600); err != nil {
		p.t.Fatal(err)
	}
	cmd := exec.CommandContext(p.t.Context(), "bash", "-e", script)
	cmd.Dir = now.work
	if what.WorkingDirectory != nil {
		cmd.Dir = filepath.Join(now.work, p.fill(what.WorkingDirectory.Value, scope))
	}
	cmd.Env = slices.Concat(p.env, now.env, env, []string{
		"GITHUB_OUTPUT=" + out, "GITHUB_STEP_SUMMARY=" + filepath.Join(now.temp, "summary.md"), "GITHUB_WORKSPACE=" + now.work,
		"RUNNER_TEMP=" + now.temp, "GITHUB_RUN_ID=7", "GITHUB_RUN_ATTEMPT=1", "HOME=" + p.dir,
	})
	printed, err := cmd.CombinedOutput()
	p.printed.Write(printed)
	p.t.Logf("%s %s$ %s\n%s", now.environment, now.name, strings.TrimSpace(what.Run.Value), printed)
	if err != nil {
		return readOutputs(p.t, out), fmt.Errorf("%s: %w\n%s", what.Run.Value, err, printed)
	}
	return readOutputs(p.t, out), nil
}

// readOutputs reads name<<end, lines, end.
func readOutputs(t *testing.T, file string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	outputs := map[string]string{}
	for rest := string(text); rest != ""; {
		head, body, _ := strings.Cut(rest, "\n")
		name, end, ok := strings.Cut(head, "<<")
		value, after, ended := strings.Cut(body, "\n"+end+"\n")
		if !ok || !ended {
			t.Fatalf("GitHub does not read the output %q", head)
		}
		outputs[name], rest = value, after
	}
	return outputs
}

func (p *player) envOf(env *actionlint.Env, scope values) (all []string) {
	if env == nil {
		return nil
	}
	for _, variable := range env.Vars {
		all = append(all, variable.Name.Value+"="+p.fill(variable.Value.Value, scope))
	}
	return all
}

var expression = regexp.MustCompile(`\$\{\{(.*?)\}\}`)

// fill puts the values of expressions into a text.
func (p *player) fill(text string, scope values) string {
	return expression.ReplaceAllStringFunc(text, func(found string) string {
		value := p.eval(found, scope)
		if value == nil {
			return ""
		}
		return fmt.Sprint(value)
	})
}

func (p *player) eval(text string, scope values) any {
	source := text
	if found := expression.FindStringSubmatch(text); found != nil {
		source = found[1]
	}
	node, err := actionlint.NewExprParser().Parse(actionlint.NewExprLexer(source + "}}"))
	if err != nil {
		p.t.Fatalf("%s: %v", text, err)
	}
	return p.node(node, scope)
}

func (p *player) node(node actionlint.ExprNode, scope values) any {
	switch n := node.(type) {
	case *actionlint.StringNode:
		return n.Value
	case *actionlint.VariableNode:
		if value, ok := scope[n.Name]; ok {
			return value
		}
	case *actionlint.ObjectDerefNode:
		switch of := p.node(n.Receiver, scope).(type) {
		case values:
			return of[n.Property]
		case map[string]any:
			return of[n.Property]
		case nil:
			return nil
		}
	case *actionlint.NotOpNode:
		return !truth(p.node(n.Operand, scope))
	case *actionlint.LogicalOpNode:
		left := p.node(n.Left, scope)
		if truth(left) == (n.Kind == actionlint.LogicalOpNodeKindOr) {
			return left
		}
		return p.node(n.Right, scope)
	case *actionlint.CompareOpNode:
		same := fmt.Sprint(p.node(n.Left, scope)) == fmt.Sprint(p.node(n.Right, scope))
		switch n.Kind {
		case actionlint.CompareOpNodeKindEq:
			return same
		case actionlint.CompareOpNodeKindNotEq:
			return !same
		}
	case *actionlint.FuncCallNode:
		switch strings.ToLower(n.Callee) {
		case "cancelled":
			return false
		case "fromjson":
			var value any
			if err := json.Unmarshal([]byte(fmt.Sprint(p.node(n.Args[0], scope))), &value); err != nil {
				p.t.Fatalf("fromJSON: %v", err)
			}
			return value
		}
	}
	p.t.Fatalf("an expression that is not played: %T %+v", node, node.Token())
	return nil
}

func truth(value any) bool { return value != nil && value != "" && value != false }

func toValues(all map[string]string) values {
	v := values{}
	for name, value := range all {
		v[name] = value
	}
	return v
}

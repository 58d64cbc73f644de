package delivery_test

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rhysd/actionlint"
)

const (
	root = "../.."

	// ours is how others call the workflows of this repository: by a release. The commit of a release cannot be known in that very commit.
	ours = "feel-august/terraform-provider-august/.github/workflows/"
)

// workflow is a file of .github/workflows, of this repository or of an example.
type workflow struct {
	path, text string
	*actionlint.Workflow
}

func workflows(t *testing.T) (all []workflow) {
	t.Helper()
	for _, pattern := range []string{".github/workflows/*.yml", "examples/*/.github/workflows/*.yml"} {
		paths, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(paths) == 0 {
			t.Fatalf("no workflows at %s: %v", pattern, err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			parsed, errs := actionlint.Parse(text)
			for _, err := range errs {
				t.Errorf("%s: %v", path, err)
			}
			all = append(all, workflow{path, string(text), parsed})
		}
	}
	return all
}

var atRelease = regexp.MustCompile(regexp.QuoteMeta(ours) + `([a-z-]+\.yml)@v[0-9]+\.[0-9]+\.[0-9]+\b`)

// What actionlint finds, with the calls of this repository's own workflows looked into: their inputs, whether all are given and of the right
// type, and the outputs that are read.
func TestWorkflows_lint(t *testing.T) {
	t.Parallel()
	project, err := actionlint.NewProject(root)
	if err != nil {
		t.Fatal(err)
	}
	linter, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{WorkingDir: root})
	if err != nil {
		t.Fatal(err)
	}
	all := workflows(t)
	guide, err := os.ReadFile(filepath.Join(root, "templates/guides/delivery.md"))
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(guide, -1)
	if len(shown) == 0 {
		t.Error("the guide shows no workflow")
	}
	for _, fence := range shown {
		all = append(all, workflow{path: ".github/workflows/as-the-guide-shows.yml", text: string(fence[1])})
	}
	for _, w := range all {
		found, err := linter.Lint(w.path, []byte(atRelease.ReplaceAllString(w.text, "./.github/workflows/$1")), project)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range found {
			t.Errorf("%s:%d: %s", w.path, e.Line, e.Message)
		}
	}
}

// A plan tells which images it deploys by an output of the root module beside the workflows. Of one that is not there, nothing is known: nothing is
// vouched for, and production refuses everything.
func TestWorkflows_imagesAreTold(t *testing.T) {
	t.Parallel()
	told := 0
	for _, w := range workflows(t) {
		example, _, ok := strings.Cut(w.path, "/.github/")
		for id, job := range w.Jobs {
			if !ok || job.WorkflowCall == nil {
				continue
			}
			match := atRelease.FindStringSubmatch(job.WorkflowCall.Uses.Value)
			if match == nil || match[1] != "platform-plan.yml" && match[1] != "platform-apply.yml" {
				continue
			}
			told++
			output := "images" // the workflows' default
			if input := job.WorkflowCall.Inputs["images_output"]; input != nil {
				output = input.Value.Value
			}
			body, err := os.ReadFile(filepath.Join(example, "outputs.tf"))
			if err != nil || !strings.Contains(string(body), fmt.Sprintf("output %q {", output)) {
				t.Errorf("%s: job %s: %s has no output %q (%v)", w.path, id, example, output, err)
			}
		}
	}
	if told == 0 {
		t.Error("no example plans")
	}
}

var pinned = regexp.MustCompile(`^\s*(?:- )?uses: ([\w./-]+)@([0-9a-f]{40}) # (v[0-9]+\.[0-9]+\.[0-9]+)(?:: .*)?$`)

// An action is code that runs with the job's tokens. It is named by commit, with the release that this is, and everywhere by the same one.
func TestWorkflows_actionsArePinned(t *testing.T) {
	t.Parallel()
	commits := map[string]string{}
	for _, w := range workflows(t) {
		for line := range strings.Lines(w.text) {
			line = strings.TrimRight(line, "\n")
			if !strings.Contains(line, "uses: ") || strings.Contains(line, "uses: ./.github/workflows/") || atRelease.MatchString(line) {
				continue
			}
			match := pinned.FindStringSubmatch(line)
			if match == nil {
				t.Errorf("%s: %s: name the action by its commit, and its release in a comment behind it", w.path, strings.TrimSpace(line))
				continue
			}
			action := strings.Join(strings.SplitN(match[1], "/", 3)[:2], "/")
			if pin := match[2] + " " + match[3]; commits[action] == "" {
				commits[action] = pin
			} else if commits[action] != pin {
				t.Errorf("%s: %s is %s here and %s elsewhere", w.path, action, pin, commits[action])
			}
		}
	}
}

// Dependabot looks for actions in the workflows of the repository, and beside that in the very folders that it is given: in one without workflows
// it fails, for all of them.
func TestWorkflows_actionsAreRenewed(t *testing.T) {
	t.Parallel()
	config, err := os.ReadFile(filepath.Join(root, ".github/dependabot.yml"))
	if err != nil {
		t.Fatal(err)
	}
	match := regexp.MustCompile(`package-ecosystem: github-actions\n +directories: \[/, (.*)\]`).FindSubmatch(config)
	if match == nil {
		t.Fatal("the folders of github-actions are not written as they are read here")
	}
	renewed := map[string]bool{filepath.Join(root, ".github/workflows"): true}
	for dir := range strings.SplitSeq(string(match[1]), ", ") {
		renewed[filepath.Join(root, dir)] = true
	}
	for _, w := range workflows(t) {
		if !renewed[filepath.Dir(w.path)] {
			t.Errorf("%s is not looked at", w.path)
		}
	}
	for dir := range renewed {
		if found, _ := filepath.Glob(filepath.Join(dir, "*.yml")); len(found) == 0 {
			t.Errorf("%s has no workflow", dir)
		}
	}
}

// mayWrite are the jobs that may do more than read, and what.
var mayWrite = map[string][]string{
	".github/workflows/security.yml/codeql":                             {"security-events"},
	".github/workflows/release.yml/publish":                             {"attestations", "contents", "id-token"},
	".github/workflows/platform-plan.yml/plan":                          {"id-token"},
	".github/workflows/platform-apply.yml/apply":                        {"id-token"},
	".github/workflows/platform-soak.yml/look":                          {"id-token"},
	".github/workflows/platform-attest.yml/attest":                      {"id-token"},
	".github/workflows/platform-build.yml/build":                        {"id-token"},
	"examples/platform/.github/workflows/review.yml/comment":            {"pull-requests"},
	"examples/platform/.github/workflows/review.yml/staging":            {"id-token"},
	"examples/platform/.github/workflows/review.yml/production":         {"id-token"},
	"examples/platform/.github/workflows/deliver.yml/plan-staging":      {"id-token"},
	"examples/platform/.github/workflows/deliver.yml/attest-staging":    {"id-token"},
	"examples/platform/.github/workflows/deliver.yml/apply-staging":     {"id-token"},
	"examples/platform/.github/workflows/deliver.yml/soak-staging":      {"id-token"},
	"examples/platform/.github/workflows/deliver.yml/plan-production":   {"id-token"},
	"examples/platform/.github/workflows/deliver.yml/attest-production": {"id-token"},
	"examples/platform/.github/workflows/deliver.yml/apply-production":  {"id-token"},
	"examples/platform/.github/workflows/deliver.yml/soak-production":   {"id-token"},
}

func TestWorkflows_leastPermissions(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, w := range workflows(t) {
		if w.Permissions == nil || w.Permissions.All != nil || len(w.Permissions.Scopes) > 0 {
			t.Errorf("%s: begin with `permissions: {}`, and give each job what it needs", w.path)
		}
		for id, job := range w.Jobs {
			if job.Permissions == nil || job.Permissions.All != nil {
				t.Errorf("%s: job %s: say which permissions it has", w.path, id)
				continue
			}
			var writes []string
			for _, scope := range job.Permissions.Scopes {
				if scope.Value.Value == "write" {
					writes = append(writes, scope.Name.Value)
				}
			}
			slices.Sort(writes)
			name, err := filepath.Rel(root, w.path+"/"+id)
			if err != nil {
				t.Fatal(err)
			}
			seen[name] = true
			if !slices.Equal(writes, mayWrite[name]) {
				t.Errorf("%s may write %v, and is known to write %v", name, writes, mayWrite[name])
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(mayWrite)) {
		if !seen[name] {
			t.Errorf("%s is gone, and still known here", name)
		}
	}
}

// What a pull request's author writes must not become code, reach a secret, or stay on after a job.
func TestWorkflows_nothingGetsIn(t *testing.T) {
	t.Parallel()
	// One command a step, whose words are its own: values come by the environment, in quotes.
	tricks := regexp.MustCompile("[|;`]|&&|\\$\\(|<<|\\$\\{\\{|\\beval\\b|\\b(ba)?sh\\b -c|curl|wget")
	bare := regexp.MustCompile(`(^|[^"\w/.$=-])\$\w`)
	handed := regexp.MustCompile(`\bgithub\.token\b|\bsecrets\b`)
	for _, w := range workflows(t) {
		for _, event := range w.On {
			if name := event.EventName(); !slices.Contains([]string{"pull_request", "push", "schedule", "workflow_call"}, name) {
				t.Errorf("%s: on %s: it may run with secrets, or be run by anybody", w.path, name)
			}
		}
		_, called := w.FindWorkflowCallEvent()
		if w.Concurrency == nil && !called {
			t.Errorf("%s: say what becomes of a second run: concurrency", w.path)
		}
		for id, job := range w.Jobs {
			if job.WorkflowCall != nil {
				if job.WorkflowCall.InheritSecrets || len(job.WorkflowCall.Secrets) > 0 {
					t.Errorf("%s: job %s hands secrets on", w.path, id)
				}
				continue
			}
			if job.TimeoutMinutes == nil || job.TimeoutMinutes.Value > 120 {
				t.Errorf("%s: job %s: it needs timeout-minutes, 120 at most", w.path, id)
			}
			if job.RunsOn == nil || len(job.RunsOn.Labels) != 1 || job.RunsOn.Labels[0].Value != "ubuntu-24.04" {
				t.Errorf("%s: job %s: it runs on ubuntu-24.04, which does not change by itself", w.path, id)
			}
			if job.ContinueOnError != nil {
				t.Errorf("%s: job %s goes on after an error", w.path, id)
			}
			if env := job.Env; env != nil {
				for _, v := range env.Vars {
					if v.Value != nil && handed.MatchString(v.Value.Value) {
						t.Errorf("%s: job %s: all its steps see %s, Terraform's plugins too: give it to the step that needs it", w.path, id, v.Name.Value)
					}
				}
			}
			for _, step := range job.Steps {
				if step.ContinueOnError != nil {
					t.Errorf("%s:%d: it goes on after an error", w.path, step.Pos.Line)
				}
				switch exec := step.Exec.(type) {
				case *actionlint.ExecRun:
					if trick := tricks.FindString(exec.Run.Value); trick != "" {
						t.Errorf("%s:%d: %q in %s: one command a step, values by env", w.path, step.Pos.Line, trick, exec.Run.Value)
					}
					if bare.MatchString(exec.Run.Value) {
						t.Errorf("%s:%d: put variables in quotes: %s", w.path, step.Pos.Line, exec.Run.Value)
					}
					if exec.Shell != nil {
						t.Errorf("%s:%d: another shell", w.path, step.Pos.Line)
					}
				case *actionlint.ExecAction:
					keep := exec.Inputs["persist-credentials"]
					if strings.HasPrefix(exec.Uses.Value, "actions/checkout@") && (keep == nil || keep.Value.Value != "false") {
						t.Errorf("%s:%d: the token stays in the working copy: persist-credentials: false", w.path, step.Pos.Line)
					}
				}
			}
		}
	}
}

// Whoever changes a cloud does so in an environment, whose rules are GitHub's to keep: reviewers, branches, a wait.
func TestWorkflows_environments(t *testing.T) {
	t.Parallel()
	for _, w := range workflows(t) {
		for id, job := range w.Jobs {
			if job.WorkflowCall != nil {
				continue
			}
			for _, step := range job.Steps {
				action, ok := step.Exec.(*actionlint.ExecAction)
				if ok && strings.HasPrefix(action.Uses.Value, "google-github-actions/auth@") && job.Environment == nil {
					t.Errorf("%s: job %s: an identity of the cloud belongs to an environment", w.path, id)
				}
				if ok && action.Inputs["credentials_json"] != nil {
					t.Errorf("%s: job %s: a key can be stolen; workload identity federation has none", w.path, id)
				}
			}
		}
	}
}

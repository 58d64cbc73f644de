package demo

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// providerAddress is where Terraform looks for the provider; OpenTofu finds it there too, because
// the host is spelled out.
const providerAddress = "registry.terraform.io/feel-august/august"

// terraform runs the Terraform CLI on one configuration, with nothing of the user's own
// configuration in reach: no plugin cache, no credentials, no registry.
type terraform struct {
	bin  string   // the CLI
	dir  string   // the configuration
	env  []string // what the provider and the configuration are told
	logs string   // folder for whole outputs

	ready map[string]bool // workspaces that were initialised
}

// programs are what `make build` makes and Terraform needs: the provider, and the runtime that it ships.
func programs(version string) []string {
	return []string{"terraform-provider-august_v" + version, "august-sync_linux_amd64"}
}

// newTerraform puts the built provider, and the runtime beside it, into a filesystem mirror below
// dir and prepares a CLI that installs from there and nowhere else.
func newTerraform(bin, dir, binaries, version string, env []string) (*terraform, error) {
	mirror := filepath.Join(dir, "mirror")
	platform := runtime.GOOS + "_" + runtime.GOARCH
	target := filepath.Join(mirror, filepath.FromSlash(providerAddress), version, platform)
	if err := os.MkdirAll(target, 0o755); err != nil { //nolint:gosec // binaries, not secrets
		return nil, err
	}
	for _, name := range programs(version) {
		if err := copyFile(filepath.Join(target, name), filepath.Join(binaries, name)); err != nil {
			return nil, fmt.Errorf("%w: run `make build` first", err)
		}
	}
	config := rcPath(dir)
	rc := fmt.Sprintf("disable_checkpoint = true\nprovider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", mirror)
	if err := os.WriteFile(config, []byte(rc), 0o600); err != nil {
		return nil, err
	}
	logs := filepath.Join(dir, "log")
	if err := os.MkdirAll(logs, 0o755); err != nil { //nolint:gosec // plans hold no secret: a test greps for them
		return nil, err
	}
	base := []string{
		"TF_CLI_CONFIG_FILE=" + config, "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1",
		"HOME=" + dir, "PATH=" + os.Getenv("PATH"),
	}
	return &terraform{bin: bin, dir: configuration(dir), env: append(base, env...), logs: logs, ready: map[string]bool{}}, nil
}

// set gives a variable its value, for every plan from now on, the user's own too.
func (t *terraform) set(name, value string) error {
	body, err := json.Marshal(map[string]string{name: value})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(t.dir, name+".auto.tfvars.json"), body, 0o600)
}

// interruptPatience is how long Terraform may take to end what it is at. What it leaves half done is
// removed with the local cloud.
const interruptPatience = 15 * time.Second

// run calls the CLI in a workspace. The whole output goes to a log file; lines that tell pass
// through to out. It returns the exit code when the CLI itself ended with one.
func (t *terraform) run(ctx context.Context, out io.Writer, workspace string, args ...string) (int, error) {
	name := filepath.Join(t.logs, fmt.Sprintf("%s-%s.log", workspace, args[0]))
	log, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return -1, err
	}
	defer func() { _ = log.Close() }() // a log; what matters has been printed

	cmd := exec.CommandContext(ctx, t.bin, args...)
	cmd.Dir = t.dir
	cmd.Env = append(t.env[:len(t.env):len(t.env)], "TF_WORKSPACE="+workspace)
	// Terraform ends tidily on an interrupt; killing it would leave a state lock behind.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = interruptPatience
	// Ctrl-C at the terminal reaches it by us only: a second interrupt would make it give up at once.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	lines := &teller{out: out}
	cmd.Stdout = io.MultiWriter(log, lines)
	var stderr bytes.Buffer
	cmd.Stderr = io.MultiWriter(log, &stderr)
	err = cmd.Run()
	if ctx.Err() != nil && cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // providers of a CLI that had to be killed; most often none
	}
	lines.flush()
	var exit *exec.ExitError
	if ctx.Err() != nil {
		return -1, ctx.Err()
	}
	if errors.As(err, &exit) && exit.ExitCode() >= 0 {
		if msg := strings.TrimSpace(stderr.String()); msg != "" {
			return exit.ExitCode(), fmt.Errorf("terraform %s (workspace %s) failed:\n%s\nwhole output: %s", args[0], workspace, msg, name)
		}
		return exit.ExitCode(), nil
	}
	if err != nil {
		return -1, fmt.Errorf("terraform %s: %w", args[0], err)
	}
	return 0, nil
}

// must is run for commands whose only good exit code is 0.
func (t *terraform) must(ctx context.Context, out io.Writer, workspace string, args ...string) error {
	code, err := t.run(ctx, out, workspace, args...)
	if err != nil {
		return err
	}
	if code != 0 {
		return fmt.Errorf("terraform %s (workspace %s) ended with exit code %d; see %s", args[0], workspace, code, t.logs)
	}
	return nil
}

// init prepares a workspace, once: nothing that it looks at changes afterwards.
func (t *terraform) init(ctx context.Context, out io.Writer, workspace string) error {
	if t.ready[workspace] {
		return nil
	}
	err := t.must(ctx, out, workspace, "init", "-input=false", "-no-color")
	t.ready[workspace] = err == nil
	return err
}

// json calls the CLI and decodes what it prints.
func (t *terraform) json(ctx context.Context, workspace string, v any, args ...string) error {
	cmd := exec.CommandContext(ctx, t.bin, args...)
	cmd.Dir = t.dir
	cmd.Env = append(t.env[:len(t.env):len(t.env)], "TF_WORKSPACE="+workspace)
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("terraform %s: %w", strings.Join(args, " "), err)
	}
	return json.Unmarshal(out, v)
}

// rcPath is the CLI configuration below a demo's folder.
func rcPath(dir string) string { return filepath.Join(dir, "terraform.rc") }

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// teller passes on the lines of Terraform's output that say what happens, and drops the rest.
type teller struct {
	out     io.Writer
	partial []byte
}

func (t *teller) Write(p []byte) (int, error) {
	t.partial = append(t.partial, p...)
	for {
		line, rest, found := bytes.Cut(t.partial, []byte("\n"))
		if !found {
			return len(p), nil
		}
		t.tell(string(line))
		t.partial = append(t.partial[:0], rest...)
	}
}

func (t *teller) flush() { t.tell(string(t.partial)); t.partial = nil }

func (t *teller) tell(line string) {
	switch {
	case strings.Contains(line, "Warning: Incomplete lock file"): // so it is with a mirror for one platform
	case strings.HasPrefix(line, "Plan: "),
		strings.HasPrefix(line, "No changes."),
		strings.HasPrefix(line, "Apply complete!"),
		strings.HasPrefix(line, "  # ") && strings.Contains(line, " will be "),
		strings.HasPrefix(line, "  # ") && strings.Contains(line, " must be "),
		strings.Contains(line, ": Creation complete"),
		strings.Contains(line, ": Modifications complete"),
		strings.Contains(line, ": Destruction complete"),
		strings.Contains(line, ": Still "),
		strings.Contains(line, "Warning: "):
		line, _, _ = strings.Cut(line, " [id=")
		_, _ = fmt.Fprintf(t.out, "    %s\n", strings.TrimSpace(strings.TrimPrefix(line, "  #")))
	}
}

// configuration is where the example lies in a demo's folder: as deep as in the repository, for it names the modules that it
// applies by their relative path.
func configuration(work string) string { return filepath.Join(work, "terraform", "examples", "local") }

// copyExample copies the example into a demo's folder, and the modules that lie beside it.
func copyExample(work, example string) error {
	to := configuration(work)
	if err := copyTree(to, example); err != nil {
		return err
	}
	modules := filepath.Join("..", "..", "modules")
	if !exists(filepath.Join(example, modules)) {
		return nil
	}
	return copyTree(filepath.Join(to, modules), filepath.Join(example, modules))
}

// copyTree copies a folder's configuration. Tests, and what Terraform has left there, stay.
func copyTree(to, from string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch {
		case entry.IsDir() && strings.HasPrefix(entry.Name(), ".terraform"):
			return fs.SkipDir
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o755) //nolint:gosec // configuration, not secrets
		case !entry.Type().IsRegular() || filepath.Ext(path) != ".tf":
			return nil
		}
		return copyFile(filepath.Join(to, rel), path)
	})
}

func copyFile(to, from string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // read only
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, info.Mode().Perm())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = bufio.NewReader(in).WriteTo(out)
	return err
}

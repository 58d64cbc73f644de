package main

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	goversion "github.com/hashicorp/go-version"

	"github.com/feel-august/terraform-provider-august/internal/gcp/image"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/toolchain"
)

const (
	runtimePackage = "./internal/sync/cmd/august-sync"

	someVersion  = "9.8.7"
	someRevision = "0123456789abcdef0123456789abcdef01234567"
)

// Released, built in a clone or built by Docker, it is one runtime: all three compile it with the same command, so that
// anybody can hold a release to its source.
func TestRuntime_isBuiltAlike(t *testing.T) {
	t.Parallel()
	dry := exec.CommandContext(t.Context(), "make", "-n", "build", "VERSION="+someVersion, "REVISION="+someRevision)
	dry.Env = append(os.Environ(), "MAKEFLAGS=", "MAKELEVEL=")
	inClone, err := dry.CombinedOutput()
	if err != nil {
		t.Fatalf("make -n build: %v\n%s", err, inClone)
	}
	want := compile(t, "make build", string(inClone))
	number := regexp.MustCompile(`(?m)^(?:ARG )?VERSION *\??= *(\S+)$`)
	if m, d := number.FindStringSubmatch(read(t, "GNUmakefile")), number.FindStringSubmatch(read(t, "Dockerfile")); m == nil || d == nil || m[1] != d[1] {
		t.Errorf("unless told otherwise, make builds the version %q and Docker %q", m, d)
	}
	released := strings.NewReplacer("{{ .Version }}", someVersion, "{{ .FullCommit }}", someRevision).Replace(read(t, ".goreleaser.yml"))
	if diff := cmp.Diff(want, compile(t, "goreleaser", released)); diff != "" {
		t.Errorf("a release compiles the runtime otherwise than make build (-make +release):\n%s", diff)
	}
	docker := strings.NewReplacer("${REVISION:+ -X main.revision=${REVISION}}", " -X main.revision="+someRevision, "${VERSION}", someVersion).Replace(read(t, "Dockerfile"))
	if diff := cmp.Diff(want, compile(t, "Dockerfile", docker)); diff != "" {
		t.Errorf("Docker compiles the runtime otherwise than make build (-make +Dockerfile):\n%s", diff)
	}
}

// compile is the words of the line that compiles the runtime, sorted, without where it writes to.
func compile(t *testing.T, where, text string) []string {
	t.Helper()
	for line := range strings.Lines(text) {
		_, command, found := strings.Cut(strings.TrimSpace(line), "CGO_ENABLED=0 ")
		if !found || !strings.HasSuffix(command, " "+runtimePackage) {
			continue
		}
		before, _, _ := strings.Cut(line, "CGO_ENABLED=0 ")
		command = strings.ReplaceAll(command, "-ldflags ", "-ldflags=")
		command = regexp.MustCompile(`-o \S+ `).ReplaceAllString(command, "")
		// Quotes keep what is in them together.
		var words []string
		for i, part := range regexp.MustCompile(`["']`).Split(command, -1) {
			if i%2 == 1 {
				words[len(words)-1] += part
				continue
			}
			words = append(words, strings.Fields(part)...)
		}
		for _, word := range strings.Fields(before) {
			if strings.Contains(word, "=") {
				words = append(words, word)
			}
		}
		slices.Sort(words)
		return words
	}
	t.Fatalf("%s does not compile %s", where, runtimePackage)
	return nil
}

// instruction is a line of a Dockerfile.
type instruction struct{ name, value string }

// stages takes a Dockerfile apart at each FROM; what is before the first is at "".
func stages(t *testing.T, text string) (all [][]instruction) {
	t.Helper()
	all = [][]instruction{nil}
	text = regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(text, "")
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, value, _ := strings.Cut(line, " ")
		if name == "FROM" {
			all = append(all, nil)
		}
		all[len(all)-1] = append(all[len(all)-1], instruction{name, strings.Join(strings.Fields(value), " ")})
	}
	return all
}

// Docker's image starts the runtime exactly as the provider's does, from nothing else, and what it is built with is pinned.
func TestDockerfile(t *testing.T) {
	t.Parallel()
	all := stages(t, read(t, "Dockerfile"))

	pinned := regexp.MustCompile(`^[A-Z]+=[a-z]+:[a-z0-9.-]+@sha256:[0-9a-f]{64}$`)
	bases := map[string]bool{"scratch": true}
	for _, arg := range all[0] {
		if arg.name != "ARG" || !pinned.MatchString(arg.value) {
			t.Errorf("%s %s: a base is pinned by tag and digest", arg.name, arg.value)
		}
		name, _, _ := strings.Cut(arg.value, "=")
		bases["${"+name+"}"] = true
	}
	for _, stage := range all[1:] {
		base, name, _ := strings.Cut(stage[0].value, " AS ")
		if !bases[base] {
			t.Errorf("FROM %s: it is neither pinned nor another stage", base)
		}
		bases[name] = true
		for _, i := range stage {
			if i.name == "ENTRYPOINT" || i.name == "CMD" {
				execForm(t, i)
			}
			if i.name == "ADD" || i.name == "USER" && i.value != image.User {
				t.Errorf("%s %s", i.name, i.value)
			}
		}
	}
	goImage := regexp.MustCompile(`GO=golang:([0-9.]+)-`).FindStringSubmatch(read(t, "Dockerfile"))
	goMod := regexp.MustCompile(`(?m)^go ([0-9.]+)$`).FindStringSubmatch(read(t, "go.mod"))
	if goImage == nil || goMod == nil || goversion.Must(goversion.NewVersion(goImage[1])).LessThan(goversion.Must(goversion.NewVersion(goMod[1]))) {
		t.Errorf("Docker builds with Go %v, and go.mod wants %v", goImage, goMod)
	}

	packed, err := image.Build(tinyRuntime(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	config, err := packed.OCI.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	last := all[len(all)-1]
	if last[0].value != "scratch" {
		t.Errorf("the runtime is on top of %s", last[0].value)
	}
	got := map[string]any{}
	for _, i := range last {
		switch i.name {
		case "ENTRYPOINT", "CMD":
			got[i.name] = execForm(t, i)
		case "ENV":
			got[i.name] = strings.Fields(i.value)
		case "RUN":
			t.Errorf("RUN %s: nothing in the image can run it", i.value)
		default:
			got[i.name] = i.value
		}
	}
	delete(got, "FROM")
	delete(got, "ARG")
	labels := map[string]string{}
	for _, label := range regexp.MustCompile(`(\S+)="([^"]*)"`).FindAllStringSubmatch(fmt.Sprint(got["LABEL"]), -1) {
		labels[label[1]] = strings.ReplaceAll(label[2], "${VERSION}", packed.Version)
	}
	got["LABEL"] = labels
	want := map[string]any{
		"ENTRYPOINT": config.Config.Entrypoint, "CMD": config.Config.Cmd, "USER": config.Config.User,
		"WORKDIR": config.Config.WorkingDir, "ENV": config.Config.Env, "LABEL": config.Config.Labels,
		"COPY": "--from=build /rootfs/ /",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Docker's image is set up otherwise than the provider's (-provider +Docker):\n%s", diff)
	}
}

func execForm(t *testing.T, i instruction) (words []string) {
	t.Helper()
	if err := json.Unmarshal([]byte(i.value), &words); err != nil {
		t.Errorf("%s %s: it goes through a shell, of which there is none", i.name, i.value)
	}
	return words
}

// A release's archive, as it lies in a registry or a mirror, is all that the provider needs: Terraform unpacks the whole of
// it, and the runtime is found beside the provider.
func TestAccRelease_packedArchive(t *testing.T) {
	t.Parallel()
	if os.Getenv("TF_ACC") == "" {
		t.Skip("acceptance tests run with TF_ACC=1")
	}
	cli, err := toolchain.FindTerraform(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	provider := filepath.Join(dir, "terraform-provider-august_v"+someVersion)
	goBuild(t, provider, ".") // with this test's own settings, so that the linker is all that it takes
	runtime := tinyRuntime(t)

	mirror := filepath.Join(dir, "mirror", hostOf(cli.Kind), "feel-august", "august")
	if err := os.MkdirAll(mirror, 0o755); err != nil {
		t.Fatal(err)
	}
	archive, err := os.Create(filepath.Join(mirror, "terraform-provider-august_"+someVersion+"_linux_amd64.zip"))
	if err != nil {
		t.Fatal(err)
	}
	packed := zip.NewWriter(archive)
	for name, content := range map[string]string{filepath.Base(provider): read(t, provider), "august-sync_linux_amd64": string(runtime), "LICENSE": read(t, "LICENSE")} {
		header := &zip.FileHeader{Name: name, Method: zip.Store}
		header.SetMode(0o755)
		w, err := packed.CreateHeader(header)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := packed.Close(); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}

	work := filepath.Join(dir, "work")
	if err := os.Mkdir(work, 0o755); err != nil {
		t.Fatal(err)
	}
	rc := filepath.Join(dir, "terraformrc")
	write(t, rc, fmt.Sprintf("provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", filepath.Join(dir, "mirror")))
	write(t, filepath.Join(work, "main.tf"), `
terraform {
  required_providers {
    august = { source = "feel-august/august" }
  }
}

provider "august" { access_token = "token" }

resource "august_runtime_image" "sync" {
  repository = "127.0.0.1:1/platform/august-sync"
}
`)
	terraform := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), cli.Path, args...)
		cmd.Dir = work
		cmd.Env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+rc, "CHECKPOINT_DISABLE=1", "TF_DATA_DIR="+filepath.Join(work, ".terraform"))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %v: %v\n%s", cli.Kind, args, err, out)
		}
		return string(out)
	}
	terraform("init", "-no-color", "-input=false")
	img, err := image.Build(runtime, nil)
	if err != nil {
		t.Fatal(err)
	}
	plan := terraform("plan", "-no-color", "-input=false")
	for _, digest := range []string{img.Digest.String(), img.SBOM.Digest.String()} {
		if !strings.Contains(plan, digest) {
			t.Errorf("the plan does not know %s:\n%s", digest, plan)
		}
	}
}

// hostOf is where a CLI looks for providers that name no host.
func hostOf(kind string) string {
	if kind == toolchain.KindTofu {
		return "registry.opentofu.org"
	}
	return "registry.terraform.io"
}

func tinyRuntime(t *testing.T) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "tiny")
	goBuild(t, out, "./internal/gcp/image/testdata/tiny", "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	return []byte(read(t, out))
}

func goBuild(t *testing.T, out, what string, env ...string) {
	t.Helper()
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", out, what)
	build.Env = append(os.Environ(), env...)
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", what, err, output)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

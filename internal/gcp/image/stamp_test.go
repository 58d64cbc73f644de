package image

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// runtimeBinary builds the real runtime as releases do, with extra linker flags.
func runtimeBinary(t *testing.T, flags string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "august-sync")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags=-s -w -buildid= "+flags, "-o", file, "../../sync/cmd/august-sync")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the runtime: %v\n%s", err, output)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestCheck_version(t *testing.T) {
	t.Parallel()
	const version = "12.3.4-rc.1+test"
	runtime := runtimeBinary(t, "-X main.version="+version)
	if got, err := Check(runtime); err != nil || got != version {
		t.Fatalf("the version of a stripped runtime is %q, %v; want %q", got, err, version)
	}
	img, err := Build(runtime, nil)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.OCI.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if img.Version != version || config.Config.Labels[LabelVersion] != version {
		t.Errorf("the image says %q, and its label %q", img.Version, config.Config.Labels[LabelVersion])
	}

	// Whatever a damaged or hostile stamp points at, it is no version and no crash.
	at := bytes.Index(runtime, []byte(stampMark)) + len(stampMark)
	for name, pointer := range map[string]uint64{"nowhere": 0, "far away": ^uint64(0), "at code": 0x401000} {
		damaged := bytes.Clone(runtime)
		binary.LittleEndian.PutUint64(damaged[at:], pointer)
		if got, err := Check(damaged); err != nil || got != "devel" {
			t.Errorf("a stamp that points %s: %q, %v", name, got, err)
		}
	}
	long := strings.Repeat("9", 65)
	renamed := bytes.Replace(runtime, []byte(version), []byte(`1.0"; rm -rf / ` + version)[:len(version)], 1)
	if got, err := Check(renamed); err != nil || strings.ContainsAny(got, `"; `) {
		t.Errorf("a version that is none: %q, %v", got, err)
	}
	if stampForm.MatchString(long) {
		t.Errorf("%s is taken for a version", long)
	}
}

func TestCheck_versionOfUnstampedBuild(t *testing.T) {
	t.Parallel()
	runtime := runtimeBinary(t, "")
	if got, err := Check(runtime); err != nil || got != "devel" {
		t.Errorf("the version of a runtime that was given none is %q, %v", got, err)
	}
}

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
	const version, revision = "12.3.4-rc.1+test", "0123456789abcdef0123456789abcdef01234567"
	runtime := runtimeBinary(t, "-X main.version="+version+" -X main.revision="+revision)
	if got, err := Check(runtime); err != nil || got.Version != version || got.Revision != revision {
		t.Fatalf("a stripped runtime says %+v, %v; want %q of %q", got, err, version, revision)
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
	holdProvenance(t, img, runtime, version, revision)
	holdSBOM(t, img, runtime)

	// Whatever a damaged or hostile stamp points at, it is no version and no crash.
	at := bytes.Index(runtime, []byte(stampMark)) + len(stampMark)
	for name, pointer := range map[string]uint64{"nowhere": 0, "far away": ^uint64(0), "at code": 0x401000} {
		damaged := bytes.Clone(runtime)
		binary.LittleEndian.PutUint64(damaged[at:], pointer)
		if got, err := Check(damaged); err != nil || got.Version != "devel" || got.Revision != "" {
			t.Errorf("a stamp that points %s: %+v, %v", name, got, err)
		}
		damaged = bytes.Clone(runtime)
		binary.LittleEndian.PutUint64(damaged[at+8:], pointer)
		if got, err := Check(damaged); err != nil || got.Version != version || got.Revision != "" {
			t.Errorf("a stamp whose revision points %s: %+v, %v", name, got, err)
		}
	}
	long := strings.Repeat("9", 65)
	renamed := bytes.Replace(runtime, []byte(version), []byte(`1.0"; rm -rf / ` + version)[:len(version)], 1)
	if got, err := Check(renamed); err != nil || strings.ContainsAny(got.Version, `"; `) {
		t.Errorf("a version that is none: %+v, %v", got, err)
	}
	if stampForm.MatchString(long) {
		t.Errorf("%s is taken for a version", long)
	}
}

func TestCheck_versionOfUnstampedBuild(t *testing.T) {
	t.Parallel()
	runtime := runtimeBinary(t, "")
	if got, err := Check(runtime); err != nil || got.Version != "devel" || got.Revision != "" {
		t.Errorf("a runtime that was given neither version nor revision says %+v, %v", got, err)
	}
}

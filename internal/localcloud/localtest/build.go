package localtest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
)

// built remembers which programs of this module this test binary has compiled.
var built = map[string]*sync.Once{
	augustLocal: {},
	augustSync:  {},
	augustTF:    {},
}

// Packages of the programs that tests run.
const (
	augustLocal = "./internal/localcloud/cmd/august-local"
	augustSync  = "./internal/sync/cmd/august-sync"
	augustTF    = "." // the provider
)

// program gives dir the program that pkg compiles to. It is built in a folder that all test binaries
// share, where the go command sees at once that nothing has changed; the program in dir is another
// name of that file, or a copy, because the next build may replace it while tests still start it.
func program(pkg, dir string) (path string, err error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	if err := lookAt(root); err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	stage := filepath.Join(cache, "august", "test", fmt.Sprintf("%x", sha256.Sum256([]byte(root)))[:12])
	if err := os.MkdirAll(stage, 0o755); err != nil { // programs, not secrets
		return "", err
	}
	unlock, err := lock(filepath.Join(stage, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()

	name := filepath.Base(pkg) + "_" + runtime.GOOS + "_" + runtime.GOARCH
	staged, path := filepath.Join(stage, name), filepath.Join(dir, name)
	built[pkg].Do(func() {
		// As releases are built, but for the version.
		cmd := exec.CommandContext(context.Background(), "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", staged, pkg)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, failed := cmd.CombinedOutput(); failed != nil {
			err = fmt.Errorf("build %s: %w\n%s", pkg, failed, out)
			built[pkg] = &sync.Once{} // the next test says so too
		}
	})
	if err != nil {
		return "", err
	}
	if err := os.Link(staged, path); err == nil {
		return path, nil
	}
	return path, copyFile(path, staged) // another file system
}

// lookAt looks at everything that a program of this module may be built from. The go command keeps
// the results of a test that passed for as long as the files the test has looked at are the same; it
// cannot know what a program that the test builds depends on.
func lookAt(root string) error {
	for _, part := range []string{"go.mod", "go.sum", "main.go", "internal", "provider"} {
		err := filepath.WalkDir(filepath.Join(root, part), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			_, err = os.Stat(path)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		} else if !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod above the test's directory: %w", err)
		}
		dir = filepath.Dir(dir)
	}
}

func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil
}

func copyFile(to, from string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }()
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755) // a program
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}

package runner

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A pid file says which process an instance is, so that a supervisor that follows a killed one can
// end it. The start time tells the process from a later one with the same number.
type pidFile struct {
	PID   int    `json:"pid"`
	Start string `json:"start"`
}

func writePID(path string, pid int) error {
	body, err := json.Marshal(pidFile{PID: pid, Start: startTime(pid)})
	if err != nil {
		return err
	}
	return os.WriteFile(path, body, 0o600)
}

// Sweep ends the processes that the pid files under dir name and that still run: those of a
// supervisor which was killed. It returns how many there were.
func Sweep(dir string) (int, error) {
	strays := map[string]pidFile{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if d.IsDir() && d.Name() == "rootfs" {
			return fs.SkipDir // an image may hold .pid files of its own
		}
		if d.IsDir() || !strings.HasSuffix(path, ".pid") {
			return nil
		}
		body, err := os.ReadFile(path) //nolint:gosec // found by walking our own folder
		if err != nil {
			return err
		}
		var f pidFile
		if json.Unmarshal(body, &f) == nil && f.PID > 1 && alive(f) {
			strays[path] = f
			return nil
		}
		return os.Remove(path) //nolint:gosec // our own folder, which nobody else may write
	})
	// All at once: a job may have left a hundred, and each has its time to drain.
	var ending sync.WaitGroup
	for _, f := range strays {
		ending.Go(func() { end(f) })
	}
	ending.Wait()
	for path := range strays {
		err = errors.Join(err, os.Remove(path))
	}
	return len(strays), err
}

// alive tells whether f's process still runs. Instances lead a process group of their own, which
// is the check that remains where start times cannot be read.
func alive(f pidFile) bool {
	group, err := syscall.Getpgid(f.PID)
	return err == nil && group == f.PID && startTime(f.PID) == f.Start
}

func end(f pidFile) {
	_ = syscall.Kill(-f.PID, syscall.SIGTERM)
	for deadline := time.Now().Add(drainTime); time.Now().Before(deadline) && alive(f); {
		time.Sleep(20 * time.Millisecond) // not our child any more: there is nothing to wait on
	}
	if alive(f) {
		_ = syscall.Kill(-f.PID, syscall.SIGKILL)
	}
}

package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// The test program under one of these names is a program with a child, as pg_basebackup has one.
const (
	parentName = "august-parent"
	childName  = "august-child"
)

func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case parentName:
		child := exec.Command(filepath.Join(filepath.Dir(os.Args[0]), childName))
		child.Stderr = os.Stderr // the pipe of its parent's last words
		err := child.Start()
		if err == nil {
			err = os.WriteFile(os.Args[1], []byte(strconv.Itoa(child.Process.Pid)), 0o600)
		}
		fmt.Fprintln(os.Stderr, err)
		fallthrough
	case childName:
		time.Sleep(10 * time.Minute)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// A program that is not awaited any more ends with its children.
func TestCutOffWithItsChildren(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{parentName, childName} {
		if err := os.Symlink(self, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	note := filepath.Join(dir, "child")
	ended := make(chan error, 1)
	go func() { ended <- Binaries{Dir: dir}.run(ctx, parentName, note) }()
	var child int
	for child == 0 {
		body, _ := os.ReadFile(note)
		child, _ = strconv.Atoi(string(body))
		select {
		case err := <-ended:
			t.Fatalf("it ended by itself: %v", err)
		case <-time.After(pollEvery):
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("cut off: %v", err)
	}
	// Nobody waits for the child any more: it is gone, or as good as.
	for deadline := time.Now().Add(time.Minute); alive(child); time.Sleep(pollEvery) {
		if time.Now().After(deadline) {
			t.Fatal("the child goes on")
		}
	}
}

// alive tells whether a process runs; one that ended and that nobody has asked about yet does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return syscall.Kill(pid, 0) == nil
	}
	var id int
	var name, state string
	_, err = fmt.Sscan(string(stat), &id, &name, &state)
	return err == nil && state != "Z"
}

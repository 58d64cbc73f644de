package localcloud

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A running local cloud holds a lock on a file in its directory, with its process id inside. The
// kernel takes the lock back however the process ends, so it says who is alive without any guess.

const lockFile = "lock"

// errLocked says that another process holds a directory's lock.
var errLocked = errors.New("locked")

// lockPause is the time between two tries of a lock.
const lockPause = 20 * time.Millisecond

// acquire takes dir's lock, which lasts until the returned file is closed, or fails with errLocked.
func acquire(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("%s belongs to another user: choose another --dir: %w", dir, err)
	}
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errLocked
		}
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	if err := f.Truncate(0); err != nil {
		_ = f.Close()
		return nil, err
	}
	if _, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())), 0); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// await takes dir's lock as soon as its holder lets go of it, or gives up with ctx.
func await(ctx context.Context, dir string) (*os.File, error) {
	for {
		f, err := acquire(dir)
		if !errors.Is(err, errLocked) {
			return f, err
		}
		select {
		case <-ctx.Done():
			return nil, errLocked
		case <-time.After(lockPause):
		}
	}
}

// lockHolder tells whether a process holds dir's lock, and which. It asks for a shared lock, so that
// two who ask are not in each other's way.
func lockHolder(dir string) (held bool, pid int) {
	f, err := os.Open(filepath.Join(dir, lockFile))
	if err != nil {
		return false, 0
	}
	defer func() { _ = f.Close() }()
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	if !errors.Is(err, syscall.EWOULDBLOCK) {
		return false, 0
	}
	body, err := os.ReadFile(f.Name())
	if err != nil {
		return true, 0
	}
	pid, _ = strconv.Atoi(strings.TrimSpace(string(body))) // empty for an instant: 0
	return true, pid
}

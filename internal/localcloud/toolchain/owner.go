package toolchain

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// Owner is the user that clusters and services run as: PostgreSQL refuses to run as root, and a
// service has no business being root. The credential is nil where we are not root ourselves.
func Owner() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("user %s: %w", name, err)
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("user %s: %w", name, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, fmt.Errorf("PostgreSQL does not run as root, and there is neither a user postgres nor nobody: make one, or run as another user")
}

// CheckTraversable says which directory keeps the owner from reaching dir. Of dir's parents those
// that are not there yet do not count.
func CheckTraversable(dir string, owner *syscall.Credential) error {
	if owner == nil {
		return nil
	}
	var parents []string
	for d := filepath.Clean(dir); ; d = filepath.Dir(d) {
		parents = append(parents, d)
		if d == filepath.Dir(d) {
			break
		}
	}
	slices.Reverse(parents)
	for _, d := range parents {
		info, err := os.Stat(d)
		if os.IsNotExist(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if !traversable(info, owner) {
			return fmt.Errorf("%s cannot be entered by the unprivileged user (uid %d) that runs PostgreSQL: choose another --dir, or chmod o+x it", d, owner.Uid)
		}
	}
	return nil
}

func traversable(info fs.FileInfo, owner *syscall.Credential) bool {
	mode := info.Mode().Perm()
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		switch {
		case st.Uid == owner.Uid:
			return mode&0o100 != 0
		case st.Gid == owner.Gid:
			return mode&0o010 != 0
		}
	}
	return mode&0o001 != 0
}

//go:build !linux

package pgtest

import "syscall"

// dieWithParent changes nothing: only Linux has such a signal.
func dieWithParent(a *syscall.SysProcAttr) *syscall.SysProcAttr { return a }

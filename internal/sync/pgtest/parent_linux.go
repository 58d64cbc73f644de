package pgtest

import "syscall"

// dieWithParent stops the server when the test binary dies without stopping it.
func dieWithParent(a *syscall.SysProcAttr) *syscall.SysProcAttr {
	a.Pdeathsig = syscall.SIGQUIT
	return a
}

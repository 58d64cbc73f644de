package pgtest

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// swallow has the kernel drop every packet that arrives for a socket, before TCP sees it: nothing is
// acknowledged, as when the machine has vanished.
func swallow(c syscall.Conn, on bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		if on {
			drop := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K}
			_ = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &drop})
		} else {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0)
		}
	})
}

package store

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// whenSilent ends a connection whose peer acknowledges nothing, neither data nor a sign of life. Where
// the kernel knows no such bound, keep-alive alone has to do.
func whenSilent(_, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(silence.Milliseconds()))
	})
}

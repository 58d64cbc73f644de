//go:build !linux

package pgtest

import "syscall"

// swallow changes nothing: only Linux lets a socket drop its packets.
func swallow(syscall.Conn, bool) {}

//go:build !linux

package pgtest

// folder is the usual one for temporary files: none is known to be in memory.
func folder() string { return "" }

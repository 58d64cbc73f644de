package secrets

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// States of a version.
const (
	Enabled   = "ENABLED"
	Disabled  = "DISABLED"
	Destroyed = "DESTROYED"
)

// Version is a version of a secret, without its value.
type Version struct {
	Number int64
	State  string
}

// Versions is those of one secret, the newest first.
type Versions []Version

// Latest is the number of the newest version, in whatever state, which is the one that "latest" means; 0 when there is none.
func (v Versions) Latest() int64 {
	if len(v) == 0 {
		return 0
	}
	return v[0].Number
}

// State is the state of a version; empty when there is no such version.
func (v Versions) State(number int64) string {
	for _, version := range v {
		if version.Number == number {
			return version.State
		}
	}
	return ""
}

// ToRetire is the versions older than current that are enabled, less keep of them: those in use, then the newest.
func (v Versions) ToRetire(current int64, keep int, inUse ...int64) []int64 {
	var rest []int64
	for _, version := range v {
		switch {
		case version.Number >= current || version.State != Enabled:
		case slices.Contains(inUse, version.Number):
			keep--
		default:
			rest = append(rest, version.Number)
		}
	}
	return rest[min(max(keep, 0), len(rest)):]
}

// Drift is what somebody else has done to the versions since current was added, in words.
func (v Versions) Drift(current int64, keep int) []string {
	var all []string
	if newer := v.newer(current); len(newer) > 0 {
		all = append(all, fmt.Sprintf("%s added after version %d", numbers(newer), current))
	}
	switch state := v.State(current); state {
	case Enabled:
	case "":
		all = append(all, fmt.Sprintf("version %d is not there", current))
	default:
		all = append(all, fmt.Sprintf("version %d is %s", current, lower(state)))
	}
	if left := v.ToRetire(current, keep); len(left) > 0 {
		all = append(all, numbers(left)+" enabled, although no longer to be kept")
	}
	return all
}

func (v Versions) newer(current int64) []int64 {
	var all []int64
	for _, version := range v {
		if version.Number > current {
			all = append(all, version.Number)
		}
	}
	return all
}

// numbers is "version 2 is", or "versions 2, 3 are".
func numbers(all []int64) string {
	slices.Sort(all)
	words := make([]string, len(all))
	for i, n := range all {
		words[i] = strconv.FormatInt(n, 10)
	}
	if len(all) == 1 {
		return "version " + words[0] + " is"
	}
	return "versions " + strings.Join(words, ", ") + " are"
}

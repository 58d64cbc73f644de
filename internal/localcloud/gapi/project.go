package gapi

import (
	"hash/fnv"
	"strconv"
)

// ProjectNumber is a number for a project name, the same each time, in the form of Google's.
func ProjectNumber(project string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(project))
	return strconv.FormatUint(100_000_000_000+h.Sum64()%900_000_000_000, 10)
}

package engine

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestMend(t *testing.T) {
	boundary := timelines{{id: 1, end: 4 * segmentSize}}
	middle := timelines{{id: 1, end: 4*segmentSize + 0x58}}
	twice := timelines{{id: 1, end: 4 * segmentSize}, {id: 2, end: 6 * segmentSize}}
	for name, c := range map[string]struct {
		files   []string
		ends    timelines
		current uint64
		gone    []string
		begin   string
	}{
		"the receiver finds the switch within a file": {
			files: []string{"000000010000000000000003", "000000010000000000000004.partial"}, ends: middle, current: 2,
		},
		"the archive ends where the timeline does": {
			files: []string{"000000010000000000000002", "000000010000000000000003"}, ends: boundary, current: 2,
			begin: "000000020000000000000004.partial",
		},
		"the archive has more than the survivor": {
			files: []string{"000000010000000000000003", "000000010000000000000004", "000000010000000000000005.partial"}, ends: boundary, current: 2,
			gone: []string{"000000010000000000000004", "000000010000000000000005.partial"}, begin: "000000020000000000000004.partial",
		},
		"a whole file too many after a switch within one": {
			files: []string{"000000010000000000000003", "000000010000000000000004", "000000010000000000000005"}, ends: middle, current: 2,
			gone: []string{"000000010000000000000005"},
		},
		"one timeline after another": {
			files: []string{"000000010000000000000003"}, ends: twice, current: 3, begin: "000000020000000000000004.partial",
		},
		"already on the new timeline": {
			files: []string{"000000010000000000000003", "000000020000000000000004"}, ends: boundary, current: 2,
		},
		"beyond the first 256 files": {
			files: []string{"0000000100000000000000FF"}, ends: timelines{{id: 1, end: 256 * segmentSize}}, current: 2,
			begin: "000000020000000100000000.partial",
		},
		"an empty archive": {ends: boundary, current: 2},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, f := range append(c.files, "00000002.history") {
				if err := os.WriteFile(filepath.Join(dir, f), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			archive, err := readArchive(dir)
			if err != nil {
				t.Fatal(err)
			}
			gone, begin := mend(archive, c.ends, c.current)
			if !slices.Equal(gone, c.gone) || begin != c.begin {
				t.Fatalf("remove %v and begin %q, want %v and %q", gone, begin, c.gone, c.begin)
			}
		})
	}
}

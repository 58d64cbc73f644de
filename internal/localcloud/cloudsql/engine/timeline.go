package engine

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// segmentSize is the size of a WAL file; the template is made with PostgreSQL's default.
const segmentSize = 16 << 20

var walName = regexp.MustCompile(`^([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})(\.partial)?$`)

// segment is one file of the archive.
type segment struct {
	name     string
	timeline uint64
	number   uint64
	partial  bool
}

// align makes the archive continue on the primary's timeline after a failover. The receiver follows a
// switch of timelines by itself, but for two cases: what the lost primary had sent to the archive and
// not to the standby, which then never happened, has to go; and when the archive ends exactly where
// the old timeline does, the receiver has to be shown the new one.
func (c *Cluster) align(ctx context.Context) error {
	var file string
	if err := c.primary().query(ctx, []any{&file}, "SELECT pg_walfile_name(pg_current_wal_lsn())"); err != nil {
		return err
	}
	current, err := strconv.ParseUint(file[:8], 16, 32)
	if err != nil {
		return err
	}
	ends, err := c.history(current)
	if err != nil || len(ends) == 0 {
		return err
	}
	archive, err := readArchive(c.walDir())
	if err != nil {
		return err
	}
	gone, begin := mend(archive, ends, current)
	for _, name := range gone {
		if err := os.Remove(filepath.Join(c.walDir(), name)); err != nil {
			return err
		}
	}
	if begin == "" {
		return nil
	}
	return c.opt.Binaries.write(filepath.Join(c.walDir(), begin), "")
}

// mend says which files of the archive have to go, and which empty one shows the receiver where the
// next timeline begins, if any.
func mend(archive []segment, ends timelines, current uint64) (gone []string, begin string) {
	var last *segment
	for n, s := range archive {
		end, past := ends.of(s.timeline)
		if past && s.number*segmentSize >= end {
			gone = append(gone, s.name)
			continue
		}
		last = &archive[n]
	}
	if last == nil || last.partial {
		return gone, ""
	}
	end, past := ends.of(last.timeline)
	if next := last.number + 1; past && next*segmentSize == end {
		begin = fmt.Sprintf("%08X%08X%08X.partial", ends.after(last.timeline, current), next>>8, next&0xff)
	}
	return gone, begin
}

// readArchive lists the WAL files of the archive in order.
func readArchive(dir string) ([]segment, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var all []segment
	for _, e := range entries {
		if s, ok := parseSegment(e.Name()); ok { // not a history file
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b segment) int {
		return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.timeline, b.timeline))
	})
	return all, nil
}

// parseSegment reads the name of a WAL file.
func parseSegment(name string) (s segment, ok bool) {
	m := walName.FindStringSubmatch(name)
	if m == nil {
		return s, false
	}
	var n [3]uint64
	for k := range n {
		n[k], _ = strconv.ParseUint(m[k+1], 16, 32) // eight hexadecimal digits
	}
	return segment{name: name, timeline: n[0], number: n[1]<<8 | n[2], partial: m[4] != ""}, true
}

// timelines are the past timelines of a server, oldest first, with the position where each ended.
type timelines []struct {
	id  uint64
	end uint64
}

func (t timelines) of(id uint64) (end uint64, past bool) {
	for _, x := range t {
		if x.id == id {
			return x.end, true
		}
	}
	return 0, false
}

// after answers the timeline that followed id.
func (t timelines) after(id, current uint64) uint64 {
	for n, x := range t {
		if x.id == id && n+1 < len(t) {
			return t[n+1].id
		}
	}
	return current
}

// history reads the primary's own record of its timelines.
func (c *Cluster) history(current uint64) (timelines, error) {
	if current == 1 {
		return nil, nil
	}
	body, err := os.ReadFile(filepath.Join(c.primary().data, "pg_wal", fmt.Sprintf("%08X.history", current)))
	if err != nil {
		return nil, err
	}
	var all timelines
	for line := range strings.Lines(string(body)) {
		var id, high, low uint32
		if _, err := fmt.Sscanf(line, "%d\t%X/%X", &id, &high, &low); err != nil {
			continue // a comment or an empty line
		}
		all = append(all, struct {
			id  uint64
			end uint64
		}{uint64(id), uint64(high)<<32 | uint64(low)})
	}
	return all, nil
}

package image

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"io"
	"regexp"
)

// stampMark is what the runtime's stamp begins with. Pointers to the version and to the revision, Go strings, follow.
const stampMark = "@(#)august-sync "

// What a version and a commit may be: a build that says anything else has none.
var (
	stampForm    = regexp.MustCompile(`^v?[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}$`)
	revisionForm = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)
)

// longestData bounds what is searched for a stamp; the runtime's variables take some hundred kilobytes.
const longestData = 64 << 20

// stamped is the version and the commit that the linker gave a runtime, or empty when it gave none. Go's own build
// information has no place for a version: it knows those of modules, and of a build from a clone none. It would know the
// commit, but also whether the clone had a file too many, so that a release could not be built again byte by byte.
func stamped(file *elf.File) (version, revision string) {
	for _, segment := range file.Progs {
		if segment.Type != elf.PT_LOAD || segment.Flags&elf.PF_W == 0 || segment.Filesz > longestData {
			continue
		}
		data, err := io.ReadAll(segment.Open())
		if err != nil {
			continue
		}
		for {
			_, after, found := bytes.Cut(data, []byte(stampMark))
			if !found {
				break
			}
			if version = followStamp(file, after); stampForm.MatchString(version) {
				if revision = followStamp(file, after[8:]); !revisionForm.MatchString(revision) {
					revision = ""
				}
				return version, revision
			}
			data = after
		}
	}
	return "", ""
}

// followStamp reads the string that a pointer of a stamp points at: an address, and a length.
func followStamp(file *elf.File, after []byte) string {
	if len(after) < 8 {
		return ""
	}
	header := readAt(file, binary.LittleEndian.Uint64(after), 16)
	if header == nil {
		return ""
	}
	length := binary.LittleEndian.Uint64(header[8:])
	if length == 0 || length > 128 {
		return ""
	}
	return string(readAt(file, binary.LittleEndian.Uint64(header), length))
}

// readAt is the bytes that a program would see at an address when it starts, or nil when the file does not hold them.
func readAt(file *elf.File, address, length uint64) []byte {
	for _, segment := range file.Progs {
		if segment.Type != elf.PT_LOAD || address < segment.Vaddr || address-segment.Vaddr >= segment.Filesz {
			continue
		}
		offset := address - segment.Vaddr
		if length > segment.Filesz-offset {
			return nil
		}
		data := make([]byte, length)
		if _, err := segment.ReadAt(data, int64(offset)); err != nil { //nolint:gosec // an offset within a file
			return nil
		}
		return data
	}
	return nil
}

package storage

import (
	"crypto/md5" //nolint:gosec // what the API says of an object's content
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// saveDurably is gapi.Save that outlasts a machine's failure, too.
func saveDurably(path string, v any) error {
	if err := gapi.Save(path, v); err != nil {
		return err
	}
	return gapi.SyncDir(filepath.Dir(path))
}

// content is a file that is being filled, and becomes an object's.
type content struct {
	path string
	file *os.File
	size int64
	md5  hash.Hash
	crc  hash.Hash32
	full error // of the disk
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// newContent begins an empty file, or goes on at the end of one that is there.
func newContent(path string) (*content, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	c := &content{path: path, file: file, md5: md5.New(), crc: crc32.New(castagnoli)} //nolint:gosec // as above
	if c.size, err = io.Copy(io.MultiWriter(c.md5, c.crc), file); err != nil {
		_ = file.Close()
		return nil, err
	}
	return c, nil
}

func (c *content) Write(p []byte) (int, error) {
	n, err := c.file.Write(p)
	c.size, c.full = c.size+int64(n), err
	_, _ = c.md5.Write(p[:n]) // never fail
	_, _ = c.crc.Write(p[:n])
	return n, err
}

// fill takes what a client sends: so many bytes, or all when n is negative. What has come when a line is cut stays.
func (c *content) fill(body io.Reader, n int64) error {
	var err error
	if n < 0 {
		_, err = io.Copy(c, body)
	} else {
		_, err = io.CopyN(c, body, n)
	}
	if c.full != nil {
		return c.full
	}
	if err != nil {
		return gapi.Invalid("request body: %v", err)
	}
	return nil
}

// keep puts the file on disk, under its last name.
func (c *content) keep(path string) error {
	if err := errors.Join(c.file.Sync(), c.file.Close()); err != nil {
		return err
	}
	if err := os.Rename(c.path, path); err != nil {
		return err
	}
	return gapi.SyncDir(filepath.Dir(path))
}

// discard removes what was not kept.
func (c *content) discard() {
	_ = c.file.Close()
	_ = os.Remove(c.path) // gone already once kept
}

func (c *content) sums() (md5Hash, crc32c string) {
	return base64.StdEncoding.EncodeToString(c.md5.Sum(nil)), encodeCRC(c.crc.Sum32())
}

func encodeCRC(sum uint32) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, sum))
}

// check holds the content against the sums that its sender knows; empty ones are not known.
func (c *content) check(md5Hash, crc32c string) error {
	gotMD5, gotCRC := c.sums()
	if md5Hash != "" && md5Hash != gotMD5 {
		return gapi.Invalid("Provided MD5 hash %q doesn't match calculated MD5 hash %q.", md5Hash, gotMD5)
	}
	if crc32c != "" && crc32c != gotCRC {
		return gapi.Invalid("Provided CRC32C %q doesn't match calculated CRC32C %q.", crc32c, gotCRC)
	}
	return nil
}

// generationFile is where a version's content lies.
func generationFile(dir string, generation int64) string {
	return filepath.Join(dir, "data", fmt.Sprint(generation))
}

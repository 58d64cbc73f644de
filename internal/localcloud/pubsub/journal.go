package pubsub

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// journal is the file of everything that happened to messages: frames that are only ever appended.
// What is handed over together is written together, by one goroutine, with one fsync: publishers
// that come at the same time share it.
//
// A frame is its length and its CRC-32C (4 bytes each, little-endian), then the record.
type journal struct {
	path string

	mu      sync.Mutex
	pending []byte
	durable bool          // of pending: somebody waits for the disk
	done    []func(error) // of pending, in order
	closing bool
	broken  error // no frame can be added any more
	size    int64 // with pending

	kick  chan struct{}
	ended chan struct{}
	file  *os.File // the writer's, and of who holds writing
	// writing is held while the file is written or exchanged.
	writing sync.Mutex
}

const frameHead = 8

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func appendFrame(to, record []byte) []byte {
	to = binary.LittleEndian.AppendUint32(to, uint32(len(record))) //nolint:gosec // a message has 10 MB at most
	to = binary.LittleEndian.AppendUint32(to, crc32.Checksum(record, castagnoli))
	return append(to, record...)
}

// openJournal reads every record, in order, and makes the journal ready for more. What a crash has left
// half written at the end was never answered, and is cut off; it says how much that was.
func openJournal(path string, read func(record []byte) error) (j *journal, cut int64, err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, 0, err
	}
	good, whole, err := readFrames(file, read)
	if err == nil {
		err = file.Truncate(good)
	}
	if err == nil {
		_, err = file.Seek(good, io.SeekStart)
	}
	if err == nil {
		err = gapi.SyncDir(filepath.Dir(path))
	}
	if err != nil {
		_ = file.Close()
		return nil, 0, fmt.Errorf("%s: %w", path, err)
	}
	j = &journal{path: path, file: file, size: good, kick: make(chan struct{}, 1), ended: make(chan struct{})}
	go j.write()
	return j, whole - good, nil
}

// readFrames answers where the last whole frame ends, and where the file does.
func readFrames(file *os.File, read func(record []byte) error) (good, whole int64, err error) {
	body, err := io.ReadAll(file)
	if err != nil {
		return 0, 0, err
	}
	whole = int64(len(body))
	for rest := body; len(rest) >= frameHead; {
		n := int64(binary.LittleEndian.Uint32(rest))
		if n > int64(len(rest)-frameHead) {
			break
		}
		record := rest[frameHead : frameHead+n]
		if crc32.Checksum(record, castagnoli) != binary.LittleEndian.Uint32(rest[4:]) {
			break
		}
		if err := read(record); err != nil {
			return good, whole, err
		}
		good += frameHead + n
		rest = rest[frameHead+n:]
	}
	return good, whole, nil
}

// add appends records. done is called, from another goroutine and in the order of the calls, once
// they are on disk; without it nobody waits for the disk.
func (j *journal) add(done func(error), records ...[]byte) {
	j.mu.Lock()
	err := j.broken
	if err == nil && j.closing {
		err = os.ErrClosed
	}
	if err != nil {
		j.mu.Unlock()
		if done != nil {
			go done(err) // the caller may hold what done needs
		}
		return
	}
	before := len(j.pending)
	for _, r := range records {
		j.pending = appendFrame(j.pending, r)
	}
	j.size += int64(len(j.pending) - before)
	if done != nil {
		j.durable = true
		j.done = append(j.done, done)
	}
	j.mu.Unlock()
	select {
	case j.kick <- struct{}{}:
	default: // it will look anyway
	}
}

// write takes whatever is queued, until the journal closes.
func (j *journal) write() {
	defer close(j.ended)
	for range j.kick {
		j.flush()
		j.mu.Lock()
		over := j.closing && len(j.pending) == 0 && len(j.done) == 0
		j.mu.Unlock()
		if over {
			return
		}
	}
}

func (j *journal) flush() {
	j.writing.Lock()
	j.mu.Lock()
	body, durable, done := j.pending, j.durable, j.done
	j.pending, j.durable, j.done = nil, false, nil
	err := j.broken
	j.mu.Unlock()
	if err == nil {
		_, err = j.file.Write(body)
		if err == nil && durable {
			err = j.file.Sync()
		}
		if err != nil {
			// What of it is on disk is not known: nothing may come after it.
			err = fmt.Errorf("the local Pub/Sub cannot write to %s: %w; make room and start the local cloud anew", j.path, err)
			j.mu.Lock()
			j.broken = err
			j.mu.Unlock()
		}
	}
	j.writing.Unlock()
	for _, d := range done {
		d(err)
	}
}

// rewrite puts a file of these records in the journal's place, in one step. No record may be added
// meanwhile. What is pending follows, although the records may have it already: reading a record twice
// does no harm.
func (j *journal) rewrite(records func(add func(record []byte))) error {
	j.writing.Lock()
	defer j.writing.Unlock()
	file, err := os.OpenFile(j.path+".new", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	var body []byte
	var size int64
	records(func(record []byte) {
		if body = appendFrame(body, record); len(body) > 1<<20 && err == nil {
			_, err = file.Write(body)
			size, body = size+int64(len(body)), body[:0]
		}
	})
	if err == nil {
		_, err = file.Write(body)
		size += int64(len(body))
	}
	if err == nil {
		err = file.Sync()
	}
	if err == nil {
		err = os.Rename(file.Name(), j.path)
	}
	if err != nil {
		_ = file.Close()
		_ = os.Remove(j.path + ".new")
		return err
	}
	_ = j.file.Close() // nobody needs it any more
	j.file = file
	j.mu.Lock()
	defer j.mu.Unlock()
	j.size = size + int64(len(j.pending))
	return gapi.SyncDir(filepath.Dir(j.path))
}

// close writes what is pending, to the disk.
func (j *journal) close() error {
	j.mu.Lock()
	j.closing = true
	j.mu.Unlock()
	select {
	case j.kick <- struct{}{}:
	default:
	}
	<-j.ended
	return errors.Join(j.file.Sync(), j.file.Close())
}

// length is how long the journal is, with what is pending.
func (j *journal) length() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.size
}

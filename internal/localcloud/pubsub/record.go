package pubsub

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/protobuf/proto"
)

// Kinds of the journal's records.
const (
	recordNext      byte = 'N' // seq: numbers up to it are used
	recordPublished byte = 'P' // a message, with the subscriptions that it goes to
	recordAcked     byte = 'A' // subscription, seq
	recordUnacked   byte = 'U' // subscription, seq: sought back
	recordTried     byte = 'T' // subscription, seq, attempts
)

// message is a published message; only its maker changes it.
type message struct {
	seq   uint64
	topic string
	pb    *pubsubpb.PubsubMessage
	size  int
}

// share is one subscription's part in a message.
type share struct {
	id       uint64
	attempts int
	acked    bool // and retained
}

func numbers(kind byte, ns ...uint64) []byte {
	out := []byte{kind}
	for _, n := range ns {
		out = binary.AppendUvarint(out, n)
	}
	return out
}

func published(m *message, shares []share) []byte {
	out := numbers(recordPublished, m.seq, uint64(len(shares)))
	for _, s := range shares {
		flags := uint64(s.attempts) << 1 //nolint:gosec // a count
		if s.acked {
			flags |= 1
		}
		out = binary.AppendUvarint(binary.AppendUvarint(out, s.id), flags)
	}
	out = binary.AppendUvarint(out, uint64(len(m.topic)))
	out = append(out, m.topic...)
	out, err := proto.MarshalOptions{}.MarshalAppend(out, m.pb)
	if err != nil {
		panic(err) // it came as one
	}
	return out
}

var errRecord = errors.New("a record of the journal is not understood: another version has written it, or it is damaged")

// reader takes a record apart; after an error it answers zeroes.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) number() uint64 {
	n, used := binary.Uvarint(r.rest)
	if used <= 0 {
		r.bad = true
		return 0
	}
	r.rest = r.rest[used:]
	return n
}

func (r *reader) text(n uint64) string {
	if n > uint64(len(r.rest)) {
		r.bad = true
		return ""
	}
	s := string(r.rest[:n])
	r.rest = r.rest[n:]
	return s
}

// replay brings the messages back, and the subscriptions' parts in them.
func (f *Face) replay() error {
	known := map[uint64]*message{}
	var cut int64
	var err error
	f.journal, cut, err = openJournal(filepath.Join(f.dir, "messages.journal"), func(record []byte) error {
		return f.apply(record, known)
	})
	if err != nil {
		return err
	}
	if cut > 0 {
		f.log.Warn("cut off what was half written at the end of the journal", "bytes", cut)
	}
	for _, seq := range slices.Sorted(maps.Keys(known)) {
		m := known[seq]
		if t, ok := f.topics[m.topic]; ok && t.meta.GetMessageRetentionDuration() != nil {
			t.kept = append(t.kept, m)
		}
	}
	for _, s := range f.subs {
		s.rebuild()
	}
	return f.compact(1 << 20)
}

func (f *Face) apply(record []byte, known map[uint64]*message) error {
	if len(record) == 0 {
		return errRecord
	}
	r := &reader{rest: record[1:]}
	switch record[0] {
	case recordNext:
		f.lastSeq = max(f.lastSeq, r.number())
	case recordPublished:
		return f.applyPublished(r, len(record), known)
	case recordAcked:
		if s, m := f.byID[r.number()], known[r.number()]; s != nil && m != nil {
			s.markAcked(m)
		}
	case recordUnacked:
		if s, m := f.byID[r.number()], known[r.number()]; s != nil && m != nil {
			s.markUnacked(m)
		}
	case recordTried:
		s, seq, attempts := f.byID[r.number()], r.number(), r.number()
		if s != nil && s.backlog[seq] != nil {
			s.backlog[seq].attempts = int(attempts) //nolint:gosec // a count
		}
	default:
		return errRecord
	}
	if r.bad {
		return errRecord
	}
	return nil
}

func (f *Face) applyPublished(r *reader, size int, known map[uint64]*message) error {
	m := &message{seq: r.number(), pb: &pubsubpb.PubsubMessage{}, size: size}
	_, again := known[m.seq] // the record of before a rewrite
	for n := r.number(); n > 0 && !r.bad; n-- {
		s, flags := f.byID[r.number()], r.number()
		if s == nil || again {
			continue // the subscription was deleted
		}
		s.backlog[m.seq] = &entry{msg: m, attempts: int(flags >> 1)}
		if flags&1 != 0 {
			s.markAcked(m)
		}
	}
	m.topic = r.text(r.number())
	if r.bad {
		return errRecord
	}
	if err := proto.Unmarshal(r.rest, m.pb); err != nil {
		return fmt.Errorf("%w: %w", errRecord, err)
	}
	f.lastSeq = max(f.lastSeq, m.seq)
	if !again {
		known[m.seq] = m
	}
	return nil
}

// compact writes the journal anew when more of it is past than present, and it is larger than least.
func (f *Face) compact(least int64) error {
	type live struct {
		msg    *message
		shares []share
	}
	all := map[uint64]*live{}
	var size int64
	of := func(m *message) *live {
		l, ok := all[m.seq]
		if !ok {
			l = &live{msg: m}
			all[m.seq] = l
			size += int64(m.size)
		}
		return l
	}
	for _, s := range f.subs {
		for _, e := range s.backlog {
			l := of(e.msg)
			l.shares = append(l.shares, share{id: s.id, attempts: e.attempts})
		}
		for _, m := range s.acked {
			l := of(m)
			l.shares = append(l.shares, share{id: s.id, acked: true})
		}
	}
	for _, t := range f.topics {
		for _, m := range t.kept {
			of(m)
		}
	}
	for _, p := range f.inFlight {
		l := of(p.msg)
		l.shares = p.shares
	}
	if now := f.journal.length(); now < least || now < 2*size {
		return nil
	}
	return f.journal.rewrite(func(add func([]byte)) {
		add(numbers(recordNext, f.lastSeq))
		for _, seq := range slices.Sorted(maps.Keys(all)) {
			add(published(all[seq].msg, all[seq].shares))
		}
	})
}

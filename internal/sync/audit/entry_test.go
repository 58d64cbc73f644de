package audit

import (
	"encoding/hex"
	"encoding/json"
	"testing"
	"time"
)

func sample() Entry {
	flags, delivery := "02", "b1946ac9"
	return Entry{
		ID: 7, At: time.Date(2026, 11, 26, 1, 2, 3, 456789000, time.UTC), TxID: 1 << 40, Cluster: -5, Actor: "august-sync", Source: KindWebhook, SourceID: "",
		Relation: "drchrono.patients", Operation: "update", Keys: []string{"1", "2"}, Before: make([]byte, 64), After: []byte("x"), Flags: &flags, Deliveries: []*string{nil, &delivery},
	}
}

// What was sealed once must verify for ever: these digests were computed apart from this code, by the package comment.
func TestDigestsStayAsTheyAre(t *testing.T) {
	t.Parallel()
	e := sample()
	if d := e.Digest(); hex.EncodeToString(d[:]) != goldenEntry {
		t.Errorf("the digest of an entry is %x", d)
	}
	e = Entry{At: time.Unix(-1, 0)}
	if d := e.Digest(); hex.EncodeToString(d[:]) != goldenEmpty {
		t.Errorf("the digest of an empty entry is %x", d)
	}
	b := Block{Number: 3, Cluster: -5, From: 10, To: 1<<40 + 1, Entries: 1, Previous: genesis[:], SealedAt: time.Date(2026, 11, 26, 1, 2, 13, 0, time.UTC)}
	r := newRoot()
	e = sample()
	r.add(e.Digest())
	b.Root = r.sum()
	if got := hex.EncodeToString(b.Sum()); got != goldenBlock {
		t.Errorf("the hash of a block is %s", got)
	}
}

// Two entries that differ have encodings that differ, wherever the border between two fields lies, and an export does
// not change them.
func FuzzDigest(f *testing.F) {
	f.Add("actor", "run", "1", "ab", "c", []byte("x"), []byte{}, "0", int64(1), true, false)
	f.Add("", "", "", "", "", []byte(nil), []byte(nil), "", int64(-1), false, true)
	f.Fuzz(func(t *testing.T, actor, source, id, key1, key2 string, before, after []byte, flags string, n int64, hasFlags, hasDeliveries bool) {
		for _, s := range []string{actor, source, id, key1, key2, flags} {
			if raw, _ := json.Marshal(s); !json.Valid(raw) || mustUnquote(t, raw) != s {
				return // PostgreSQL holds UTF-8 only
			}
		}
		e := Entry{ID: n, At: time.UnixMicro(n % (1 << 50)).UTC(), TxID: uint64(n), Cluster: n, Actor: actor, Source: source, SourceID: id, Keys: []string{key1, key2}, Before: before, After: after}
		if hasFlags {
			e.Flags = &flags
		}
		if hasDeliveries {
			e.Deliveries = []*string{&key1, nil}
		}
		first := e.Digest()
		raw, err := json.Marshal(line{Entry: &e})
		if err != nil {
			t.Fatal(err)
		}
		var back line
		if err := json.Unmarshal(raw, &back); err != nil {
			t.Fatal(err)
		}
		if back.Entry.Digest() != first {
			t.Errorf("%s came back as another entry", raw)
		}
		for what, change := range map[string]func(*Entry){
			"a byte moved to the next field": func(e *Entry) { e.Actor, e.Source = e.Actor+"x", e.Source+"y" },
			"fields swapped":                 func(e *Entry) { e.Actor, e.Source = e.Source+"\x00", e.Actor },
			"keys joined":                    func(e *Entry) { e.Keys = []string{key1 + key2} },
			"a key more":                     func(e *Entry) { e.Keys = append(e.Keys, "") },
			"no keys":                        func(e *Entry) { e.Keys = nil },
			"another number":                 func(e *Entry) { e.ID++ },
			"a microsecond":                  func(e *Entry) { e.At = e.At.Add(time.Microsecond) },
			"another flag":                   func(e *Entry) { s := flags + "0"; e.Flags = &s },
			"other deliveries":               func(e *Entry) { e.Deliveries = append(e.Deliveries, nil) },
			"before absent or not": func(e *Entry) {
				if e.Before = []byte{}; before != nil && len(before) == 0 {
					e.Before = nil
				}
			},
		} {
			changed := e
			changed.Keys = append([]string(nil), e.Keys...)
			change(&changed)
			if same := len(before) > 0 || what != "before absent or not" || (before == nil) != (changed.Before == nil); same && changed.Digest() == first {
				t.Errorf("%s: the digest is the same", what)
			}
		}
	})
}

func mustUnquote(t *testing.T, raw []byte) (s string) {
	t.Helper()
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

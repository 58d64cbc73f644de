package webhook

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const secretCanary = `canary-8f14e45f/"<&>`

var moment = time.Date(2026, 11, 26, 1, 2, 3, 456789000, time.UTC)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, event, body string
		want              Delivery // without digest
	}{
		{"a line item", "LINE_ITEM_MODIFY", `{"receiver":{"secret_token":"x"},"object":{"id": 12, "a":1},"practice_group_id":7}`,
			Delivery{Subject: Subject{"line_items", "12"}, Practice: 7, Object: json.RawMessage(`{"id": 12, "a":1}`)}},
		{"an id of text, a practice of text", "APPOINTMENT_DELETE", `{"object":{"id":"12"},"practice_group_id":"7"}`,
			Delivery{Subject: Subject{"appointments", "12"}, Practice: 7, Object: json.RawMessage(`{"id":"12"}`)}},
		{"an event of no feed", "TASK_CREATE", `{"object":{"id":1}}`,
			Delivery{Subject: Subject{"task", "1"}, Object: json.RawMessage(`{"id":1}`)}},
		{"no object", "PATIENT_CREATE", `{"receiver":{}}`, Delivery{Subject: Subject{Kind: "patients"}}},
		{"null", "PATIENT_CREATE", `{"object":null}`, Delivery{Subject: Subject{Kind: "patients"}}},
		{"an id in a form nobody knows", "PATIENT_CREATE", `{"object":{"id":{"x":1}}}`,
			Delivery{Subject: Subject{Kind: "patients"}, Object: json.RawMessage(`{"id":{"x":1}}`)}},
		{"a practice in a form nobody knows", "PATIENT_CREATE", `{"object":{"id":1},"practice_group_id":"none"}`,
			Delivery{Subject: Subject{"patients", "1"}, Object: json.RawMessage(`{"id":1}`)}},
		{"an object that is none", "PATIENT_CREATE", `{"object":[1],"practice_group_id":[]}`,
			Delivery{Subject: Subject{Kind: "patients"}, Object: json.RawMessage(`[1]`)}},
		{"an id that PostgreSQL takes not", "PATIENT_CREATE", `{"object":{"id":"a\u0000\u202eb\ud800 "}}`,
			Delivery{Subject: Subject{"patients", "ab"}, Object: json.RawMessage(`{"id":"a\u0000\u202eb\ud800 "}`)}},
		{"no JSON", "PATIENT_CREATE", `<html>`,
			Delivery{Subject: Subject{Kind: "patients"}, Object: json.RawMessage(`<html>`), Fault: "the body is not a JSON object"}},
		{"an array", "PATIENT_CREATE", `[]`,
			Delivery{Subject: Subject{Kind: "patients"}, Object: json.RawMessage(`[]`), Fault: "the body is not a JSON object"}},
		{"nothing", "PATIENT_CREATE", ``, Delivery{Subject: Subject{Kind: "patients"}, Fault: "the body is not a JSON object"}},
		{"no event", "", `{"object":{"id":1}}`, Delivery{Subject: Subject{Key: "1"}, Object: json.RawMessage(`{"id":1}`)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := Parse("d-1", c.event, []byte(c.body), moment)
			if len(got.Digest) != 32 {
				t.Errorf("the digest has %d bytes", len(got.Digest))
			}
			c.want.ID, c.want.Event, c.want.Received, c.want.Digest = "d-1", c.event, moment, got.Digest
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParse_digest(t *testing.T) {
	t.Parallel()
	digest := func(id, event, body string) string {
		d := Parse(id, event, []byte(body), moment)
		return string(d.Digest)
	}
	first := digest("1", "PATIENT_MODIFY", `{"object":{"id":1},"receiver":{"n":1}}`)
	if again := digest("2", "PATIENT_MODIFY", `{"receiver":{"n":2},"object":{"id":1},"practice_group_id":3}`); again != first {
		t.Error("what is not of the object changes the digest")
	}
	if digest("1", "PATIENT_MODIFY", `{"object":{"id": 1}}`) == first || digest("1", "PATIENT_CREATE", `{"object":{"id":1}}`) == first {
		t.Error("another object or event has the same digest")
	}
	if d := Parse("", "X", []byte(`{}`), moment); !strings.HasPrefix(d.ID, "sha256:") || len(d.ID) != 7+64 {
		t.Errorf("a delivery without an id is %q", d.ID)
	}
}

func TestParse_hidesTheSecret(t *testing.T) {
	t.Parallel()
	escaped, _ := json.Marshal(secretCanary)
	for _, body := range []string{
		secretCanary, string(escaped), `{"object":{"id":` + string(escaped) + `}}`, `{"object":"canary-8f14e45f\/\"<&>"}`, `{"object":"canary-8f14e45f/\"<&>"}`,
		`{"object":{"id":"\u0063anary-8f14e45f/\"<&>"}`,
	} {
		d := Parse("x"+secretCanary, "y"+secretCanary, []byte(body), moment, "", secretCanary)
		d.Object = bytes.ReplaceAll(d.Object, []byte(`\u0063`), nil) // nobody spells a letter so
		text := d.ID + d.Event + d.Subject.OrderingKey() + d.Fault + string(d.Object)
		if strings.Contains(text, "canary") {
			t.Errorf("kept of %s: %s", body, text)
		}
	}
}

// storable checks a delivery against what PostgreSQL and Pub/Sub take.
func storable(t interface{ Errorf(string, ...any) }, d Delivery) {
	for name, text := range map[string]string{"id": d.ID, "event": d.Event, "kind": d.Subject.Kind, "key": d.Subject.Key, "fault": d.Fault} {
		if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) || len(text) > 300 {
			t.Errorf("the %s cannot be stored: %q", name, text)
		}
	}
	if d.ID == "" || len(d.Digest) != 32 || len(d.Subject.OrderingKey()) > 1000 {
		t.Errorf("got %+v", d)
	}
	if lane := d.Subject.Lane(); lane < 0 || lane >= Lanes {
		t.Errorf("lane %d", lane)
	}
	if d.Fault == "" && d.Object != nil && !json.Valid(d.Object) {
		t.Errorf("an object that is no JSON has no fault")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("1", "PATIENT_MODIFY", []byte(`{"object":{"id":1},"practice_group_id":1}`))
	f.Add("\x00", "\xff_\xfe", []byte(`{"object":{"id":"\u0000"}}`))
	f.Add(secretCanary, strings.Repeat("Ⱥ", 200), []byte(`{"object":{"id":`+strings.Repeat("1", 2000)+`}}`))
	f.Fuzz(func(t *testing.T, id, event string, body []byte) {
		d := Parse(id, event, body, moment, secretCanary)
		storable(t, d)
		for _, text := range []string{d.ID, d.Event, d.Subject.Key, string(d.Object)} {
			if strings.Contains(text, secretCanary) {
				t.Errorf("the secret is in %q", text)
			}
		}
		// What an attempt and its repetition say has one digest, and no message loses anything.
		if again := Parse(id, event, body, moment.Add(time.Hour), secretCanary); !bytes.Equal(again.Digest, d.Digest) || again.ID != d.ID {
			t.Errorf("the same delivery again is %s, not %s", again.ID, d.ID)
		}
		data, attributes := encode(d)
		if diff := cmp.Diff(d, decode(data, attributes, time.Time{})); diff != "" {
			t.Error(diff)
		}
	})
}

func TestMessage_roundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		object := rapid.OneOf(rapid.SampledFrom([]string{`null`, `{}`, `{"id":1}`, `{"id":"x"}`, `"text"`, `{`, ``}), rapid.String())
		body := rapid.OneOf(
			rapid.Map(object, func(o string) []byte {
				return []byte(`{"object":` + o + `,"practice_group_id":` + rapid.StringMatching(`-?[0-9]{1,20}`).Draw(t, "practice") + `}`)
			}),
			rapid.SliceOf(rapid.Byte()),
		).Draw(t, "body")
		received := time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "second"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanosecond")).UTC()
		d := Parse(rapid.String().Draw(t, "id"), rapid.String().Draw(t, "event"), body, received)
		storable(t, d)
		data, attributes := encode(d)
		if diff := cmp.Diff(d, decode(data, attributes, moment)); diff != "" {
			t.Fatal(diff)
		}
	})
}

// A message that somebody else has published is stored as well.
func TestMessage_strange(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		attributes := rapid.MapOf(rapid.SampledFrom([]string{"event", "delivery", "received", "practice", "other"}), rapid.String()).Draw(t, "attributes")
		d := decode([]byte(`{"id":1}`), attributes, moment)
		storable(t, d)
		if _, err := time.Parse(time.RFC3339Nano, attributes["received"]); err != nil && !d.Received.Equal(moment) {
			t.Errorf("received at %s", d.Received)
		}
	})
	// Data that is no JSON, without a fault: the drain finds that out, as with any object.
	if d := decode([]byte(`{`), nil, moment); d.ID == "" || d.Subject.Key != "" || string(d.Object) != "{" {
		t.Errorf("got %+v", d)
	}
}

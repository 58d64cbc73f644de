package clinic

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// Row is one object in one state: its JSON and the columns that filters and orders need. A row never
// changes; an edit puts a new row in its place.
type Row struct {
	ID                                                    int64
	Sub                                                   string // the part after "_" of a virtual appointment's id
	Patient, Doctor, Office, Appointment, LineItem, Order int64
	Updated, Date, Posted                                 int64 // seconds since 1970 on the wall clock, 0 = none
	Deleted, Inactive                                     bool
	Body                                                  []byte // the object without its verbose fields
	Extra                                                 []byte // the verbose fields: `,"a":1,"b":2`

	dead    bool
	changed int64 // when this state came to be (Unix nanoseconds of the real clock); 0 = generated
	prev    *Row  // the state before, for read lag
}

// Key is the id as text.
func (r *Row) Key() string {
	if r.Sub != "" {
		return strconv.FormatInt(r.ID, 10) + "_" + r.Sub
	}
	return strconv.FormatInt(r.ID, 10)
}

// AppendJSON appends the object, with or without its verbose fields.
func (r *Row) AppendJSON(to []byte, verbose bool) []byte {
	if !verbose || len(r.Extra) == 0 {
		return append(to, r.Body...)
	}
	to = append(to, r.Body[:len(r.Body)-1]...)
	to = append(to, r.Extra...)
	return append(to, '}')
}

// Field returns one top-level field as text: strings unquoted, null as "", all else as written.
func (r *Row) Field(name string) string {
	var out string
	eachField(r.Body, func(key, raw []byte) bool {
		if string(key) != name {
			return true
		}
		out = text(raw)
		return false
	})
	return out
}

// Each walks the object's fields, verbose ones left out, until fn returns false.
func (r *Row) Each(fn func(key, raw []byte) bool) { eachField(r.Body, fn) }

// Fields walks the top-level fields of an object as Row.AppendJSON writes it, until fn returns false.
func Fields(object []byte, fn func(key, raw []byte) bool) { eachField(object, fn) }

// less orders rows by id, virtual ones after their series.
func (r *Row) less(o *Row) bool { return compareID(r, o.ID, o.Sub) < 0 }

func compareID(r *Row, id int64, sub string) int {
	switch {
	case r.ID < id:
		return -1
	case r.ID > id:
		return 1
	}
	return strings.Compare(r.Sub, sub)
}

// makeRow reads the columns out of an object.
func makeRow(kind Kind, body, extra []byte) *Row {
	r := &Row{Body: body, Extra: extra}
	eachField(body, func(key, raw []byte) bool {
		switch string(key) {
		case "id":
			r.ID, r.Sub = ParseKey(text(raw))
		case "patient":
			r.Patient = number(raw)
		case "doctor", "ordering_doctor":
			r.Doctor = number(raw)
		case "office":
			r.Office = number(raw)
		case "appointment", "appointment_id":
			r.Appointment = number(raw)
		case "line_item":
			r.LineItem = number(raw)
		case "billing_line_item_id":
			r.ID = number(raw)
		case "lab_order":
			r.Order = number(raw)
		case "updated_at", "timestamp":
			r.Updated = seconds(raw)
		case "created_at":
			if kind == LineItemDeletions {
				r.Updated = seconds(raw)
			}
		case "scheduled_time", "service_date", "query_date":
			r.Date = seconds(raw)
		case "posted_date":
			r.Posted = seconds(raw)
		case "deleted_flag":
			r.Deleted = string(raw) == "true"
		case "patient_status":
			r.Inactive = string(raw) != `"A"`
		}
		return true
	})
	return r
}

// ParseKey splits an id into its number and, for a virtual appointment, the part after "_".
func ParseKey(key string) (id int64, sub string) {
	head, sub, _ := strings.Cut(key, "_")
	id, err := strconv.ParseInt(head, 10, 64)
	if err != nil {
		return 0, ""
	}
	return id, sub
}

// ParseTime reads a naive date or date-time as seconds since 1970 on the wall clock. A zone, as any
// other trailing text, is refused.
func ParseTime(s string) (int64, bool) {
	clock := "T00:00:00"
	switch {
	case len(s) == 16: // minutes
		clock = s[10:] + ":00"
	case len(s) == 19 || (len(s) > 20 && s[19] == '.' && digits(s[20:]) >= 0):
		clock = s[10:19]
	case len(s) != 10:
		return 0, false
	}
	y, m, d := digits(s[:4]), digits(s[5:7]), digits(s[8:10])
	hour, minute, second := digits(clock[1:3]), digits(clock[4:6]), digits(clock[7:9])
	if y < 1 || m < 1 || m > 12 || d < 1 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 ||
		s[4] != '-' || s[7] != '-' || clock[0] != 'T' || clock[3] != ':' || clock[6] != ':' {
		return 0, false
	}
	t := time.Date(y, time.Month(m), d, hour, minute, second, 0, time.UTC)
	return t.Unix(), t.Day() == d // the 31st of a short month is no date
}

// digits reads a number of digits only, or gives -1.
func digits(s string) int {
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return -1
		}
		n = min(n*10+int(s[i]-'0'), 1_000_000)
	}
	return n
}

func number(raw []byte) int64 {
	n, _ := ParseKey(text(raw))
	return n
}

func seconds(raw []byte) int64 {
	s, _ := ParseTime(text(raw))
	return s
}

func text(raw []byte) string {
	if len(raw) >= 2 && raw[0] == '"' {
		if bytes.IndexByte(raw, '\\') < 0 {
			return string(raw[1 : len(raw)-1])
		}
		var s string
		_ = json.Unmarshal(raw, &s) // our own encoding
		return s
	}
	if string(raw) == "null" {
		return ""
	}
	return string(raw)
}

// eachField walks the top-level fields of a compact JSON object until fn returns false. It trusts
// the input to be what encoding/json wrote.
func eachField(body []byte, fn func(key, raw []byte) bool) {
	i := 1
	for i < len(body) && body[i] != '}' {
		if body[i] == ',' {
			i++
		}
		end := skipString(body, i)
		key := body[i+1 : end-1]
		i = end + 1 // the colon
		end = skipValue(body, i)
		if !fn(key, body[i:end]) {
			return
		}
		i = end
	}
}

func skipString(b []byte, i int) int {
	for i++; b[i] != '"'; i++ {
		if b[i] == '\\' {
			i++
		}
	}
	return i + 1
}

func skipValue(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			i = skipString(b, i)
			if depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			depth--
			if depth == 0 {
				return i + 1
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	return i
}

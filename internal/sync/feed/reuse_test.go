package feed

import (
	"fmt"
	"reflect"
	"testing"
)

// A decoder foresees which member follows, and keeps what it grew to. What it reads is each object alone, whatever came
// before: one without a member, with more, with the same in another order or twice, at fault, or with more kinds of members
// than it remembers.
func TestADecoderReadsEachObjectAsIfItWereTheFirst(t *testing.T) {
	many := `{"id":9,"value":"1"`
	for i := range 2 * maxUses {
		many += fmt.Sprintf(`,"unknown_%d":%d`, i, i)
	}
	objects := []string{
		`{"id":1,"value":"<5.0","unit":"mg/dL","normal_range":"70-99","comments":"a","status":"F"}`,
		`{"id":2}`,
		`{"status":"P","comments":"b","value":"1:80","id":3,"unit":""}`,
		`{"id":4,"value":"1","value":"2","unit":"mg/dL","unit":"g/L"}`,
		`{"id":"x","value":"7","unit":"mmol/L"}`,
		`{"id":5,"lab_test":"none","value":"8"}`,
		`{"value":`,
		many + `,"unit":"mg/dL"}`,
		`{"id":6,"Value":"3","value":null,"\u0076alue":"4","comments":"` + "\xff" + `\ud800"}`,
		`{"id":1,"value":"<5.0","unit":"mg/dL","normal_range":"70-99","comments":"a","status":"F"}`,
	}
	for _, f := range []*Feed{&LabResults, &LineItems, &Appointments, &Patients} {
		d := NewDecoder(f)
		var rows, want []any
		for range 3 {
			for _, o := range objects {
				row, err := d.Decode([]byte(o))
				rows = append(rows, row, err)
				row, err = NewDecoder(f).Decode([]byte(o))
				want = append(want, row, err)
			}
		}
		for i := range want { // after all, so that a row whose memory is another's shows
			if !reflect.DeepEqual(rows[i], want[i]) {
				t.Errorf("%s, object %d: %+v, want %+v", f.Name, i/2%len(objects), rows[i], want[i])
			}
		}
	}
}

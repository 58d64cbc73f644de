package coda

import "testing"

func FuzzSplitQuery(f *testing.F) {
	for _, q := range []string{`c-key:"a"`, `"Column name":1`, `"a`, `:`, `c:true`, `"a"b:1`, `c:{}`, "\"\\u0000\":1"} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, q string) {
		column, value, ok := splitQuery(q)
		if ok && (column == "" || value == nil) {
			t.Errorf("%q: %q %v", q, column, value)
		}
	})
}

func FuzzPageToken(f *testing.F) {
	f.Add(pageToken{Limit: 5, Query: `c:"x"`, Seq: 9}.encode())
	f.Add("e30")
	f.Fuzz(func(t *testing.T, s string) {
		var p pageToken
		if !p.decode(s) {
			return
		}
		var again pageToken
		if !again.decode(p.encode()) || again != p {
			t.Errorf("%q: %+v became %+v", s, p, again)
		}
	})
}

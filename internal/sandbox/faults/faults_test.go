package faults_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/sandbox/faults"
)

// hail is a fault of no sandbox.
type hail struct {
	ID    int     `json:"id"`
	On    string  `json:"on"`
	Times int     `json:"times,omitempty"`
	Skip  int     `json:"skip,omitempty"`
	Share float64 `json:"share,omitempty"`
}

func (h hail) When() faults.When      { return faults.When{Skip: h.Skip, Times: h.Times, Chance: h.Share} }
func (h hail) Numbered(id int) hail   { h.ID = id; return h }
func (h hail) strikes(on string) bool { return h.On == "" || h.On == on }

func (h hail) Check() error {
	if h.On == "nowhere" {
		return errors.New("on: nowhere is no place")
	}
	return nil
}

func TestMeet(t *testing.T) {
	for name, c := range map[string]struct {
		fault hail
		want  string // of ten calls, those that are struck
	}{
		"always": {hail{}, "xxxxxxxxxx"}, "twice": {hail{Times: 2}, "xx........"}, "later": {hail{Skip: 3, Times: 1}, "...x......"},
		"elsewhere": {hail{On: "hills"}, ".........."}, "never": {hail{Skip: 10}, ".........."},
	} {
		var l faults.List[hail]
		l.Add(c.fault)
		got := ""
		for range 10 {
			if f := l.Meet(func(h hail) bool { return h.strikes("fields") }); f != nil {
				got += "x"
			} else {
				got += "."
			}
		}
		if left := len(l.All()); got != c.want || (left == 0) != (c.fault.Times > 0) || l.Struck()[1] != strings.Count(got, "x") {
			t.Errorf("%s: %s, %d left, struck %v", name, got, left, l.Struck())
		}
	}
}

// A fault that is used up, or whose dice fall otherwise, lets the next one strike.
func TestTheNextFaultHasItsTurn(t *testing.T) {
	var l faults.List[hail]
	l.Seed(7)
	l.Add(hail{Times: 1})
	l.Add(hail{Share: 0.5})
	l.Add(hail{})
	count := map[int]int{}
	for range 1000 {
		count[l.Meet(func(hail) bool { return true }).ID]++
	}
	if count[1] != 1 || count[2] < 400 || count[2] > 600 || count[2]+count[3] != 999 {
		t.Errorf("%v", count)
	}
	l.Clear()
	if id := l.Add(hail{}); id != 4 { // ids are not used again
		t.Errorf("id %d", id)
	}
}

func TestControlAnswersThisMachineOnly(t *testing.T) {
	var l faults.List[hail]
	mux := http.NewServeMux()
	c := faults.Control{Mux: mux, Refuse: func(w http.ResponseWriter, status int, detail string) { http.Error(w, detail, status) }}
	l.Mount(c)
	type weather struct {
		Wind []int `json:"wind"`
	}
	set := weather{[]int{1, 2}}
	faults.Settings(c, func() weather { return set }, func(next weather) error {
		if next.Wind[0] > 12 {
			return errors.New("wind: there is no such wind")
		}
		set = next
		return nil
	})
	for _, call := range []struct {
		method, path, body, from, origin string
		status                           int
	}{
		{"POST", "/_sandbox/faults", `{"on":"fields"}`, "127.0.0.1:1", "", 201},
		{"POST", "/_sandbox/faults", `{"on":"fields"}`, "[::1]:1", "", 201},
		{"POST", "/_sandbox/faults", `{"on":"fields"}`, "192.0.2.1:1", "", 403},
		{"POST", "/_sandbox/faults", `{"on":"fields"}`, "127.0.0.1:1", "http://web.test", 403},
		{"POST", "/_sandbox/faults", `{"on":"nowhere"}`, "127.0.0.1:1", "", 400},
		{"POST", "/_sandbox/faults", `{"no":"fields"}`, "127.0.0.1:1", "", 400},
		{"POST", "/_sandbox/faults", `{`, "127.0.0.1:1", "", 400},
		{"GET", "/_sandbox/faults", ``, "127.0.0.1:1", "", 200},
		{"DELETE", "/_sandbox/faults", ``, "192.0.2.1:1", "", 403},
		{"DELETE", "/_sandbox/faults", ``, "127.0.0.1:1", "", 204},
		{"GET", "/_sandbox/settings", ``, "127.0.0.1:1", "", 200},
		{"GET", "/_sandbox/settings", ``, "192.0.2.1:1", "", 403},
		{"POST", "/_sandbox/settings", `{"wind":[9]}`, "192.0.2.1:1", "", 403},
		{"POST", "/_sandbox/settings", `{"wind":[13]}`, "127.0.0.1:1", "", 400},
		{"POST", "/_sandbox/settings", `{"wind":[7,8,"north"]}`, "127.0.0.1:1", "", 400},
		{"POST", "/_sandbox/settings", `{"rain":1}`, "127.0.0.1:1", "", 400},
	} {
		req := httptest.NewRequest(call.method, call.path, strings.NewReader(call.body))
		req.RemoteAddr = call.from
		if call.origin != "" {
			req.Header.Set("Origin", call.origin)
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, req)
		if w.Code != call.status {
			t.Errorf("%+v: %d %s", call, w.Code, w.Body)
		}
	}
	if left := l.All(); len(left) != 0 || !slices.Equal(set.Wind, []int{1, 2}) {
		t.Errorf("left %+v, set %+v", left, set)
	}
}

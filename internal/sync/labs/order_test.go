package labs

import "testing"

func TestProgressOf(t *testing.T) {
	t.Parallel()
	done := Test{Final, []Status{Final, Final}}
	for name, test := range map[string]struct {
		status string
		tests  []Test
		want   Progress
		// tests that are done, cancelled, open
		done, cancelled, open int
	}{
		"not sent":                         {"N", nil, NotSent, 0, 0, 0},
		"default":                          {"", nil, NotSent, 0, 0, 0},
		"queued":                           {"Q", nil, Queued, 0, 0, 0},
		"notice needed":                    {"A", []Test{{Preliminary, nil}}, ABNNeeded, 0, 0, 1},
		"sent":                             {"s", []Test{{Preliminary, nil}, {Pending, nil}}, Sent, 0, 0, 2},
		"received, in the document alone":  {"R", []Test{{Preliminary, nil}}, ResultsReceived, 0, 0, 1},
		"error":                            {"E", []Test{{Preliminary, nil}}, OrderFailed, 0, 0, 1},
		"unknown":                          {"Z", nil, OrderUnknown, 0, 0, 0},
		"unknown, but results are in":      {"Z", []Test{done}, ResultsReceived, 1, 0, 0},
		"all in":                           {"R", []Test{done, {Final, nil}}, ResultsReceived, 2, 0, 0},
		"all in, order not moved on":       {"S", []Test{done}, ResultsReceived, 1, 0, 0},
		"all in after an error":            {"E", []Test{done}, ResultsReceived, 1, 0, 0},
		"some in after an error":           {"E", []Test{done, {Pending, nil}}, OrderFailed, 1, 0, 1},
		"some in":                          {"S", []Test{done, {Pending, nil}}, PartialResults, 1, 0, 1},
		"some in, order moved on":          {"R", []Test{done, {Preliminary, nil}}, PartialResults, 1, 0, 1},
		"preliminary results":              {"S", []Test{{Preliminary, []Status{Preliminary}}}, PartialResults, 0, 0, 1},
		"pending results are none":         {"S", []Test{{Preliminary, []Status{Pending}}}, Sent, 0, 0, 1},
		"test final, a result is not":      {"R", []Test{{Final, []Status{Final, Preliminary}}}, PartialResults, 0, 0, 1},
		"test by default, may have more":   {"S", []Test{{Preliminary, []Status{Final}}}, PartialResults, 0, 0, 1},
		"test by default, order moved on":  {"R", []Test{{Preliminary, []Status{Final}}}, ResultsReceived, 1, 0, 0},
		"corrected":                        {"R", []Test{{Correction, []Status{Correction}}}, ResultsReceived, 1, 0, 0},
		"cancelled":                        {"S", []Test{{Cancelled, nil}, {Final, []Status{Cancelled}}}, OrderCancelled, 0, 2, 0},
		"cancelled with a pending result":  {"S", []Test{{Cancelled, []Status{Pending}}}, OrderCancelled, 0, 1, 0},
		"cancelled in part":                {"S", []Test{{Cancelled, nil}, done}, ResultsReceived, 1, 1, 0},
		"cancelled in part, the rest open": {"S", []Test{{Cancelled, nil}, {Pending, nil}}, Sent, 0, 1, 1},
		"cancelled after a result":         {"S", []Test{{Cancelled, []Status{Final}}}, ResultsReceived, 1, 0, 0},
		"one result of a test cancelled":   {"R", []Test{{Final, []Status{Final, Cancelled}}}, ResultsReceived, 1, 0, 0},
		"test of unknown status, in":       {"R", []Test{{"Z", []Status{Final}}}, ResultsReceived, 1, 0, 0},
		"result of unknown status is open": {"R", []Test{{Final, []Status{"Z"}}}, PartialResults, 0, 0, 1},
	} {
		p := ProgressOf(ParseOrderStatus(test.status), test.tests)
		if p.Progress != test.want || p.Done != test.done || p.Cancelled != test.cancelled || p.Open != test.open {
			t.Errorf("%s: %+v", name, p)
		}
		if p.Tests != len(test.tests) || p.Settled != (p.Tests > 0 && p.Open == 0) || p.Corrected != (name == "corrected") {
			t.Errorf("%s: %+v", name, p)
		}
		if (p.Progress.Words() == "unknown") != (p.Progress == OrderUnknown) {
			t.Errorf("%s: %q", name, p.Progress.Words())
		}
	}
}

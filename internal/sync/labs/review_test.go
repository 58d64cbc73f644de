package labs

import "testing"

func TestReview(t *testing.T) {
	t.Parallel()
	decision := func(value, flag string) Decision {
		return Read(Observation{Value: value, Range: "70-99", Flag: flag}).Decision
	}
	abnormal, normal, critical := decision("126", ""), decision("88", ""), decision("126", "HH")
	unplaced, microbiology, unknown := decision("126", "POS"), decision("126", "R"), decision("Trace", "")
	seen := func(id int64, s Status, content string) *Acknowledgement { return &Acknowledgement{id, s, content} }
	for name, test := range map[string]struct {
		now  Candidate
		ack  *Acknowledgement
		want ReviewState
		why  string
	}{
		"abnormal":                 {Candidate{1, Final, abnormal, "a"}, nil, ReviewOpen, "abnormal"},
		"abnormal, corrected":      {Candidate{1, Correction, abnormal, "a"}, nil, ReviewOpen, "abnormal"},
		"critical":                 {Candidate{1, Final, critical, "a"}, nil, ReviewOpen, "critical"},
		"normal":                   {Candidate{1, Final, normal, "a"}, nil, ReviewNotNeeded, "not abnormal"},
		"unknown":                  {Candidate{1, Final, unknown, "a"}, nil, ReviewNotNeeded, "not abnormal"},
		"flag without a place":     {Candidate{1, Final, unplaced, "a"}, nil, ReviewOpen, "flagged, but not as normal or abnormal"},
		"microbiology":             {Candidate{1, Final, microbiology, "a"}, nil, ReviewNotNeeded, "not abnormal"},
		"preliminary":              {Candidate{1, Preliminary, abnormal, "a"}, nil, ReviewNotNeeded, "not reported as final"},
		"preliminary, critical":    {Candidate{1, Preliminary, critical, "a"}, nil, ReviewOpen, "critical, and not yet final"},
		"preliminary, unplaced":    {Candidate{1, Preliminary, unplaced, "a"}, nil, ReviewNotNeeded, "not reported as final"},
		"pending":                  {Candidate{1, Pending, abnormal, "a"}, nil, ReviewNotNeeded, "not reported as final"},
		"pending, critical":        {Candidate{1, Pending, critical, "a"}, nil, ReviewOpen, "critical, and not yet final"},
		"cancelled":                {Candidate{1, Cancelled, critical, "a"}, nil, ReviewNotNeeded, "not reported as final"},
		"unknown status":           {Candidate{1, "Z", abnormal, "a"}, nil, ReviewOpen, "abnormal"},
		"no status":                {Candidate{1, "", abnormal, "a"}, nil, ReviewOpen, "abnormal"},
		"unknown status, critical": {Candidate{1, "", critical, "a"}, nil, ReviewOpen, "critical, and not yet final"},
		"corrected before anybody": {Candidate{2, Correction, normal, "b"}, nil, ReviewNotNeeded, "not abnormal"},

		"seen":                             {Candidate{1, Final, abnormal, "a"}, seen(1, Final, "a"), ReviewAcknowledged, "acknowledged"},
		"seen, sent again":                 {Candidate{2, Final, abnormal, "a"}, seen(1, Final, "a"), ReviewAcknowledged, "acknowledged"},
		"seen as preliminary":              {Candidate{1, Final, abnormal, "a"}, seen(1, Preliminary, "a"), ReviewAcknowledged, "acknowledged"},
		"corrected by another row":         {Candidate{2, Correction, abnormal, "b"}, seen(1, Final, "a"), ReviewReopened, "corrected after it was acknowledged"},
		"corrected in its row":             {Candidate{1, Correction, abnormal, "b"}, seen(1, Final, "a"), ReviewReopened, "corrected after it was acknowledged"},
		"corrected to normal":              {Candidate{2, Correction, normal, "b"}, seen(1, Final, "a"), ReviewReopened, "corrected after it was acknowledged"},
		"corrected to the same":            {Candidate{2, Correction, abnormal, "a"}, seen(1, Final, "a"), ReviewReopened, "corrected after it was acknowledged"},
		"corrected to the same in its row": {Candidate{1, Correction, abnormal, "a"}, seen(1, Final, "a"), ReviewReopened, "corrected after it was acknowledged"},
		"correction seen":                  {Candidate{2, Correction, normal, "b"}, seen(2, Correction, "b"), ReviewAcknowledged, "acknowledged"},
		"corrected twice in its row":       {Candidate{2, Correction, normal, "c"}, seen(2, Correction, "b"), ReviewReopened, "corrected after it was acknowledged"},
		"corrected twice":                  {Candidate{3, Correction, normal, "b"}, seen(2, Correction, "b"), ReviewReopened, "corrected after it was acknowledged"},
		"changed in its row":               {Candidate{1, Final, normal, "b"}, seen(1, Final, "a"), ReviewReopened, "changed after it was acknowledged"},
		"changed by another row":           {Candidate{2, Final, abnormal, "b"}, seen(1, Final, "a"), ReviewReopened, "changed after it was acknowledged"},
		"changed, but not final":           {Candidate{1, Preliminary, abnormal, "b"}, seen(1, Final, "a"), ReviewAcknowledged, "acknowledged"},
		"changed to critical, not final":   {Candidate{1, Preliminary, critical, "b"}, seen(1, Final, "a"), ReviewReopened, "changed after it was acknowledged"},
		"critical seen, then final":        {Candidate{2, Final, critical, "a"}, seen(1, Preliminary, "a"), ReviewAcknowledged, "acknowledged"},
		"critical seen, then final other":  {Candidate{2, Final, normal, "b"}, seen(1, Preliminary, "a"), ReviewReopened, "changed after it was acknowledged"},
		"changed, unknown status":          {Candidate{1, "Z", normal, "b"}, seen(1, Final, "a"), ReviewReopened, "changed after it was acknowledged"},
		"taken back, then critical again":  {Candidate{3, Preliminary, critical, "c"}, seen(2, Cancelled, "b"), ReviewReopened, "reported after it was acknowledged as cancelled"},
		"taken back":                       {Candidate{2, Cancelled, unknown, "b"}, seen(1, Final, "a"), ReviewReopened, "cancelled after it was acknowledged"},
		"taken back, seen":                 {Candidate{2, Cancelled, unknown, "b"}, seen(2, Cancelled, "b"), ReviewAcknowledged, "acknowledged"},
		"taken back, then given again":     {Candidate{1, Final, abnormal, "a"}, seen(1, Cancelled, "a"), ReviewReopened, "reported after it was acknowledged as cancelled"},
	} {
		got, why := Review(test.now, test.ack)
		if got != test.want || why != test.why {
			t.Errorf("%s: %s (%s), want %s (%s)", name, got, why, test.want, test.why)
		}
		if got.Queued() != (got == ReviewOpen || got == ReviewReopened) {
			t.Errorf("%s: queued %v", name, got.Queued())
		}
	}
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	o := Observation{Value: "126", Unit: "mg/dL", Range: "70-99", Flag: "H", IsAbnormal: "true"}
	was := Fingerprint(o, "fasting")
	if spaced := o; Fingerprint(Observation{Value: " 126 ", Unit: spaced.Unit, Range: spaced.Range, Flag: "H", IsAbnormal: "true"}, "fasting\n") != was {
		t.Error("white space is other content")
	}
	for _, other := range []Observation{
		{Value: "127", Unit: "mg/dL", Range: "70-99", Flag: "H", IsAbnormal: "true"},
		{Value: "126m", Unit: "g/dL", Range: "70-99", Flag: "H", IsAbnormal: "true"},
		{Value: "126", Unit: "mg/dL", Range: "70-99", IsAbnormal: "true"},
		{Value: "126", Unit: "mg/dL", RangeUnit: "70-99", Flag: "H", IsAbnormal: "true"},
	} {
		if Fingerprint(other, "fasting") == was {
			t.Errorf("%+v has the same content", other)
		}
	}
	if Fingerprint(o, "") == was {
		t.Error("the lab's comments are not content")
	}
}

func TestAcknowledged(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]bool{
		"Results Reviewed with Patient": true, "results  reviewed with patient": true, "Reviewed": true,
		"": false, "Order Entered": false, "Discontinued": false, "In Progress": false, "Results Received": false, "Paper Order": false,
	} {
		if Acknowledged(false, status) != want || !Acknowledged(true, status) {
			t.Errorf("%q", status)
		}
	}
}

package capacity

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestBatch(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		of                                        Batches
		messages, outstanding, deadline, consumer int64
		line                                      string
	}{
		// 1000 a second of a consumer that may be busy for 60 %: n ÷ (8 + n × 0.2) = 1.67, so n = 13.3 ÷ 0.67 = 20; and 8 ms are a fifth of 40
		"dear batches":         {Batches{Rate: new(100.0), PeakRate: new(500.0), FixedMS: new(8.0), EachMS: new(0.2)}, 160, 320, 10, 1, "a batch needs 20 to carry its part; from 160 on"},
		"dear messages":        {Batches{Rate: new(20.0), FixedMS: new(10.0), EachMS: new(50.0)}, 1, 2, 10, 4, "4 consumers"},
		"messages of a second": {Batches{Rate: new(1.0), FixedMS: new(100.0), EachMS: new(2000.0)}, 1, 2, 20, 7, "= 20 s"},
		// A consumer carries 160 ÷ 40 ms = 4000 a second, and 500 of them are new.
		"some wait":               {Batches{Rate: new(100.0), PeakRate: new(500.0), FixedMS: new(8.0), EachMS: new(0.2), Backlog: new(7000.0)}, 160, 320, 10, 1, "at most, 7100, are done in 2 s"},
		"next to nothing":         {Batches{Rate: new(0.0), FixedMS: new(1.0), EachMS: new(1.0)}, 4, 8, 10, 1, ""},
		"a message takes minutes": {Batches{Rate: new(0.1), FixedMS: new(1.0), EachMS: new(300_000.0)}, 1, 2, 600, 106, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := batchOf(&tt.of, 100)
			explained := strings.Join(b.Lines, "\n")
			if !b.Known || b.MaxMessages != tt.messages || b.MaxOutstanding != tt.outstanding || b.AckDeadline != tt.deadline || b.Consumers != tt.consumer ||
				!strings.Contains(explained, tt.line) {
				t.Errorf("got %+v\n%s", b, explained)
			}
		})
	}
	if b := batchOf(&Batches{Rate: new(1.0), EachMS: new(1.0)}, 100); b.Known || strings.Join(b.unknown, " ") != "batch_fixed_ms" {
		t.Errorf("%+v", b)
	}
	if batchOf(nil, 100) != nil {
		t.Error("a service without messages has batches")
	}
}

// Consumers carry the burst in no more than their part of the time, and what they hold is done within the deadline, unless one message
// takes longer than Pub/Sub waits.
func TestBatch_holds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		draw := func(what string, most float64) *float64 { return new(rapid.Float64Range(0, most).Draw(t, what)) }
		m, burst := Batches{Rate: draw("rate", 5000), FixedMS: draw("fixed", 500), EachMS: draw("each", 400)}, *draw("burst", 200)
		b := batchOf(&m, burst)
		taken := *m.FixedMS + float64(b.MaxMessages)**m.EachMS
		if carried := float64(b.Consumers*b.MaxMessages) * 1000 / taken * consumerUse; carried < *m.Rate*(1+burst/100)*(1-1e-9) {
			t.Fatalf("carries %g of %g: %+v", carried, *m.Rate*(1+burst/100), b)
		}
		if b.MaxMessages > 1 && taken > mostBatchMS || float64(b.AckDeadline)*1000 < 2*taken || b.MaxMessages > mostMessages || b.MaxMessages < 1 {
			t.Fatalf("%g ms: %+v", taken, b)
		}
	})
}

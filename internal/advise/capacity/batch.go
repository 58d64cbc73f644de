package capacity

import "fmt"

// What Pub/Sub sets to batches: the most messages of one pull, and an acknowledgement deadline's bounds.
const (
	mostMessages  = 1000
	leastDeadline = 10
	mostDeadline  = 600
)

// What a consumer is to be: in use for so large a part of the time, and no batch longer than that, as what fails in one is done
// again as a whole.
const (
	consumerUse    = 0.6
	fixedShare     = 0.2
	mostBatchMS    = 1000
	deadlineFactor = 3 // a batch that is three times as slow as usual is not delivered again
)

// Batch is how messages of a subscription are to be taken.
type Batch struct {
	MaxMessages    int64 // of a batch
	MaxOutstanding int64 // that one consumer has: what it works at, and what comes next
	AckDeadline    int64 // seconds
	Consumers      int64 // that carry the burst
	Known          bool
	Lines          []string
	unknown        []string
}

func (b *Batch) note(format string, args ...any) {
	b.Lines = append(b.Lines, fmt.Sprintf(format, args...))
}

// batchOf sizes batches: a batch of n takes a + n × b, so that one consumer carries n ÷ (a + n × b); what is fixed about a batch
// is shared by its messages.
func batchOf(m *Batches, burst float64) *Batch {
	if m == nil {
		return nil
	}
	out := &Batch{}
	rate := max(value(m.Rate, 0), value(m.PeakRate, 0))
	for _, figure := range []struct {
		name  string
		value *float64
	}{{"messages_per_second", m.Rate}, {"batch_fixed_ms", m.FixedMS}, {"message_ms", m.EachMS}} {
		if figure.value == nil && (figure.name != "messages_per_second" || m.PeakRate == nil) {
			out.unknown = append(out.unknown, figure.name)
		}
	}
	if len(out.unknown) > 0 {
		return out
	}
	out.Known = true
	peak, fixed, each := up(rate*(1+burst/100)), up(*m.FixedMS), up(*m.EachMS)
	out.note("messages: %s a second, with %s %% more for a while and a step more: %s; a batch of n takes %s + n × %s ms", shown(rate), shown(burst), shown(peak), shown(fixed), shown(each))
	// As long as a batch may be, it holds so many.
	longest := min(mostMessages, max(1, int64((mostBatchMS-fixed)/each)))
	carries := func(n int64) float64 { return float64(n) * 1000 / (fixed + float64(n)*each) }
	out.note("a batch of %d takes %s ms, so that a consumer carries %s a second; used for %d %% of the time: %s", longest, shown(fixed+float64(longest)*each),
		shown(carries(longest)), int(consumerUse*100), shown(carries(longest)*consumerUse))
	out.Consumers = max(1, ceil(peak/(carries(longest)*consumerUse)))
	// n ÷ (a + n × b) is to be what one consumer has to carry: n = r × a ÷ (1 − r × b).
	r := peak / float64(out.Consumers) / consumerUse / 1000
	needed := float64(longest)
	if rest := 1 - r*each; rest > 0 {
		needed = r * fixed / rest
	}
	// Beyond that, what an outage has left is done the sooner the less of a batch is fixed.
	thrifty := fixed / each * (1 - fixedShare) / fixedShare
	out.MaxMessages = min(longest, max(1, ceil(up(max(needed, thrifty)))))
	out.note("a batch needs %d to carry its part; from %d on, no more than %d %% of it is fixed, so that what has waited is done soon", max(1, ceil(needed)), max(1, ceil(thrifty)), int(fixedShare*100))
	taken := fixed + float64(out.MaxMessages)*each
	out.MaxOutstanding = 2 * out.MaxMessages
	if spare := float64(out.Consumers)*carries(out.MaxMessages) - rate; value(m.Backlog, 0) > 0 && spare > 0 {
		out.note("as many as have waited at most, %s, are done in %s s, while others come", shown(up(*m.Backlog)), shown(up(*m.Backlog/spare)))
	}
	// The last message that a consumer holds waits for a batch before its own.
	out.AckDeadline = min(mostDeadline, max(leastDeadline, 10*ceil(2*taken*deadlineFactor/1000/10)))
	out.note("%s: batches of %d, each %s ms; one more of them waits: %d messages outstanding", plural(out.Consumers, "consumer"), out.MaxMessages, shown(taken), out.MaxOutstanding)
	out.note("acknowledgement deadline: 2 batches × %s ms × %d, and %d s at least = %d s", shown(taken), deadlineFactor, leastDeadline, out.AckDeadline)
	return out
}

func plural(n int64, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

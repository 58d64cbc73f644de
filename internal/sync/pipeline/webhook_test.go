package pipeline_test

import (
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
)

// The status tells of the events that the pipeline names, of the last hour, and of what was applied at the first try.
func TestStatusOfTheWebhook(t *testing.T) {
	t.Parallel()
	r := newRig(t, 5, feed.Doctors)
	s, _ := r.instance()
	r.put(s, spec)
	if st, err := s.Status(t.Context(), "billing"); err != nil || st.Webhook != nil {
		t.Errorf("of no events: %+v, %v", st.Webhook, err)
	}
	wanting := spec
	wanting.WebhookEvents = []string{"LINE_ITEM_MODIFY"}
	r.put(s, wanting)
	if st, err := s.Status(t.Context(), "billing"); err != nil || st.Webhook == nil || st.Webhook.P95Ms != nil || st.Webhook.LastDelivery != nil || st.Webhook.Parked+st.Webhook.Pending != 0 {
		t.Errorf("of no deliveries: %+v, %v", st.Webhook, err)
	}
	add := func(n int, event, state, ago, took string, attempts int) {
		r.exec(`insert into august.inbox (delivery, digest, event, kind, key, lane, via, state, attempts, received_at, settled_at)
			select gen_random_uuid()::text, '', $2, '', '', 0, 'inbox', $3, $6, at, case when $3 <> 'pending' then at + $5::interval * n end
			from generate_series(1, $1) n cross join (select now() - $4::interval as at) m`, n, event, state, ago, took, attempts)
	}
	add(101, "LINE_ITEM_MODIFY", "applied", "10 minutes", "1 millisecond", 1)
	add(50, "LINE_ITEM_MODIFY", "applied", "3 hours", "1 second", 1)
	add(50, "LINE_ITEM_MODIFY", "applied", "30 minutes", "10 seconds", 2)
	add(50, "PATIENT_MODIFY", "applied", "30 minutes", "10 seconds", 1)
	add(50, "LINE_ITEM_MODIFY", "ignored", "30 minutes", "10 seconds", 1)
	add(3, "LINE_ITEM_MODIFY", "parked", "5 minutes", "1 second", 1)
	add(2, "PATIENT_MODIFY", "parked", "1 minute", "1 second", 1)
	add(4, "TASK_CREATE", "pending", "1 minute", "0", 0)
	st, err := s.Status(t.Context(), "billing")
	if err != nil {
		t.Fatal(err)
	}
	w := st.Webhook
	if w.P50Ms == nil || *w.P50Ms != 51 || *w.P95Ms != 96 || *w.P99Ms != 100 || w.Parked != 3 || w.Pending != 4 || w.LastDelivery == nil {
		t.Errorf("%+v", w)
	}
	if at := r.one(`select max(received_at) = $1 from august.inbox where event = 'LINE_ITEM_MODIFY'`, w.LastDelivery); at != "true" {
		t.Errorf("the last delivery came at %s", w.LastDelivery)
	}
}

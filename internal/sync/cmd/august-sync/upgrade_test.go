package main

import (
	"fmt"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

// While a rollout lasts, the revision before works on a schema that the new one has changed: it syncs, takes deliveries in
// and settles them, and so does one of its instances that starts only then.
func TestServe_besideANewerSchema(t *testing.T) {
	t.Parallel()
	b := setup(t, 10)
	next := localtest.NextRuntime(t, `
		alter table august.inbox add column next_release text not null default 'synthetic';
		alter table drchrono.patients add column next_release boolean not null default false;
		create table august.next_release (id bigint primary key);`)
	old := b.start("serve").ready()

	migrating := b.startAs(next, "migrate")
	<-migrating.done
	if migrating.err != nil {
		t.Fatalf("%v\n%s", migrating.err, migrating.log())
	}
	want, err := store.Schema()
	if err != nil {
		t.Fatal(err)
	}
	if have := b.query("select version::text from august.schema_version"); have != fmt.Sprint(want+1) {
		t.Fatalf("the schema has version %s, this build knows %d", have, want)
	}
	late := b.start("serve").ready()
	newer := b.startAs(next, "serve").ready()
	if _, err := b.client(old).PutPipeline(t.Context(), "billing", billing()); err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]*process{"the one before": old, "one before that starts late": late, "the next": newer} {
		tested, err := b.client(p).SelfTest(t.Context())
		if err != nil || len(tested.Failed()) > 0 {
			t.Errorf("%s: %+v, %v", name, tested, err)
		}
		if status := p.deliver("from "+name, "PATIENT_MODIFY", `{"id": 1}`); status != 200 {
			t.Errorf("%s answers a delivery with %d", name, status)
		}
	}
	old.until("the sync's end", func() bool {
		status, err := b.client(old).Status(t.Context(), "billing")
		return err == nil && status.LastFull != nil
	})
	for _, p := range []*process{old, late, newer} {
		p.stop()
	}
}

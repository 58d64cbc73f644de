package dataset_test

import (
	"context"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/dataset"
	"github.com/feel-august/terraform-provider-august/internal/bucket"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

// losing is a bucket with which something is lost as an object is opened.
type losing struct {
	bucket.Bucket
	opened atomic.Int64
	at     int64
	lose   func()
}

func (b *losing) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	if b.opened.Add(1) == b.at {
		b.lose()
	}
	return b.Bucket.Open(ctx, name)
}

// An import goes on at the standby that has taken over, after the last chunk that has come there.
func TestImport_failsOver(t *testing.T) {
	r := newRig(t)
	r.populate(1, 20)
	m := r.publish("one", 5)
	proxy, standby := pgtest.NewProxy(t, r.db), pgtest.NewStandby(t)
	s, err := open(proxy.Database())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	at := &losing{Bucket: r.bucket, at: 12, lose: func() {
		r.exec(r.root, `select pg_logical_emit_message(true, '', '')`) // a commit that waits for the standby, and those before it with it
		proxy.Refuse()
		standby.Promote()
		proxy.Lead(standby.Database(r.db))
		proxy.Heal()
	}}
	c := r.config("one")
	c.Pool, c.Bucket, c.Away, c.Workers = s.Pool(), at, store.Outage, 1
	result, err := dataset.Import(t.Context(), c)
	if err != nil || result.Unchanged {
		t.Fatalf("%+v, %v\n%s", result, err, r.log)
	}
	db := standby.Database(r.db)
	db.User, db.Password = "august", "august"
	r.root = connect(t, db.URL())
	if got := r.one(`select concat_ws(' ', (select count(*) from clinic.people), (select count(*) from clinic.visits), (select count(*) from august.dataset), (select count(*) from august.dataset_step))`); got != "20 60 1 0" {
		t.Errorf("people, visits, imports and steps: %s", got)
	}
	objects := 0
	for _, table := range m.Tables {
		objects += len(table.Objects)
	}
	if got := int(at.opened.Load()); got != 2+objects+1 || !strings.Contains(r.log.String(), "going on with an import that was not completed") {
		t.Errorf("%d objects were read; want the manifest twice, each of %d chunks, and the one that was under way again:\n%s", got, objects, r.log)
	}
}

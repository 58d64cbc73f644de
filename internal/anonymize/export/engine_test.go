package export

import (
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/identify"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
)

// What remembers the identifiers is large enough to tell strangers from them, whatever the size of the source, and is as
// large for a small one as for one of millions of rows.
func TestMemory(t *testing.T) {
	p := &policy.Policy{Tables: map[string]policy.Table{"a.b": {}}}
	of := func(rows int64) int {
		return memory(p, &catalog.Catalog{Tables: []catalog.Table{{Schema: "a", Name: "b", Rows: rows}, {Schema: "a", Name: "c", Rows: 1 << 40}}})
	}
	if of(0) != of(2_000_000) || of(1<<40) != mostMemory {
		t.Errorf("%d, %d and %d bytes", of(0), of(2_000_000), of(1<<40))
	}
	const rows = 8_000_000
	set := identify.New(of(rows))
	var id [8]byte
	for n := range rows {
		for i := range id {
			id[i] = byte('0' + n%10)
			n /= 10
		}
		set.Add(identify.Record, id[:])
	}
	if share := set.Strangers(identify.Record); share > 0.002 {
		t.Errorf("of strangers %.3f are taken for somebody", share)
	}
}

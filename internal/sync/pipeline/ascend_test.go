package pipeline_test

import (
	"testing"

	sandbox "github.com/feel-august/terraform-provider-august/internal/sandbox/drchrono"
)

// Past its end a list without a page count may repeat its last page. A page that is repeated by mistake is no end.
func TestAPageRepeatedOnceEndsNoList(t *testing.T) {
	r := newRig(t, 40, few...)
	r.server.Set(func(s *sandbox.Settings) { s.BulkNoPagination = []string{"line_items_list"} })
	r.server.AddFault(sandbox.Fault{Kind: sandbox.FaultRepeat, Endpoint: "line_items_list", Page: 3, Times: 1})
	s, _ := r.instance()
	r.put(s, spec)
	r.start(s)
	r.ended(s, "succeeded")
	if n := len(r.server.Faults()); n != 0 {
		t.Fatalf("%d faults have not struck", n)
	}
	r.equal()
}

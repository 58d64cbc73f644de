package main

import (
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/advise"
	"github.com/feel-august/terraform-provider-august/internal/sync/pipeline"
)

// A plan counts calls by a table of its own, because it may not know the runtime. They must agree.
func TestDatasetsAreAsAPlanCountsThem(t *testing.T) {
	t.Parallel()
	for name, dataset := range datasets() {
		table := map[string]advise.CallFeed{}
		for _, f := range advise.CallDatasets[name] {
			table[f.Name] = f
		}
		for i := range dataset.Feeds {
			own := pipeline.CallFeed(&dataset.Feeds[i])
			counted, ok := table[own.Name]
			own.Beyond = counted.Beyond // what the contract leaves open
			if !ok || own != counted {
				t.Errorf("%s: the runtime reads %+v, a plan counts %+v", name, own, counted)
			}
			delete(table, own.Name)
		}
		for feed := range table {
			t.Errorf("%s: a plan counts %s, which the runtime does not read", name, feed)
		}
	}
}

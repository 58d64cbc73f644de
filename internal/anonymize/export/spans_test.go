package export

import "testing"

// A table with others beside is cut only for a worker that would have to wait for it: PostgreSQL reads the others for each span.
func TestSpans(t *testing.T) {
	t.Parallel()
	joined := query{way: []hop{{}, {}}, hidden: []string{"id"}}
	for name, c := range map[string]struct {
		table *table
		want  int64
	}{
		"small":                    {&table{pages: 63}, 1},
		"of half a megabyte":       {&table{pages: 64}, 2},
		"large":                    {&table{pages: 901}, 10},
		"not by pages":             {&table{pages: 901, whole: true}, 1},
		"joined, one of many":      {&table{pages: 300, query: joined}, 1},
		"joined, more than others": {&table{pages: 400, query: joined}, 2},
		"joined, large":            {&table{pages: 901, query: joined}, 3},
		"key in the row":           {&table{pages: 300, query: query{way: joined.way[:1], hidden: joined.hidden}}, 3},
	} {
		if got := c.table.spans(100, 500); got != c.want {
			t.Errorf("%s: %d spans, not %d", name, got, c.want)
		}
	}
}

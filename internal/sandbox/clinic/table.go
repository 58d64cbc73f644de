package clinic

import (
	"sort"
	"sync"
	"time"
)

// table holds the rows of one kind in id order, dead ones included.
type table struct {
	rows    []*Row
	dead    int
	version int64

	cache  sync.Mutex // guards the orders, which readers build
	orders map[Order]ordered
}

type ordered struct {
	version int64
	rows    []*Row
}

// Order is an order of rows.
type Order int

// The orders that lists offer; each is completed by the id.
const (
	ByID Order = iota
	ByUpdated
	ByDate
)

// Value is the row's place in an order, before the id.
func (o Order) Value(r *Row) int64 {
	switch o {
	case ByUpdated:
		return r.Updated
	case ByDate:
		return r.Date
	default:
		return 0
	}
}

// View returns the live rows of a kind in id order, as they were lag ago. The slice is shared: do
// not change it.
func (c *Clinic) View(k Kind, lag time.Duration) []*Row { return c.Sorted(k, ByID, lag) }

// Sorted is View in another order.
func (c *Clinic) Sorted(k Kind, by Order, lag time.Duration) []*Row {
	c.mu.RLock()
	defer c.mu.RUnlock()
	t := c.tables[k]
	if t == nil {
		return nil
	}
	if lag > 0 {
		return order(t.lagged(c.clock().Add(-lag).UnixNano()), by)
	}
	if by == ByID && t.dead == 0 {
		return t.rows[:len(t.rows):len(t.rows)]
	}
	t.cache.Lock()
	defer t.cache.Unlock()
	if got, ok := t.orders[by]; ok && got.version == t.version {
		return got.rows
	}
	if t.orders == nil {
		t.orders = map[Order]ordered{}
	}
	rows := order(t.lagged(1<<62), by)
	t.orders[by] = ordered{t.version, rows}
	return rows
}

// lagged copies the rows as they stood at a moment.
func (t *table) lagged(at int64) []*Row {
	out := make([]*Row, 0, len(t.rows))
	for _, r := range t.rows {
		for r != nil && r.changed > at {
			r = r.prev
		}
		if r != nil && !r.dead {
			out = append(out, r)
		}
	}
	return out
}

func order(rows []*Row, by Order) []*Row {
	if by != ByID {
		sort.SliceStable(rows, func(i, j int) bool { return by.Value(rows[i]) < by.Value(rows[j]) })
	}
	return rows
}

// Find returns one live row, as it was lag ago.
func (c *Clinic) Find(k Kind, key string, lag time.Duration) (*Row, bool) {
	id, sub := ParseKey(key)
	c.mu.RLock()
	defer c.mu.RUnlock()
	t := c.tables[k]
	if t == nil || id == 0 {
		return nil, false
	}
	r := t.find(id, sub)
	for at := c.clock().Add(-lag).UnixNano(); lag > 0 && r != nil && r.changed > at; {
		r = r.prev
	}
	if r == nil || r.dead {
		return nil, false
	}
	return r, true
}

func (t *table) at(id int64, sub string) int {
	return sort.Search(len(t.rows), func(i int) bool { return compareID(t.rows[i], id, sub) >= 0 })
}

func (t *table) find(id int64, sub string) *Row {
	if i := t.at(id, sub); i < len(t.rows) && compareID(t.rows[i], id, sub) == 0 {
		return t.rows[i]
	}
	return nil
}

// put sets a row in its place. Readers may hold the old slice, so it is copied, never written.
func (t *table) put(r *Row) {
	i := t.at(r.ID, r.Sub)
	if i < len(t.rows) && compareID(t.rows[i], r.ID, r.Sub) == 0 {
		old := t.rows[i]
		if old.dead {
			t.dead--
		}
		r.prev = old
		if old.prev != nil && r.changed-old.changed > int64(time.Minute) {
			old.prev = nil // no read lag reaches that far
		}
		rows := append([]*Row(nil), t.rows...)
		rows[i] = r
		t.rows = rows
	} else {
		rows := make([]*Row, 0, len(t.rows)+1)
		rows = append(rows, t.rows[:i]...)
		rows = append(rows, r)
		t.rows = append(rows, t.rows[i:]...)
	}
	if r.dead {
		t.dead++
	}
	t.version++
}

package drchrono_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/drchrono"
)

// Readers page through lists that change under them: rows that stay are never missed or doubled.
func TestReadersAndEditors(t *testing.T) {
	r := newRig(t)
	r.server.Set(func(s *drchrono.Settings) { s.PageCaps = map[string]int{"transactions": 100} })
	rows := r.clinic.View(clinic.Transactions, 0)
	stop := make(chan struct{})
	var editors, readers sync.WaitGroup
	editors.Go(func() {
		for i := range 2000 { // bounded: the list must have an end
			select {
			case <-stop:
				return
			default:
			}
			if err := r.clinic.Edit(clinic.Transactions, rows[i%len(rows)].Key(), clinic.Object{"trace_number": fmt.Sprint("T", i)}); err != nil {
				t.Error(err)
				return
			}
			if _, err := r.clinic.Add(clinic.Transactions, clinic.Object{"ins_paid": "1.00"}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 3 {
		readers.Go(func() {
			seen := map[float64]int{}
			for _, o := range r.all("/api/transactions") {
				seen[o["id"].(float64)]++
			}
			for _, row := range rows {
				if seen[float64(row.ID)] != 1 {
					t.Errorf("transaction %d was read %d times", row.ID, seen[float64(row.ID)])
				}
			}
			if got, _, _ := r.do(http.MethodPost, "/api/transactions_list?order_by=updated_at", nil); got != 201 {
				t.Errorf("bulk: %d", got)
			}
		})
	}
	readers.Wait()
	close(stop)
	editors.Wait()
}

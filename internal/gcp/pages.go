package gcp

import (
	"context"
	"iter"
	"time"
)

// pageBudget is how long a page is asked for again.
const pageBudget = 3 * time.Second

// Pages goes through a list that a server gives page by page, and asks for no more pages than are looked at. After an error
// there is nothing more.
func Pages[T any](ctx context.Context, page func(ctx context.Context, token string) (items []T, next string, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for token := ""; ; {
			var items []T
			var next string
			err := Retry(ctx, pageBudget, func(ctx context.Context) (err error) {
				items, next, err = page(ctx, token)
				return err
			}, Throttled, Transient, Unavailable)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			token = next
		}
	}
}

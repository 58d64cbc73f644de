package drchrono

import "context"

// Class is how urgent a call is. When calls wait for the budget, those of a lower number go first.
type Class uint8

// Classes of calls.
const (
	Interactive Class = iota // somebody, or a delivery, waits for it: reads by id after a webhook, verification
	Scheduled                // an ordinary run: what is new since the last one
	Backfill                 // a full sweep, which may take hours and leaves a share of each hour to the others
)

type classKey struct{}

// WithClass marks the calls made under the context. A call without a mark is Interactive.
func WithClass(ctx context.Context, c Class) context.Context {
	return context.WithValue(ctx, classKey{}, c)
}

// ClassOf is the class of the calls made under the context.
func ClassOf(ctx context.Context) Class {
	c, _ := ctx.Value(classKey{}).(Class)
	return c
}

package audit

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/jackc/pgx/v5"
)

// Kinds of sources.
const (
	KindRun     = "run"
	KindWebhook = "webhook"
	KindControl = "control"
	KindCommand = "command"
	KindKeeper  = "keeper" // housekeeping of the trail itself
	KindSQL     = "sql"    // a session that said nothing: a hand on the database
)

// Source is what a change is made for. A transaction says it by settings of its own, which end with it; the triggers
// that write the entries read them. It is the session's word: the entry's actor is the server's.
type Source struct {
	Kind string
	ID   string // number of the run, e-mail of the control API's caller, name of the command

	// Deliveries names, by the key of a row, the delivery of the webhook that brings it. They hold for the statements
	// that follow: whoever merges into several tables sets them before each.
	Deliveries map[string]string
}

// Run is a run as a source.
func Run(id int64) Source { return Source{Kind: KindRun, ID: strconv.FormatInt(id, 10)} }

const qSet = `select set_config('august.audit_source', $1, true), set_config('august.audit_id', $2, true), set_config('august.audit_deliveries', $3, true)`

func (s Source) args() []any {
	deliveries := ""
	if len(s.Deliveries) > 0 {
		raw, _ := json.Marshal(s.Deliveries) // strings always encode
		deliveries = string(raw)
	}
	return []any{s.Kind, s.ID, deliveries}
}

// Set says what the rest of the transaction is for.
func (s Source) Set(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, qSet, s.args()...)
	return err
}

// Queue does the same in a batch of the transaction, before the statements that it is about.
func (s Source) Queue(b *pgx.Batch) { b.Queue(qSet, s.args()...) }

type sourceKey struct{}

// With makes a context whose work is done for s.
func With(ctx context.Context, s Source) context.Context {
	return context.WithValue(ctx, sourceKey{}, s)
}

// From is the source of a context, the zero Source without one.
func From(ctx context.Context) Source {
	s, _ := ctx.Value(sourceKey{}).(Source)
	return s
}

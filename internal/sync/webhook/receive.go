package webhook

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/metric"
	"golang.org/x/time/rate"
)

// Path is where DrChrono sends deliveries, and asks for proof that they will be understood.
const Path = "/webhooks/drchrono"

// unconfigured is the answer while no secret is known: DrChrono tries again, for seven hours.
const unconfigured = "this webhook is not set up yet"

// Config is what a receiver is made of.
type Config struct {
	Secret   string // the webhook's; empty: every delivery is put off until there is one
	Next     string // accepted as well, while a rotation is under way
	NoVerify bool   // answer no proofs

	Pool   *pgxpool.Pool // of one connection, which is the inbox's own
	Beside *pgxpool.Pool // for what must not hold the inbox up
	MaxMB  int           // of what may wait in the inbox

	Topic    string // projects/p/topics/t; empty: the inbox takes everything
	Endpoint string // of Pub/Sub; see DialOptions

	Notify func() // called after deliveries were written to the inbox; must not wait. May be nil
	Log    *slog.Logger
	Meter  metric.Meter
}

// Receiver takes deliveries in.
type Receiver struct {
	secret   []string
	secrets  secrets
	proof    http.Handler
	pubsub   *publisher // nil: none
	inbox    *inbox
	flight   inFlight
	refusals *rate.Limiter
	meters   *meters
	log      *slog.Logger
	unset    sync.Once // said that there is no secret
}

// New makes a receiver. It connects to nothing yet.
func New(ctx context.Context, cfg Config) (*Receiver, error) {
	log := cfg.Log.With("part", "webhook")
	r := &Receiver{
		secret: []string{cfg.Secret, cfg.Next}, secrets: newSecrets(cfg.Secret, cfg.Next), proof: http.NotFoundHandler(),
		flight: newInFlight(), refusals: newRefusals(), log: log,
	}
	if !cfg.NoVerify {
		r.proof = newHandshake(cfg.Secret)
	}
	if cfg.Topic != "" {
		var err error
		if r.pubsub, err = newPublisher(ctx, cfg.Topic, cfg.Endpoint, log); err != nil {
			return nil, err
		}
	}
	var err error
	if r.meters, err = newMeters(cfg.Meter, r); err != nil {
		return nil, err
	}
	notify := cfg.Notify
	if notify == nil {
		notify = func() {}
	}
	r.inbox = newInbox(context.WithoutCancel(ctx), cfg.Pool, &quota{pool: cfg.Beside, most: int64(cfg.MaxMB) << 20, log: log}, notify, log, r.meters)
	return r, nil
}

// Mount serves the webhook's path.
func (r *Receiver) Mount(mux *http.ServeMux) {
	mux.Handle("GET "+Path, r.proof)
	mux.HandleFunc("POST "+Path, r.receive)
}

// Receives tells whether deliveries can be made durable while the database is away.
func (r *Receiver) Receives() bool { return r.pubsub != nil && !r.pubsub.breaker.open() }

// Close ends the receiver, after the server that it is mounted on.
func (r *Receiver) Close() error {
	r.inbox.close()
	if r.pubsub == nil {
		return nil
	}
	return r.pubsub.close()
}

// receive answers a delivery: 200 once it is durable, and never because of what it says.
func (r *Receiver) receive(w http.ResponseWriter, req *http.Request) {
	began := time.Now()
	event := req.Header.Get("X-Drchrono-Event")
	status, outcome := r.answer(w, req, event, began)
	r.meters.note(req.Context(), event, outcome, began)
	switch status {
	case http.StatusOK:
		w.WriteHeader(status)
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "5")
		refuse(w, status, "not now; send it again")
	case http.StatusTooManyRequests:
		w.Header().Set("Connection", "close") // its body is not even read away
		fallthrough
	default:
		refuse(w, status, http.StatusText(status))
	}
}

func (r *Receiver) answer(w http.ResponseWriter, req *http.Request, event string, began time.Time) (status int, outcome string) {
	if !r.secrets.accept(req.Header.Get("X-Drchrono-Signature")) {
		switch {
		case !r.refusals.Allow():
			return http.StatusTooManyRequests, outcomeLimited
		case len(r.secrets) == 0:
			r.unset.Do(func() {
				r.log.Error("a delivery came, and there is nothing to check it against: set AUGUST_DRCHRONO_WEBHOOK_SECRET to the webhook's secret token")
			})
			return http.StatusServiceUnavailable, outcomeUnavailable
		default:
			return http.StatusUnauthorized, outcomeRefused
		}
	}
	if event == Ping {
		return http.StatusOK, outcomePing
	}
	if req.ContentLength > mostBody {
		return http.StatusRequestEntityTooLarge, outcomeTooLarge
	}
	leave := r.flight.enter(req.ContentLength)
	if leave == nil {
		return http.StatusServiceUnavailable, outcomeUnavailable
	}
	defer leave()
	body, err := read(w, req)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return http.StatusRequestEntityTooLarge, outcomeTooLarge
	case err != nil:
		return http.StatusBadRequest, outcomeIncomplete
	}
	d := Parse(req.Header.Get("X-Drchrono-Delivery"), event, body, began, r.secret...)
	// A sender that hangs up meanwhile has sent it all the same.
	if outcome = r.keep(context.WithoutCancel(req.Context()), d); outcome == outcomeUnavailable {
		return http.StatusServiceUnavailable, outcome
	}
	r.log.Debug("received", "delivery", d.ID, "outcome", outcome)
	return http.StatusOK, outcome
}

// read reads a body of at most mostBody bytes.
func read(w http.ResponseWriter, req *http.Request) ([]byte, error) {
	limited := http.MaxBytesReader(w, req.Body, mostBody)
	if req.ContentLength >= 0 {
		body := make([]byte, req.ContentLength)
		_, err := io.ReadFull(limited, body)
		return body, err
	}
	var body bytes.Buffer
	_, err := body.ReadFrom(limited)
	return body.Bytes(), err
}

// keep makes a delivery durable: in Pub/Sub, else in the inbox. When both fail Pub/Sub has the last word, for it may
// have been passed over or be back by now.
func (r *Receiver) keep(ctx context.Context, d Delivery) (outcome string) {
	if r.pubsub != nil && r.pubsub.publish(ctx, d, false) == nil {
		return outcomePubSub
	}
	fresh, err := r.inbox.put(ctx, d)
	switch {
	case err == nil && fresh:
		return outcomeInbox
	case err == nil:
		return outcomeDuplicate
	case r.pubsub != nil && r.pubsub.publish(ctx, d, true) == nil:
		return outcomePubSub
	default:
		return outcomeUnavailable
	}
}

// refuse answers with one line, for a person who looks at DrChrono's log.
func refuse(w http.ResponseWriter, status int, why string) {
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, why, status)
}

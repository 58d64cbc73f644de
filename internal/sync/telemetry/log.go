// Package telemetry is how the runtime tells what it does: logs as Cloud Logging wants them, with
// nothing in them that must not leave, and metrics for Prometheus.
package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// NewLogger makes a logger that writes JSON lines with Cloud Logging's own field names. The project
// is where traces are; without one, lines carry none.
func NewLogger(w io.Writer, level slog.Leveler, project string) *slog.Logger {
	return slog.New(&handler{
		Handler: slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: replace}),
		project: project,
	})
}

// handler adds the request's trace to each line.
type handler struct {
	slog.Handler
	project string
}

type traceKey struct{}

var traceForm = regexp.MustCompile(`^([0-9a-f]{32})(?:/([0-9]{1,20}))?(?:;o=[0-9])?$`)

// WithTrace notes the trace of a request, from the header X-Cloud-Trace-Context. A header in
// another form is ignored: it is a caller's text.
func WithTrace(ctx context.Context, header string) context.Context {
	if found := traceForm.FindStringSubmatch(header); found != nil {
		return context.WithValue(ctx, traceKey{}, found[1])
	}
	return ctx
}

func (h *handler) Handle(ctx context.Context, record slog.Record) error {
	if trace, ok := ctx.Value(traceKey{}).(string); ok && h.project != "" {
		record = record.Clone()
		record.AddAttrs(slog.String("logging.googleapis.com/trace", "projects/"+h.project+"/traces/"+trace))
	}
	return h.Handler.Handle(ctx, record)
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &handler{Handler: h.Handler.WithAttrs(attrs), project: h.project}
}

func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{Handler: h.Handler.WithGroup(name), project: h.project}
}

const redacted = "[redacted]"

// forbidden are the parts of names whose values never reach a log, whoever passes them. It is the
// last defence; no caller should rely on it.
var forbidden = []string{
	"authorization", "cookie", "credential", "header", "password", "secret", "signature", "token",
	"body", "payload", "query", "raw",
	"patient", "birth", "ssn", "social_security", "first_name", "last_name", "email", "phone",
	"chart_id", "member_id", "id_number", "diagnos", "icd10", "notes",
}

func isForbidden(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(forbidden, func(part string) bool { return strings.Contains(name, part) })
}

func replace(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 {
		switch a.Key {
		case slog.TimeKey:
			if a.Value.Kind() == slog.KindTime {
				return slog.String(slog.TimeKey, a.Value.Time().UTC().Format(time.RFC3339Nano))
			}
		case slog.LevelKey:
			return slog.String("severity", severity(a.Value))
		case slog.MessageKey:
			return slog.Attr{Key: "message", Value: a.Value}
		}
	}
	if isForbidden(a.Key) || slices.ContainsFunc(groups, isForbidden) {
		return slog.String(a.Key, redacted)
	}
	switch a.Value.Kind() {
	case slog.KindDuration:
		return slog.String(a.Key, a.Value.Duration().String())
	case slog.KindAny:
		return slog.Attr{Key: a.Key, Value: plain(a.Value.Any())}
	default:
		return a
	}
}

func severity(v slog.Value) string {
	level, ok := v.Any().(slog.Level)
	switch {
	case !ok || level < slog.LevelInfo:
		return "DEBUG"
	case level < slog.LevelWarn:
		return "INFO"
	case level < slog.LevelError:
		return "WARNING"
	default:
		return "ERROR"
	}
}

// plain looks into a value for forbidden names.
func plain(v any) slog.Value {
	switch v := v.(type) {
	case error:
		return slog.StringValue(ErrorText(v))
	case fmt.Stringer:
		return slog.StringValue(v.String())
	case nil:
		return slog.AnyValue(nil)
	}
	encoded, err := json.Marshal(v)
	if err != nil {
		return slog.StringValue(fmt.Sprintf("[%T]", v))
	}
	var tree any
	if json.Unmarshal(encoded, &tree) != nil {
		return slog.StringValue(fmt.Sprintf("[%T]", v))
	}
	return slog.AnyValue(scrub(tree))
}

func scrub(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			if isForbidden(name) {
				v[name] = redacted
			} else {
				v[name] = scrub(value)
			}
		}
	case []any:
		for i, value := range v {
			v[i] = scrub(value)
		}
	}
	return v
}

// ErrorText is the error's text without data of the database in it: PostgreSQL quotes the value
// that it could not read, and that value may be a patient's.
func ErrorText(err error) string {
	text := err.Error()
	var pg *pgconn.PgError
	if errors.As(err, &pg) && strings.HasPrefix(pg.Code, "22") {
		safe := fmt.Sprintf("%s: a value does not fit (SQLSTATE %s)", pg.Severity, pg.Code)
		if pg.TableName != "" || pg.ColumnName != "" {
			safe += " in " + strings.Trim(pg.TableName+"."+pg.ColumnName, ".")
		}
		text = strings.ReplaceAll(text, pg.Error(), safe)
		if pg.Message != "" {
			text = strings.ReplaceAll(text, pg.Message, redacted)
		}
	}
	return text
}

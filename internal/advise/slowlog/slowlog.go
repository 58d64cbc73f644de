// Package slowlog reads PostgreSQL's log of slow statements: from standard error, as CSV or JSON, and as Cloud Logging has it. What
// statements had as values stays in memory, for planning; nothing that is printed has any.
package slowlog

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Options is how the server logs.
type Options struct {
	Prefix   string        // log_line_prefix, of standard error and Cloud Logging; Cloud SQL's when empty
	Database string        // whose statements are read; all when empty
	Always   time.Duration // log_min_duration_statement; below zero: off
	Sampled  time.Duration // log_min_duration_sample; below zero: off
	Rate     float64       // log_statement_sample_rate; 0 counts as 1
}

// Never is the duration of what is off.
const Never = time.Duration(-1)

// CloudSQL is the prefix of Cloud SQL's lines.
const CloudSQL = "%m [%p]: [%l-1] db=%d,user=%u "

// most distinct texts are kept, and bytes of them: with literals in it each call has a text of its own.
const (
	mostTexts    = 10_000
	mostBytes    = 32 << 20
	mostDraws    = 64
	mostSessions = 2000
)

// Log is what a log had. It may be read from several sources, one after the other.
type Log struct {
	opt     Options
	prefix  *regexp.Regexp
	calls   map[origin]*call
	order   []origin
	bytes   int
	open    map[session]*last
	stopped *record         // the last of standard error, which may go on
	more    strings.Builder // its further lines

	From, To time.Time // of what was read
	Dropped  int       // calls that there was no room for
}

type origin struct{ role, text string }

// call is all calls of one text.
type call struct {
	calls, seconds float64
	draws          []draw
}

// draw is the values of one call, as they were logged.
type draw struct {
	params map[int]*string // nil: NULL
	weight float64
}

// session is a server process, at work for one client.
type session struct{ pid, id string }

// last is what a session did last. What follows may tell more of it, and so it is counted when the session goes on.
type last struct {
	origin origin
	ms     float64
	timed  bool // else its duration is still to come
	fetch  bool // more rows of a call that was counted
	params map[int]*string
}

// record is an entry of the log, in whichever format.
type record struct {
	at                       time.Time
	session                  session
	role, database, severity string
	message, detail          string
}

// New makes an empty log.
func New(opt Options) *Log {
	if opt.Prefix == "" {
		opt.Prefix = CloudSQL
	}
	if opt.Rate <= 0 || opt.Rate > 1 {
		opt.Rate = 1
	}
	return &Log{opt: opt, prefix: prefix(opt.Prefix), calls: map[origin]*call{}, open: map[session]*last{}}
}

var (
	duration = regexp.MustCompile(`(?s)^duration: (\d+(?:\.\d+)?) ms(?:  (statement|parse|bind|execute)(?: ([^:]*))?: (.*))?$`)
	before   = regexp.MustCompile(`(?s)^(statement|execute)(?: ([^:]*))?: (.*)$`)
	prepared = regexp.MustCompile(`(?is)^prepare: prepare\s+(?:"[^"]*"|\S+?)\s*(?:\([^)]*\))?\s+AS\s+(.*)$`)
)

// take takes a record in.
func (l *Log) take(r record) {
	if !r.at.IsZero() && (l.From.IsZero() || r.at.Before(l.From)) {
		l.From = r.at
	}
	if r.at.After(l.To) {
		l.To = r.at
	}
	if l.opt.Database != "" && r.database != "" && r.database != l.opt.Database {
		return
	}
	at := l.open[r.session]
	switch r.severity {
	case "LOG":
	case "DETAIL":
		if at != nil && at.timed {
			at.detail(r.message)
		}
		return
	default:
		return
	}
	m := duration.FindStringSubmatch(r.message)
	if m == nil {
		if m = before.FindStringSubmatch(r.message); m != nil {
			l.settle(r.session)
			l.open[r.session] = &last{origin: origin{r.role, m[3]}, fetch: strings.HasPrefix(m[2], "fetch from ")}
		}
		return
	}
	ms, err := strconv.ParseFloat(m[1], 64)
	switch {
	case err != nil, m[2] == "parse", m[2] == "bind": // of a call whose execution is logged when that takes long
	case m[2] != "":
		l.settle(r.session)
		at = &last{origin: origin{r.role, m[4]}, ms: ms, timed: true, fetch: strings.HasPrefix(m[3], "fetch from ")}
		at.detail(r.detail)
		l.open[r.session] = at
	case at != nil && !at.timed: // of the statement that was logged before
		at.ms, at.timed = ms, true
	}
}

// detail reads what belongs to a call: its parameters, or the statement that EXECUTE executes.
func (at *last) detail(text string) {
	if p := prepared.FindStringSubmatch(text); p != nil {
		at.origin.text = p[1]
	} else if params := parameters(text); params != nil {
		at.params = params
	}
}

// settle counts what a session did last.
func (l *Log) settle(s session) {
	if at := l.open[s]; at != nil && at.timed {
		weight := l.weight(at.ms)
		if c := l.count(at.origin, at.ms/1000, weight, at.fetch); c != nil && at.params != nil && len(c.draws) < mostDraws {
			c.draws = append(c.draws, draw{at.params, weight})
		}
	}
	delete(l.open, s)
	for other := range l.open { // sessions that have ended are not heard of again
		if len(l.open) < mostSessions {
			break
		}
		l.settle(other)
	}
}

// weight is how many calls one that was logged stands for.
func (l *Log) weight(ms float64) float64 {
	took := time.Duration(ms * float64(time.Millisecond))
	if l.opt.Always >= 0 && took >= l.opt.Always || l.opt.Sampled < 0 || took < l.opt.Sampled {
		return 1
	}
	return 1 / l.opt.Rate
}

func (l *Log) count(o origin, seconds, weight float64, fetch bool) *call {
	c := l.calls[o]
	if c == nil {
		if len(l.calls) >= mostTexts || l.bytes+len(o.text) > mostBytes {
			l.Dropped++
			return nil
		}
		c = &call{}
		l.calls[o] = c
		l.order = append(l.order, o)
		l.bytes += len(o.text)
	}
	c.seconds += seconds * weight
	if !fetch {
		c.calls += weight
	}
	return c
}

// parameters reads what bind parameters are logged as: "parameters: $1 = '42', $2 = NULL". What cannot be read is none.
func parameters(detail string) map[int]*string {
	_, rest, ok := strings.Cut(detail, "arameters: ")
	if !ok || len(detail)-len(rest) > len("parameters: ") {
		return nil
	}
	all := map[int]*string{}
	for rest != "" {
		name, after, ok := strings.Cut(rest, " = ")
		n, err := strconv.Atoi(strings.TrimPrefix(name, "$"))
		if !ok || err != nil || n < 1 || n > 65535 {
			return nil
		}
		if next, null := strings.CutPrefix(after, "NULL"); null {
			all[n], rest = nil, next
		} else {
			value, next, ok := unquote(after)
			if !ok {
				return nil
			}
			all[n], rest = &value, next
		}
		if rest != "" {
			if rest, ok = strings.CutPrefix(rest, ", "); !ok {
				return nil
			}
		}
	}
	return all
}

// unquote takes a quoted value off, in which quotes are doubled.
func unquote(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, "'") {
		return "", "", false
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] != '\'' {
			b.WriteByte(s[i])
			continue
		}
		if i+1 == len(s) || s[i+1] != '\'' {
			return b.String(), s[i+1:], true
		}
		b.WriteByte('\'')
		i++
	}
	return "", "", false
}

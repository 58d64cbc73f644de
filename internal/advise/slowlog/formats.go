package slowlog

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// longestLine is what is read of a line; what is behind is not.
const longestLine = 1 << 20

// Stderr reads lines as PostgreSQL writes them to standard error.
func (l *Log) Stderr(in io.Reader) error {
	r := bufio.NewReaderSize(in, 64<<10)
	for {
		line, err := readLine(r)
		if line != "" || err == nil {
			l.line(time.Time{}, line)
		}
		if errors.Is(err, io.EOF) {
			l.flush()
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func readLine(r *bufio.Reader) (string, error) {
	var b strings.Builder
	for {
		part, more, err := r.ReadLine()
		if b.Len()+len(part) <= longestLine {
			b.Write(part)
		}
		if err != nil || !more {
			return b.String(), err
		}
	}
}

// Entry reads an entry of Cloud Logging: its time and textPayload, which may have many lines, or go on in the next entry.
func (l *Log) Entry(at time.Time, text string) {
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		l.line(at, line)
	}
}

// line takes one line in: the beginning of a record, or more of the one before.
func (l *Log) line(at time.Time, line string) {
	m := l.prefix.FindStringSubmatch(line)
	if m == nil {
		if l.stopped != nil && len(l.stopped.message)+l.more.Len()+len(line) <= longestLine {
			l.more.WriteByte('\n')
			l.more.WriteString(strings.TrimPrefix(line, "\t"))
		}
		return
	}
	l.flush()
	r := &record{at: at}
	for i, name := range l.prefix.SubexpNames() {
		switch name {
		case "pid":
			r.session.pid = m[i]
		case "session":
			r.session.id = m[i]
		case "role":
			r.role = m[i]
		case "database":
			r.database = m[i]
		case "severity":
			r.severity = m[i]
		case "message":
			r.message = m[i]
		case "at":
			if r.at.IsZero() {
				r.at = moment(m[i])
			}
		}
	}
	l.stopped = r
}

func (l *Log) flush() {
	if l.stopped != nil {
		l.stopped.message = strings.TrimRight(l.stopped.message+l.more.String(), "\n")
		l.take(*l.stopped)
		l.stopped = nil
		l.more.Reset()
	}
}

// CSV reads what log_destination = csvlog writes.
func (l *Log) CSV(in io.Reader) error {
	r := csv.NewReader(in)
	r.FieldsPerRecord, r.LazyQuotes, r.ReuseRecord = -1, true, true
	for {
		f, err := r.Read()
		var odd *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &odd), err == nil && len(f) < 15:
			continue // the end of one that is cut off
		case err != nil:
			return err
		}
		l.take(record{
			at: moment(f[0]), role: strings.Clone(f[1]), database: strings.Clone(f[2]), session: session{strings.Clone(f[3]), strings.Clone(f[5])},
			severity: f[11], message: strings.Clone(f[13]), detail: strings.Clone(f[14]),
		})
	}
}

// JSON reads what log_destination = jsonlog writes.
func (l *Log) JSON(in io.Reader) error {
	r := bufio.NewReaderSize(in, 64<<10)
	for {
		line, err := readLine(r)
		var f struct {
			Timestamp, User, DBName, Message, Detail string
			PID                                      int
			Session                                  string `json:"session_id"`
			Severity                                 string `json:"error_severity"`
		}
		if json.Unmarshal([]byte(line), &f) == nil {
			l.take(record{
				at: moment(f.Timestamp), role: f.User, database: f.DBName, session: session{strconv.Itoa(f.PID), f.Session},
				severity: f.Severity, message: f.Message, detail: f.Detail,
			})
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// moment reads a time as PostgreSQL logs it; the zone by its name, of which only UTC is sure.
func moment(s string) time.Time {
	for _, layout := range []string{"2006-01-02 15:04:05.999 MST", "2006-01-02 15:04:05.999 -07"} {
		if at, err := time.Parse(layout, s); err == nil {
			return at.UTC()
		}
	}
	if n, err := strconv.ParseFloat(s, 64); err == nil && n > 0 && n < 1e11 {
		return time.UnixMilli(int64(n * 1000)).UTC()
	}
	return time.Time{}
}

// escapes are those of log_line_prefix, as they look.
var escapes = map[byte]string{
	'a': `.*?`, 'u': `(?P<role>.*?)`, 'd': `(?P<database>.*?)`, 'r': `.*?`, 'h': `.*?`, 'L': `.*?`, 'b': `.*?`, 'p': `(?P<pid>\d+)`, 'P': `\d*`,
	't': `(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+)`, 'm': `(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ \S+)`, 'n': `(?P<at>\d+\.\d+)`,
	'i': `.*?`, 'e': `[0-9A-Z]{5}`, 'c': `(?P<session>[0-9a-f]+\.[0-9a-f]+)`, 'l': `\d+`, 's': `\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+`, 'v': `\S*?`, 'x': `\d+`, 'Q': `-?\d+`,
	'q': ``, '%': `%`,
}

var escape = regexp.MustCompile(`%(-?\d*)([a-zA-Z%])`)

// prefix is what a line begins with, as a pattern.
func prefix(format string) *regexp.Regexp {
	var b strings.Builder
	seen := map[string]bool{}
	rest := format
	for rest != "" {
		at := escape.FindStringSubmatchIndex(rest)
		if at == nil {
			b.WriteString(regexp.QuoteMeta(rest))
			break
		}
		b.WriteString(regexp.QuoteMeta(rest[:at[0]]))
		what := escapes[rest[at[4]]]
		if name := group.FindStringSubmatch(what); name != nil {
			if seen[name[1]] {
				what = strings.Replace(what, "?P<"+name[1]+">", "?:", 1)
			}
			seen[name[1]] = true
		}
		if at[2] != at[3] { // padded
			what = ` *` + what + ` *`
		}
		b.WriteString(what)
		rest = rest[at[1]:]
	}
	return regexp.MustCompile(`(?s)^` + strings.TrimSuffix(b.String(), " ") + ` ?(?P<severity>LOG|DETAIL|ERROR|FATAL|PANIC|WARNING|NOTICE|INFO|DEBUG\d?|STATEMENT|HINT|CONTEXT|QUERY|LOCATION|BACKTRACE):  (?P<message>.*)$`)
}

var group = regexp.MustCompile(`\?P<(\w+)>`)

// Package logging is a thin client of the Cloud Logging API: what an execution of a job has written, and what a database logs.
package logging

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/api/logging/v2"
	"google.golang.org/api/option"

	"github.com/feel-august/terraform-provider-august/internal/gcp"
)

// Role lets somebody read logs.
const Role = "roles/logging.viewer"

// Client calls the Cloud Logging API.
type Client struct {
	api *logging.Service

	// Late is how long a log may be on its way: what a process writes last is seen some seconds after it has ended.
	Late time.Duration
	// Every is the pause between two looks.
	Every time.Duration
}

// New makes a client. It dials nothing.
func New(ctx context.Context, options ...option.ClientOption) (*Client, error) {
	api, err := logging.NewService(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("cloud logging client: %w", err)
	}
	return &Client{api, 20 * time.Second, 2 * time.Second}, nil
}

// Entry is a line of a log: its message, and the fields beside it.
type Entry struct {
	Message string
	Fields  map[string]any
}

// noise are fields that say where a line comes from, not what happened.
var noise = regexp.MustCompile(`^(component|service|version|revision|serviceContext|trace|span_?id|error_id|job|pid)$|/|\.`)

// String is the entry in a line, with what is beside its message.
func (e Entry) String() string {
	var b strings.Builder
	b.WriteString(e.Message)
	for _, name := range slices.Sorted(maps.Keys(e.Fields)) {
		switch v := e.Fields[name].(type) {
		case string, float64, bool:
			if !noise.MatchString(name) {
				fmt.Fprintf(&b, ", %s %v", name, v)
			}
		}
	}
	return b.String()
}

// Errors is what an execution of a job has written at the severity ERROR and above, in order, up to a number of entries. It
// waits a while for the first, and until no more come: lines that were written together need not be seen together.
func (c *Client) Errors(ctx context.Context, execution string, most int64) ([]Entry, error) {
	parts := strings.Split(execution, "/")
	if len(parts) != 8 {
		return nil, fmt.Errorf("%q is no execution", execution)
	}
	request := &logging.ListLogEntriesRequest{
		ResourceNames: []string{"projects/" + parts[1]},
		Filter: fmt.Sprintf(`resource.type = "cloud_run_job" AND resource.labels.job_name = %s AND resource.labels.location = %s AND labels."run.googleapis.com/execution_name" = %s AND severity >= ERROR`,
			strconv.Quote(parts[5]), strconv.Quote(parts[3]), strconv.Quote(path.Base(execution))),
		OrderBy: "timestamp asc", PageSize: most,
	}
	var found []*logging.LogEntry
	until := time.Now().Add(c.Late)
	err := gcp.Poll(ctx, c.Every, func(ctx context.Context) (bool, error) {
		answer, err := c.api.Entries.List(request).Context(ctx).Do()
		if err != nil {
			return false, err
		}
		before := len(found)
		found = answer.Entries
		return len(found) > 0 && len(found) == before || time.Now().After(until), nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the log of %s: %w", execution, err)
	}
	var all []Entry
	for _, e := range found {
		entry := Entry{Message: strings.TrimSpace(e.TextPayload)}
		if json.Unmarshal(e.JsonPayload, &entry.Fields) == nil {
			if message, ok := entry.Fields["message"].(string); ok {
				entry.Message = message
				delete(entry.Fields, "message")
			}
		}
		all = append(all, entry)
	}
	return all, nil
}

// Line is an entry of a database's log, as PostgreSQL wrote it.
type Line struct {
	At   time.Time
	Text string
}

// pageOfLines is how many entries one answer has at most.
const pageOfLines = 1000

// Postgres is what a Cloud SQL instance has logged from a moment on, up to another, in its order; of more than most, the latest, and then
// it is not all.
func (c *Client) Postgres(ctx context.Context, project, instance string, from, to time.Time, most int) (lines []Line, all bool, err error) {
	request := &logging.ListLogEntriesRequest{
		ResourceNames: []string{"projects/" + project},
		Filter: fmt.Sprintf(`logName = %s AND resource.type = "cloudsql_database" AND resource.labels.database_id = %s AND timestamp >= %s AND timestamp < %s`,
			strconv.Quote("projects/"+project+"/logs/cloudsql.googleapis.com%2Fpostgres.log"), strconv.Quote(project+":"+instance),
			strconv.Quote(from.UTC().Format(time.RFC3339Nano)), strconv.Quote(to.UTC().Format(time.RFC3339Nano))),
		OrderBy: "timestamp desc", PageSize: pageOfLines,
	}
	var found []*logging.LogEntry
	for all = false; !all && len(found) < most; {
		answer, err := c.api.Entries.List(request).Context(ctx).Do()
		if err != nil {
			return nil, false, fmt.Errorf("read the log of the Cloud SQL instance %s: %w", instance, err)
		}
		found = append(found, answer.Entries...)
		request.PageToken = answer.NextPageToken
		all = answer.NextPageToken == ""
	}
	if len(found) > most {
		found, all = found[:most], false
	}
	type timed struct {
		Line
		id string
	}
	var sorted []timed
	for _, e := range found {
		at, _ := time.Parse(time.RFC3339Nano, e.Timestamp) // one that cannot be read is of no time: the line has its own
		sorted = append(sorted, timed{Line{at, e.TextPayload}, e.InsertId})
	}
	slices.SortStableFunc(sorted, func(a, b timed) int { return cmp.Or(a.At.Compare(b.At), strings.Compare(a.id, b.id)) }) // of one moment they are in the order of their ids
	for _, t := range sorted {
		lines = append(lines, t.Line)
	}
	return lines, all, nil
}

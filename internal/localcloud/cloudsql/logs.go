package cloudsql

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/face"
)

// logName is what Cloud SQL calls PostgreSQL's own log.
const logName = "cloudsql.googleapis.com/postgres.log"

// Entries is what the clusters of a project have logged, in the order of their time.
func (f *Face) Entries(project string) ([]face.Entry, error) {
	type source struct {
		paths  []string
		labels map[string]string
	}
	var all []source
	f.mu.Lock()
	for _, i := range f.instances {
		if i.Instance.Project == project && i.cluster != nil {
			all = append(all, source{i.cluster.Logs(), map[string]string{"project_id": project, "database_id": i.fullName(), "region": i.Instance.Region}})
		}
	}
	f.mu.Unlock()
	var out []face.Entry
	for _, s := range all {
		for n, path := range s.paths {
			entries, err := readLog(path)
			if err != nil {
				return nil, err
			}
			for k := range entries {
				entries[k].Labels, entries[k].ID = s.labels, fmt.Sprintf("%s.%d.%09d", s.labels["database_id"], n, k)
			}
			out = append(out, entries...)
		}
	}
	slices.SortStableFunc(out, func(a, b face.Entry) int {
		return cmp.Or(a.Time.Compare(b.Time), strings.Compare(a.Labels["database_id"], b.Labels["database_id"]))
	})
	return out, nil
}

// logBegin is what a record of the log begins with, whatever log_line_prefix has behind the time.
var logBegin = regexp.MustCompile(`^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) UTC\b`)

// logLevel is how bad it is.
var logLevel = regexp.MustCompile(`\b(DEBUG\d?|INFO|NOTICE|LOG|DETAIL|HINT|STATEMENT|CONTEXT|WARNING|ERROR|FATAL|PANIC):  `)

var logSeverities = map[string]string{"WARNING": "WARNING", "NOTICE": "NOTICE", "ERROR": "ERROR", "FATAL": "ALERT", "PANIC": "EMERGENCY"}

// readLog reads a node's log: a record that has several lines is one entry. What is still being written is left out.
func readLog(path string) ([]face.Entry, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // it never ran
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	var all []face.Entry
	for r := bufio.NewReader(file); ; {
		line, err := r.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		line = strings.TrimSuffix(line, "\n")
		m := logBegin.FindStringSubmatch(line)
		if m == nil {
			if len(all) > 0 {
				all[len(all)-1].Text += "\n" + line
			}
			continue
		}
		at, err := time.Parse("2006-01-02 15:04:05.999", m[1])
		if err != nil {
			return nil, err
		}
		severity := "INFO"
		if level := logLevel.FindStringSubmatch(line); level != nil {
			severity = cmp.Or(logSeverities[level[1]], severity)
		}
		all = append(all, face.Entry{Log: logName, Resource: "cloudsql_database", Time: at, Severity: severity, Text: line})
	}
}

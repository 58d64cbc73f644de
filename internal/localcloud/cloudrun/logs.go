package cloudrun

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/face"
)

// Entries is what a project's services and jobs have written, in the order of their time.
func (f *Face) Entries(project string) ([]face.Entry, error) {
	type source struct {
		path, id, resource string
		labels, own        map[string]string
	}
	f.mu.Lock()
	var all []source
	for _, s := range f.of(project, "-") {
		for _, r := range s.Revisions {
			all = append(all, source{f.logPath(s, r.Name), r.Name, "cloud_run_revision", map[string]string{
				"project_id": s.Project, "location": s.Location, "service_name": s.ID, "revision_name": r.Name, "configuration_name": s.ID,
			}, nil})
		}
	}
	for _, j := range f.jobsOf(project, "-") {
		for _, e := range j.newestFirst() {
			all = append(all, source{f.executionLog(e), e.ID, "cloud_run_job", map[string]string{
				"project_id": j.Project, "location": j.Location, "job_name": j.ID,
			}, map[string]string{"run.googleapis.com/execution_name": e.ID}})
		}
	}
	f.mu.Unlock()
	var out []face.Entry
	for _, from := range all {
		lines, _, err := readLog(from.path)
		if err != nil {
			return nil, err
		}
		for n, l := range lines {
			out = append(out, face.Entry{
				ID: from.id + "." + strconv.Itoa(n), Log: "run.googleapis.com/stdout", Resource: from.resource,
				Labels: from.labels, Own: from.own, Time: l.time, Severity: l.severity, Text: l.text, JSON: l.json,
			})
		}
	}
	slices.SortStableFunc(out, func(a, b face.Entry) int { return a.Time.Compare(b.Time) })
	return out, nil
}

// line is one line of a revision's log.
type line struct {
	raw      string
	time     time.Time
	severity string
	text     string
	json     map[string]any
}

// readLog reads a revision's log; one that never ran has none. A line that tells no time has that of the line
// before it, the first ones that of the first which tells it.
//
// A line that is still being written is left out; size is that of those which are not.
func readLog(path string) (lines []line, size int64, err error) {
	whole, err := readFrom(path, 0)
	if err != nil {
		return nil, 0, err
	}
	for _, raw := range splitLines(whole) {
		lines = append(lines, parseLine(raw))
	}
	last := time.Time{}
	if info, err := os.Stat(path); err == nil {
		last = info.ModTime()
	}
	for _, l := range lines {
		if !l.time.IsZero() {
			last = l.time
			break
		}
	}
	for i := range lines {
		if lines[i].time.IsZero() {
			lines[i].time = last
		}
		last = lines[i].time
	}
	return lines, int64(len(whole)), nil
}

// readFrom is the whole lines of a file from an offset on. A file that is not there has none.
func readFrom(path string, offset int64) ([]byte, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	if _, err := file.Seek(offset, io.SeekStart); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(file)
	return body[:bytes.LastIndexByte(body, '\n')+1], err
}

func splitLines(body []byte) []string {
	lines := strings.Split(string(body), "\n")
	return slices.DeleteFunc(lines, func(l string) bool { return l == "" })
}

// parseLine reads a line as Cloud Logging does: of a JSON object, some fields are the entry's own, and a message
// that is left alone is its text.
func parseLine(raw string) line {
	l := line{raw: raw, severity: "DEFAULT", text: raw}
	fields := map[string]any{}
	if !strings.HasPrefix(raw, "{") || json.Unmarshal([]byte(raw), &fields) != nil {
		return l
	}
	for _, name := range []string{"time", "timestamp"} {
		text, _ := fields[name].(string)
		if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
			l.time = at
			delete(fields, name)
		}
	}
	if s, _ := fields["severity"].(string); s != "" {
		l.severity = strings.ToUpper(s)
		delete(fields, "severity")
	}
	maps.DeleteFunc(fields, func(name string, _ any) bool { return strings.HasPrefix(name, "logging.googleapis.com/") })
	if message, ok := fields["message"].(string); ok && len(fields) == 1 {
		l.text = message
		return l
	}
	l.text, l.json = "", fields
	return l
}

// A ServiceLog is a service of a state directory, whether or not its cloud runs, by its logs.
type ServiceLog struct {
	Project, Location, Service string

	dir  string
	read map[string]int64 // how far each file has been read
}

// ServiceLogs finds the services under dir, an Options.Dir.
func ServiceLogs(dir string) ([]*ServiceLog, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "services", "*", "*", "*", "service.json"))
	if err != nil {
		return nil, err
	}
	var all []*ServiceLog
	for _, p := range paths {
		home := filepath.Dir(p)
		parts := strings.Split(home, string(filepath.Separator))
		parts = parts[len(parts)-3:]
		all = append(all, &ServiceLog{Project: parts[0], Location: parts[1], Service: parts[2], dir: home, read: map[string]int64{}})
	}
	return all, nil
}

// Last is the last n lines of the service's revisions together, all for n < 0, as they were written, in the order of
// their time.
func (s *ServiceLog) Last(n int) ([]string, error) {
	paths, err := s.files()
	if err != nil {
		return nil, err
	}
	var all []line
	for _, p := range paths {
		lines, size, err := readLog(p)
		if err != nil {
			return nil, err
		}
		s.read[p] = size
		all = append(all, lines...)
	}
	slices.SortStableFunc(all, func(a, b line) int { return a.time.Compare(b.time) })
	if n >= 0 && len(all) > n {
		all = all[len(all)-n:]
	}
	out := make([]string, len(all))
	for i, l := range all {
		out[i] = l.raw
	}
	return out, nil
}

// Next is the lines that were written since Last or Next. There is nothing to wait for when the service is gone.
func (s *ServiceLog) Next() (lines []string, gone bool, err error) {
	paths, err := s.files()
	if err != nil {
		return nil, false, err
	}
	for _, p := range paths {
		fresh, err := readFrom(p, s.read[p])
		if err != nil {
			return nil, false, err
		}
		s.read[p] += int64(len(fresh))
		lines = append(lines, splitLines(fresh)...)
	}
	_, err = os.Stat(filepath.Join(s.dir, "service.json"))
	return lines, errors.Is(err, fs.ErrNotExist), nil
}

func (s *ServiceLog) files() ([]string, error) { return filepath.Glob(filepath.Join(s.dir, "*.log")) }

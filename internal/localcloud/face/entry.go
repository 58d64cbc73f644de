package face

import "time"

// Entry is one log entry as Cloud Logging shows it, written by something that a face runs.
type Entry struct {
	ID       string
	Log      string            // run.googleapis.com/stdout
	Resource string            // type of what wrote it: cloud_run_revision, cloud_run_job
	Labels   map[string]string // and which of them
	Own      map[string]string // labels of the entry itself
	Time     time.Time
	Severity string // DEFAULT, INFO, ERROR
	Text     string // of a line that is no more than text
	JSON     map[string]any
}

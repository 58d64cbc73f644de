// Package face is what every local Google API has in common: the supervisor drives it through Face.
package face

import (
	"context"
	"net/http"
)

// A Face serves one Google API over a real engine. Faces know nothing of each other; what one
// needs of another (Cloud Run reads secrets) reaches it as a function when it is made.
type Face interface {
	// Name is the face's folder under the cloud's state directory, and its name in `status`.
	Name() string
	// Register mounts the face at Google's own paths.
	Register(mux *http.ServeMux)
	// Start brings back what ran before the last Close: clusters, services. It returns once they
	// answer; ctx bounds the start only.
	Start(ctx context.Context) error
	// Close stops every process the face started and keeps their state for the next Start.
	Close(ctx context.Context) error
	// Report says what runs, for `august-local status`.
	Report() []Line
}

// Line is one running thing in the status report.
type Line struct {
	Kind   string `json:"kind"`   // "Cloud SQL instance"
	Name   string `json:"name"`   // "feel-august-platform/platform"
	State  string `json:"state"`  // "RUNNABLE"
	Detail string `json:"detail"` // "us-central1-a + us-central1-c, 127.64.0.1:5432"
}

// Ports hands out loopback ports. The same key gets the same port for as long as the state
// directory lives, so addresses survive a restart.
type Ports interface {
	Port(key string) (int, error)
	Release(key string)
}

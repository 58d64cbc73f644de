package cloudsql

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/api/option"
	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/gcp"
)

// fake is one instance behind the four calls that the client makes. refuse holds answers to give to the next patches
// instead of accepting them; the whole API is played by the local cloud in the provider's acceptance tests.
type fake struct {
	mu       sync.Mutex
	instance *sqladmin.DatabaseInstance
	refuse   []refusal
	opError  *sqladmin.OperationErrors
	polls    int // looks at the operation until it is done
	patches  []*sqladmin.Settings
}

type refusal struct {
	code   int
	reason string
	before func(*sqladmin.DatabaseInstance) // what somebody else does to the instance meanwhile
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case strings.Contains(r.URL.Path, "/operations/"):
		op := &sqladmin.Operation{Name: "op", OperationType: "UPDATE", Status: "RUNNING"}
		if f.polls--; f.polls <= 0 {
			op.Status, op.Error = "DONE", f.opError
		}
		_ = json.NewEncoder(w).Encode(op)
	case r.Method == http.MethodPatch:
		if len(f.refuse) > 0 {
			refused := f.refuse[0]
			f.refuse = f.refuse[1:]
			if refused.before != nil {
				refused.before(f.instance)
			}
			w.WriteHeader(refused.code)
			_, _ = fmt.Fprintf(w, `{"error":{"code":%d,"message":"refused","errors":[{"reason":%q}]}}`, refused.code, refused.reason)
			return
		}
		var change sqladmin.DatabaseInstance
		_ = json.NewDecoder(r.Body).Decode(&change)
		f.patches = append(f.patches, change.Settings)
		f.instance.Settings.SettingsVersion++
		_ = json.NewEncoder(w).Encode(&sqladmin.Operation{Name: "op", Status: "PENDING"})
	case f.instance == nil:
		w.WriteHeader(http.StatusNotFound)
		_, _ = fmt.Fprint(w, `{"error":{"code":404,"errors":[{"reason":"instanceDoesNotExist"}]}}`)
	default:
		_ = json.NewEncoder(w).Encode(f.instance)
	}
}

func setup(t *testing.T) (*fake, *Client) {
	t.Helper()
	f := &fake{instance: &sqladmin.DatabaseInstance{
		Name: "platform", DatabaseVersion: "POSTGRES_15",
		Settings: &sqladmin.Settings{SettingsVersion: 1, AvailabilityType: Zonal},
	}}
	srv := httptest.NewServer(f)
	t.Cleanup(srv.Close)
	c, err := New(t.Context(), option.WithEndpoint(srv.URL+"/"), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	c.Every, c.ReadBudget = 16*time.Millisecond, time.Millisecond
	return f, c
}

func regional(*sqladmin.DatabaseInstance) (*sqladmin.Settings, error) {
	return &sqladmin.Settings{AvailabilityType: Regional}, nil
}

func TestChange_startsOverWhenTheInstanceChangedOrIsBusy(t *testing.T) {
	t.Parallel()
	f, c := setup(t)
	f.polls = 3
	f.refuse = []refusal{
		{412, "staleData", func(i *sqladmin.DatabaseInstance) { i.Settings.SettingsVersion = 7 }},
		{409, "operationInProgress", nil},
	}
	progress := 0
	if _, err := c.Change(t.Context(), "p", "platform", regional, func(*sqladmin.Operation, time.Duration) { progress++ }); err != nil {
		t.Fatal(err)
	}
	if len(f.patches) != 1 || f.patches[0].SettingsVersion != 7 || f.patches[0].AvailabilityType != Regional {
		t.Errorf("patched %+v; want once, on the version read last", f.patches)
	}
	if progress < 3 {
		t.Errorf("progress told %d times, want each look at the operation", progress)
	}
}

func TestChange_writesNothingWhenNothingDiffers(t *testing.T) {
	t.Parallel()
	f, c := setup(t)
	got, err := c.Change(t.Context(), "p", "platform", func(*sqladmin.DatabaseInstance) (*sqladmin.Settings, error) { return nil, nil }, nil)
	if err != nil || got.Name != "platform" || len(f.patches) != 0 {
		t.Errorf("got %v, %v, %d patches", got, err, len(f.patches))
	}
}

func TestChange_failsWithTheOperation(t *testing.T) {
	t.Parallel()
	f, c := setup(t)
	f.opError = &sqladmin.OperationErrors{Errors: []*sqladmin.OperationError{{Code: "BAD_FLAG", Message: "max_connections is too low"}}}
	_, err := c.Change(t.Context(), "p", "platform", regional, nil)
	if Message(err) != "max_connections is too low" || gcp.KindOf(err) != gcp.Other {
		t.Errorf("got %v", err)
	}
}

func TestChange_saysThatTheOperationGoesOnWhenItIsBrokenOff(t *testing.T) {
	t.Parallel()
	f, c := setup(t)
	f.polls = 1 << 30
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	_, err := c.Change(ctx, "p", "platform", regional, func(*sqladmin.Operation, time.Duration) { stop() })
	if err == nil || !strings.Contains(err.Error(), "operation op was still running") {
		t.Errorf("got %v, want the operation's name", err)
	}
}

func TestGet_absent(t *testing.T) {
	t.Parallel()
	f, c := setup(t)
	f.instance = nil
	if _, err := c.Get(t.Context(), "p", "platform"); !IsNotFound(err) {
		t.Errorf("got %v, want not found", err)
	}
}

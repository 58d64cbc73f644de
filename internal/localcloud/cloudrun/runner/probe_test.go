package runner

import (
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// TestGRPCProbeAsksTheHealthService: a port that listens is not enough.
func TestGRPCProbeAsksTheHealthService(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, state := grpc.NewServer(), health.NewServer()
	grpc_health_v1.RegisterHealthServer(server, state)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	state.SetServingStatus("sync", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	check := func(service string) error {
		return Probe{Service: &service, Declared: 8080, Timeout: time.Minute}.check(t.Context(), l.Addr().(*net.TCPAddr).Port)
	}
	if err := check(""); err != nil {
		t.Errorf("the server serves: %v", err)
	}
	if err := check("sync"); err == nil || !strings.Contains(err.Error(), "NOT_SERVING") {
		t.Errorf("a service that does not: %v", err)
	}
	if err := check("other"); err == nil || !strings.Contains(err.Error(), "unknown service") {
		t.Errorf("an unknown service: %v", err)
	}
}

func TestProbeNamesItself(t *testing.T) {
	sync, all := "sync", ""
	for want, p := range map[string]Probe{
		"HTTP GET /readyz on port 8080":            {Path: "/readyz", Declared: 8080},
		"TCP connection to port 8080":              {Declared: 8080},
		`gRPC health check of "sync" on port 9090`: {Service: &sync, Declared: 9090},
		"gRPC health check on port 9090":           {Service: &all, Declared: 9090},
	} {
		if p.String() != want {
			t.Errorf("%q, want %q", p, want)
		}
	}
}

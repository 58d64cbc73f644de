package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"

	"cloud.google.com/go/cloudsqlconn"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/feel-august/terraform-provider-august/internal/sync/config"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

// open prepares the database's connections; it does not connect.
func open(ctx context.Context, cfg config.Config) (*store.Store, error) {
	db := cfg.Database
	sc := store.Config{
		Host: db.Host, Port: db.Port, Database: db.Name, User: db.User, Password: db.Password.Reveal(), MaxConns: db.PoolMax,
	}
	if db.Host == "" {
		c := &connector{instance: db.Instance}
		sc.Host, sc.Dial = "cloudsql", c.dial
	}
	return store.Open(ctx, sc)
}

var errConnector = errors.New("the Cloud SQL connector cannot be prepared")

// connector dials through the Cloud SQL Go connector: TLS 1.3, signed in by IAM. The connector is
// made with the first connection, for making it asks the metadata server.
type connector struct {
	instance string
	mu       sync.Mutex
	dialer   *cloudsqlconn.Dialer
}

func (c *connector) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	d, err := c.get(ctx)
	if err != nil {
		return nil, err
	}
	// Cloud SQL may have only a private address; the connector takes the public one when there is one.
	return d.Dial(ctx, c.instance, cloudsqlconn.WithAutoIP())
}

func (c *connector) get(ctx context.Context) (*cloudsqlconn.Dialer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dialer == nil {
		// Cloud Run takes the processor away between requests: certificates are renewed when they are
		// needed, not by a timer. The dialer outlives the connection that asks for it first.
		d, err := cloudsqlconn.NewDialer(context.WithoutCancel(ctx), cloudsqlconn.WithIAMAuthN(), cloudsqlconn.WithLazyRefresh(),
			cloudsqlconn.WithUserAgent("august-sync/"+buildVersion()), cloudsqlconn.WithBuiltInMetrics(false))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errConnector, err)
		}
		c.dialer = d
	}
	return c.dialer, nil
}

// reason classes why the database is not there, without names, addresses or credentials: /readyz
// shows it to anybody.
func reason(err error) string {
	var pg *pgconn.PgError
	var dns *net.DNSError
	switch {
	case errors.As(err, &pg):
		switch pg.Code[:2] {
		case "28":
			return "the database refuses the user"
		case "3D":
			return "the database does not exist"
		case "57", "08":
			return "the database is starting or stopping"
		case "53":
			return "the database has no free connection"
		case "42":
			return "the database user lacks a privilege"
		default:
			return "the database fails with SQLSTATE " + pg.Code
		}
	case errors.Is(err, errConnector):
		return "the Cloud SQL connector has no credentials: run as a service account, or set AUGUST_DATABASE_HOST"
	case errors.As(err, &dns):
		return "the database's host name is not known"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the database refuses connections"
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return "the database does not answer in time"
	default:
		return "the database cannot be reached"
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

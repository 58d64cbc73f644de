package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"cloud.google.com/go/cloudsqlconn"
	"cloud.google.com/go/cloudsqlconn/errtype"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/feel-august/terraform-provider-august/internal/sync/config"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

// open prepares the database's connections; it does not connect. The dialler reaches instances by their
// connection name; there is none when the runtime connects directly.
func open(ctx context.Context, cfg config.Config) (*store.Store, func(instance string) pgconn.DialFunc, error) {
	sc, dial := settings(cfg)
	s, err := store.Open(ctx, sc)
	return s, dial, err
}

// openAlone is open for a command that works on the database alone.
func openAlone(ctx context.Context, env config.Lookup) (*store.Store, config.Config, error) {
	cfg, err := config.LoadDatabase(env)
	if err != nil {
		return nil, cfg, fmt.Errorf("the configuration is not right:\n%w", err)
	}
	db, _, err := open(ctx, cfg)
	return db, cfg, err
}

// openBoth is open with a connection for the webhook's inbox beside, which nothing else may use: a delivery does not
// queue behind a sync. It is one of those that the instance may have. Without a secret no delivery is taken, and there is
// none.
func openBoth(ctx context.Context, cfg config.Config) (db, inbox *store.Store, dial func(instance string) pgconn.DialFunc, err error) {
	if !cfg.DrChrono.WebhookSecret.Set() {
		db, dial, err = open(ctx, cfg)
		return db, db, dial, err
	}
	sc, dial := settings(cfg)
	own := sc
	own.MaxConns = 1
	sc.MaxConns--
	own.Configure = func(pc *pgxpool.Config) error {
		pc.ConnConfig.RuntimeParams["synchronous_commit"] = "on" // whatever the database's own default: 200 means durable
		return nil
	}
	if inbox, err = store.Open(ctx, own); err != nil {
		return nil, nil, nil, err
	}
	db, err = store.Open(ctx, sc)
	return db, inbox, dial, err
}

// settings is how the database is reached.
func settings(cfg config.Config) (store.Config, func(instance string) pgconn.DialFunc) {
	db := cfg.Database
	sc := store.Config{
		Host: db.Host, Port: db.Port, Database: db.Name, User: db.User, Password: db.Password.Reveal(), MaxConns: db.PoolMax,
	}
	if db.Host != "" {
		return sc, nil
	}
	c := &connector{}
	sc.Host, sc.Dial = "cloudsql", c.to(db.Instance)
	return sc, c.to
}

// connector dials through the Cloud SQL Go connector: TLS 1.3, signed in by IAM. The connector is
// made with the first connection, for making it asks the metadata server.
type connector struct {
	mu     sync.Mutex
	dialer *cloudsqlconn.Dialer

	endpoints sync.Map // instances that have no address of their own, but a Private Service Connect endpoint
}

// to dials one instance.
func (c *connector) to(instance string) pgconn.DialFunc {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		d, err := c.get(ctx)
		if err != nil {
			return nil, err
		}
		return c.dial(ctx, d, instance)
	}
}

// dial takes the address that the instance has: the public one, else the private one, else, where it has no address of its
// own, the name of its Private Service Connect endpoint, which the connector has to be asked for.
func (c *connector) dial(ctx context.Context, d *cloudsqlconn.Dialer, instance string) (net.Conn, error) {
	// The connector sets keep-alive anew, to the pace of the runtime's own dialler.
	alive := cloudsqlconn.WithTCPKeepAlive(store.KeepAlive)
	var own error
	// Who has none is not asked again: the connector answers that by forgetting the instance, whose settings and certificate
	// the next connection would have to wait for.
	if _, known := c.endpoints.Load(instance); !known {
		conn, err := d.Dial(ctx, instance, cloudsqlconn.WithAutoIP(), alive)
		if _, none := errors.AsType[*errtype.ConfigError](err); !none {
			return conn, err
		}
		own = err
	}
	conn, err := d.Dial(ctx, instance, cloudsqlconn.WithPSC(), alive)
	if _, none := errors.AsType[*errtype.ConfigError](err); none { // not that either, or not any more
		c.endpoints.Delete(instance)
		return nil, cmp.Or(own, err)
	}
	c.endpoints.Store(instance, true)
	return conn, err
}

func (c *connector) get(ctx context.Context) (*cloudsqlconn.Dialer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dialer == nil {
		// Cloud Run takes the processor away between requests: certificates are renewed when they are
		// needed, not by a timer. The dialer outlives the connection that asks for it first.
		d, err := cloudsqlconn.NewDialer(context.WithoutCancel(ctx), cloudsqlconn.WithIAMAuthN(), cloudsqlconn.WithLazyRefresh(),
			cloudsqlconn.WithDialFunc(store.Dial), cloudsqlconn.WithUserAgent("august-sync/"+buildVersion()), cloudsqlconn.WithBuiltInMetrics(false))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", store.ErrCredentials, err)
		}
		c.dialer = d
	}
	return c.dialer, nil
}

package cloudsql

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// What Cloud SQL gives a database that does not ask for something else.
const (
	defaultCharset   = "UTF8"
	defaultCollation = "en_US.UTF8"
)

// databaseRecord is what a database was asked to be. The machine may lack the collation's locale, so
// the answer is remembered rather than read back.
type databaseRecord struct {
	Charset   string `json:"charset"`
	Collation string `json:"collation"`
}

var wordPattern = regexp.MustCompile(`^[A-Za-z0-9_.@-]+$`)

func (c *call) showDatabase(i *instance, name string) *sqladmin.Database {
	r, ok := i.origin().Databases[name]
	if !ok {
		r = databaseRecord{Charset: defaultCharset, Collation: defaultCollation}
	}
	v := &sqladmin.Database{
		Kind: "sql#database", Name: name, Instance: c.instance, Project: c.project, Charset: r.Charset, Collation: r.Collation,
		SelfLink: c.link("projects", c.project, "instances", c.instance, "databases", name),
	}
	v.Etag = etag(v)
	return v
}

// databases asks the instance which databases it has: users make some with SQL, too.
func (f *Face) databases(c *call) (*instance, []string, error) {
	f.mu.Lock()
	i, err := f.find(c)
	if err == nil && !i.running() {
		err = notRunning()
	}
	f.mu.Unlock()
	if err != nil {
		return nil, nil, err
	}
	conn, err := i.cluster.Connect(c.Context(), "postgres")
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(c.Context())) }()
	rows, err := conn.Query(c.Context(), `SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY oid`)
	if err != nil {
		return nil, nil, err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return i, names, err
}

func (f *Face) listDatabases(c *call) (any, error) {
	i, names, err := f.databases(c)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	list := &sqladmin.DatabasesListResponse{Kind: "sql#databasesList"}
	for _, name := range names {
		list.Items = append(list.Items, c.showDatabase(i, name))
	}
	return list, nil
}

func (f *Face) getDatabase(c *call) (any, error) {
	i, names, err := f.databases(c)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, name := range names {
		if name == c.PathValue("database") {
			return c.showDatabase(i, name), nil
		}
	}
	return nil, noDatabase(c.PathValue("database"))
}

func noDatabase(name string) error {
	return gapi.Errorf(http.StatusNotFound, "NOT_FOUND", "databaseDoesNotExist", "The database %q does not exist.", name)
}

func (f *Face) insertDatabase(c *call) (any, error) {
	doc, err := c.body()
	if err != nil {
		return nil, err
	}
	d, err := decode[sqladmin.Database](doc)
	if err != nil {
		return nil, err
	}
	fill(&d.Charset, defaultCharset)
	fill(&d.Collation, defaultCollation)
	if d.Name == "" || len(d.Name) > 63 {
		return nil, gapi.Invalid("Invalid request: Invalid database name (%s).", d.Name)
	}
	if !wordPattern.MatchString(d.Charset) || !wordPattern.MatchString(d.Collation) {
		return nil, gapi.Invalid("Invalid request: Invalid charset or collation (%s, %s).", d.Charset, d.Collation)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.writable(c)
	if err != nil {
		return nil, err
	}
	return f.perform(c, i, "CREATE_DATABASE", func(ctx context.Context) error {
		if err := i.createDatabase(ctx, d); err != nil {
			return gapi.Invalid("Invalid request: failed to create database %s. Detail: pq: %s", d.Name, complaint(err))
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		if i.Databases == nil {
			i.Databases = map[string]databaseRecord{}
		}
		i.Databases[d.Name] = databaseRecord{Charset: d.Charset, Collation: d.Collation}
		return i.save()
	})
}

// createDatabase makes a database that every API user may use: its owner is the role that they are
// members of. A locale that the machine lacks is replaced by the cluster's.
func (i *instance) createDatabase(ctx context.Context, d *sqladmin.Database) error {
	plain := fmt.Sprintf("CREATE DATABASE %s OWNER cloudsqlsuperuser", ident(d.Name))
	if strings.EqualFold(d.Charset, defaultCharset) && d.Collation == defaultCollation {
		return i.sql(ctx, "postgres", plain)
	}
	exact := fmt.Sprintf("%s TEMPLATE template0 ENCODING '%s' LC_COLLATE '%s' LC_CTYPE '%s'", plain, d.Charset, d.Collation, d.Collation)
	err := i.sql(ctx, "postgres", exact)
	if err == nil {
		return i.cluster.Lend(ctx, d.Name)
	}
	if !strings.Contains(complaint(err), "locale") {
		return err
	}
	return i.sql(ctx, "postgres", plain)
}

// changeDatabase accepts what is so already: charset and collation are fixed once a database exists.
func (f *Face) changeDatabase(c *call) (any, error) {
	doc, err := c.body()
	if err != nil {
		return nil, err
	}
	d, err := decode[sqladmin.Database](doc)
	if err != nil {
		return nil, err
	}
	name := c.PathValue("database")
	_, names, err := f.databases(c)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.writable(c)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(names, name) {
		return nil, noDatabase(name)
	}
	is := c.showDatabase(i, name)
	if d.Name != "" && d.Name != name || d.Charset != "" && d.Charset != is.Charset || d.Collation != "" && d.Collation != is.Collation {
		return nil, gapi.Invalid("Invalid request: The name, charset and collation of a PostgreSQL database cannot be changed.")
	}
	return f.perform(c, i, "UPDATE_DATABASE", func(context.Context) error { return nil })
}

func (f *Face) deleteDatabase(c *call) (any, error) {
	name := c.PathValue("database")
	_, names, err := f.databases(c)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.writable(c)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(names, name) {
		return nil, noDatabase(name)
	}
	return f.perform(c, i, "DELETE_DATABASE", func(ctx context.Context) error {
		maintenance := "postgres"
		if name == maintenance {
			maintenance = "template1"
		}
		if err := i.sql(ctx, maintenance, "DROP DATABASE "+ident(name)); err != nil {
			return gapi.Invalid("Invalid request: failed to delete database %q. Detail: pq: %s. (Please use psql client to delete database that is not owned by \"cloudsqlsuperuser\").",
				name, complaint(err))
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(i.Databases, name)
		return i.save()
	})
}

package cloudsql

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/text/secure/precis"
	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// Kinds of users.
const (
	userBuiltIn        = "BUILT_IN"
	userIAM            = "CLOUD_IAM_USER"
	userServiceAccount = "CLOUD_IAM_SERVICE_ACCOUNT"
	userGroup          = "CLOUD_IAM_GROUP"
)

// iamRoles are the roles that mark IAM users in the database. Only built-in users get cloudsqlsuperuser.
var iamRoles = map[string]string{
	userIAM: "cloudsqliamuser", userServiceAccount: "cloudsqliamserviceaccount", userGroup: "cloudsqliamgroup",
}

type userRecord struct {
	Name  string   `json:"name"`
	Type  string   `json:"type"`
	Roles []string `json:"roles,omitempty"`
}

// verifier is what PostgreSQL keeps of a password under scram-sha-256. It is computed here so that the
// password itself is in no statement, and so in no log.
func verifier(password string) (string, error) {
	if clean, err := precis.OpaqueString.String(password); err == nil {
		password = clean
	}
	const rounds = 4096
	salt := make([]byte, 16)
	if _, err := rand.Read(salt); err != nil {
		return "", err
	}
	salted, err := pbkdf2.Key(sha256.New, password, salt, rounds, sha256.Size)
	if err != nil {
		return "", err
	}
	sign := func(what string) []byte {
		m := hmac.New(sha256.New, salted)
		_, _ = m.Write([]byte(what)) // never fails
		return m.Sum(nil)
	}
	stored := sha256.Sum256(sign("Client Key"))
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", rounds, b64(salt), b64(stored[:]), b64(sign("Server Key"))), nil
}

func (i *instance) setPassword(ctx context.Context, user, password string) error {
	v, err := verifier(password)
	if err != nil {
		return err
	}
	return i.sql(ctx, "postgres", fmt.Sprintf("ALTER ROLE %s PASSWORD '%s'", ident(user), v))
}

// ident quotes a name for SQL.
func ident(name string) string { return pgx.Identifier{name}.Sanitize() }

// sql runs statements as the administrator, each in a transaction of its own.
func (i *instance) sql(ctx context.Context, database string, statements ...string) error {
	conn, err := i.cluster.Connect(ctx, database)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for _, s := range statements {
		if _, err := conn.Exec(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// complaint is PostgreSQL's message, without the statement.
func complaint(err error) string {
	if e := (*pgconn.PgError)(nil); errors.As(err, &e) {
		if e.Detail != "" {
			return e.Message + ". Details: " + strings.TrimSuffix(e.Detail, ".")
		}
		return e.Message
	}
	return err.Error()
}

// databaseUser is the role of an API user: a service account goes without the end of its address.
func databaseUser(u *sqladmin.User) string {
	if u.Type == userServiceAccount {
		return strings.TrimSuffix(u.Name, ".gserviceaccount.com")
	}
	return u.Name
}

func (c *call) showUser(u userRecord) *sqladmin.User {
	v := &sqladmin.User{
		Kind: "sql#user", Name: u.Name, Type: u.Type, Instance: c.instance, Project: c.project, DatabaseRoles: u.Roles,
		ForceSendFields: []string{"Host"},
	}
	if _, iam := iamRoles[u.Type]; iam {
		v.IamEmail = u.Name
		if u.Type == userServiceAccount {
			v.IamEmail += ".gserviceaccount.com"
		}
	}
	v.Etag = etag(v)
	return v
}

func (f *Face) listUsers(c *call) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.find(c)
	if err != nil {
		return nil, err
	}
	if !i.running() {
		return nil, notRunning()
	}
	list := &sqladmin.UsersListResponse{Kind: "sql#usersList"}
	for _, u := range i.origin().Users {
		list.Items = append(list.Items, c.showUser(u))
	}
	return list, nil
}

func (f *Face) getUser(c *call) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.find(c)
	if err != nil {
		return nil, err
	}
	i = i.origin()
	n := i.user(c.PathValue("user"))
	if n < 0 {
		return nil, noUser(c.PathValue("user"))
	}
	return c.showUser(i.Users[n]), nil
}

func noUser(name string) error {
	return gapi.Errorf(http.StatusNotFound, "NOT_FOUND", "userDoesNotExist", "The user %q does not exist.", name)
}

func (i *instance) user(name string) int {
	return slices.IndexFunc(i.Users, func(u userRecord) bool { return u.Name == name })
}

// insertUser makes a user; for one that exists it sets the password, as Cloud SQL does.
func (f *Face) insertUser(c *call) (any, error) {
	u, err := c.userBody()
	if err != nil {
		return nil, err
	}
	fill(&u.Type, userBuiltIn)
	role, iam := iamRoles[u.Type]
	if u.Type != userBuiltIn && !iam {
		return nil, gapi.Invalid("Invalid value at 'body.type', %q", u.Type)
	}
	u.Name = databaseUser(u)
	if why := badUser(u); why != "" {
		return nil, gapi.Invalid("Invalid request: %s", why)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.writable(c)
	if err != nil {
		return nil, err
	}
	n := i.user(u.Name)
	if n >= 0 && i.Users[n].Type != u.Type {
		return nil, gapi.Exists("Invalid request: User %s already exists with type %s.", u.Name, i.Users[n].Type)
	}
	var statements []string
	if n < 0 {
		if iam {
			statements = append(statements, fmt.Sprintf("CREATE ROLE %s LOGIN IN ROLE %s", ident(u.Name), ident(role)))
		} else {
			statements = append(statements, fmt.Sprintf("CREATE ROLE %s LOGIN CREATEROLE CREATEDB", ident(u.Name)))
			if len(u.DatabaseRoles) == 0 {
				statements = append(statements, "GRANT cloudsqlsuperuser TO "+ident(u.Name))
			}
		}
	}
	for _, r := range u.DatabaseRoles {
		statements = append(statements, fmt.Sprintf("GRANT %s TO %s", ident(r), ident(u.Name)))
	}
	if u.Password != "" {
		v, err := verifier(u.Password)
		if err != nil {
			return nil, err
		}
		statements = append(statements, fmt.Sprintf("ALTER ROLE %s PASSWORD '%s'", ident(u.Name), v))
	}
	return f.perform(c, i, "CREATE_USER", func(ctx context.Context) error {
		// One transaction, so that a role that cannot be granted leaves no half user.
		if err := i.sql(ctx, "postgres", "BEGIN; "+strings.Join(append(statements, "COMMIT"), "; ")); err != nil {
			return gapi.Invalid("Invalid request: failed to create user %s: %s.", u.Name, complaint(err))
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		if n < 0 {
			i.Users = append(i.Users, userRecord{Name: u.Name, Type: u.Type, Roles: u.DatabaseRoles})
		} else if len(u.DatabaseRoles) > 0 {
			i.Users[n].Roles = union(i.Users[n].Roles, u.DatabaseRoles)
		}
		return i.save()
	})
}

func (c *call) userBody() (*sqladmin.User, error) {
	doc, err := c.body()
	if err != nil {
		return nil, err
	}
	u, err := decode[sqladmin.User](doc)
	if err != nil {
		return nil, err
	}
	if name := c.FormValue("name"); name != "" {
		u.Name = name
	}
	return u, nil
}

func badUser(u *sqladmin.User) string {
	switch {
	case u.Name == "" || len(u.Name) > 63:
		return "Invalid user name."
	case strings.HasPrefix(u.Name, "cloudsql") || strings.HasPrefix(u.Name, "pg_"):
		return fmt.Sprintf("User name %q is reserved.", u.Name)
	case u.Host != "":
		return "Host is not supported for PostgreSQL instances."
	case u.Type != userBuiltIn && u.Password != "":
		return "Password is not supported for IAM users."
	}
	return ""
}

// updateUser changes a password, or the roles granted.
func (f *Face) updateUser(c *call) (any, error) {
	u, err := c.userBody()
	if err != nil {
		return nil, err
	}
	roles := slices.Concat(u.DatabaseRoles, c.URL.Query()["databaseRoles"])
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.writable(c)
	if err != nil {
		return nil, err
	}
	n := i.user(u.Name)
	if n < 0 {
		return nil, noUser(u.Name)
	}
	granted := i.Users[n].Roles
	var statements []string
	if strings.EqualFold(c.FormValue("revokeExistingRoles"), "true") {
		old := granted
		if len(old) == 0 && i.Users[n].Type == userBuiltIn {
			old = []string{"cloudsqlsuperuser"}
		}
		for _, r := range old {
			statements = append(statements, fmt.Sprintf("REVOKE %s FROM %s", ident(r), ident(u.Name)))
		}
		granted = nil
	}
	for _, r := range roles {
		statements = append(statements, fmt.Sprintf("GRANT %s TO %s", ident(r), ident(u.Name)))
	}
	if u.Password != "" {
		if i.Users[n].Type != userBuiltIn {
			return nil, gapi.Invalid("Invalid request: Password is not supported for IAM users.")
		}
		v, err := verifier(u.Password)
		if err != nil {
			return nil, err
		}
		statements = append(statements, fmt.Sprintf("ALTER ROLE %s PASSWORD '%s'", ident(u.Name), v))
	}
	granted = union(granted, roles)
	return f.perform(c, i, "UPDATE_USER", func(ctx context.Context) error {
		if err := i.sql(ctx, "postgres", "BEGIN; "+strings.Join(append(statements, "COMMIT"), "; ")); err != nil {
			return gapi.Invalid("Invalid request: failed to update user %s: %s.", u.Name, complaint(err))
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		i.Users[n].Roles = granted
		return i.save()
	})
}

func (f *Face) deleteUser(c *call) (any, error) {
	name := c.FormValue("name")
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.writable(c)
	if err != nil {
		return nil, err
	}
	if i.user(name) < 0 {
		return nil, noUser(name)
	}
	return f.perform(c, i, "DELETE_USER", func(ctx context.Context) error {
		if err := i.sql(ctx, "postgres", "DROP ROLE IF EXISTS "+ident(name)); err != nil {
			return gapi.Invalid("Invalid request: failed to delete user %s: %s.", name, complaint(err))
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		i.Users = slices.DeleteFunc(i.Users, func(u userRecord) bool { return u.Name == name })
		return i.save()
	})
}

func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

package provider

import (
	"context"
	"maps"
	"regexp"
	"strconv"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudsql"
)

// Where a database is and how it is signed in to is said alike of everything that runs the runtime's image.

const defaultDatabasePort = 5432

// The variables that say so to the image.
const (
	envDatabaseInstance = "AUGUST_DATABASE_INSTANCE"
	envDatabaseName     = "AUGUST_DATABASE_NAME"
	envDatabaseUser     = "AUGUST_DATABASE_USER"
	envDatabaseHost     = "AUGUST_DATABASE_HOST"
	envDatabasePort     = "AUGUST_DATABASE_PORT"
	envDatabasePassword = "AUGUST_DATABASE_PASSWORD"
)

type databasePlace struct {
	Instance       types.String `tfsdk:"instance"`
	Name           types.String `tfsdk:"name"`
	User           types.String `tfsdk:"user"`
	PasswordSecret types.String `tfsdk:"password_secret"`
	Direct         types.Bool   `tfsdk:"direct"`
	Port           types.Int64  `tfsdk:"port"`
	ConnectionName types.String `tfsdk:"connection_name"`
	Address        types.String `tfsdk:"address"`
}

var databasePlaceTypes = map[string]attr.Type{
	"instance": types.StringType, "name": types.StringType, "user": types.StringType, "password_secret": types.StringType,
	"direct": types.BoolType, "port": types.Int64Type, "connection_name": types.StringType, "address": types.StringType,
}

// together is two maps as one.
func together[V any](a, b map[string]V) map[string]V {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// instanceForm is a connection name, whose project may have a domain in front, or an instance's name.
var instanceForm = regexp.MustCompile(`^(?:((?:[a-z0-9.-]+:)?[a-z][a-z0-9-]*):([a-z0-9-]+):)?([a-z][a-z0-9-]{0,97})$`)

// secretAttribute takes a reference to a secret.
func secretAttribute(description string, required bool) schema.StringAttribute {
	return schema.StringAttribute{
		MarkdownDescription: description + " A reference, never the secret itself: `name`, `name:version` or " +
			"`projects/{project}/secrets/{name}/versions/{version}`; without a version, the latest one at the time an instance starts.",
		Required:   required,
		Optional:   !required,
		Validators: []validator.String{secretReference()},
	}
}

// databaseAttributes are those of a database, and more.
func databaseAttributes(more map[string]schema.Attribute) map[string]schema.Attribute {
	return together(more, map[string]schema.Attribute{
		"instance": schema.StringAttribute{
			MarkdownDescription: "Cloud SQL instance: its connection name `project:region:name`, or its name alone when it is in the same project.",
			Required:            true,
			Validators: []validator.String{stringvalidator.RegexMatches(instanceForm,
				"is no instance: write its connection name \"project:region:name\", or its name alone when it is in the same project")},
		},
		"name": schema.StringAttribute{
			MarkdownDescription: "Name of the database on the instance.",
			Required:            true,
			Validators:          []validator.String{stringvalidator.LengthBetween(1, 63)},
		},
		"user": schema.StringAttribute{
			MarkdownDescription: "Database user. Through the connector it signs in by IAM: a service account without `.gserviceaccount.com`.",
			Required:            true,
			Validators:          []validator.String{stringvalidator.LengthBetween(1, 63)},
		},
		"password_secret": secretAttribute("Password of the user; needed with `direct`, and only then.", false),
		"direct": schema.BoolAttribute{
			MarkdownDescription: "Whether to connect to the instance's own address, private when it has one, instead of through the Cloud SQL connector. " +
				"The connector encrypts and signs in by IAM; prefer it in production. Default: `false`.",
			Optional: true,
			Computed: true,
			Default:  booldefault.StaticBool(false),
		},
		"port": schema.Int64Attribute{
			MarkdownDescription: "Port of the database, with `direct`, from 1 to 65535. Default: `5432`.",
			Optional:            true,
			Computed:            true,
			Default:             int64default.StaticInt64(defaultDatabasePort),
			Validators:          []validator.Int64{int64validator.Between(1, 65535)},
		},
		"connection_name": schema.StringAttribute{MarkdownDescription: "Connection name of the instance.", Computed: true},
		"address":         schema.StringAttribute{MarkdownDescription: "Address that is connected to, with `direct`.", Computed: true},
	})
}

// checkSignIn wants a password where one is used, and nowhere else.
func (d databasePlace) checkSignIn(diags *diag.Diagnostics) {
	at := path.Root("database").AtName("password_secret")
	switch direct := d.Direct.ValueBool(); {
	case d.Direct.IsUnknown():
	case direct && d.PasswordSecret.IsNull():
		failAt(diags, at, "Password missing", "A direct connection signs in by password. Refer to the secret that holds it, or leave direct out.", nil)
	case !direct && !d.PasswordSecret.IsNull():
		failAt(diags, at, "Password not used", "The Cloud SQL connector signs in by IAM and takes no password. Leave it out, or set direct to true.", nil)
	}
}

// tell puts it into an environment.
func (d databasePlace) tell(env *environment) {
	env.value(envDatabaseInstance, d.ConnectionName.ValueString())
	env.value(envDatabaseName, d.Name.ValueString())
	env.value(envDatabaseUser, d.User.ValueString())
	if d.Direct.ValueBool() {
		env.value(envDatabaseHost, d.Address.ValueString())
		env.value(envDatabasePort, strconv.FormatInt(d.Port.ValueInt64(), 10))
		env.secret(envDatabasePassword, d.PasswordSecret)
	}
}

// observe takes it out of the environment of what runs in a location.
func (d *databasePlace) observe(v variables, location string) {
	d.ConnectionName = v.string(envDatabaseInstance)
	d.Instance = d.instanceOf(v.project, location)
	d.Name, d.User = v.string(envDatabaseName), v.string(envDatabaseUser)
	d.Direct = types.BoolValue(v.has(envDatabaseHost))
	d.Address = v.string(envDatabaseHost)
	d.PasswordSecret = v.secret(envDatabasePassword, d.PasswordSecret)
	if port := v.number(envDatabasePort, defaultDatabasePort); v.has(envDatabaseHost) || d.Port.IsNull() {
		d.Port = port
	}
}

// instanceOf is the instance in the words it was declared in, when they mean the one it is. Otherwise it is the name
// alone, when the instance is where what uses it is, else the connection name.
func (d databasePlace) instanceOf(at, location string) types.String {
	parts := instanceForm.FindStringSubmatch(d.ConnectionName.ValueString())
	if parts == nil || parts[1] == "" {
		return d.ConnectionName
	}
	project, region, name := parts[1], parts[2], parts[3]
	declared := d.Instance.ValueString()
	switch {
	case declared == d.ConnectionName.ValueString(), declared == name && project == at:
		return d.Instance
	case declared == "" && project == at && region == location:
		return types.StringValue(name)
	}
	return d.ConnectionName
}

// locate finds the instance. While planning, an instance that cannot be looked up leaves its address as it was, or
// unknown; when must is set, everything has to be known. It returns the instance when it has looked it up.
func (d *databasePlace) locate(ctx context.Context, c *clients, in types.String, was *databasePlace, must bool, diags *diag.Diagnostics) liveInstance {
	at := path.Root("database").AtName("instance")

	connection, address := types.StringUnknown(), types.StringUnknown()
	if was != nil && was.Instance.Equal(d.Instance) {
		connection = was.ConnectionName
		if was.Direct.Equal(d.Direct) {
			address = was.Address
		}
	}
	if must { // what the plan knows is what was agreed on
		if !d.ConnectionName.IsUnknown() && !d.Address.IsUnknown() {
			return nil
		}
		connection, address = d.ConnectionName, d.Address
	}
	if !d.Direct.IsUnknown() && !d.Direct.ValueBool() {
		address = types.StringNull()
	}
	d.ConnectionName, d.Address = connection, address
	if d.Instance.IsUnknown() || in.IsUnknown() {
		return nil
	}

	parts := instanceForm.FindStringSubmatch(d.Instance.ValueString())
	if parts == nil {
		return nil // its own validator says so
	}
	project, instance := parts[1], parts[3]
	if project == "" {
		project = in.ValueString()
	} else {
		d.ConnectionName = d.Instance
	}
	if !must && d.Direct.IsUnknown() {
		return nil
	}
	client, err := c.CloudSQL(ctx)
	if err != nil && isUnknown(err) && !must {
		return nil
	}
	var live liveInstance
	if err == nil {
		live, err = client.Get(ctx, project, instance)
	}
	switch {
	case cloudsql.IsNotFound(err):
		failAt(diags, at, "Database instance not found", "There is no Cloud SQL instance "+instance+" in project "+project+
			". Correct the name; or, when the same apply makes it, refer to its connection_name, which is not known before.", nil)
	case err != nil && !must:
		warnAt(diags, at, "Database instance not looked up",
			"The instance "+project+"/"+instance+" could not be read while planning, so that its address shows only at apply.", err)
	case err != nil:
		failAt(diags, at, "Database instance not looked up", "The instance "+project+"/"+instance+" could not be read.", err)
	case parts[1] != "" && live.ConnectionName != d.Instance.ValueString():
		failAt(diags, at, "Database instance not found", "The instance "+instance+" in project "+project+" has the connection name "+
			live.ConnectionName+". Correct the region.", nil)
	default:
		d.ConnectionName = types.StringValue(live.ConnectionName)
		if d.Direct.ValueBool() {
			if d.Address = stringOrNull(cloudsql.Address(live)); d.Address.IsNull() {
				failAt(diags, path.Root("database").AtName("direct"), "Database instance not reachable",
					"The instance "+live.ConnectionName+" has no address of its own. Give it a private address, or leave direct out.", nil)
			}
		}
		return live
	}
	return nil
}

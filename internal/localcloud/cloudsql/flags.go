package cloudsql

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/cloudsql/engine"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// catalogue is the flags of one version of PostgreSQL, by name.
type catalogue map[string]flag

type flag struct {
	kind     string // as the API names it: BOOLEAN, INTEGER, FLOAT, STRING
	min, max string // of numbers
	allowed  []string
	restart  bool
	stored   bool   // Cloud SQL's own: PostgreSQL does not know it
	param    string // PostgreSQL's name, with its capitals
}

// kept are parameters that Cloud SQL keeps to itself: where things are, how they replicate and recover,
// what is loaded, who is let in.
var kept = []string{
	"allow_in_place_tablespaces", "allow_system_table_mods", "archive_cleanup_command", "archive_command", "archive_library", "archive_mode",
	"authentication_timeout", "backtrace_functions", "bonjour", "bonjour_name", "cluster_name", "config_file", "data_directory", "data_sync_retry",
	"db_user_namespace", "dynamic_library_path", "dynamic_shared_memory_type", "event_source", "exit_on_error", "extension_destdir",
	"external_pid_file", "fsync", "full_page_writes", "hba_file", "hot_standby", "ident_file", "ignore_checksum_failure",
	"ignore_invalid_pages", "ignore_system_indexes", "jit_provider", "krb_caseins_users", "krb_server_keyfile", "listen_addresses",
	"local_preload_libraries", "log_destination", "log_directory", "log_file_mode", "log_filename", "log_rotation_age", "log_rotation_size",
	"log_truncate_on_rotation", "logging_collector", "lo_compat_privileges", "port", "post_auth_delay", "pre_auth_delay", "primary_conninfo",
	"primary_slot_name", "promote_trigger_file", "recovery_end_command", "recovery_init_sync_method", "recovery_min_apply_delay",
	"recovery_target", "recovery_target_action", "recovery_target_inclusive", "recovery_target_lsn", "recovery_target_name",
	"recovery_target_time", "recovery_target_timeline", "recovery_target_xid", "remove_temp_files_after_crash", "restart_after_crash",
	"restore_command", "session_preload_libraries", "shared_memory_type", "shared_preload_libraries", "superuser_reserved_connections",
	"synchronous_standby_names", "unix_socket_directories", "unix_socket_group", "unix_socket_permissions", "update_process_title",
	"wal_keep_size", "wal_level", "wal_log_hints", "wal_sync_method", "zero_damaged_pages",
}

// keptPrefixes are whole families of such parameters.
var keptPrefixes = []string{"ssl", "syslog_", "krb_", "debug_", "trace_", "wal_consistency", "wal_receiver_", "wal_retrieve_"}

// own are Cloud SQL's flags that are not PostgreSQL's, and those of modules that may not be installed.
var own = map[string]flag{}

func init() {
	for _, name := range []string{
		"cloudsql.iam_authentication", "cloudsql.enable_pgaudit", "cloudsql.enable_pg_cron", "cloudsql.enable_pg_hint_plan",
		"cloudsql.enable_pglogical", "cloudsql.enable_pg_bigm", "cloudsql.enable_pg_wait_sampling", "cloudsql.enable_anon",
		"cloudsql.enable_auto_explain", "cloudsql.logical_decoding", "cloudsql.allow_passwordless_local_connections",
		"cloudsql.enable_google_ml_integration",
	} {
		own[name] = flag{kind: "BOOLEAN", restart: name != "cloudsql.iam_authentication", stored: true}
	}
	for _, name := range []string{"cloudsql.pg_authid_select_role", "cloudsql.supported_extensions", "pgaudit.log", "pgaudit.role"} {
		own[name] = flag{kind: "STRING", stored: true}
	}
	for _, name := range []string{"catalog", "client", "parameter", "relation", "rows", "statement", "statement_once"} {
		own["pgaudit.log_"+name] = flag{kind: "BOOLEAN", stored: true}
	}
	own["pgaudit.log_level"] = flag{kind: "STRING", stored: true,
		allowed: []string{"debug1", "debug2", "debug3", "debug4", "debug5", "info", "notice", "warning", "log"}}
}

// floors are limits that Cloud SQL sets higher than PostgreSQL: the engine's own connections count.
var floors = map[string]string{"max_connections": "14", "max_wal_senders": "10", "max_replication_slots": "10", "max_worker_processes": "8"}

func newCatalogue(settings []engine.Setting) catalogue {
	c := maps.Clone(own)
	kinds := map[string]string{"bool": "BOOLEAN", "integer": "INTEGER", "real": "FLOAT", "string": "STRING", "enum": "STRING"}
	for _, s := range settings {
		name := strings.ToLower(s.Name)
		if slices.Contains(kept, name) || slices.ContainsFunc(keptPrefixes, func(p string) bool { return strings.HasPrefix(name, p) }) {
			continue
		}
		f := flag{kind: kinds[s.Type], min: s.Min, max: s.Max, allowed: s.Enum, restart: s.Context == "postmaster", param: s.Name}
		if floor, ok := floors[name]; ok {
			f.min = floor
		}
		if s.Type == "bool" {
			f.min, f.max = "", ""
		}
		c[name] = f
	}
	return c
}

// check refuses flags that the version does not know, and values that they cannot have.
func (c catalogue) check(flags []*sqladmin.DatabaseFlags) error {
	seen := map[string]bool{}
	for _, given := range flags {
		f, ok := c[strings.ToLower(given.Name)]
		if !ok {
			return gapi.Errorf(http.StatusBadRequest, "INVALID_ARGUMENT", "invalidFlagName",
				"Invalid request: Invalid flag name: %s.", given.Name)
		}
		if seen[strings.ToLower(given.Name)] {
			return gapi.Invalid("Invalid request: Flag %s is set more than once.", given.Name)
		}
		seen[strings.ToLower(given.Name)] = true
		if why := f.refuses(given.Value); why != "" {
			return gapi.Errorf(http.StatusBadRequest, "INVALID_ARGUMENT", "invalidFlagValue",
				"Value requested is not valid. Failed to set %s: %s", given.Name, why)
		}
	}
	return nil
}

// refuses says what is wrong with a value, or nothing.
func (f flag) refuses(value string) string {
	switch f.kind {
	case "BOOLEAN":
		if value != "on" && value != "off" {
			return fmt.Sprintf("%s was not an expected boolean, use on or off.", value)
		}
	case "INTEGER":
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return fmt.Sprintf("%s was not an expected integer.", value)
		}
		if low, err := strconv.ParseInt(f.min, 10, 64); err == nil && n < low {
			return fmt.Sprintf("%s is less than the minimum %s.", value, f.min)
		}
		if high, err := strconv.ParseInt(f.max, 10, 64); err == nil && n > high {
			return fmt.Sprintf("%s is greater than the maximum %s.", value, f.max)
		}
	case "FLOAT":
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return fmt.Sprintf("%s was not an expected float.", value)
		}
		if low, err := strconv.ParseFloat(f.min, 64); err == nil && n < low {
			return fmt.Sprintf("%s is less than the minimum %s.", value, f.min)
		}
		if high, err := strconv.ParseFloat(f.max, 64); err == nil && n > high {
			return fmt.Sprintf("%s is greater than the maximum %s.", value, f.max)
		}
	default:
		if len(f.allowed) > 0 && !slices.Contains(f.allowed, value) {
			return fmt.Sprintf("%s was not an expected string.", value)
		}
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' }) {
			return "control characters are not allowed."
		}
	}
	return ""
}

// params are the PostgreSQL parameters that flags stand for. Cloud SQL's own become what they mean.
func (c catalogue) params(flags []*sqladmin.DatabaseFlags) map[string]string {
	params := map[string]string{}
	preload := []string{"pg_stat_statements"}
	for _, given := range flags {
		name := strings.ToLower(given.Name)
		switch {
		case !c[name].stored:
			params[c[name].param] = given.Value
		case given.Value != "on":
		case name == "cloudsql.logical_decoding":
			params["wal_level"] = "logical"
		case name == "cloudsql.enable_auto_explain":
			preload = append(preload, "auto_explain")
		case name == "cloudsql.enable_pgaudit" && !c["pgaudit.log"].stored:
			preload = append(preload, "pgaudit") // installed here
		}
	}
	if len(preload) > 1 {
		params["shared_preload_libraries"] = strings.Join(preload, ",")
	}
	return params
}

func (f *Face) listFlags(c *call) (any, error) {
	list := &sqladmin.FlagsListResponse{Kind: "sql#flagsList"}
	major := f.major
	if version := c.FormValue("databaseVersion"); version != "" {
		major, _ = strconv.Atoi(strings.TrimPrefix(version, "POSTGRES_"))
		if major == 0 {
			return list, nil // another database's: none here
		}
	}
	if c.FormValue("flagScope") == "SQL_FLAG_SCOPE_CONNECTION_POOL" {
		list.Items = poolFlags(major)
		return list, nil
	}
	flags, err := f.catalogue(c.Context(), major)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(flags)) {
		v := flags[name]
		item := &sqladmin.Flag{
			Kind: "sql#flag", Name: name, Type: v.kind, RequiresRestart: v.restart, AllowedStringValues: v.allowed,
			AppliesTo: []string{fmt.Sprintf("POSTGRES_%d", major)}, FlagScope: "SQL_FLAG_SCOPE_DATABASE",
			ForceSendFields: []string{"RequiresRestart"},
		}
		if v.kind == "INTEGER" {
			item.MinValue, _ = strconv.ParseInt(v.min, 10, 64) // no limit: none shown
			item.MaxValue, _ = strconv.ParseInt(v.max, 10, 64)
			item.ForceSendFields = append(item.ForceSendFields, "MinValue", "MaxValue")
		}
		list.Items = append(list.Items, item)
	}
	return list, nil
}

// poolFlags are the settings of managed connection pooling.
func poolFlags(major int) []*sqladmin.Flag {
	var list []*sqladmin.Flag
	add := func(name, kind string, allowed ...string) {
		list = append(list, &sqladmin.Flag{
			Kind: "sql#flag", Name: name, Type: kind, AllowedStringValues: allowed,
			AppliesTo: []string{fmt.Sprintf("POSTGRES_%d", major)}, FlagScope: "SQL_FLAG_SCOPE_CONNECTION_POOL",
		})
	}
	for _, name := range []string{
		"client_connection_idle_timeout", "max_client_connections", "max_pool_size", "max_prepared_statements", "min_pool_size",
		"query_wait_timeout", "server_connection_idle_timeout",
	} {
		add(name, "INTEGER")
	}
	add("ignore_startup_parameters", "STRING")
	add("pool_mode", "STRING", "session", "transaction")
	return list
}

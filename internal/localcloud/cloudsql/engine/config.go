package engine

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// SSL says which connections the address takes.
type SSL string

// The three modes of a Cloud SQL instance.
const (
	SSLOptional   SSL = "optional"   // plain and encrypted
	SSLRequired   SSL = "required"   // encrypted only
	SSLClientCert SSL = "clientcert" // encrypted, with a client certificate of the instance's CA
)

// Names in the replication protocol.
const (
	standbyName = "august_standby"
	archiveName = "august_archive"
)

// baseParams are what every cluster runs with unless a flag says otherwise: durable, small enough that
// ten clusters fit a laptop, and always ready for a standby or an archive, so that turning those on
// needs no restart.
var baseParams = map[string]string{ // #nosec G101 -- no credentials
	"shared_buffers":               "64MB",
	"dynamic_shared_memory_type":   "mmap", // in the data folder, and gone with it: a cluster that is killed leaves the others in /dev/shm
	"max_connections":              "100",
	"wal_level":                    "replica",
	"wal_log_hints":                "on",
	"max_wal_senders":              "10",
	"max_replication_slots":        "10",
	"wal_keep_size":                "64MB",
	"max_slot_wal_keep_size":       "4GB",
	"min_wal_size":                 "32MB",
	"max_wal_size":                 "512MB",
	"hot_standby":                  "on",
	"wal_sender_timeout":           "15s", // a standby that hangs holds up commits no longer than this
	"wal_retrieve_retry_interval":  "100ms",
	"password_encryption":          "scram-sha-256",
	"shared_preload_libraries":     "pg_stat_statements",
	"log_line_prefix":              "%m [%p]: [%l-1] db=%d,user=%u ",
	"log_timezone":                 "UTC",
	"timezone":                     "UTC",
	"log_destination":              "stderr",
	"logging_collector":            "off",
	"ssl_min_protocol_version":     "TLSv1.2",
	"unix_socket_permissions":      "0700",
	"track_io_timing":              "on",
	"checkpoint_completion_target": "0.9",
}

// configure writes a node's configuration files. What the flags say is in a file of its own, which
// postgresql.conf includes last. One with a source follows it.
func (s *server) configure(spec Spec, sync bool, source *Source) error {
	own := map[string]string{
		"listen_addresses":          s.host,
		"port":                      strconv.Itoa(s.port),
		"unix_socket_directories":   s.sockets,
		"cluster_name":              "cloudsql",
		"ssl":                       "on",
		"ssl_cert_file":             "server.crt",
		"ssl_key_file":              "server.key",
		"ssl_ca_file":               "ca.crt",
		"synchronous_standby_names": "",
		"primary_conninfo":          "",
		"primary_slot_name":         "",
	}
	if sync {
		own["synchronous_standby_names"] = standbyName
	}
	if source != nil {
		own["primary_conninfo"] = source.connString(source.Slot)
		own["primary_slot_name"] = source.Slot
	}
	for name, value := range baseParams {
		own[name] = value
	}
	main := "# Written by august-local at every change; edits are lost.\n" + render(own) + "include 'flags.conf'\n"
	flags := "# The instance's database flags.\n" + render(spec.Params)

	users, err := s.bin.users()
	if err != nil {
		return err
	}
	var ident strings.Builder
	for _, u := range users {
		fmt.Fprintf(&ident, "cloud %q %s\n", u, Admin)
	}
	kind, options := "host", ""
	switch spec.SSL {
	case SSLRequired:
		kind = "hostssl"
	case SSLClientCert:
		kind, options = "hostssl", " clientcert=verify-ca"
	}
	hba := fmt.Sprintf(`local all %[1]s peer map=cloud
local replication %[1]s peer map=cloud
host all %[1]s all reject
%[2]s all all 127.0.0.0/8 scram-sha-256%[3]s
`, Admin, kind, options)

	for name, body := range map[string]string{
		"postgresql.conf": main, "flags.conf": flags, "pg_hba.conf": hba, "pg_ident.conf": ident.String(),
	} {
		if err := s.bin.write(filepath.Join(s.data, name), body); err != nil {
			return err
		}
	}
	return nil
}

func render(params map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(params)) {
		fmt.Fprintf(&b, "%s = %s\n", name, quoteValue(params[name]))
	}
	return b.String()
}

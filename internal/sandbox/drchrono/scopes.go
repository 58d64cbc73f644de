package drchrono

import "strings"

// AllScopes is every scope DrChrono has; leaving scope out of the authorize call asks for these.
const AllScopes = "user:read user:write calendar:read calendar:write patients:read patients:write " +
	"patients:summary:read patients:summary:write billing:read billing:write billing:patient-payment:read " +
	"billing:patient-payment:write clinical:read clinical:write labs:read labs:write messages:read " +
	"messages:write tasks:read tasks:write settings:read settings:write"

// SyncScopes is the least that a billing and labs sync needs.
const SyncScopes = "user:read calendar:read patients:read billing:read billing:patient-payment:read clinical:read labs:read"

// allows says whether a granted scope string covers every scope base for reading.
func allows(granted string, bases []string) bool {
	for _, base := range bases {
		found := false
		for g := range strings.FieldsSeq(granted) {
			found = found || g == base+":read" || g == base+":write"
		}
		if !found {
			return false
		}
	}
	return true
}

package modules

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var role = regexp.MustCompile(`"(roles/[a-zA-Z.]+)"`)

// The pipeline's apply account may grant what modules/delivery lists, and nothing else: a role that a module grants in the whole
// project, and that is not listed there, would end the first apply of it.
func TestModulesGrantWhatDeliveryAllows(t *testing.T) {
	t.Parallel()
	const delivery = repository + "/modules/delivery"
	accounts, err := os.ReadFile(delivery + "/accounts.tf")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(accounts), "coalesce(var.grantable_roles, [")
	list, _, _ = strings.Cut(list, "]")
	var allowed []string
	for _, r := range role.FindAllStringSubmatch(list, -1) {
		allowed = append(allowed, r[1])
	}
	var granted []string
	for _, dir := range configurations(t, repository+"/modules") {
		for _, r := range projectRoles(t, filepath.Join(repository, "modules", dir)) {
			granted = append(granted, r)
			if !slices.Contains(allowed, r) {
				t.Errorf("modules/%s grants %s in the project: add it to the default of grantable_roles in modules/delivery/accounts.tf", dir, r)
			}
		}
	}
	for _, r := range allowed {
		if !slices.Contains(granted, r) {
			t.Errorf("modules/delivery lets its apply account grant %s, which no module does: take it out of accounts.tf", r)
		}
	}
}

// projectRoles are the roles that a module grants in the whole project, as far as they are written out where they are granted.
func projectRoles(t *testing.T, dir string) []string {
	t.Helper()
	sources, err := parse(dir)
	if err != nil {
		t.Fatal(err)
	}
	var roles []string
	for _, s := range sources {
		body, err := os.ReadFile(filepath.Join(dir, s.file))
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range of("resource", s.blocks) {
			if b.Labels[0] != "google_project_iam_member" || b.Labels[1] == "grants" {
				continue
			}
			for _, r := range role.FindAllStringSubmatch(string(b.Body.SrcRange.SliceBytes(body)), -1) {
				roles = append(roles, r[1])
			}
		}
	}
	return roles
}

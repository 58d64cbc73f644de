package modules

import (
	"path/filepath"
	"strings"
	"testing"
)

// aModule is one without a fault, by file.
func aModule() map[string]string {
	return map[string]string{
		"README.md": "# network\n\n```hcl\nmodule \"network\" {}\n```\n\n<!-- BEGIN_TF_DOCS -->\n<!-- END_TF_DOCS -->\n",
		"main.tf":   "resource \"google_compute_network\" \"this\" {\n  name = var.name\n}\n",
		"outputs.tf": `output "network" {
  description = "The network."
  value       = google_compute_network.this.id
}
`,
		"tests/apply.tftest.hcl": "",
		"tests/plan.tftest.hcl":  "",
		"variables.tf": `variable "key" {
  description = "ID of a key."
  type        = string
  default     = null
}

variable "name" {
  description = "Name of the network."
  type        = string
  nullable    = false
}
`,
		"versions.tf": `terraform {
  required_version = ">= 1.11"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 7.17, < 8.0"
    }
  }
}
`,
	}
}

// Each rule of the layout finds what breaks it, and nothing in a module that breaks none.
func TestLayout(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		file, old, now string // what is changed; nothing stands for the end of the file
		want           string // the fault; none for none
	}{
		"none":                     {"main.tf", "", "", ""},
		"more variables elsewhere": {"variables-more.tf", "", "variable \"a\" {\n  description = \"A.\"\n  type = string\n  nullable = false\n}\n", ""},
		"its own key's public half": {"main.tf", "", "data \"google_kms_crypto_key_version\" \"it\" {\n  crypto_key = google_kms_crypto_key.it.id\n}\n",
			""},

		"no title":              {"README.md", "# network", "network", "no title"},
		"no example":            {"README.md", "```hcl", "```text", "no example"},
		"no place for tables":   {"README.md", "<!-- END_TF_DOCS -->", "", "make generate"},
		"a provider":            {"main.tf", "", "provider \"google\" {}\n", "main.tf:4: a module configures no provider"},
		"a variable elsewhere":  {"main.tf", "", "variable \"x\" {\n  description = \"X.\"\n  type = string\n  nullable = false\n}\n", "main.tf:4: variable belongs into variables.tf"},
		"out of order":          {"variables.tf", "\"key\"", "\"zone\"", "variables are in alphabetical order"},
		"no description":        {"variables.tf", "description = \"ID of a key.\"", "", "variable key has no description"},
		"no sentence":           {"outputs.tf", "network.\"", "network\"", "output network has no description that ends with a period"},
		"no type":               {"variables.tf", "type        = string\n  default", "default", "key has no type"},
		"null by accident":      {"variables.tf", "  nullable    = false\n", "", "name wants nullable = false"},
		"an old Terraform":      {"versions.tf", ">= 1.11", ">= 1.5", "required_version is"},
		"any version of google": {"versions.tf", ">= 7.17, < 8.0", ">= 6.0", "the version of hashicorp/google is"},
		"another provider":      {"versions.tf", "    google = {", "    random = { source = \"hashicorp/random\" }\n    google = {", "provider random"},
		"a question to Google":  {"main.tf", "", "data \"google_project\" \"this\" {}\n", "asks Google for nothing"},
		"a null resource":       {"main.tf", "", "resource \"null_resource\" \"x\" {}\n", "null_resource runs"},
		"a program's data":      {"main.tf", "", "data \"external\" \"x\" {}\n", "external runs"},
		"a provisioner":         {"main.tf", "name = var.name", "name = var.name\n  provisioner \"local-exec\" {\n    command = \"x\"\n  }", "a provisioner is what no plan shows"},
		"an authoritative role": {"main.tf", "", "resource \"google_project_iam_binding\" \"x\" {}\n", "takes roles away"},
		"a service account key": {"main.tf", "", "resource \"google_service_account_key\" \"x\" {}\n", "workload identity"},
		"gone too early":        {"main.tf", "", "resource \"google_compute_backend_service\" \"x\" {\n  for_each = var.name\n}\n", "wants create_before_destroy"},
		"gone in time": {"main.tf", "", "resource \"google_compute_backend_service\" \"x\" {\n  for_each = var.name\n  lifecycle {\n    create_before_destroy = true\n  }\n}\n",
			""},
		"a basic role":     {"main.tf", "", "resource \"google_project_iam_member\" \"x\" {\n  role = \"roles/editor\"\n}\n", "roles/editor is a basic role"},
		"a secret's value": {"main.tf", "", "resource \"google_secret_manager_secret_version\" \"x\" {}\n", "keeps the secret's value"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, module := t.TempDir(), aModule()
			if tt.old == "" {
				module[tt.file] += tt.now
			} else {
				if !strings.Contains(module[tt.file], tt.old) {
					t.Fatalf("%s has no %q", tt.file, tt.old)
				}
				module[tt.file] = strings.Replace(module[tt.file], tt.old, tt.now, 1)
			}
			for file, body := range module {
				write(t, filepath.Join(dir, file), body)
			}
			faults := strings.Join(moduleFaults(dir), "\n")
			if (faults == "") != (tt.want == "") || !strings.Contains(faults, tt.want) {
				t.Errorf("found %q, want %q", faults, tt.want)
			}
		})
	}
	if faults := strings.Join(moduleFaults(t.TempDir()), "\n"); strings.Count(faults, " is missing") != len(moduleFiles) {
		t.Errorf("an empty folder: %q", faults)
	}
}

// A plan that awaits checks has worked; one with any other error has not, and neither has one that says nothing.
func TestPlannedButForChecks(t *testing.T) {
	t.Parallel()
	const awaits = "Error: Check block assertion known after apply\n\n  on main.tf\n"
	for out, want := range map[string]bool{awaits: true, awaits + "\nError: No value for required variable\n": false, "killed": false} {
		if got := plannedButForChecks(out); got != want {
			t.Errorf("%v for %q", got, out)
		}
	}
}

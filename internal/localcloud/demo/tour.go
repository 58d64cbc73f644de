package demo

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/localcloud"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/toolchain"
)

// printTour says how to look around in what was kept, in commands that work when they are pasted.
func printTour(ctx context.Context, o Options, cloud localcloud.Description, tf *terraform, tools toolchain.Setup, reports []report) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	r := reports[0]
	var passwords strings.Builder
	for _, r := range reports {
		password, err := secret(ctx, cloud, r.environment.Project, "august-db-password")
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(&passwords, "%s:*:*:august-sync:%s\n", r.instance.IpAddresses[0].IpAddress, password)
	}
	// Beside the local cloud's own secrets, and as closed as they are.
	passfile := filepath.Join(o.Dir, workFolder, "pgpass")
	if err := os.WriteFile(passfile, []byte(passwords.String()), 0o600); err != nil {
		return err
	}
	psql := filepath.Join(tools.Postgres.Bin, "psql")
	if !exists(psql) {
		psql = "psql" // the server came without it
	}
	// Told where the state is, because console looks for the default workspace's, whichever is chosen.
	state := filepath.Join("terraform.tfstate.d", r.environment.Workspace, "terraform.tfstate")
	_, _ = fmt.Fprintf(o.Out, `
Everything keeps running. To look around:

  %[1]s status --dir %[2]s
  curl %[3]sv1/projects/%[4]s/instances/platform
  curl %[5]s/readyz
  PGPASSFILE=%[6]s %[7]s -h %[8]s -U august-sync august \
    -c 'select status, count(*) from billing.claim where counts group by 1 order by 1'
  PGPASSFILE=%[6]s %[7]s -h %[13]s -U august-sync clinic \
    -c 'select first_name, last_name, date_of_birth, zip_code, email from drchrono.patients limit 5'    # staging's

  eval "$(%[1]s env --dir %[2]s)"    # where the provider and the local cloud are
  TF_WORKSPACE=%[9]s %[10]s -chdir=%[11]s plan
  TF_WORKSPACE=%[9]s %[10]s -chdir=%[11]s console -state=%[12]s

To stop and remove it: make clean, or
  %[1]s demo --clean --dir %[2]s
`, self, o.Dir, cloud.Endpoints.Google, r.environment.Project, r.outputs.Runtime.Value.URI,
		passfile, psql, r.instance.IpAddresses[0].IpAddress, r.environment.Workspace, tf.bin, tf.dir, state,
		reports[len(reports)-1].instance.IpAddresses[0].IpAddress)
	return nil
}

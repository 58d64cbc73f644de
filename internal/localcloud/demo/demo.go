// Package demo shows the product's main job end to end on the local cloud: it applies
// examples/local in two workspaces with the real Terraform CLI, waits for the first full sync, and
// prints one page of what is there now. It reaches everything over the network, as a user would.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/feel-august/terraform-provider-august/internal/localcloud"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/toolchain"
)

// environments are the workspaces of examples/local and the project that each one fills.
var environments = []environment{
	{Workspace: "production", Project: "feel-august-platform", CodaDoc: "dAugustProduction", App: "august-production"},
	{Workspace: "staging", Project: "feel-august-platform-staging", CodaDoc: "dAugustStaging", App: "august-staging"},
}

// rehearsal names the demo's rehearsal of the recovery, and its refresh of staging's data.
const rehearsal = "demo"

// workFolder is the demo's own place in the local cloud's state directory.
const workFolder = "demo"

type environment struct {
	Workspace, Project, CodaDoc string
	App                         string // DrChrono application
}

// Options is what a demo needs to know.
type Options struct {
	Dir      string    // the local cloud's state, made anew
	Example  string    // folder of the configuration to apply
	Binaries string    // folder of `make build`
	Version  string    // version that the binaries were built as
	Patients int       // size of the production clinic
	Keep     bool      // leave everything running at the end
	Out      io.Writer // where the demo tells
}

// Run runs the demo. Whatever happens, it stops what it started, unless Keep asks otherwise and
// the demo succeeded.
func Run(ctx context.Context, o Options) (err error) {
	begin := time.Now()
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(o.Out, format+"\n", args...) }

	if err := o.check(); err != nil {
		return err
	}
	tools, err := toolchain.Ensure(ctx, o.Out)
	if err != nil {
		return err
	}
	if err := Clean(ctx, o); err != nil {
		return err
	}
	kept := false
	defer func() {
		if kept {
			return
		}
		say("==> Stopping everything")
		interrupted := ctx.Err() != nil
		// The demo's own context may have ended by Ctrl-C; stopping must still happen.
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
		defer cancel()
		failed := Clean(stop, o)
		if interrupted && failed == nil {
			err = errors.New("interrupted: everything is stopped and removed")
			return
		}
		err = errors.Join(err, failed)
	}()
	say("==> Starting the local cloud (%s)", o.Dir)
	var cloud localcloud.Description
	if err := localcloud.Detach(ctx, localcloud.Config{
		Dir: o.Dir, Patients: o.Patients, Ready: func(d localcloud.Description) { cloud = d },
	}); err != nil {
		return err
	}
	say("    Google's APIs at %s, images at %s", cloud.Endpoints.Google, cloud.Endpoints.Registry)
	say("    DrChrono at %s, Coda at %s", cloud.Endpoints.DrChrono, cloud.Endpoints.Coda)

	work := filepath.Join(o.Dir, workFolder)
	if err := copyExample(work, o.Example); err != nil {
		return err
	}
	tf, err := newTerraform(tools.Terraform.Path, work, o.Binaries, o.Version, environ(cloud))
	if err != nil {
		return err
	}
	reports := make([]report, len(environments))
	for i, e := range environments {
		reports[i].environment = e
		say("==> terraform init, plan and apply in workspace %s", e.Workspace)
		if err := apply(ctx, tf, &reports[i], o.Out); err != nil {
			return err
		}
	}

	say("==> Waiting for the first full sync")
	progress := newProgress(o.Out)
	group, waiting := errgroup.WithContext(ctx)
	for i := range reports {
		group.Go(func() error { return reports[i].awaitSync(waiting, cloud, progress) })
	}
	err = group.Wait()
	progress.done()
	if err != nil {
		return err
	}

	for i := range reports {
		say("==> DrChrono's webhook: %d charges in the practice of workspace %s", charges, reports[i].environment.Workspace)
		if err := reports[i].webhook(ctx, cloud); err != nil {
			return err
		}
	}

	// Before the failover, whose new primary has counted no statement yet.
	for i := range reports {
		say("==> Advice: terraform plan in workspace %s", reports[i].environment.Workspace)
		if err := reports[i].advise(ctx, tf, o.Out); err != nil {
			return err
		}
	}

	if err := tf.set("drill", rehearsal); err != nil {
		return err
	}
	for i := range slices.Backward(reports) { // staging first, as it should be
		say("==> Recovery drills: terraform apply in workspace %s", reports[i].environment.Workspace)
		if err := apply(ctx, tf, &reports[i], o.Out); err != nil {
			return err
		}
	}

	if err := handOver(ctx, tf, reports, say, o.Out); err != nil {
		return err
	}

	for i := range reports {
		e := reports[i].environment
		say("==> terraform plan once more in workspace %s", e.Workspace)
		code, err := tf.run(ctx, o.Out, e.Workspace, "plan", "-input=false", "-no-color", "-detailed-exitcode")
		if err != nil {
			return err
		}
		reports[i].unchanged = code == 0
		if err := reports[i].observe(ctx, cloud); err != nil {
			return err
		}
	}
	printPage(o.Out, reports, time.Since(begin))
	for _, r := range reports {
		if !r.unchanged {
			return fmt.Errorf("workspace %s: the second plan has changes; see %s", r.environment.Workspace, tf.logs)
		}
	}
	if o.Keep {
		if err := printTour(ctx, o, cloud, tf, tools, reports); err != nil {
			return err
		}
		kept = true
	}
	return nil
}

// handOver refreshes staging's data: production exports it, anonymised, and staging takes in what production's key has signed.
func handOver(ctx context.Context, tf *terraform, reports []report, say func(string, ...any), out io.Writer) error {
	if err := tf.set("refresh", rehearsal); err != nil {
		return err
	}
	for i := range reports {
		say("==> Staging's data: terraform apply in workspace %s", reports[i].environment.Workspace)
		if err := apply(ctx, tf, &reports[i], out); err != nil {
			return err
		}
		if export := reports[i].outputs.Anonymised.Value; export != nil {
			if err := tf.set("signed_by", export.PublicKey); err != nil {
				return err
			}
		}
	}
	return nil
}

// environ tells the provider and the configuration where the local cloud is.
func environ(cloud localcloud.Description) []string {
	return append(cloud.Environ(),
		"TF_VAR_registry="+cloud.Endpoints.Registry,
		"TF_VAR_drchrono_url="+cloud.Endpoints.DrChrono,
		"TF_VAR_coda_url="+cloud.Endpoints.Coda,
		"TF_VAR_oidc_issuer="+cloud.Endpoints.OIDCIssuer,
	)
}

// apply is init, where it is needed, plan and apply of one workspace, as a pipeline does them, and what comes of it.
func apply(ctx context.Context, tf *terraform, r *report, out io.Writer) error {
	workspace := r.environment.Workspace
	if err := tf.init(ctx, out, workspace); err != nil {
		return err
	}
	plan := workspace + ".tfplan"
	if err := tf.must(ctx, out, workspace, "plan", "-input=false", "-no-color", "-out="+plan); err != nil {
		return err
	}
	if err := tf.must(ctx, out, workspace, "apply", "-input=false", "-no-color", plan); err != nil {
		return err
	}
	r.outputs = outputs{}
	return tf.json(ctx, workspace, &r.outputs, "output", "-json")
}

// check finds out before anything is started whether there is something to show.
func (o Options) check() error {
	if o.Patients < 1 {
		return fmt.Errorf("--patients %d: a practice has at least one", o.Patients)
	}
	for _, name := range programs(o.Version) {
		if !exists(filepath.Join(o.Binaries, name)) {
			return fmt.Errorf("%s has no %s: run `make build` first, or say where it is by --binaries and --version", o.Binaries, name)
		}
	}
	if files, _ := filepath.Glob(filepath.Join(o.Example, "*.tf")); len(files) == 0 { // the pattern is well formed
		return fmt.Errorf("%s has no Terraform configuration: say by --example where it is", o.Example)
	}
	return nil
}

// Clean stops the demo's local cloud, if there is one, and removes its state.
func Clean(ctx context.Context, o Options) error {
	files, err := os.ReadDir(o.Dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	ours := func(f os.DirEntry) bool { return f.Name() == "log" || f.Name() == workFolder }
	if len(files) > 0 && !slices.ContainsFunc(files, ours) {
		return fmt.Errorf("%s holds something else than a local cloud, which a demo would remove: choose another --dir", o.Dir)
	}
	if _, err := localcloud.Down(ctx, o.Dir); err != nil {
		return err
	}
	return os.RemoveAll(o.Dir)
}

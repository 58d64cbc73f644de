package demo

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/feel-august/terraform-provider-august/internal/localcloud"
)

// Commands are what this package adds to august-local: demo and env.
func Commands() []*cobra.Command {
	return []*cobra.Command{demoCommand(), envCommand()}
}

func demoCommand() *cobra.Command {
	var o Options
	var clean bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Apply the example on a fresh local cloud and print what comes of it",
		Long: `Starts a local cloud of its own, applies the example configuration in the workspaces production
and staging with the real Terraform CLI, waits for the first full sync, and prints one page.
Everything is stopped and removed at the end, unless --keep is given.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			o.Out = cmd.OutOrStdout()
			var err error
			if o.Dir, err = cmd.Flags().GetString("dir"); err != nil {
				return err
			}
			if o.Dir == "" {
				if o.Dir, err = demoDir(); err != nil {
					return err
				}
			}
			if clean {
				return Clean(ctx, o)
			}
			return Run(ctx, o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Example, "example", filepath.Join("examples", "local"), "folder of the configuration to apply")
	flags.StringVar(&o.Binaries, "binaries", "bin", "folder that `make build` filled")
	flags.StringVar(&o.Version, "version", "0.1.0", "version that it built")
	flags.IntVar(&o.Patients, "patients", 2000, "size of the production clinic")
	flags.BoolVar(&o.Keep, "keep", false, "leave everything running and say how to look around")
	flags.BoolVar(&clean, "clean", false, "only stop and remove what an earlier demo kept")
	return cmd
}

// demoDir is a state directory per checkout, so that demos of two checkouts don't meet.
func demoDir() (string, error) {
	dir, err := localcloud.DefaultDir()
	if err != nil {
		return "", err
	}
	here, err := filepath.Abs(".")
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(here))
	return filepath.Join(filepath.Dir(dir), "demo-"+hex.EncodeToString(sum[:4])), nil
}

func envCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "env",
		Short: "Print the environment that points Terraform at a running local cloud",
		Long:  `Prints export lines: eval "$(august-local env)".`,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := cmd.Flags().GetString("dir")
			if err != nil {
				return err
			}
			cloud, err := localcloud.Describe(dir)
			if errors.Is(err, localcloud.ErrNotRunning) {
				return fmt.Errorf("%w: start one with `august-local up`", err)
			}
			if err != nil {
				return err
			}
			for _, entry := range environ(cloud) {
				name, value, _ := strings.Cut(entry, "=")
				_, _ = fmt.Fprintf(cmd.OutOrStdout(), "export %s='%s'\n", name, value)
			}
			if rc := rcPath(filepath.Join(cloud.Dir, workFolder)); exists(rc) {
				_, _ = fmt.Fprintf(cmd.OutOrStdout(), "export TF_CLI_CONFIG_FILE='%s'\n", rc)
			}
			return nil
		},
	}
}

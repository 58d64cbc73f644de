package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/feel-august/terraform-provider-august/internal/localcloud"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/toolchain"
)

func upCommand() *cobra.Command {
	var cfg localcloud.Config
	var detach, untilEOF bool
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start the local cloud; Ctrl-C stops it again",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f := cmd.Flags(); f.Changed("patients") && cfg.Patients < 1 {
				return fmt.Errorf("--patients %d: a practice has at least one", cfg.Patients)
			} else if f.Changed("port") && (cfg.Port < 0 || cfg.Port > 65535) {
				return fmt.Errorf("--port %d: ports are 1 to 65535, or 0 to choose one", cfg.Port)
			}
			cfg.Dir, cfg.Out = dirFlag(cmd), cmd.OutOrStdout()
			cfg.Ready = func(d localcloud.Description) { tour(cfg.Out, d, detach) }
			ctx := cmd.Context()
			if untilEOF {
				var stop context.CancelFunc
				ctx, stop = context.WithCancel(ctx)
				defer stop()
				go func() {
					_, _ = io.Copy(io.Discard, cmd.InOrStdin())
					stop()
				}()
			}
			run := localcloud.Run
			if detach {
				run = localcloud.Detach
			}
			err := run(ctx, cfg)
			if errors.Is(err, localcloud.ErrRunning) {
				return already(cmd, cfg.Dir)
			}
			return err
		},
	}
	f := cmd.Flags()
	f.BoolVar(&detach, "detach", false, "return when everything is ready, and leave it running until \"august-local down\"")
	f.IntVar(&cfg.Port, "port", 0, "port of Google's APIs (default: the one of last time, or any)")
	f.IntVar(&cfg.Patients, "patients", 0, fmt.Sprintf("patients of the production clinic (default: as last time, or %d)", localcloud.DefaultPatients))
	f.Uint64Var(&cfg.Seed, "seed", 0, fmt.Sprintf("seed of the made-up practices (default: as last time, or %d)", localcloud.DefaultSeed))
	// For tests: however their process ends, the pipe ends with it, and so does the cloud.
	f.BoolVar(&untilEOF, "until-eof", false, "stop when standard input ends")
	_ = f.MarkHidden("until-eof") // fails for unknown flags only
	f.BoolVar(&cfg.Empty, "empty", false, "without the landing zone: no project has anything in it")
	return cmd
}

// already tells about a cloud that runs in the directory: to find it so is no failure.
func already(cmd *cobra.Command, dir string) error {
	d, err := localcloud.Describe(dir)
	if errors.Is(err, localcloud.ErrNotRunning) {
		_, err = fmt.Fprintln(cmd.OutOrStdout(), "The local cloud is starting or stopping already; see `august-local status`.")
		return err
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "The local cloud runs already: process %d in %s, Google's APIs at %s.\n", d.PID, d.Dir, d.Endpoints.Google)
	return err
}

// tour says how to look around.
func tour(out io.Writer, d localcloud.Description, detached bool) {
	stop := "Ctrl-C stops it, or august-local down --dir " + d.Dir
	if detached {
		stop = "august-local down --dir " + d.Dir + " stops it"
	}
	_, _ = fmt.Fprintf(out, `
Look around:
  august-local status --dir %s
  curl %sv1/projects/feel-august-platform/instances
  curl %s/v2/_catalog
%s.
`, d.Dir, d.Endpoints.Google, "http://"+d.Endpoints.Registry, stop)
}

func downCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "down",
		Short: "Stop the local cloud and keep its state",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			said, err := localcloud.Down(ctx, dirFlag(cmd))
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), said)
			return err
		},
	}
}

func statusCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what runs in the local cloud, and where",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			s, err := localcloud.GetStatus(ctx, dirFlag(cmd))
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), s)
			}
			return printStatus(cmd.OutOrStdout(), s)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func printStatus(out io.Writer, s localcloud.Status) error {
	d := s.Description
	if d == nil {
		_, err := fmt.Fprintln(out, "The local cloud is "+s.State+".")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	rows := [][2]string{
		{"State", fmt.Sprintf("%s since %s, process %d", s.State, d.Started.Local().Format("15:04:05"), d.PID)},
		{"Directory", d.Dir},
		{"Google's APIs", d.Endpoints.Google},
		{"Pub/Sub", d.Endpoints.PubSub},
		{"Images", d.Endpoints.Registry},
		{"OIDC issuer", d.Endpoints.OIDCIssuer},
		{"DrChrono", d.Endpoints.DrChrono},
		{"Coda", d.Endpoints.Coda},
	}
	for _, r := range rows {
		_, _ = fmt.Fprintf(w, "%s\t%s\n", r[0], r[1])
	}
	_, _ = fmt.Fprintln(w)
	for _, l := range s.Lines {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", l.Kind, l.Name, l.State, l.Detail)
	}
	return w.Flush()
}

func setupCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "setup",
		Short: "Find PostgreSQL's server and a Terraform CLI, or install them",
		Long: "Setup finds PostgreSQL's server and a Terraform CLI, or installs them. Beside a server that a package manager has put there it installs\n" +
			"HypoPG, which advice on indexes is proved by; where there is none it says so, and nothing else needs it.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			// Progress goes to standard error, so that standard output is the answer alone.
			s, err := toolchain.Ensure(ctx, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			s.HypoPG = toolchain.EnsureHypoPG(ctx, s.Postgres, cmd.ErrOrStderr())
			if asJSON {
				return printJSON(cmd.OutOrStdout(), s)
			}
			hypopg := "with HypoPG"
			if !s.HypoPG.Present {
				hypopg = "without HypoPG: " + s.HypoPG.Absent
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "PostgreSQL %s in %s, %s\n%s %s at %s\n",
				s.Postgres.Version, s.Postgres.Bin, hypopg, s.Terraform.Kind, s.Terraform.Version, s.Terraform.Path)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func printJSON(out io.Writer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

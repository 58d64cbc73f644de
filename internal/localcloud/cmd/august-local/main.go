// August-local runs the platform's cloud on one machine.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/demo"
)

func main() {
	root := Root()
	if err := root.ExecuteContext(context.Background()); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "august-local:", err)
		os.Exit(1)
	}
}

// Root is the command with all of its commands.
func Root() *cobra.Command {
	root := &cobra.Command{
		Use:   "august-local",
		Short: "The August platform's cloud, on this machine",
		Long: "The APIs of Google Cloud that the platform uses, over real PostgreSQL, a real image registry and real\n" +
			"processes, with sandboxes of DrChrono and Coda. It needs no account and no Docker, and listens on the\n" +
			"loopback interface only.",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w; see `%s --help`", err, cmd.CommandPath())
	})
	root.PersistentFlags().String("dir", "", "directory of the state (default $AUGUST_LOCAL_DIR, else one of your own)")
	root.AddCommand(upCommand(), downCommand(), statusCommand(), logsCommand(), setupCommand())
	root.AddCommand(demo.Commands()...)
	return root
}

// dirFlag is --dir, which every command has.
func dirFlag(cmd *cobra.Command) string {
	dir, err := cmd.Flags().GetString("dir")
	if err != nil {
		panic(err) // Root declares it
	}
	return dir
}

// interruptible ends a command's context with Ctrl-C. `up` is not: its supervisor handles signals.
func interruptible(cmd *cobra.Command) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
}

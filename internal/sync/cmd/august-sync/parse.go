package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/feel-august/terraform-provider-august/internal/sync/advisor"
)

// parseCommand is the child that reads statements for the runtime: nothing for people.
func parseCommand() *cobra.Command {
	return &cobra.Command{
		Use: "parse", Short: "Read statements for the runtime, in JSON lines", Hidden: true, Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			out := os.Stdout
			os.Stdout = os.Stderr // the parser's own, if it ever wrote any, is no answer
			return advisor.Answer(os.Stdin, out)
		},
	}
}

// Command august-deliver does in a delivery pipeline what Terraform's own commands leave open: it reviews a saved plan without telling its
// values, keeps it for the apply, and looks at how what was applied has fared.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

var version = "" // set by the linker

func main() {
	if err := command().Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "august-deliver:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:   "august-deliver",
		Short: "Review, keep and watch what Terraform delivers",
		Long: "august-deliver is for a delivery pipeline. Where GITHUB_OUTPUT and GITHUB_STEP_SUMMARY name files, as in GitHub Actions, what\n" +
			"later jobs need and what people read is added to them. It tells no value of a plan.",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(reviewCommand(), keepCommand(), fetchCommand(), soakCommand())
	return root
}

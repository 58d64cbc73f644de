package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/feel-august/terraform-provider-august/internal/bucket"
	"github.com/feel-august/terraform-provider-august/internal/delivery"
)

func keepCommand() *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use:   "keep tfplan",
		Short: "Keep a saved plan beside the state, for the job that applies it",
		Long: "Keep writes a saved plan to a new object, never over one that is there. The plan holds values of the state: the bucket must be\n" +
			"one that only those can read who can read the state.\n\n" +
			"Outputs: plan (its address), digest.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			digest, err := delivery.Keep(cmd.Context(), args[0], to, storage())
			if err != nil {
				return err
			}
			_, _ = fmt.Fprintln(cmd.OutOrStdout(), digest)
			return outputs(output{"plan", to}, output{"digest", digest})
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "gs://bucket/folder/name")
	_ = cmd.MarkFlagRequired("to")
	return cmd
}

func fetchCommand() *cobra.Command {
	var from, digest string
	cmd := &cobra.Command{
		Use:   "fetch tfplan",
		Short: "Fetch the plan that was approved, and no other",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return delivery.Fetch(cmd.Context(), from, digest, args[0], storage())
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "where keep has kept it")
	cmd.Flags().StringVar(&digest, "digest", "", "what keep has told of it")
	_ = cmd.MarkFlagRequired("from")
	_ = cmd.MarkFlagRequired("digest")
	return cmd
}

// storage is where the provider finds it, too.
func storage() bucket.Options { return bucket.Options{Endpoint: os.Getenv("AUGUST_STORAGE_ENDPOINT")} }

package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/feel-august/terraform-provider-august/internal/localcloud"
)

func logsCommand() *cobra.Command {
	var l localcloud.Logs
	cmd := &cobra.Command{
		Use:   "logs SERVICE",
		Short: "Show what a Cloud Run service has written",
		Long: "Shows the lines that the instances of a Cloud Run service have written, those of all its revisions in the order of\n" +
			"their time, as they were written. It works on a stopped cloud, too.",
		Example: "  august-local logs august-sync --project feel-august-platform --follow\n" +
			"  august-local logs august-sync --tail 100 | jq -r .message",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("name one service, as in `august-local logs august-sync`; `august-local status` lists them")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("tail") && l.Tail < 0 {
				return fmt.Errorf("--tail %d: a number of lines is 0 or more", l.Tail)
			}
			ctx, stop := interruptible(cmd)
			defer stop()
			l.Dir, l.Service, l.Out = dirFlag(cmd), args[0], cmd.OutOrStdout()
			return localcloud.ShowLogs(ctx, l)
		},
	}
	f := cmd.Flags()
	f.StringVar(&l.Project, "project", "", "project of the service; needed where several have one of that name")
	f.StringVar(&l.Region, "region", "", "region of the service; needed where several have one of that name")
	f.IntVar(&l.Tail, "tail", -1, "only that many of the last lines (default: all)")
	f.BoolVar(&l.Follow, "follow", false, "go on with what is written from now on; Ctrl-C ends it")
	return cmd
}

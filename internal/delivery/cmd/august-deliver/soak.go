package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/api/monitoring/v3"
	"google.golang.org/api/option"

	"github.com/feel-august/terraform-provider-august/internal/delivery"
)

func soakCommand() *cobra.Command {
	var project string
	var during time.Duration
	var fastest float64
	cmd := &cobra.Command{
		Use:   "soak",
		Short: "Hold the time since an apply against the service level objectives and alerts of a project",
		Long: "Soak does not wait: the pipeline does, by an environment's wait timer. It looks back over that time, and fails when an objective's\n" +
			"error budget was spent too fast in it, when an alert was open, or when nothing was measured at all.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if during < time.Minute {
				return fmt.Errorf("--for %s: a soak is at least a minute, which is how often Google measures", during)
			}
			var options []option.ClientOption
			endpoint := os.Getenv("AUGUST_MONITORING_ENDPOINT") // where the provider finds it, too
			if endpoint != "" {
				options = append(options, option.WithEndpoint(endpoint))
			}
			if strings.HasPrefix(endpoint, "http://") {
				options = append(options, option.WithoutAuthentication()) // credentials do not travel in the clear
			}
			api, err := monitoring.NewService(cmd.Context(), options...)
			if err != nil {
				return err
			}
			promises := delivery.Promises{API: api, Project: project}
			kept, alerts, err := promises.Kept(cmd.Context(), time.Now(), during)
			if err != nil {
				return err
			}
			page := soakPage(project, during, kept, alerts)
			_, _ = fmt.Fprint(cmd.OutOrStdout(), page)
			if err := summary(page); err != nil {
				return err
			}
			return delivery.Soaked(kept, alerts, fastest)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&project, "project", "", "whose objectives and alerts they are")
	flags.DurationVar(&during, "for", 30*time.Minute, "how far to look back: the time that was waited")
	flags.Float64Var(&fastest, "max-burn", 2, "how many times as fast as it lasts an error budget may be spent")
	_ = cmd.MarkFlagRequired("project")
	return cmd
}

func soakPage(project string, during time.Duration, kept []delivery.Promise, alerts []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s, the last %s\n\n| objective | error budget spent |\n|---|---|\n", project, during)
	for _, promise := range kept {
		rate := "nothing measured"
		if promise.Measured {
			rate = fmt.Sprintf("%.2f times as fast as it lasts", promise.Burn)
		}
		fmt.Fprintf(&b, "| %s | %s |\n", promise.Name, rate)
	}
	b.WriteString("\n")
	for _, policy := range alerts {
		fmt.Fprintf(&b, "- the alert %q was open\n", policy)
	}
	return b.String()
}

package main

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/api/option"

	"github.com/feel-august/terraform-provider-august/internal/gcp/logging"
	"github.com/feel-august/terraform-provider-august/internal/sync/advisor"
	"github.com/feel-august/terraform-provider-august/internal/sync/config"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

// openAdvisor makes what advises on indexes: with a child of this executable that reads statements, and the log when it may be looked at.
func openAdvisor(ctx context.Context, cfg config.Config, db *store.Store, log *slog.Logger) (*advisor.Advisor, error) {
	reader, err := advisor.NewParser()
	if err != nil {
		return nil, err
	}
	advise := advisor.Config{Store: db, Reader: reader, Log: log}
	if cfg.Advice.Logs {
		var options []option.ClientOption
		if at := cfg.Advice.Endpoint; at != "" {
			options = append(options, option.WithEndpoint(at))
			if strings.HasPrefix(at, "http://") {
				options = append(options, option.WithHTTPClient(http.DefaultClient)) // credentials do not travel in the clear
			}
		}
		client, err := logging.New(ctx, options...)
		if err != nil {
			return nil, err
		}
		of := strings.Split(cfg.Database.Instance, ":") // a project may have a domain before it
		advise.Logs = advisor.CloudLog{Client: client, Project: strings.Join(of[:len(of)-2], ":"), Instance: of[len(of)-1]}
	}
	return advisor.New(advise), nil
}

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

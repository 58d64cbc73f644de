// Command record writes down the schemas of hashicorp/google, for tests on machines that have no such provider.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/toolchain"
	"github.com/feel-august/terraform-provider-august/internal/modules/standin"
)

func main() {
	log.SetFlags(0)
	version := flag.String("version", toolchain.GoogleVersion, "the `version` of the provider, where $"+toolchain.EnvGoogle+" says which one to record")
	flag.Usage = func() {
		log.Print("usage: record [-version VERSION] FILE\n\nWrites the schemas of hashicorp/google to FILE.")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := record(context.Background(), *version, flag.Arg(0)); err != nil {
		log.Fatal("record: ", err)
	}
}

func record(ctx context.Context, version, file string) (err error) {
	folder, err := toolchain.EnsureGoogle(ctx, os.Stdout)
	if err != nil {
		return err
	}
	recording, err := standin.Ask(ctx, folder, version)
	if err != nil {
		return err
	}
	to, err := os.Create(filepath.Clean(file))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	if err := recording.Pack(to); err != nil {
		return err
	}
	fmt.Printf("%s: %d resources and %d data sources of hashicorp/google %s.\n", file, len(recording.Resources), len(recording.Data), version)
	return nil
}

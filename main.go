// Command terraform-provider-august serves the august provider to Terraform.
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"runtime/debug"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"

	"github.com/feel-august/terraform-provider-august/provider"
)

// version is set by the release build.
var version = "dev"

func main() {
	debug := flag.Bool("debug", false, "wait for a debugger: print how Terraform can attach, and serve until interrupted")
	flag.Parse()
	if !*debug {
		beBrief()
	}

	err := providerserver.Serve(context.Background(), provider.New(version), providerserver.ServeOpts{
		Address:         provider.Address,
		Debug:           *debug,
		ProtocolVersion: 6,
	})
	if err != nil {
		log.Fatal(err)
	}
}

// beBrief spares what a process that lives for one command does for nobody. A policy of hundreds of columns is a large
// value, which the framework walks many times over, and writes a line about each step of: a plan of it takes half the CPU.
func beBrief() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400) // it ends before it has grown: some tens of megabytes
	}
	for _, name := range []string{"TF_LOG", "TF_LOG_PROVIDER", "TF_LOG_SDK"} {
		if os.Getenv(name) != "" {
			return
		}
	}
	_ = os.Setenv("TF_LOG_SDK", "OFF") // Terraform throws the lines away, after it has read them
}

package provider

import (
	"context"
	"fmt"
	"reflect"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/compare"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
)

// providers serves the provider in this process to the Terraform that a test runs.
var providers = map[string]func() (tfprotov6.ProviderServer, error){
	"august": providerserver.NewProtocol6WithError(New("test")()),
}

func compareDiffer() compare.ValueComparer { return compare.ValuesDiffer() }

// expectBefore is a plan check that the refresh found an attribute to be so: drift that a plan names.
func expectBefore(address, attribute string, want any) plancheck.PlanCheck {
	return beforeCheck{address, attribute, want}
}

type beforeCheck struct {
	address, attribute string
	want               any
}

// CheckPlan implements plancheck.PlanCheck.
func (c beforeCheck) CheckPlan(_ context.Context, req plancheck.CheckPlanRequest, resp *plancheck.CheckPlanResponse) {
	for _, change := range req.Plan.ResourceChanges {
		if change.Address != c.address {
			continue
		}
		before, _ := change.Change.Before.(map[string]any)
		if got := before[c.attribute]; !reflect.DeepEqual(got, c.want) {
			resp.Error = fmt.Errorf("%s.%s was found as %#v, want %#v", c.address, c.attribute, got, c.want)
		}
		return
	}
	resp.Error = fmt.Errorf("%s is not in the plan", c.address)
}

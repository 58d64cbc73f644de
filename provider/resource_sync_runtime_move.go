package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/resource"
)

var _ resource.ResourceWithMoveState = (*syncRuntimeResource)(nil)

// MoveState implements resource.ResourceWithMoveState.
func (r *syncRuntimeResource) MoveState(context.Context) []resource.StateMover {
	return []resource.StateMover{moveFromGoogle("august_sync_runtime", "google_cloud_run_v2_service", syncRuntimeIdentity, func(id string) ([]string, bool) {
		parts, ok := parseServiceID(id)
		return parts, ok && parts[0] != ""
	})}
}

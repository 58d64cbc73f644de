package provider

import (
	"context"
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/feel-august/terraform-provider-august/internal/gcp"
	"github.com/feel-august/terraform-provider-august/internal/gcp/auth"
)

// Every diagnostic reads the same way. Its title is what did not happen ("Pipeline not created"); its detail is the
// cause in a sentence, then what to do about it, then the raw error.

// fail adds an error. With an err, what to do about errors of its kind is added, and the error itself comes last.
func fail(diags *diag.Diagnostics, title, detail string, err error) {
	diags.AddError(title, describe(detail, err))
}

// failAt is fail with an attribute to blame.
func failAt(diags *diag.Diagnostics, at path.Path, title, detail string, err error) {
	diags.AddAttributeError(at, title, describe(located(at, detail), err))
}

// warn adds a warning, in the same form.
func warn(diags *diag.Diagnostics, title, detail string, err error) {
	diags.AddWarning(title, describe(detail, err))
}

// warnAt is warn with an attribute to blame.
func warnAt(diags *diag.Diagnostics, at path.Path, title, detail string, err error) {
	diags.AddAttributeWarning(at, title, describe(located(at, detail), err))
}

// located says which attribute a detail is about when Terraform does not: it shows the line of an attribute of the
// resource, but of one within an object only the line of the resource.
func located(at path.Path, detail string) string {
	if len(at.Steps()) < 2 {
		return detail
	}
	return at.String() + ": " + detail
}

func describe(detail string, err error) string {
	if err == nil {
		return detail
	}
	if way := wayOut(err); way != "" {
		detail += "\n\n" + way
	}
	return detail + "\n\nError: " + err.Error()
}

// wayOut is what to do about an error of this kind, when that can be said without knowing more.
func wayOut(err error) string {
	switch {
	case errors.Is(err, auth.ErrNoCredentials):
		return "Run `gcloud auth application-default login`, or set access_token or impersonate_service_account in the provider block."
	case errors.Is(err, context.DeadlineExceeded):
		return "The time that `timeouts` allows ran out. Whatever the server has begun goes on: apply again to wait for the rest of it, or allow more time."
	case errors.Is(err, context.Canceled):
		return "The run was interrupted. What the server has begun goes on; apply again to finish the rest."
	case errors.Is(err, auth.ErrNoIdentity):
		return "Set impersonate_service_account in the provider block: that account then signs the ID token."
	}
	switch gcp.KindOf(err) {
	case gcp.Denied:
		return "Check which credentials the provider uses, that they have not expired, and that they hold a role for this on the project."
	case gcp.InProgress:
		return "Another operation was still running when the time ran out. Wait for it, or raise the timeout, and apply again."
	case gcp.Stale:
		return "Something else keeps changing it. Find out what, and apply again."
	case gcp.Throttled:
		return "The project's quota of calls is used up. Apply again in a minute."
	case gcp.Transient:
		return "The service failed. Nothing is lost: apply again."
	case gcp.Unavailable:
		return "No server answered. Check the network and the provider's endpoints, then run the same command again."
	}
	return ""
}

// isUnknown says that err is only about something that the same apply still has to create.
func isUnknown(err error) bool {
	var e errUnknown
	return errors.As(err, &e)
}

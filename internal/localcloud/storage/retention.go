package storage

import (
	"net/http"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// expiration is when the bucket's retention policy lets an object go. One that is held until an event has none yet.
func (b *bucket) expiration(o *object) *time.Time {
	if b.meta.RetentionPolicy == nil || o.held() {
		return nil
	}
	from := o.TimeCreated
	if o.HoldReleased != nil {
		from = *o.HoldReleased
	}
	at := from.Add(time.Duration(b.meta.RetentionPolicy.RetentionPeriod) * time.Second)
	return &at
}

// mayGo says whether a version may be deleted, or written over, or archived; there may be none.
func (b *bucket) mayGo(o *object, now time.Time) error {
	if o == nil {
		return nil
	}
	if kind := o.heldBy(); kind != "" {
		return gapi.Errorf(http.StatusForbidden, "PERMISSION_DENIED", "objectUnderActiveHold",
			"Object '%s/%s' is under active %s hold and cannot be deleted, overwritten or archived until hold is removed.", o.Bucket, o.Name, kind)
	}
	if at := b.expiration(o); at != nil && at.After(now) {
		return gapi.Errorf(http.StatusForbidden, "PERMISSION_DENIED", "retentionPolicyNotMet",
			"Object '%s/%s' is subject to bucket's retention policy and cannot be deleted, overwritten or archived until %s",
			o.Bucket, o.Name, at.Format(time.RFC3339Nano))
	}
	return nil
}

func (o *object) heldBy() string {
	switch {
	case o.TemporaryHold:
		return "Temporary"
	case o.held():
		return "Event-Based"
	}
	return ""
}

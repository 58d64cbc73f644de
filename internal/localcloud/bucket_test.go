package localcloud_test

import (
	"io"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/bucket"
	"github.com/feel-august/terraform-provider-august/internal/localcloud"
)

// landingBucket is the one of the landing zone.
func landingBucket(t *testing.T, d localcloud.Description) bucket.Bucket {
	t.Helper()
	b, err := bucket.Open(t.Context(), "gs://"+localcloud.BucketName, bucket.Options{Endpoint: d.Endpoints.Storage})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// store leaves an object in it.
func store(t *testing.T, d localcloud.Description, name, content string) {
	t.Helper()
	if err := landingBucket(t, d).Create(t.Context(), name, []byte(content)); err != nil {
		t.Fatal(err)
	}
}

// stored reads it.
func stored(t *testing.T, d localcloud.Description, name string) string {
	t.Helper()
	r, err := landingBucket(t, d).Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

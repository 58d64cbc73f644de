package storage

import (
	"net/http"
	"strings"
	"testing"

	"google.golang.org/api/storage/v1"
)

func uniform(enabled bool) *storage.BucketIamConfiguration {
	return &storage.BucketIamConfiguration{UniformBucketLevelAccess: &storage.BucketIamConfigurationUniformBucketLevelAccess{
		Enabled: enabled, ForceSendFields: []string{"Enabled"}}}
}

// A bucket has what it was made with, and Google's defaults; a change changes what it names, and a restart nothing.
func TestBucketSettings(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.bucket(&storage.Bucket{
		Name: "box", Location: "us-central1", Labels: map[string]string{"a": "1", "b": "2"}, IamConfiguration: uniform(true),
		Lifecycle: &storage.BucketLifecycle{Rule: []*storage.BucketLifecycleRule{{
			Action: &storage.BucketLifecycleRuleAction{Type: "Delete"}, Condition: &storage.BucketLifecycleRuleCondition{NumNewerVersions: 3}}}},
	})
	if b.Id != "box" || b.Location != "US-CENTRAL1" || b.LocationType != "region" || b.StorageClass != "STANDARD" || b.Metageneration != 1 || b.ProjectNumber == 0 ||
		!b.IamConfiguration.BucketPolicyOnly.Enabled || b.IamConfiguration.PublicAccessPrevention != "inherited" || b.SoftDeletePolicy.RetentionDurationSeconds != 604800 {
		t.Errorf("made %+v", b)
	}
	b, err := r.client.Buckets.Patch("box", &storage.Bucket{
		Labels: map[string]string{"c": "3"}, NullFields: []string{"Labels.a"}, Location: "EU", StorageClass: "nearline", Website: &storage.BucketWebsite{MainPageSuffix: "x"},
	}).Do()
	if err != nil || len(b.Labels) != 2 || b.Labels["b"]+b.Labels["c"] != "23" || b.Location != "US-CENTRAL1" || b.StorageClass != "NEARLINE" || b.Metageneration != 2 {
		t.Errorf("patched %+v, %v", b, err)
	}
	r.start()
	if b, err = r.client.Buckets.Get("box").Do(); err != nil || b.Labels["c"] != "3" || b.Website.MainPageSuffix != "x" || b.Lifecycle.Rule[0].Condition.NumNewerVersions != 3 {
		t.Errorf("after a restart %+v, %v", b, err)
	}
	if o, err := r.insert(&storage.Object{Name: "a"}, ""); err != nil || o.StorageClass != "NEARLINE" {
		t.Errorf("%+v, %v", o, err)
	}
	if b, err = r.client.Buckets.Update("box", &storage.Bucket{IamConfiguration: uniform(false)}).Do(); err != nil || len(b.Labels) > 0 || b.Website != nil || b.Lifecycle != nil ||
		b.IamConfiguration.UniformBucketLevelAccess.Enabled || b.Name != "box" {
		t.Errorf("updated %+v, %v", b, err)
	}
	r.bucket(&storage.Bucket{Name: "another"})
	if _, err := r.client.Buckets.Insert("other-project", &storage.Bucket{Name: "theirs"}).Do(); err != nil {
		t.Fatal(err)
	}
	list, err := r.client.Buckets.List(project).MaxResults(1).Do()
	if err != nil || len(list.Items) != 1 || list.Items[0].Name != "another" || list.NextPageToken == "" {
		t.Fatalf("listed %+v, %v", list, err)
	}
	if list, err = r.client.Buckets.List(project).PageToken(list.NextPageToken).Do(); err != nil || len(list.Items) != 1 || list.Items[0].Name != "box" || list.NextPageToken != "" {
		t.Errorf("listed %+v, %v", list, err)
	}
}

func TestBucketRefusals(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.bucket(&storage.Bucket{Name: "box"})
	insert := func(b *storage.Bucket) error { _, err := r.client.Buckets.Insert(project, b).Do(); return err }
	for _, name := range []string{"", "ab", "Upper", "-a-", "a_", "a..b", "192.168.0.1", "goog-box", "my-google", strings.Repeat("x", 64), "a/b", "../x"} {
		r.refused(insert(&storage.Bucket{Name: name}), http.StatusBadRequest, "invalid")
	}
	for _, b := range []*storage.Bucket{
		{StorageClass: "WARM"}, {Labels: map[string]string{"A": "b"}}, {Labels: map[string]string{"a": "B"}},
		{HierarchicalNamespace: &storage.BucketHierarchicalNamespace{Enabled: true}}, {RetentionPolicy: &storage.BucketRetentionPolicy{RetentionPeriod: 4e9}},
		{IamConfiguration: &storage.BucketIamConfiguration{PublicAccessPrevention: "maybe"}}, {Acl: []*storage.BucketAccessControl{{Entity: "allUsers"}}},
		{SoftDeletePolicy: &storage.BucketSoftDeletePolicy{RetentionDurationSeconds: 3600}},
	} {
		b.Name = "other"
		r.refused(insert(b), http.StatusBadRequest, "invalid")
	}
	r.refused(insert(&storage.Bucket{Name: "box"}), http.StatusConflict, "conflict")
	_, err := r.client.Buckets.Insert("other-project", &storage.Bucket{Name: "box"}).Do()
	if r.refused(err, http.StatusConflict, "conflict"); !strings.Contains(err.Error(), "The requested bucket name is not available") {
		t.Error(err)
	}
	_, err = r.client.Buckets.Get("other").Do()
	if r.refused(err, http.StatusNotFound, "notFound"); !strings.Contains(err.Error(), "The specified bucket does not exist.") {
		t.Error(err)
	}
	_, err = r.client.Objects.List("other").Do()
	r.refused(err, http.StatusNotFound, "notFound")
	_, err = r.client.BucketAccessControls.List("box").Do()
	r.refused(err, http.StatusBadRequest, "invalid")
	for _, body := range []string{`{"lifecycle": {"rules": []}}`, `{"cors": 1}`, `{"website": {"mainPageSuffix": 1}}`, `[]`, `{`} {
		if answer, said := r.send("PATCH", "/storage/v1/b/box", body); answer.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s %s", body, answer.Status, said)
		}
	}
	if answer, _ := r.send("GET", "/storage/v1/b", ""); answer.StatusCode != http.StatusBadRequest {
		t.Errorf("a list of no project: %s", answer.Status)
	}
}

// Policies are read, changed and written back; who comes second is told.
func TestPolicy(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.bucket(&storage.Bucket{Name: "box", IamConfiguration: &storage.BucketIamConfiguration{PublicAccessPrevention: "enforced"}})
	first, err := r.client.Buckets.GetIamPolicy("box").Do()
	if err != nil || len(first.Bindings) != 2 || first.Etag == "" || first.ResourceId != "projects/_/buckets/box" {
		t.Fatalf("%+v, %v", first, err)
	}
	const role, member = "roles/storage.objectViewer", "serviceAccount:a@b.iam.gserviceaccount.com"
	want := &storage.Policy{Etag: first.Etag, Bindings: append(first.Bindings, &storage.PolicyBindings{Role: role, Members: []string{member}})}
	if _, err := r.client.Buckets.SetIamPolicy("box", want).Do(); err != nil {
		t.Fatal(err)
	}
	_, err = r.client.Buckets.SetIamPolicy("box", want).Do()
	r.refused(err, http.StatusConflict, "aborted")
	r.start()
	if got, err := r.client.Buckets.GetIamPolicy("box").Do(); err != nil || len(got.Bindings) != 3 || got.Bindings[2].Members[0] != member {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = r.client.Buckets.SetIamPolicy("box", &storage.Policy{Bindings: []*storage.PolicyBindings{{Role: role, Members: []string{"allUsers"}}}}).Do()
	r.refused(err, http.StatusPreconditionFailed, "conditionNotMet")
	if got, err := r.client.Buckets.TestIamPermissions("box", []string{"storage.objects.get", "storage.objects.list"}).Do(); err != nil || len(got.Permissions) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}

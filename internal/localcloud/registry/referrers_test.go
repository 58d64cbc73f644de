package registry

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// What refers to a manifest is listed by the type that its own manifest says it has, and by its annotations; of one type
// when one is asked for.
func TestReferrers(t *testing.T) {
	t.Parallel()
	f := start(t, Options{Dir: t.TempDir()})
	subject := "sha256:" + strings.Repeat("a", 64)
	put := func(repo, ref, body string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+f.Addr()+"/v2/"+repo+"/manifests/"+ref, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusCreated {
			t.Fatalf("PUT %s: %s", ref, resp.Status)
		}
	}
	const empty = `"config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", "size": 2}, "layers": []`
	refers := func(more string) string {
		return fmt.Sprintf(`{"schemaVersion": 2, %s, "subject": {"mediaType": "x/y", "digest": %q, "size": 1}%s}`, empty, subject, more)
	}
	put("august/sync", "sbom", refers(`, "artifactType": "application/spdx+json", "annotations": {"name": "sbom"}`))
	put("august/sync", "other", refers(""))
	put("august/sync", "alone", `{"schemaVersion": 2, `+empty+`}`)
	put("another", "sbom", refers(`, "artifactType": "application/spdx+json"`))

	for query, want := range map[string]string{
		"":                                      "application/spdx+json sbom, application/vnd.oci.empty.v1+json ",
		"?artifactType=application/spdx%2Bjson": "application/spdx+json sbom",
		"?artifactType=application/vnd.example.signature": "",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+f.Addr()+"/v2/august/sync/referrers/"+subject+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var index v1.IndexManifest
		if err := json.NewDecoder(resp.Body).Decode(&index); err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.Header.Get("Content-Type") != "application/vnd.oci.image.index.v1+json" || (resp.Header.Get("OCI-Filters-Applied") == "artifactType") != (query != "") {
			t.Errorf("%q: headers %v", query, resp.Header)
		}
		got := map[string]bool{}
		for _, d := range index.Manifests {
			got[d.ArtifactType+" "+d.Annotations["name"]] = true
		}
		for _, one := range strings.Split(want, ", ") {
			if one != "" && !got[one] {
				t.Errorf("%q: %+v, want %q", query, index.Manifests, want)
			}
			delete(got, one)
		}
		if len(got) > 0 {
			t.Errorf("%q lists %v as well", query, got)
		}
	}

	resp, err := http.Get("http://" + f.Addr() + "/v2/august/sync/referrers/latest")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("what refers to a tag: %s", resp.Status)
	}
}

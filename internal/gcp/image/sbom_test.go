package image

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"
	"github.com/spdx/tools-golang/spdxlib"
)

// holdSBOM holds an image's SBOM to SPDX's rules, and to what the runtime was linked from.
func holdSBOM(t *testing.T, img *Image, runtime []byte) {
	t.Helper()
	holdSPDX(t, img.SBOM.Document)
	doc, err := spdxjson.Read(bytes.NewReader(img.SBOM.Document))
	if err != nil {
		t.Fatalf("SPDX's own reader: %v", err)
	}
	if err := spdxlib.ValidateDocument(doc); err != nil {
		t.Errorf("SPDX's own rules: %v", err)
	}
	if !strings.HasSuffix(doc.DocumentNamespace, "/"+img.Digest.Hex) {
		t.Errorf("the namespace %s is not the image's own", doc.DocumentNamespace)
	}
	if described, err := spdxlib.GetDescribedPackageIDs(doc); err != nil || len(described) != 1 || described[0] != "Image" {
		t.Errorf("the document describes %v, %v; want the image", described, err)
	}
	byName := map[string]*v2_3.Package{}
	for _, p := range doc.Packages {
		if len(p.PackageExternalReferences) != 1 {
			t.Fatalf("%s has the references %v", p.PackageName, p.PackageExternalReferences)
		}
		byName[p.PackageExternalReferences[0].Locator] = p
	}
	info, err := buildinfo.Read(bytes.NewReader(runtime))
	if err != nil {
		t.Fatal(err)
	}
	// One by one, as a scanner would look them up.
	want := map[string]string{
		"pkg:oci/august-sync@sha256%3A" + img.Digest.Hex + "?arch=amd64":                                                                                 "",
		"pkg:golang/github.com/feel-august/terraform-provider-august@v" + strings.ReplaceAll(img.Version, "+", "%2B") + "#internal/sync/cmd/august-sync": "",
		"pkg:golang/stdlib@" + strings.TrimPrefix(info.GoVersion, "go"):                                                                                  "",
		"pkg:golang/golang.org/x/crypto/x509roots/fallback@" + rootsVersion:                                                                              "",
	}
	for _, module := range info.Deps {
		want["pkg:golang/"+strings.ToLower(module.Path)+"@"+strings.ReplaceAll(module.Version, "+", "%2B")] = module.Sum
	}
	if len(doc.Packages) != len(want) {
		t.Errorf("%d packages, want %d", len(doc.Packages), len(want))
	}
	for purl, sum := range want {
		p := byName[purl]
		switch {
		case p == nil:
			t.Errorf("no package %s", purl)
		case sum != "" && (len(p.Annotations) != 1 || p.Annotations[0].AnnotationComment != "go.sum "+sum):
			t.Errorf("%s has the annotations %v, want its sum %s", purl, p.Annotations, sum)
		}
	}
}

var (
	spdxID   = regexp.MustCompile(`^SPDXRef-[A-Za-z0-9.-]+$`)
	spdxDate = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`)
	purlForm = regexp.MustCompile(`^pkg:(golang|oci)/[a-z0-9._~/-]+@[A-Za-z0-9._%-]+(\?arch=amd64)?(#[a-z/-]+)?$`)
)

// holdSPDX is what SPDX 2.3 asks of a document, clause by clause, as far as ours has it. SPDX's Go reader does not ask.
func holdSPDX(t *testing.T, document []byte) {
	t.Helper()
	var doc spdxDocument
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	if doc.Version != "SPDX-2.3" || doc.DataLicense != "CC0-1.0" || doc.ID != "SPDXRef-DOCUMENT" || doc.Name == "" {
		t.Errorf("6.1 to 6.4: %s, %s, %s, %q", doc.Version, doc.DataLicense, doc.ID, doc.Name)
	}
	if !strings.HasPrefix(doc.Namespace, "https://") || strings.Contains(doc.Namespace, "#") {
		t.Errorf("6.5: namespace %s", doc.Namespace)
	}
	if !spdxDate.MatchString(doc.Creation.Created) || len(doc.Creation.Creators) == 0 {
		t.Errorf("6.8, 6.9: %+v", doc.Creation)
	}
	for _, creator := range doc.Creation.Creators {
		if kind, who, ok := strings.Cut(creator, ": "); !ok || who == "" || !slices.Contains([]string{"Person", "Organization", "Tool"}, kind) {
			t.Errorf("6.8: creator %q", creator)
		}
	}
	if len(doc.Packages) < 4 || !slices.IsSortedFunc(doc.Packages[3:], func(a, b spdxPackage) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the modules, which come after image, runtime and Go, are not in order")
	}
	known := map[string]bool{doc.ID: true}
	for _, p := range doc.Packages {
		if !spdxID.MatchString(p.ID) || known[p.ID] {
			t.Errorf("7.2: the id %q of %s is none, or not unique", p.ID, p.Name)
		}
		known[p.ID] = true
		if p.Name == "" || p.DownloadLocation == "" || p.LicenseConcluded == "" || p.LicenseDeclared == "" || p.Copyright == "" {
			t.Errorf("7.1, 7.7, 7.13, 7.15, 7.17: %+v", p)
		}
		if p.FilesAnalyzed {
			t.Errorf("7.8: %s says that its files were analysed", p.Name)
		}
		if !slices.Contains([]string{"CONTAINER", "APPLICATION", "LIBRARY"}, p.Purpose) {
			t.Errorf("7.24: %s is for %q", p.Name, p.Purpose)
		}
		for _, sum := range p.Checksums {
			if sum.Algorithm != "SHA256" || len(sum.Value) != 64 {
				t.Errorf("7.10: %s has %+v", p.Name, sum)
			}
		}
		for _, ref := range p.ExternalRefs {
			if ref.Category != "PACKAGE-MANAGER" || ref.Type != "purl" || !purlForm.MatchString(ref.Locator) {
				t.Errorf("7.21: %s has %+v", p.Name, ref)
			}
		}
		for _, a := range p.Annotations {
			if !spdxDate.MatchString(a.Date) || a.Type != "OTHER" || !strings.HasPrefix(a.Annotator, "Tool: ") || a.Comment == "" {
				t.Errorf("12: %s has %+v", p.Name, a)
			}
		}
	}
	reached := map[string]bool{doc.ID: true}
	for _, r := range doc.Relationships {
		if !known[r.Element] || !known[r.Related] {
			t.Errorf("11: %+v is of what there is not", r)
		}
		if !slices.Contains([]string{"DESCRIBES", "CONTAINS", "DEPENDS_ON"}, r.Type) {
			t.Errorf("11: %+v", r)
		}
		reached[r.Related] = reached[r.Element]
	}
	for id := range known {
		if !reached[id] {
			t.Errorf("nothing leads from the document to %s", id)
		}
	}
}

// The same image, the same document, byte by byte; another image, another namespace and digest.
func TestSBOM_reproducible(t *testing.T) {
	t.Parallel()
	first, again, other := build(t, ""), build(t, ""), build(t, "another")
	if !bytes.Equal(first.SBOM.Document, again.SBOM.Document) || first.SBOM.Digest != again.SBOM.Digest {
		t.Error("one image has two SBOMs")
	}
	if first.SBOM.Digest == other.SBOM.Digest {
		t.Error("two images have one SBOM")
	}
	holdSPDX(t, first.SBOM.Document)
}

// What refers is an artifact as OCI 1.1 describes one.
func TestSBOM_artifact(t *testing.T) {
	t.Parallel()
	img := build(t, "")
	raw, err := img.SBOM.artifact.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	var m v1.Manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	size, err := img.OCI.Size()
	if err != nil {
		t.Fatal(err)
	}
	if m.Subject == nil || m.Subject.Digest != img.Digest || m.Subject.Size != size || m.Subject.MediaType != "application/vnd.oci.image.manifest.v1+json" {
		t.Errorf("refers to %+v", m.Subject)
	}
	if m.ArtifactType != "application/spdx+json" || m.MediaType != "application/vnd.oci.image.manifest.v1+json" || m.SchemaVersion != 2 {
		t.Errorf("is %d, %s, %s", m.SchemaVersion, m.MediaType, m.ArtifactType)
	}
	// The specification gives the digest of the empty config.
	if m.Config.MediaType != "application/vnd.oci.empty.v1+json" || m.Config.Digest.Hex != "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a" || m.Config.Size != 2 {
		t.Errorf("config %+v", m.Config)
	}
	if len(m.Layers) != 1 || m.Layers[0].MediaType != "application/spdx+json" || m.Layers[0].Size != int64(len(img.SBOM.Document)) {
		t.Fatalf("layers %+v", m.Layers)
	}
	layer, err := img.SBOM.artifact.LayerByDigest(m.Layers[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	content, err := layer.Compressed()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = content.Close() }()
	if got, err := io.ReadAll(content); err != nil || !bytes.Equal(got, img.SBOM.Document) {
		t.Errorf("the artifact holds something else than the document: %v", err)
	}
}

// What the SBOM says of the CA bundle is what go.mod says of it.
func TestSBOM_rootsVersion(t *testing.T) {
	t.Parallel()
	mod, err := os.ReadFile("../../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(mod), "\t"+rootsModule+" "+rootsVersion+"\n") {
		t.Errorf("go.mod has another version of %s than %s: write it down here, and in testdata/base_layer.golden what it changes", rootsModule, rootsVersion)
	}
}

// Paths that look alike without their slashes are told apart.
func TestModuleID(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, path := range []string{"a.test/b/c", "a.test/b-c", "a.test/b.c", "a.test/b_c", "a.test/b~c", "a.test/b/c_d", "a.test/b_c/d"} {
		id := moduleID(path)
		if !spdxID.MatchString(id) || seen[id] != "" {
			t.Errorf("%s and %s get the id %s", path, seen[id], id)
		}
		seen[id] = path
	}
}

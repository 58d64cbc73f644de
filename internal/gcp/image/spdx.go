package image

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// The CA bundle is compiled into the provider, not into the runtime, so no build information of the runtime names it.
const (
	rootsModule  = "golang.org/x/crypto/x509roots/fallback"
	rootsVersion = "v0.0.0-20261030153154-30a33513ff6d"
)

// The parts of SPDX 2.3 that a bill of materials of ours needs. https://spdx.github.io/spdx-spec/v2.3/
type (
	spdxDocument struct {
		Version       string             `json:"spdxVersion"`
		DataLicense   string             `json:"dataLicense"`
		ID            string             `json:"SPDXID"`
		Name          string             `json:"name"`
		Namespace     string             `json:"documentNamespace"`
		Creation      spdxCreation       `json:"creationInfo"`
		Packages      []spdxPackage      `json:"packages"`
		Relationships []spdxRelationship `json:"relationships"`
	}
	spdxCreation struct {
		Created  string   `json:"created"`
		Creators []string `json:"creators"`
	}
	spdxPackage struct {
		ID               string           `json:"SPDXID"`
		Name             string           `json:"name"`
		Version          string           `json:"versionInfo,omitempty"`
		Purpose          string           `json:"primaryPackagePurpose"`
		DownloadLocation string           `json:"downloadLocation"`
		FilesAnalyzed    bool             `json:"filesAnalyzed"`
		Checksums        []spdxChecksum   `json:"checksums,omitempty"`
		SourceInfo       string           `json:"sourceInfo,omitempty"`
		LicenseConcluded string           `json:"licenseConcluded"`
		LicenseDeclared  string           `json:"licenseDeclared"`
		Copyright        string           `json:"copyrightText"`
		ExternalRefs     []spdxRef        `json:"externalRefs,omitempty"`
		Annotations      []spdxAnnotation `json:"annotations,omitempty"`
	}
	spdxChecksum struct {
		Algorithm string `json:"algorithm"`
		Value     string `json:"checksumValue"`
	}
	spdxRef struct {
		Category string `json:"referenceCategory"`
		Type     string `json:"referenceType"`
		Locator  string `json:"referenceLocator"`
	}
	spdxAnnotation struct {
		Date      string `json:"annotationDate"`
		Type      string `json:"annotationType"`
		Annotator string `json:"annotator"`
		Comment   string `json:"comment"`
	}
	spdxRelationship struct {
		Element string `json:"spdxElementId"`
		Type    string `json:"relationshipType"`
		Related string `json:"relatedSpdxElement"`
	}
)

const (
	spdxNone = "NOASSERTION"
	spdxTool = "Tool: terraform-provider-august"
	// A bill of materials is the same whenever it is written.
	spdxTime = "1970-01-01T00:00:00Z"

	documentID = "SPDXRef-DOCUMENT"
	imageID    = "SPDXRef-Image"
	runtimeID  = "SPDXRef-Runtime"
	stdlibID   = "SPDXRef-Go"
)

// spdx describes an image: it contains the runtime and a CA bundle, and the runtime the modules that were linked into
// it. Nothing in it depends on who writes it, where or when.
func spdx(digest v1.Hash, runtime *Runtime, sum string) spdxDocument {
	doc := spdxDocument{
		Version:     "SPDX-2.3",
		DataLicense: "CC0-1.0",
		ID:          documentID,
		Name:        title + "-" + runtime.Version,
		Namespace:   source + "/spdx/" + title + "/" + digest.Hex,
		Creation:    spdxCreation{Created: spdxTime, Creators: []string{"Organization: Feel August", spdxTool}},
	}
	img := newPackage(imageID, title, runtime.Version, "CONTAINER", "pkg:oci/"+title+"@"+digest.Algorithm+"%3A"+digest.Hex+"?arch="+platform.Architecture)
	img.Checksums = []spdxChecksum{{"SHA256", digest.Hex}}
	binary := newPackage(runtimeID, Entrypoint[1:], runtime.Version, "APPLICATION", golang(strings.TrimPrefix(source, "https://"), moduleVersion(runtime.Version))+"#internal/sync/cmd/august-sync")
	binary.Checksums = []spdxChecksum{{"SHA256", sum}}
	binary.LicenseDeclared = "MPL-2.0"
	if runtime.Revision != "" {
		binary.DownloadLocation = "git+" + source + ".git@" + runtime.Revision
	}
	stdlib := newPackage(stdlibID, "stdlib", runtime.Go, "LIBRARY", golang("stdlib", strings.TrimPrefix(runtime.Go, "go")))
	stdlib.SourceInfo = "Go's standard library and runtime, of the toolchain that compiled the runtime."
	roots := newPackage(moduleID(rootsModule), rootsModule, rootsVersion, "LIBRARY", golang(rootsModule, rootsVersion))
	roots.SourceInfo = "Mozilla's trust store, as /" + caBundle + " of the image."

	modules := []spdxPackage{roots}
	contains := []spdxRelationship{
		{documentID, "DESCRIBES", imageID},
		{imageID, "CONTAINS", runtimeID},
		{imageID, "CONTAINS", roots.ID},
		{runtimeID, "DEPENDS_ON", stdlibID},
	}
	var links []spdxRelationship
	for _, module := range runtime.modules {
		if module.Replace != nil {
			module = module.Replace
		}
		links = append(links, spdxRelationship{runtimeID, "DEPENDS_ON", moduleID(module.Path)})
		if module.Path == rootsModule {
			continue // named above
		}
		p := newPackage(moduleID(module.Path), module.Path, module.Version, "LIBRARY", golang(module.Path, module.Version))
		if module.Sum != "" {
			// It is a hash of the hashes of the module's files, so none of SPDX's checksums.
			p.Annotations = []spdxAnnotation{{Date: spdxTime, Type: "OTHER", Annotator: spdxTool, Comment: "go.sum " + module.Sum}}
		}
		modules = append(modules, p)
	}
	slices.SortFunc(modules, func(a, b spdxPackage) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(links, func(a, b spdxRelationship) int { return cmp.Compare(a.Related, b.Related) })
	doc.Packages = append([]spdxPackage{img, binary, stdlib}, modules...)
	doc.Relationships = append(contains, links...)
	return doc
}

func newPackage(id, name, version, purpose, purl string) spdxPackage {
	return spdxPackage{
		ID: id, Name: name, Version: version, Purpose: purpose,
		DownloadLocation: spdxNone, LicenseConcluded: spdxNone, LicenseDeclared: spdxNone, Copyright: spdxNone,
		ExternalRefs: []spdxRef{{"PACKAGE-MANAGER", "purl", purl}},
	}
}

// golang is a Go module's package URL. Its type wants lower case.
func golang(path, version string) string {
	return "pkg:golang/" + strings.ToLower(path) + "@" + strings.ReplaceAll(version, "+", "%2B")
}

// moduleVersion is a release as its tag spells it, which is how Go's tools and scanners know it.
func moduleVersion(release string) string {
	if '0' <= release[0] && release[0] <= '9' {
		return "v" + release
	}
	return release
}

// moduleID names a module by what SPDX allows in an identifier: letters, digits, dots and hyphens. No element of a
// module's path begins or ends with a dot, so two paths never get the same one.
func moduleID(path string) string {
	var id strings.Builder
	id.WriteString("SPDXRef-Module-")
	for _, r := range []byte(path) {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '.', r == '-':
			id.WriteByte(r)
		case r == '/':
			id.WriteString("..")
		default:
			fmt.Fprintf(&id, "...%02x", r)
		}
	}
	return id.String()
}

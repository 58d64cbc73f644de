package provider

import (
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/gcp/image"
)

// runtimeName is the runtime's file name in a release.
const runtimeName = "august-sync_linux_amd64"

type runtimeImageModel struct {
	ID          types.String   `tfsdk:"id"`
	Repository  types.String   `tfsdk:"repository"`
	RuntimePath types.String   `tfsdk:"runtime_path"`
	Tags        types.Set      `tfsdk:"tags"`
	Labels      types.Map      `tfsdk:"labels"`
	Digest      types.String   `tfsdk:"digest"`
	Image       types.String   `tfsdk:"image"`
	Version     types.String   `tfsdk:"version"`
	SizeBytes   types.Int64    `tfsdk:"size_bytes"`
	SBOMDigest  types.String   `tfsdk:"sbom_digest"`
	Timeouts    timeouts.Value `tfsdk:"timeouts"`
}

func (m runtimeImageModel) identity() []string {
	return []string{m.Repository.ValueString(), m.Digest.ValueString()}
}

func (m runtimeImageModel) reference() string {
	return m.Repository.ValueString() + "@" + m.Digest.ValueString()
}

func (m runtimeImageModel) tags(ctx context.Context) ([]string, diag.Diagnostics) {
	var tags []string
	diags := m.Tags.ElementsAs(ctx, &tags, false)
	return tags, diags
}

const imageNotPacked = "Runtime image not packed"

// source is what the image is made of. known is false when a part of it is not known yet.
func (m runtimeImageModel) source(ctx context.Context, diags *diag.Diagnostics) (file string, labels map[string]string, known bool) {
	if m.RuntimePath.IsUnknown() || m.Labels.IsUnknown() {
		return "", nil, false
	}
	for _, label := range m.Labels.Elements() {
		if label.IsUnknown() {
			return "", nil, false
		}
	}
	labels = map[string]string{}
	if diags.Append(m.Labels.ElementsAs(ctx, &labels, false)...); diags.HasError() {
		return "", nil, false
	}
	file = m.RuntimePath.ValueString()
	if file == "" {
		executable, err := os.Executable()
		if err != nil {
			failAt(diags, path.Root("runtime_path"), imageNotPacked, "Where the provider's executable is could not be found out. Set runtime_path to the runtime's file.", err)
			return "", nil, false
		}
		file = filepath.Join(filepath.Dir(executable), runtimeName)
	}
	return file, labels, true
}

// pack builds the image, and says what it is; nil when it cannot be made.
func pack(file string, labels map[string]string, diags *diag.Diagnostics) (*image.Image, *packedImage) {
	at := path.Root("runtime_path")
	binary, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		failAt(diags, at, imageNotPacked, "The runtime binary "+file+" does not exist. Releases of the provider hold it; "+
			"in a clone of the source, `make build` makes it. Set runtime_path when it is elsewhere.", nil)
		return nil, nil
	case err != nil:
		failAt(diags, at, imageNotPacked, "The runtime binary "+file+" could not be read. Check the path and its permissions.", err)
		return nil, nil
	}
	packed, err := image.Build(binary, labels)
	if err != nil {
		failAt(diags, at, imageNotPacked, "An image cannot be made of "+file+". Build the runtime with `make build`, or set runtime_path to another.", err)
		return nil, nil
	}
	return packed, describePacked(packed, sha256.Sum256(binary), labels)
}

// refresh brings the model up to date with the registry. Nothing changes when the registry fails.
func (m *runtimeImageModel) refresh(ctx context.Context, registry *image.Registry) error {
	if m.Version.IsNull() {
		return m.discover(ctx, registry)
	}
	found, err := registry.Exists(ctx, m.reference())
	if err != nil {
		return err
	}
	attached := false
	if found && !m.SBOMDigest.IsNull() {
		if attached, err = registry.Attached(ctx, m.reference(), m.SBOMDigest.ValueString()); err != nil {
			return err
		}
	}
	tags, _ := m.tags(ctx)
	kept := slices.Clone(tags)
	for _, tag := range tags {
		digest, err := registry.Resolve(ctx, m.Repository.ValueString()+":"+tag)
		if err != nil {
			return err
		}
		if digest != m.Digest.ValueString() {
			kept = slices.DeleteFunc(kept, func(t string) bool { return t == tag })
		}
	}
	m.Image = types.StringNull()
	if found {
		m.Image = types.StringValue(m.reference())
	}
	if !attached {
		m.SBOMDigest = types.StringNull()
	}
	if len(kept) != len(tags) {
		set, diags := types.SetValueFrom(ctx, types.StringType, kept)
		if diags.HasError() {
			return errors.New("tags of the image cannot be kept in the state")
		}
		m.Tags = set
	}
	return nil
}

// discover fills in what an image that was just imported says of itself. One that is not there leaves the model as it is.
func (m *runtimeImageModel) discover(ctx context.Context, registry *image.Registry) error {
	remote, err := registry.Describe(ctx, m.reference())
	if err != nil || remote == nil {
		return err
	}
	tags, err := registry.TagsOf(ctx, m.Repository.ValueString(), m.Digest.ValueString())
	if err != nil {
		return err
	}
	var diags diag.Diagnostics
	if len(tags) > 0 {
		m.Tags, diags = types.SetValueFrom(ctx, types.StringType, tags)
	}
	if len(remote.Labels) > 0 && !diags.HasError() {
		m.Labels, diags = types.MapValueFrom(ctx, types.StringType, remote.Labels)
	}
	if diags.HasError() {
		return errors.New("tags or labels of the image cannot be kept in the state")
	}
	m.Image = types.StringValue(m.reference())
	m.ID = m.Image
	m.Version = types.StringValue(remote.Version)
	m.SizeBytes = types.Int64Value(remote.Size)
	if remote.SBOM != "" {
		m.SBOMDigest = types.StringValue(remote.SBOM)
	}
	return nil
}

var imageIDForm = regexp.MustCompile(`^(.+)@(sha256:[0-9a-f]{64})$`)

func parseImageID(id string) ([]string, bool) {
	parts := imageIDForm.FindStringSubmatch(id)
	if parts == nil {
		return nil, false
	}
	return parts[1:], true
}

// repositoryName wants host and path of a repository, spelled out.
func repositoryName() validator.String {
	const title, example = "Repository not understood", ` Write host and path, as in "us-central1-docker.pkg.dev/feel-august-platform/august/august-sync".`
	return checked{"host and path of a repository, without tag and digest", func(value string) (_, detail string) {
		host, rest, _ := strings.Cut(value, "/")
		switch _, err := name.NewRepository(value, name.StrictValidation); {
		case strings.Contains(value, "://"):
			return title, "A repository has no scheme in front." + example
		case strings.Contains(value, "@") || strings.Contains(rest, ":"):
			return title, "The repository must end before any tag or digest: the provider adds the digest, and tags are set by the attribute of that name." + example
		case rest == "" || !strings.ContainsAny(host, ".:") && host != "localhost":
			return title, "The repository does not say on which host it is." + example
		case err != nil:
			return title, describe("This is no name that a registry takes."+example, err)
		}
		return "", ""
	}}
}

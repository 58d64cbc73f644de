package secrets

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/crc32"
	"iter"
	"maps"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/api/googleapi"
	"google.golang.org/api/secretmanager/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/feel-august/terraform-provider-august/internal/gcp"
)

// Labels that mark a secret as made by the provider. Taking over one that exists already depends on them.
const (
	labelManager = "managed-by"
	labelKind    = "august-resource"
	manager      = "terraform-provider-august"
	kind         = "secret"
)

// MaxValue is the size that Secret Manager takes, in bytes.
const MaxValue = 64 << 10

// Client keeps secrets. Every call is tried again while that can help, until its context ends.
type Client struct {
	api *secretmanager.Service
}

// New makes a client of the API.
func New(api *secretmanager.Service) *Client { return &Client{api} }

// Spec is a secret as it is to be, without its value.
type Spec struct {
	Ref
	Labels    map[string]string
	Locations []string // none: wherever Google likes
}

// Secret is a secret as it is.
type Secret struct {
	Spec
	Versions Versions
	Ours     bool // this provider made it
}

// Get reads a secret and the numbers and states of its versions.
func (c *Client) Get(ctx context.Context, ref Ref) (Secret, error) {
	live, err := c.get(ctx, ref)
	if err != nil {
		return Secret{}, err
	}
	s := Secret{Spec: Spec{Ref: ref, Labels: map[string]string{}}, Ours: live.Labels[labelManager] == manager && live.Labels[labelKind] == kind}
	for key, value := range live.Labels {
		if key != labelManager && key != labelKind {
			s.Labels[key] = value
		}
	}
	if live.Replication != nil && live.Replication.UserManaged != nil {
		for _, replica := range live.Replication.UserManaged.Replicas {
			s.Locations = append(s.Locations, replica.Location)
		}
		slices.Sort(s.Locations)
	}
	s.Versions, err = c.versions(ctx, ref)
	return s, err
}

func (c *Client) get(ctx context.Context, ref Ref) (live *secretmanager.Secret, err error) {
	err = persist(ctx, func(ctx context.Context) (err error) {
		live, err = c.api.Projects.Secrets.Get(ref.Secret()).Context(ctx).Do()
		return err
	})
	return live, err
}

func (c *Client) versions(ctx context.Context, ref Ref) (Versions, error) {
	var all Versions
	err := persist(ctx, func(ctx context.Context) error {
		all = nil
		return c.api.Projects.Secrets.Versions.List(ref.Secret()).PageSize(1000).Pages(ctx, func(page *secretmanager.ListSecretVersionsResponse) error {
			for _, v := range page.Versions {
				number, err := numberOf(v.Name)
				if err != nil {
					return err
				}
				all = append(all, Version{number, v.State})
			}
			return nil
		})
	})
	slices.SortFunc(all, func(a, b Version) int { return int(b.Number - a.Number) })
	return all, err
}

func numberOf(version string) (int64, error) {
	number, err := strconv.ParseInt(path.Base(version), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not the name of a version", version)
	}
	return number, nil
}

// List goes through the names of a project's secrets that this provider has made.
func (c *Client) List(ctx context.Context, project string) iter.Seq2[Ref, error] {
	return gcp.Pages(ctx, func(ctx context.Context, token string) (refs []Ref, next string, err error) {
		page, err := c.api.Projects.Secrets.List("projects/" + project).Filter("labels." + labelManager + "=" + manager + " AND labels." + labelKind + "=" + kind).
			PageToken(token).Context(ctx).Do()
		if err != nil {
			return nil, "", err
		}
		for _, live := range page.Secrets {
			refs = append(refs, Ref{Project: project, Name: path.Base(live.Name)})
		}
		return refs, page.NextPageToken, nil
	})
}

// youth is how long Secret Manager may take to show everywhere what it has made: little in it but a version by its number is
// consistent at once.
const youth = 30 * time.Second

// Create makes a secret without a version, and ends when it can be seen. One that is there already is gcp.Conflict.
func (c *Client) Create(ctx context.Context, spec Spec) error {
	replication := &secretmanager.Replication{Automatic: &secretmanager.Automatic{}}
	if len(spec.Locations) > 0 {
		replication = &secretmanager.Replication{UserManaged: &secretmanager.UserManaged{}}
		for _, location := range spec.Locations {
			replication.UserManaged.Replicas = append(replication.UserManaged.Replicas, &secretmanager.Replica{Location: location})
		}
	}
	labels := map[string]string{labelManager: manager, labelKind: kind}
	maps.Copy(labels, spec.Labels)
	err := persist(ctx, func(ctx context.Context) error {
		_, err := c.api.Projects.Secrets.Create("projects/"+spec.Project, &secretmanager.Secret{Labels: labels, Replication: replication}).
			SecretId(spec.Name).Context(ctx).Do()
		return err
	})
	if err != nil {
		return err
	}
	return gcp.Retry(ctx, youth, func(ctx context.Context) error {
		_, err := c.Get(ctx, spec.Ref)
		return err
	}, gcp.NotFound)
}

// Label brings the labels of a secret into line. Those in drop go away, and all others stay as somebody else has set them.
func (c *Client) Label(ctx context.Context, spec Spec, drop []string) error {
	return gcp.Retry(ctx, 0, func(ctx context.Context) error {
		live, err := c.get(ctx, spec.Ref)
		if err != nil {
			return err
		}
		labels := maps.Clone(live.Labels)
		if labels == nil {
			labels = map[string]string{}
		}
		for _, key := range drop {
			delete(labels, key)
		}
		maps.Copy(labels, spec.Labels)
		maps.Copy(labels, map[string]string{labelManager: manager, labelKind: kind})
		if maps.Equal(labels, live.Labels) {
			return nil
		}
		_, err = c.api.Projects.Secrets.Patch(spec.Secret(), &secretmanager.Secret{Labels: labels, Etag: live.Etag}).UpdateMask("labels").Context(ctx).Do()
		return stale(err)
	}, gcp.Stale, gcp.Throttled, gcp.Transient, gcp.Unavailable)
}

// stale is what it means that a change of labels fails its precondition: the only one is its etag. Secret Manager answers 400, which
// elsewhere is a request that can never work. https://cloud.google.com/secret-manager/docs/etags
func stale(err error) error {
	var api *googleapi.Error
	if errors.As(err, &api) && api.Code == http.StatusBadRequest && strings.Contains(api.Body, "FAILED_PRECONDITION") {
		return status.Error(codes.Aborted, api.Message)
	}
	return err
}

// Holds says whether a version holds the value.
func (c *Client) Holds(ctx context.Context, ref Ref, number int64, value []byte) (bool, error) {
	is, err := c.read(ctx, ref, number)
	return err == nil && subtle.ConstantTimeCompare(is, value) == 1, err
}

// Digest is the digest of what a version holds.
func (c *Client) Digest(ctx context.Context, ref Ref, number int64) (Digest, error) {
	value, err := c.read(ctx, ref, number)
	if err != nil {
		return Digest{}, err
	}
	return DigestOf(value)
}

func (c *Client) read(ctx context.Context, ref Ref, number int64) ([]byte, error) {
	var payload *secretmanager.SecretPayload
	err := persist(ctx, func(ctx context.Context) error {
		got, err := c.api.Projects.Secrets.Versions.Access(version(ref, number)).Context(ctx).Do()
		if err == nil {
			payload = got.Payload
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	value, err := base64.StdEncoding.DecodeString(payload.Data)
	if err != nil {
		return nil, errors.New("what the version holds is not base64") // the cause would quote it
	}
	if checksum(value) != payload.DataCrc32c {
		return nil, fmt.Errorf("version %d of %s came damaged: its checksum does not match", number, ref.Secret())
	}
	return value, nil
}

// Add adds a version to those up to latest, and sees to it that it holds the value.
func (c *Client) Add(ctx context.Context, ref Ref, latest int64, value []byte) (int64, error) {
	var added *secretmanager.SecretVersion
	err := gcp.Retry(ctx, 0, func(ctx context.Context) error {
		// An answer that was lost may have been that of a version that is there.
		if number, err := c.find(ctx, ref, latest, value); number > 0 || err != nil {
			added = &secretmanager.SecretVersion{Name: version(ref, number)}
			return err
		}
		var err error
		added, err = c.api.Projects.Secrets.AddVersion(ref.Secret(), &secretmanager.AddSecretVersionRequest{Payload: &secretmanager.SecretPayload{
			Data: base64.StdEncoding.EncodeToString(value), DataCrc32c: checksum(value), ForceSendFields: []string{"DataCrc32c"},
		}}).Context(ctx).Do()
		return err
	}, gcp.Throttled, gcp.Transient, gcp.Unavailable)
	if err != nil {
		return 0, err
	}
	number, err := numberOf(added.Name)
	if err != nil {
		return 0, err
	}
	holds, err := c.Holds(ctx, ref, number, value)
	switch {
	case gcp.KindOf(err) == gcp.Denied && added.ClientSpecifiedPayloadChecksum:
		return number, nil // who may add may not always read, and Secret Manager has checked the sum
	case err != nil:
		return number, fmt.Errorf("read back version %d: %w", number, err)
	case !holds:
		return number, fmt.Errorf("version %d of %s does not hold what was sent", number, ref.Secret())
	}
	return number, nil
}

// find looks for a version newer than latest that holds the value; 0 when there is none.
func (c *Client) find(ctx context.Context, ref Ref, latest int64, value []byte) (int64, error) {
	all, err := c.versions(ctx, ref)
	if err != nil || all.Latest() <= latest || all.State(all.Latest()) != Enabled {
		return 0, err
	}
	holds, err := c.Holds(ctx, ref, all.Latest(), value)
	if gcp.KindOf(err) == gcp.Denied {
		return 0, nil // then there may be two alike
	}
	if !holds {
		return 0, err
	}
	return all.Latest(), err
}

// Enable makes a version usable again.
func (c *Client) Enable(ctx context.Context, ref Ref, number int64) error {
	return persist(ctx, func(ctx context.Context) error {
		_, err := c.api.Projects.Secrets.Versions.Enable(version(ref, number), &secretmanager.EnableSecretVersionRequest{}).Context(ctx).Do()
		return err
	})
}

// Retire makes a version unusable, for good when it is destroyed.
func (c *Client) Retire(ctx context.Context, ref Ref, number int64, destroy bool) error {
	return persist(ctx, func(ctx context.Context) error {
		var err error
		if destroy {
			_, err = c.api.Projects.Secrets.Versions.Destroy(version(ref, number), &secretmanager.DestroySecretVersionRequest{}).Context(ctx).Do()
		} else {
			_, err = c.api.Projects.Secrets.Versions.Disable(version(ref, number), &secretmanager.DisableSecretVersionRequest{}).Context(ctx).Do()
		}
		return err
	})
}

// Delete deletes a secret with all of its versions. One that is gone already is no error.
func (c *Client) Delete(ctx context.Context, ref Ref) error {
	err := persist(ctx, func(ctx context.Context) error {
		_, err := c.api.Projects.Secrets.Delete(ref.Secret()).Context(ctx).Do()
		return err
	})
	if gcp.KindOf(err) == gcp.NotFound {
		return nil
	}
	return err
}

func version(ref Ref, number int64) string {
	return ref.Secret() + "/versions/" + strconv.FormatInt(number, 10)
}

func checksum(value []byte) int64 {
	return int64(crc32.Checksum(value, crc32.MakeTable(crc32.Castagnoli)))
}

// persist tries again for as long as the context allows.
func persist(ctx context.Context, fn func(context.Context) error) error {
	return gcp.Retry(ctx, 0, fn, gcp.Throttled, gcp.Transient, gcp.Unavailable)
}

// ParseID takes the id of a secret apart, into its project, which may be left out, and its name. Secret Manager's own names have the
// project's number, which would be another project than the one that a configuration names.
func ParseID(id string) (project, name string, ok bool) {
	parts := strings.Split(id, "/")
	switch {
	case len(parts) == 1:
		name = parts[0]
	case len(parts) == 2:
		project, name = parts[0], parts[1]
	case len(parts) == 4 && parts[0] == "projects" && parts[2] == "secrets":
		project, name = parts[1], parts[3]
	}
	return project, name, shortForm.MatchString(name) && !strings.Contains(name, ":") && (len(parts) == 1 || strings.Trim(project, "0123456789") != "")
}

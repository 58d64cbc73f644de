// Package secrets is Secret Manager's API (v1) over a file that only its owner can read.
//
// Messages are the official client's own, read and written as Google's front end does: names or
// numbers for enums, nulls as absent, 64-bit integers as strings.
package secrets

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"cloud.google.com/go/iam/apiv1/iampb"
	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/face"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// Options is what the face needs.
type Options struct {
	Dir string // holds the state; made when absent
}

// Face is the local Secret Manager.
type Face struct {
	path string

	mu      sync.Mutex
	secrets map[string]*secret // by name: projects/p/secrets/s
}

var _ face.Face = (*Face)(nil)

// secret is a secret with all of its versions: versions[i] is number i+1, for numbers are never
// used again.
type secret struct {
	meta     *secretmanagerpb.Secret
	policy   *iampb.Policy
	versions []*version
}

type version struct {
	meta *secretmanagerpb.SecretVersion
	data []byte // nil once destroyed
}

// New opens the face's state, or begins an empty one.
func New(opts Options) (*Face, error) {
	if err := os.MkdirAll(opts.Dir, 0o700); err != nil {
		return nil, err
	}
	f := &Face{path: filepath.Join(opts.Dir, "state.json"), secrets: map[string]*secret{}}
	if err := f.load(); err != nil {
		return nil, fmt.Errorf("secrets: %w", err)
	}
	return f, nil
}

// Name is the face's folder and its name in the status report.
func (f *Face) Name() string { return "secrets" }

// Start has nothing to bring back.
func (f *Face) Start(context.Context) error { return nil }

// Close has nothing to stop: every change was on disk before it was answered.
func (f *Face) Close(context.Context) error { return nil }

// Report counts the secrets of each project.
func (f *Face) Report() []face.Line {
	f.mu.Lock()
	defer f.mu.Unlock()
	count := map[string]int{}
	for name := range f.secrets {
		count[strings.Split(name, "/")[1]]++
	}
	var lines []face.Line
	for project, n := range count {
		lines = append(lines, face.Line{Kind: "Secrets", Name: project, State: "ACTIVE", Detail: fmt.Sprintf("%d secrets", n)})
	}
	slices.SortFunc(lines, func(a, b face.Line) int { return strings.Compare(a.Name, b.Name) })
	return lines
}

// Access reads a payload as `versions/{v}:access` does; version is a number, an alias or "latest".
func (f *Face) Access(_ context.Context, project, name, number string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	v, err := f.version("projects/"+project+"/secrets/"+name, number)
	if err != nil {
		return nil, err
	}
	if err := v.readable(); err != nil {
		return nil, err
	}
	return slices.Clone(v.data), nil
}

// document is the state as it lies on disk.
type document struct {
	Secrets []secretDocument `json:"secrets"`
}

type secretDocument struct {
	Secret   json.RawMessage   `json:"secret"`
	Policy   json.RawMessage   `json:"policy,omitempty"`
	Versions []versionDocument `json:"versions,omitempty"`
}

type versionDocument struct {
	Version json.RawMessage `json:"version"`
	Data    []byte          `json:"data,omitempty"`
}

func (f *Face) load() error {
	var doc document
	if err := gapi.Load(f.path, &doc); err != nil {
		return err
	}
	for _, sd := range doc.Secrets {
		s := &secret{meta: &secretmanagerpb.Secret{}, policy: &iampb.Policy{}}
		if err := protojson.Unmarshal(sd.Secret, s.meta); err != nil {
			return fmt.Errorf("%s is damaged: %w", f.path, err)
		}
		if err := protojson.Unmarshal(sd.Policy, s.policy); err != nil {
			return fmt.Errorf("%s is damaged: %w", f.path, err)
		}
		for _, vd := range sd.Versions {
			v := &version{meta: &secretmanagerpb.SecretVersion{}, data: vd.Data}
			if err := protojson.Unmarshal(vd.Version, v.meta); err != nil {
				return fmt.Errorf("%s is damaged: %w", f.path, err)
			}
			s.versions = append(s.versions, v)
		}
		f.secrets[s.meta.GetName()] = s
	}
	return nil
}

// save writes the whole state; there are a handful of secrets.
func (f *Face) save() error {
	doc := document{}
	for _, name := range f.names("") {
		s := f.secrets[name]
		sd := secretDocument{Secret: gapi.RawProto(s.meta), Policy: gapi.RawProto(s.policy)}
		for _, v := range s.versions {
			sd.Versions = append(sd.Versions, versionDocument{Version: gapi.RawProto(v.meta), Data: v.data})
		}
		doc.Secrets = append(doc.Secrets, sd)
	}
	return gapi.Save(f.path, doc)
}

// names lists the secrets whose names begin with prefix, in order.
func (f *Face) names(prefix string) []string {
	var out []string
	for name := range f.secrets {
		if strings.HasPrefix(name, prefix) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

func (f *Face) secret(name string) (*secret, error) {
	s, ok := f.secrets[name]
	if !ok || expired(s.meta) {
		return nil, gapi.NotFound("Secret [%s] not found.", name)
	}
	return s, nil
}

func expired(s *secretmanagerpb.Secret) bool {
	at := s.GetExpireTime()
	return at != nil && at.AsTime().Before(time.Now())
}

// version resolves a number, an alias or "latest". Latest is the highest number in whatever state.
func (f *Face) version(name, number string) (*version, error) {
	s, err := f.secret(name)
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(number)
	switch {
	case number == "latest":
		n = len(s.versions)
	case err != nil:
		n = int(s.meta.GetVersionAliases()[number])
	}
	if n < 1 || n > len(s.versions) {
		return nil, gapi.NotFound("Secret Version [%s/versions/%s] not found.", name, number)
	}
	return s.versions[n-1], nil
}

func (v *version) readable() error {
	if v.meta.GetState() != secretmanagerpb.SecretVersion_ENABLED {
		return gapi.Precondition("Secret Version [%s] is in %s state.", v.meta.GetName(), v.meta.GetState())
	}
	return nil
}

// newEtag is quoted, as Secret Manager's are.
func newEtag() string {
	var b [7]byte
	_, _ = rand.Read(b[:]) // never fails
	return `"` + hex.EncodeToString(b[:]) + `"`
}

func checkEtag(got, want string) error {
	if got != "" && got != want {
		return gapi.Precondition("etag %s does not match the current %s.", got, want)
	}
	return nil
}

func now() *timestamppb.Timestamp {
	return timestamppb.New(time.Now().UTC().Truncate(time.Microsecond))
}

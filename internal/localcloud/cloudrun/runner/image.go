package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// pullTime bounds one pull: a registry that is not there must fail a deploy, not hang it.
const pullTime = 2 * time.Minute

// An Image is a root file system on disk and what its configuration says to run.
type Image struct {
	Digest string
	Root   string // absolute path of the extracted root file system
	Config v1.Config
}

// Images pulls images from registries and keeps each digest extracted once.
type Images struct {
	dir string
	mu  sync.Mutex
}

// NewImages keeps root file systems under dir.
func NewImages(dir string) *Images { return &Images{dir: dir} }

// Resolve names the digest that ref means now, so that a revision stays what it was when it was
// made even when a tag moves on.
func (im *Images) Resolve(ctx context.Context, ref string) (string, error) {
	r, err := name.ParseReference(ref)
	if err != nil {
		return "", fmt.Errorf("image %q is not a reference: %w", ref, err)
	}
	if d, ok := r.(name.Digest); ok {
		return d.DigestStr(), nil
	}
	ctx, cancel := context.WithTimeout(ctx, pullTime)
	defer cancel()
	d, err := remote.Head(r, remote.WithContext(ctx), remote.WithAuth(authn.Anonymous))
	if err != nil {
		return "", fmt.Errorf("image %q cannot be found: %w", ref, err)
	}
	return d.Digest.String(), nil
}

// Fetch returns ref's root file system, which it pulls when this digest is not here yet. digest
// comes from Resolve.
func (im *Images) Fetch(ctx context.Context, ref, digest string) (Image, error) {
	im.mu.Lock()
	defer im.mu.Unlock()
	hash, err := v1.NewHash(digest)
	if err != nil {
		return Image{}, fmt.Errorf("digest %q: %w", digest, err)
	}
	home := filepath.Join(im.dir, hash.Hex)
	out := Image{Digest: digest, Root: filepath.Join(home, "rootfs")}
	body, err := os.ReadFile(filepath.Join(home, "config.json")) // the path is ours
	if err == nil {
		return out, json.Unmarshal(body, &out.Config)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return Image{}, err
	}
	config, err := im.pull(ctx, ref, digest, home)
	if err != nil {
		return Image{}, fmt.Errorf("image %q: %w", ref, err)
	}
	out.Config = config
	return out, nil
}

// Prune removes the images whose digest keep refuses, and what broken pulls have left.
func (im *Images) Prune(keep func(digest string) bool) error {
	im.mu.Lock()
	defer im.mu.Unlock()
	entries, err := os.ReadDir(im.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if !keep("sha256:" + e.Name()) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(im.dir, e.Name())))
		}
	}
	return err
}

// pull brings the image to a folder beside home and renames it: home is whole or absent.
func (im *Images) pull(ctx context.Context, ref, digest, home string) (v1.Config, error) {
	r, err := name.ParseReference(ref)
	if err != nil {
		return v1.Config{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, pullTime)
	defer cancel()
	img, err := remote.Image(r.Context().Digest(digest), remote.WithContext(ctx), remote.WithAuth(authn.Anonymous),
		remote.WithPlatform(v1.Platform{OS: "linux", Architecture: runtime.GOARCH}))
	if err != nil {
		return v1.Config{}, err
	}
	file, err := img.ConfigFile()
	if err != nil {
		return v1.Config{}, err
	}
	if err := os.MkdirAll(im.dir, 0o755); err != nil { //nolint:gosec // the unprivileged user passes through
		return v1.Config{}, err
	}
	tmp, err := os.MkdirTemp(im.dir, ".pull-")
	if err != nil {
		return v1.Config{}, err
	}
	defer func() { _ = os.RemoveAll(tmp) }()     // renamed away when all went well
	if err := os.Chmod(tmp, 0o755); err != nil { //nolint:gosec // as above
		return v1.Config{}, err
	}
	layers := mutate.Extract(img)
	err = extract(layers, filepath.Join(tmp, "rootfs"))
	_ = layers.Close()
	if err != nil {
		return v1.Config{}, err
	}
	body, err := json.Marshal(file.Config)
	if err != nil {
		return v1.Config{}, err
	}
	if err := os.WriteFile(filepath.Join(tmp, "config.json"), body, 0o600); err != nil {
		return v1.Config{}, err
	}
	return file.Config, os.Rename(tmp, home)
}

package image

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/google"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"golang.org/x/oauth2"
)

// Registry pushes images and looks them up. It keeps what it learns about a repository, tokens
// above all, so one Registry serves a whole Terraform run.
type Registry struct {
	options []remote.Option
	puller  *remote.Puller

	mu     sync.Mutex
	pusher *remote.Pusher
}

// NewRegistry makes a Registry. Google's hosts get an access token from tokens, which is asked for
// when first needed; other hosts get what Docker's configuration holds for them, if anything. A
// loopback host is spoken to over plain HTTP.
func NewRegistry(tokens func(context.Context) (oauth2.TokenSource, error), userAgent string, base http.RoundTripper) (*Registry, error) {
	options := []remote.Option{
		remote.WithAuthFromKeychain(keychain{tokens}),
		remote.WithUserAgent(userAgent),
		remote.WithTransport(base),
	}
	puller, err := remote.NewPuller(options...)
	if err != nil {
		return nil, fmt.Errorf("set up registry client: %w", err)
	}
	return &Registry{options: options, puller: puller}, nil
}

// Push sends what the registry lacks of an image and of its SBOM, and then points the tags at the image: what a tag leads
// to is complete.
func (r *Registry) Push(ctx context.Context, repository string, img *Image, tags []string) error {
	repo, err := name.NewRepository(repository, name.StrictValidation)
	if err != nil {
		return fmt.Errorf("repository %q: %w", repository, err)
	}
	digest := repo.Digest(img.Digest.String())
	if err := r.push(ctx, digest, img.OCI); err != nil {
		return fmt.Errorf("push %s: %w", digest, err)
	}
	if err := r.attach(ctx, repo, img); err != nil {
		return fmt.Errorf("attach the SBOM %s to %s: %w", img.SBOM.Digest, digest, err)
	}
	for _, tag := range slices.Sorted(slices.Values(tags)) {
		if err := r.push(ctx, repo.Tag(tag), img.OCI); err != nil {
			return fmt.Errorf("push %s: %w", repo.Tag(tag), err)
		}
	}
	return nil
}

// push repeats the whole write when the registry has lost a layer that it said it had: Artifact
// Registry may collect one between the question and the manifest. A pusher remembers the answer,
// so each try has a new one.
func (r *Registry) push(ctx context.Context, ref name.Reference, what remote.Taggable) error {
	const tries = 3
	for try := 1; ; try++ {
		pusher, err := r.currentPusher()
		if err != nil {
			return err
		}
		err = pusher.Push(ctx, ref, what)
		if err == nil || try == tries || ctx.Err() != nil ||
			!hasCode(err, transport.BlobUnknownErrorCode, transport.ManifestBlobUnknownErrorCode, transport.ManifestInvalidErrorCode) {
			return err
		}
		r.mu.Lock()
		r.pusher = nil
		r.mu.Unlock()
	}
}

func (r *Registry) currentPusher() (*remote.Pusher, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pusher == nil {
		pusher, err := remote.NewPusher(r.options...)
		if err != nil {
			return nil, fmt.Errorf("set up registry client: %w", err)
		}
		r.pusher = pusher
	}
	return r.pusher, nil
}

// Exists asks whether an image, given by digest or tag, is in its registry.
func (r *Registry) Exists(ctx context.Context, reference string) (bool, error) {
	digest, err := r.Resolve(ctx, reference)
	return digest != "", err
}

// Resolve is the digest that a reference, by tag or digest, has in its registry. It is empty when
// there is no such image.
func (r *Registry) Resolve(ctx context.Context, reference string) (string, error) {
	ref, err := name.ParseReference(reference, name.StrictValidation)
	if err != nil {
		return "", fmt.Errorf("image %q: %w", reference, err)
	}
	head, err := r.puller.Head(ctx, ref)
	if isMissing(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("look up %s: %w", ref, err)
	}
	return head.Digest.String(), nil
}

// TagsOf lists the tags that point at an image. In a repository with very many tags it finds none: a
// registry answers for one tag at a time.
func (r *Registry) TagsOf(ctx context.Context, repository, digest string) ([]string, error) {
	repo, err := name.NewRepository(repository, name.StrictValidation)
	if err != nil {
		return nil, fmt.Errorf("repository %q: %w", repository, err)
	}
	all, err := r.puller.List(ctx, repo)
	if err != nil {
		return nil, fmt.Errorf("list tags of %s: %w", repo, err)
	}
	const most = 100
	if len(all) > most {
		return nil, nil
	}
	var tags []string
	for _, tag := range all {
		found, err := r.Resolve(ctx, repository+":"+tag)
		if err != nil {
			return nil, err
		}
		if found == digest {
			tags = append(tags, tag)
		}
	}
	return tags, nil
}

// keychain gives Google's registries the provider's own credentials, which Docker's configuration
// and google.Keychain know nothing about.
type keychain struct {
	tokens func(context.Context) (oauth2.TokenSource, error)
}

// Resolve implements authn.Keychain.
func (k keychain) Resolve(target authn.Resource) (authn.Authenticator, error) {
	host := target.RegistryStr()
	if !isGoogle(host) {
		return authn.DefaultKeychain.Resolve(target)
	}
	tokens, err := k.tokens(context.Background())
	if err != nil {
		return nil, err
	}
	return google.NewTokenSourceAuthenticator(tokens), nil
}

func isGoogle(host string) bool {
	return host == "gcr.io" || strings.HasSuffix(host, ".gcr.io") || strings.HasSuffix(host, ".pkg.dev")
}

func isMissing(err error) bool {
	var registry *transport.Error
	return errors.As(err, &registry) && registry.StatusCode == http.StatusNotFound
}

func hasCode(err error, codes ...transport.ErrorCode) bool {
	var registry *transport.Error
	if !errors.As(err, &registry) {
		return false
	}
	return slices.ContainsFunc(registry.Errors, func(d transport.Diagnostic) bool {
		return slices.Contains(codes, d.Code)
	})
}

// Advice is what to do about a failed push or look-up, or empty when there is nothing to add.
func Advice(repository string, err error) string {
	var foreign *ForeignError
	if errors.As(err, &foreign) {
		return "Give the digest of an image that this provider pushed, for " + platform.String() + "."
	}
	var registry *transport.Error
	if !errors.As(err, &registry) {
		return "No registry answered at " + repository + ". Check the host name and the network."
	}
	repo, parseErr := name.NewRepository(repository)
	google := parseErr == nil && isGoogle(repo.RegistryStr())
	switch {
	case hasCode(err, transport.NameUnknownErrorCode) || registry.StatusCode == http.StatusNotFound:
		if google {
			return "The Artifact Registry repository must exist first. Declare it with google_artifact_registry_repository (format = \"DOCKER\") and make this resource depend on it."
		}
		return "The registry does not know this repository. Create it there first."
	case registry.StatusCode == http.StatusForbidden || registry.StatusCode == http.StatusUnauthorized:
		if google {
			return "The provider's credentials may not write here. Grant them roles/artifactregistry.writer on the repository."
		}
		return "The registry refused the credentials. Log in with docker login (or its credential helper), or check the account's rights."
	}
	return ""
}

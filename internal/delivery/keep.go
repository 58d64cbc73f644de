package delivery

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/bucket"
)

// A saved plan holds the values of the state, in the clear. It is kept where the state is kept, for those who may read the
// state, and nowhere else: an artifact of a workflow can be read by everybody who can read the repository.

// Keep keeps a saved plan at an address that was never used, and says what to know it by.
func Keep(ctx context.Context, file, address string, options bucket.Options) (digest string, err error) {
	plan, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read the saved plan: %w", err)
	}
	folder, name, err := split(address)
	if err != nil {
		return "", err
	}
	kept, err := bucket.Open(ctx, folder, options)
	if err != nil {
		return "", err
	}
	w, err := kept.Write(ctx, name)
	if err != nil {
		return "", fmt.Errorf("keep the plan at %s: %w", address, err)
	}
	if _, err := w.Write(plan); err != nil {
		bucket.Abandon(w)
		return "", fmt.Errorf("keep the plan at %s: %w", address, err)
	}
	if err := w.Close(); err != nil {
		return "", fmt.Errorf("keep the plan at %s: %w", address, err)
	}
	return digestOf(plan), nil
}

// Fetch writes the saved plan into a file, if it is the one with the digest. What was approved is applied, or nothing.
func Fetch(ctx context.Context, address, digest, file string, options bucket.Options) (err error) {
	folder, name, err := split(address)
	if err != nil {
		return err
	}
	kept, err := bucket.Open(ctx, folder, options)
	if err != nil {
		return err
	}
	r, err := kept.Open(ctx, name)
	if err != nil {
		return fmt.Errorf("fetch the plan: %w", err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	plan, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("fetch the plan: %w", err)
	}
	if found := digestOf(plan); found != digest {
		return fmt.Errorf("the plan at %s is not the one that was approved (%s, not %s): plan again", address, found, digest)
	}
	if err := os.WriteFile(file, plan, 0o600); err != nil {
		return fmt.Errorf("write the plan: %w", err)
	}
	return nil
}

func digestOf(plan []byte) string {
	sum := sha256.Sum256(plan)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func split(address string) (folder, name string, err error) {
	scheme, rest, ok := strings.Cut(address, "://")
	folder, name = path.Split(rest)
	if !ok || folder == "" || name == "" {
		return "", "", fmt.Errorf("%q is no place for a plan: it must be gs://bucket/folder/name", address)
	}
	return scheme + "://" + strings.TrimRight(folder, "/"), name, nil
}

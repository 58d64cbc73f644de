package runner

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// maxRootfs bounds what an image may unpack to.
const maxRootfs = 4 << 30

// extract unpacks a flattened image under dir. Everything goes through os.Root, so neither ".."
// nor a symbolic link in the image reaches outside of dir. Owners are dropped and read bits added:
// the process runs as another user than the one who unpacks.
func extract(r io.Reader, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // readable by the process's user
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	left := int64(maxRootfs)
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			// mutate.Extract ends its archive properly also when it was cut off, and tells of that after the end only.
			_, err := io.Copy(io.Discard, r)
			return err
		}
		if err != nil {
			return err
		}
		if left -= h.Size; left < 0 {
			return fmt.Errorf("the image unpacks to more than %d bytes", int64(maxRootfs))
		}
		if err := place(root, h, tr); err != nil {
			return fmt.Errorf("layer entry %q: %w", h.Name, err)
		}
	}
}

func place(root *os.Root, h *tar.Header, body io.Reader) error {
	p := strings.TrimPrefix(path.Clean("/"+h.Name), "/")
	if p == "" {
		return nil
	}
	if parent := path.Dir(p); parent != "." {
		if err := root.MkdirAll(parent, 0o755); err != nil {
			return err
		}
	}
	switch h.Typeflag {
	case tar.TypeDir:
		return root.MkdirAll(p, 0o755)
	case tar.TypeReg:
		mode := fs.FileMode(0o644)
		if h.Mode&0o111 != 0 {
			mode = 0o755
		}
		f, err := root.OpenFile(p, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
		if err != nil {
			return err
		}
		if _, err := io.Copy(f, body); err != nil {
			_ = f.Close()
			return err
		}
		return f.Close()
	case tar.TypeSymlink:
		return root.Symlink(h.Linkname, p)
	case tar.TypeLink:
		return root.Link(strings.TrimPrefix(path.Clean("/"+h.Linkname), "/"), p)
	default: // devices and pipes have no use for a process that is not contained
		return nil
	}
}

// locate follows p inside the root file system at dir, absolute links included, as a process whose
// root it is would; the answer is a path on this machine, always under dir.
func locate(dir, p string) (string, error) {
	rest, at := strings.Split(path.Clean("/"+p), "/")[1:], "/"
	for hops := 0; len(rest) > 0; {
		next := path.Join(at, rest[0])
		host := filepath.Join(dir, next)
		info, err := os.Lstat(host)
		if err != nil {
			return "", err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			at, rest = next, rest[1:]
			continue
		}
		if hops++; hops > 40 {
			return "", fmt.Errorf("%s: too many links", p)
		}
		link, err := os.Readlink(host)
		if err != nil {
			return "", err
		}
		if !path.IsAbs(link) {
			link = path.Join(at, link)
		}
		rest = append(strings.Split(path.Clean("/"+link), "/")[1:], rest[1:]...)
		at = "/"
		if len(rest) > 0 && rest[0] == "" {
			rest = rest[1:]
		}
	}
	return filepath.Join(dir, at), nil
}

// lookup finds a command the way execvp does, in the image's PATH and inside its root.
func lookup(dir, workdir, command, searchPath string) (string, error) {
	if strings.Contains(command, "/") {
		if !path.IsAbs(command) {
			command = path.Join("/", workdir, command)
		}
		return locate(dir, command)
	}
	for _, d := range strings.Split(searchPath, ":") {
		if host, err := locate(dir, path.Join("/", d, command)); err == nil {
			return host, nil
		}
	}
	return "", fmt.Errorf("%q is not in the image's PATH: %w", command, fs.ErrNotExist)
}

package storage

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// copyObject and rewriteObject make an object of another's content, in one step however large it is.
func (f *Face) copyObject(r *http.Request) (any, error) {
	b, o, err := f.duplicate(r)
	if err != nil {
		return nil, err
	}
	return f.shown(r, b, o), nil
}

func (f *Face) rewriteObject(r *http.Request) (any, error) {
	b, o, err := f.duplicate(r)
	if err != nil {
		return nil, err
	}
	size := strconv.FormatInt(o.Size, 10)
	return map[string]any{
		"kind": "storage#rewriteResponse", "done": true, "objectSize": size, "totalBytesRewritten": size, "resource": f.shown(r, b, o),
	}, nil
}

func (f *Face) duplicate(r *http.Request) (*bucket, *object, error) {
	if err := refuseACL(r.URL.Query()); err != nil {
		return nil, nil, err
	}
	if err := refuseKeys(r); err != nil {
		return nil, nil, err
	}
	generation, err := number(r, "sourceGeneration")
	if err != nil {
		return nil, nil, err
	}
	o := object{Name: r.PathValue("toObject"), Bucket: r.PathValue("toBucket")}
	// Settings that are sent are all that the copy has; without any it has the source's.
	var sent *objectSettings
	if err := gapi.ReadJSON(r, &sent); err != nil {
		return nil, nil, err
	}
	if err := validObject(o.Name); err != nil {
		return nil, nil, err
	}
	if sent != nil {
		if err := sent.check(); err != nil {
			return nil, nil, err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	source, err := f.bucket(r.PathValue("bucket"))
	if err != nil {
		return nil, nil, err
	}
	from, err := source.find(r.PathValue("object"), generation)
	if err != nil {
		return nil, nil, err
	}
	if err := sourcePreconditions(r).of(from); err != nil {
		return nil, nil, err
	}
	now := clock()
	b, err := f.admit(&wanted{o, preconditions(r)}, now)
	if err != nil {
		return nil, nil, err
	}
	o.Size, o.MD5Hash, o.CRC32C, o.ComponentCount = from.Size, from.MD5Hash, from.CRC32C, from.ComponentCount
	if sent != nil {
		o.objectSettings = *sent
	} else {
		o.objectSettings = from.objectSettings
		o.StorageClass, o.TemporaryHold, o.EventBasedHold = "", false, nil
	}
	return b, &o, f.place(b, &o, now, func(path string) error { return linkDurably(generationFile(source.dir, from.Generation), path) })
}

// linkDurably gives content that is never changed a second name.
func linkDurably(from, to string) error {
	if err := os.Link(from, to); err != nil {
		return err
	}
	return gapi.SyncDir(filepath.Dir(to))
}

// composition is what objects an object is to be put together from.
type composition struct {
	SourceObjects []struct {
		Name          string `json:"name"`
		Generation    int64  `json:"generation,string"`
		Preconditions struct {
			Match *int64 `json:"ifGenerationMatch,string"`
		} `json:"objectPreconditions"`
	} `json:"sourceObjects"`
	Destination objectSettings `json:"destination"`
}

// maxComponents is how many objects one call puts together.
const maxComponents = 32

func (f *Face) composeObject(r *http.Request) (any, error) {
	if err := refuseACL(r.URL.Query()); err != nil {
		return nil, err
	}
	if err := refuseKeys(r); err != nil {
		return nil, err
	}
	var c composition
	if err := gapi.ReadJSON(r, &c); err != nil {
		return nil, err
	}
	if n := len(c.SourceObjects); n == 0 || n > maxComponents {
		return nil, gapi.Invalid("The number of source components provided (%d) must be between 1 and %d.", n, maxComponents)
	}
	if err := c.Destination.check(); err != nil {
		return nil, err
	}
	want, err := f.want(r, object{Name: r.PathValue("object"), objectSettings: c.Destination})
	if err != nil {
		return nil, err
	}
	files, count, err := f.components(want.Bucket, c)
	defer func() {
		for _, file := range files {
			_ = file.Close()
		}
	}()
	if err != nil {
		return nil, err
	}
	whole, err := newContent(filepath.Join(f.uploadsDir(), newID()))
	if err != nil {
		return nil, err
	}
	defer whole.discard()
	for _, file := range files {
		if _, err := io.Copy(whole, file); err != nil {
			return nil, err
		}
	}
	want.ComponentCount = count
	b, o, err := f.commit(want, whole)
	if err != nil {
		return nil, err
	}
	return f.shown(r, b, o), nil
}

// components opens what is put together, and counts the parts of the parts.
func (f *Face) components(name string, c composition) (files []*os.File, count int, err error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	b, err := f.bucket(name)
	if err != nil {
		return nil, 0, err
	}
	for _, s := range c.SourceObjects {
		o, err := b.find(s.Name, s.Generation)
		if err != nil {
			return files, 0, err
		}
		if match := s.Preconditions.Match; match != nil && *match != o.Generation {
			return files, 0, errPrecondition
		}
		file, err := os.Open(generationFile(b.dir, o.Generation))
		if err != nil {
			return files, 0, err
		}
		files = append(files, file)
		count += max(1, o.ComponentCount)
	}
	return files, count, nil
}

// noACL is the answer to who asks for access control lists.
func noACL(*http.Request) (any, error) { return nil, errACL }

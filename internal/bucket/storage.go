package bucket

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/oauth2/google"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
	"google.golang.org/api/storage/v1"
)

// storageBucket is a bucket of Cloud Storage. The client is the generated one of its JSON API: the handwritten one, and
// gocloud.dev above it, bring gRPC's whole service mesh along and make the runtime half as large again.
type storageBucket struct {
	objects *storage.ObjectsService
	bucket  string
	prefix  string
}

func openStorage(ctx context.Context, bucket, prefix string, o Options) (Bucket, error) {
	var options []option.ClientOption
	endpoint := o.Endpoint
	if endpoint == "" {
		endpoint = os.Getenv("STORAGE_EMULATOR_HOST") // as Google's own clients understand it
	}
	if endpoint != "" && !strings.Contains(endpoint, "://") {
		endpoint = "http://" + endpoint
	}
	if endpoint != "" {
		options = append(options, option.WithEndpoint(strings.TrimRight(endpoint, "/")+"/storage/v1/"))
	}
	switch {
	case o.Client != nil:
		options = append(options, option.WithHTTPClient(o.Client))
	case strings.HasPrefix(endpoint, "http://"):
		options = append(options, option.WithHTTPClient(http.DefaultClient)) // credentials do not travel in the clear
	default:
		// The client outlives the call that makes it.
		credentials, err := google.FindDefaultCredentials(context.WithoutCancel(ctx), storage.DevstorageReadWriteScope)
		if err != nil {
			return nil, fmt.Errorf("find Google credentials for gs://%s: %w", bucket, err)
		}
		options = append(options, option.WithTokenSource(credentials.TokenSource))
	}
	service, err := storage.NewService(context.WithoutCancel(ctx), options...)
	if err != nil {
		return nil, fmt.Errorf("open gs://%s: %w", bucket, err)
	}
	return &storageBucket{storage.NewObjectsService(service), bucket, prefix}, nil
}

// piece is how much of an upload is in memory, and on its way at once: the client's own is 16 MB.
const piece = 1 << 20

func (b *storageBucket) insert(ctx context.Context, name string, body io.Reader) error {
	// An answer that is lost is asked for again, and then the object is there already: it is this one if it says so.
	mark := rand.Text()
	object := &storage.Object{Name: path.Join(b.prefix, name), Metadata: map[string]string{markKey: mark}}
	_, err := b.objects.Insert(b.bucket, object).IfGenerationMatch(0).WithRetry(pauses(), (&stubborn{}).again).
		Media(body, googleapi.ChunkSize(piece), googleapi.ChunkTransferTimeout(stalled), googleapi.ChunkRetryDeadline(patience), googleapi.EnableAutoChecksum()).
		Context(ctx).Do()
	if !says(err, http.StatusPreconditionFailed) && !mayNotReplace(err) {
		return err
	}
	if there, err := b.stat(ctx, object.Name); err == nil && there.Metadata[markKey] == mark {
		return nil
	}
	return &fs.PathError{Op: "write", Path: name, Err: fs.ErrExist}
}

// markKey is the metadata that tells one upload from another.
const markKey = "august-upload"

func (b *storageBucket) stat(ctx context.Context, object string) (there *storage.Object, err error) {
	err = insist(ctx, func() error {
		there, err = b.objects.Get(b.bucket, object).Fields("metadata").Context(ctx).Do()
		return err
	})
	return there, err
}

func (b *storageBucket) Create(ctx context.Context, name string, body []byte) error {
	if err := b.insert(ctx, name, bytes.NewReader(body)); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func (b *storageBucket) Write(ctx context.Context, name string) (io.WriteCloser, error) {
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := b.insert(ctx, name, r)
		_ = r.CloseWithError(err) // whoever still writes is told
		done <- err
	}()
	return &upload{w, done}, nil
}

type upload struct {
	*io.PipeWriter
	done chan error
}

func (u *upload) Close() error {
	_ = u.PipeWriter.Close()
	return <-u.done
}

func (u *upload) abandon() error {
	_ = u.CloseWithError(errors.New("abandoned")) // never fails
	return <-u.done
}

func (b *storageBucket) Delete(ctx context.Context, name string) error {
	err := insist(ctx, func() error { return b.objects.Delete(b.bucket, path.Join(b.prefix, name)).Context(ctx).Do() })
	if says(err, http.StatusNotFound) {
		return nil
	}
	return err
}

func (b *storageBucket) List(ctx context.Context, folder, from string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		prefix := path.Join(b.prefix, folder, "*")
		prefix = prefix[:len(prefix)-1] // with its slash, if it is in any folder
		for token := ""; ; {
			var page *storage.Objects
			err := insist(ctx, func() (err error) {
				page, err = b.objects.List(b.bucket).Prefix(prefix).Delimiter("/").StartOffset(prefix+from).
					Fields("items/name", "prefixes", "nextPageToken").PageToken(token).Context(ctx).Do()
				return err
			})
			if err != nil {
				yield("", err)
				return
			}
			names := page.Prefixes
			for _, object := range page.Items {
				names = append(names, object.Name)
			}
			slices.Sort(names)
			for _, name := range names {
				if !yield(strings.TrimPrefix(name, prefix), nil) {
					return
				}
			}
			if token = page.NextPageToken; token == "" {
				return
			}
		}
	}
}

// mayNotReplace tells that an object is there and that who writes may create only: Cloud Storage then says what is missing to
// replace it, whatever the precondition.
func mayNotReplace(err error) bool {
	return says(err, http.StatusForbidden) && strings.Contains(err.Error(), "storage.objects.delete")
}

func says(err error, status int) bool {
	var e *googleapi.Error
	return errors.As(err, &e) && e.Code == status
}

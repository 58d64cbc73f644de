package bucket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"os"
	"path"
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
	case strings.HasPrefix(endpoint, "http://"):
		options = append(options, option.WithHTTPClient(http.DefaultClient)) // credentials do not travel in the clear
	case o.Tokens != nil:
		options = append(options, option.WithTokenSource(o.Tokens))
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

func (b *storageBucket) insert(ctx context.Context, name string, body io.Reader) error {
	_, err := b.objects.Insert(b.bucket, &storage.Object{Name: path.Join(b.prefix, name)}).IfGenerationMatch(0).Media(body).Context(ctx).Do()
	if says(err, http.StatusPreconditionFailed) || mayNotReplace(err) {
		return &fs.PathError{Op: "write", Path: name, Err: fs.ErrExist}
	}
	return err
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

func (b *storageBucket) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	answer, err := b.objects.Get(b.bucket, path.Join(b.prefix, name)).Context(ctx).Download()
	if says(err, http.StatusNotFound) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	if err != nil {
		return nil, err
	}
	return answer.Body, nil
}

func (b *storageBucket) Delete(ctx context.Context, name string) error {
	if err := b.objects.Delete(b.bucket, path.Join(b.prefix, name)).Context(ctx).Do(); !says(err, http.StatusNotFound) {
		return err
	}
	return nil
}

func (b *storageBucket) List(ctx context.Context, folder, from string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		prefix := path.Join(b.prefix, folder) + "/"
		for token := ""; ; {
			call := b.objects.List(b.bucket).Prefix(prefix).StartOffset(prefix+from).Fields("items/name", "nextPageToken").PageToken(token).Context(ctx)
			page, err := call.Do()
			if err != nil {
				yield("", err)
				return
			}
			for _, object := range page.Items {
				if !yield(strings.TrimPrefix(object.Name, prefix), nil) {
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

package storage

import (
	"bufio"
	"context"
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/api/googleapi"
	"google.golang.org/api/storage/v1"
)

// dirVariable makes of the test's program one that serves the face from a folder until it is killed.
const dirVariable = "AUGUST_TEST_STORAGE_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(dirVariable); dir != "" {
		if err := serve(dir); err != nil {
			_, _ = fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func serve(dir string) error {
	f, err := New(Options{Dir: dir})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	mux := http.NewServeMux()
	f.Register(mux)
	return http.Serve(l, mux)
}

// A kill leaves whole objects, all that were answered for among them, and nothing else.
func TestKill(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.bucket(&storage.Bucket{Name: "box"})
	answered := map[string]string{} // MD5 by name
	random := rand.New(rand.NewPCG(3, 4))
	for range 16 {
		kill := r.child()
		ctx, leave := context.WithCancel(t.Context())
		var mu sync.Mutex
		var uploads sync.WaitGroup
		done := make(chan bool, 1000)
		for worker := range 4 {
			uploads.Go(func() {
				for n := 0; ; n++ {
					name := fmt.Sprintf("%d/%d", worker, n%5) // written over again and again
					body := strings.Repeat(fmt.Sprint(time.Now().UnixNano()), 1<<rand.IntN(16))
					// Until it is answered either content may be there.
					mu.Lock()
					before := answered[name]
					answered[name] = before + " " + sum(body)
					mu.Unlock()
					if _, err := r.client.Objects.Insert("box", &storage.Object{Name: name}).Media(strings.NewReader(body), googleapi.ChunkSize(256<<10)).Context(ctx).Do(); err != nil {
						done <- false
						return
					}
					mu.Lock()
					answered[name] = sum(body)
					mu.Unlock()
					done <- true
				}
			})
		}
		for range random.IntN(30) {
			<-done
		}
		time.Sleep(time.Duration(random.IntN(5000)) * time.Microsecond) // into the middle of others
		kill()
		leave() // before the client tries again
		uploads.Wait()
		r.start()
		list, err := r.client.Objects.List("box").Do()
		if err != nil {
			t.Fatal(err)
		}
		there := map[string]bool{}
		for _, o := range list.Items {
			there[o.Name] = true
			_, body := r.fetch(o.Name, nil)
			if sum(body) != o.Md5Hash || !strings.Contains(answered[o.Name], o.Md5Hash) {
				t.Errorf("%s has %d bytes, and not those that were sent", o.Name, len(body))
			}
			answered[o.Name] = o.Md5Hash
		}
		for name, sums := range answered {
			if !there[name] && !strings.HasPrefix(sums, " ") {
				t.Errorf("%s was answered for, and is not there", name)
			}
			if !there[name] {
				delete(answered, name)
			}
		}
		contents, err := os.ReadDir(filepath.Join(r.dir, "buckets", "box", "data"))
		if err != nil || len(contents) != len(there) {
			t.Errorf("%d contents of %d objects, %v", len(contents), len(there), err)
		}
	}
}

func sum(body string) string {
	digest := md5.Sum([]byte(body))
	return base64.StdEncoding.EncodeToString(digest[:])
}

// child lets another process serve the folder, and the client talk to it; kill ends it.
func (r *rig) child() (kill func()) {
	r.t.Helper()
	program, err := os.Executable()
	if err != nil {
		r.t.Fatal(err)
	}
	cmd := exec.CommandContext(r.t.Context(), program)
	cmd.Env = append(os.Environ(), dirVariable+"="+r.dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		r.t.Fatal(err)
	}
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		r.t.Fatal(err)
	}
	r.connect("http://" + strings.TrimSpace(address))
	return func() {
		_ = cmd.Process.Kill()
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
	}
}

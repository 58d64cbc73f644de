package localcloud

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// Description says where a running local cloud is. It lies in cloud.json in the state directory from
// the moment everything is ready until it stops.
type Description struct {
	PID       int       `json:"pid"`
	Dir       string    `json:"dir"`
	Started   time.Time `json:"started"`
	Endpoints Endpoints `json:"endpoints"`
}

// Endpoints are the addresses of a local cloud. Those of Google's APIs are one and the same, but Pub/Sub's,
// which has to serve gRPC as well, as pubsub.googleapis.com does.
type Endpoints struct {
	Google         string `json:"google"` // http://127.0.0.1:P/
	CloudSQL       string `json:"cloud_sql"`
	CloudRun       string `json:"cloud_run"`
	SecretManager  string `json:"secret_manager"`
	IAMCredentials string `json:"iam_credentials"`
	Monitoring     string `json:"monitoring"`
	Logging        string `json:"logging"`
	Storage        string `json:"storage"`
	PubSub         string `json:"pubsub"`      // http://127.0.0.1:S/, REST and gRPC
	Registry       string `json:"registry"`    // 127.0.0.1:R, the first part of an image's name
	OIDCIssuer     string `json:"oidc_issuer"` // http://127.0.0.1:P/identity
	DrChrono       string `json:"drchrono"`    // http://127.0.0.1:D
	Coda           string `json:"coda"`        // http://127.0.0.1:C/apis/v1
}

func newEndpoints(google, pubsub, registry, drchrono, coda int) Endpoints {
	root := fmt.Sprintf("http://127.0.0.1:%d/", google)
	return Endpoints{
		Google: root, CloudSQL: root, CloudRun: root, SecretManager: root, IAMCredentials: root, Monitoring: root, Logging: root, Storage: root,
		PubSub:     fmt.Sprintf("http://127.0.0.1:%d/", pubsub),
		Registry:   fmt.Sprintf("127.0.0.1:%d", registry),
		OIDCIssuer: root + "identity",
		DrChrono:   fmt.Sprintf("http://127.0.0.1:%d", drchrono),
		Coda:       fmt.Sprintf("http://127.0.0.1:%d/apis/v1", coda),
	}
}

// Region is where the landing zone is.
const Region = "us-central1"

// ServiceAccount is the address of a project's service account. It exists by being named.
func ServiceAccount(name, project string) string {
	return name + "@" + project + ".iam.gserviceaccount.com"
}

// Environ is the environment in which the provider, and hashicorp/google beside it, talk to this
// cloud instead of Google.
func (d Description) Environ() []string {
	e := d.Endpoints
	return []string{
		"AUGUST_ACCESS_TOKEN=local",
		"AUGUST_CLOUD_SQL_ENDPOINT=" + e.CloudSQL,
		"AUGUST_CLOUD_RUN_ENDPOINT=" + e.CloudRun,
		"AUGUST_SECRET_MANAGER_ENDPOINT=" + e.SecretManager,
		"AUGUST_PUBSUB_ENDPOINT=" + e.PubSub,
		"AUGUST_IAM_CREDENTIALS_ENDPOINT=" + e.IAMCredentials,
		"AUGUST_MONITORING_ENDPOINT=" + e.Monitoring,
		"AUGUST_LOGGING_ENDPOINT=" + e.Logging,
		"AUGUST_STORAGE_ENDPOINT=" + e.Storage,
		"GOOGLE_OAUTH_ACCESS_TOKEN=local",
		"GOOGLE_SQL_CUSTOM_ENDPOINT=" + e.CloudSQL + "sql/v1beta4/",
		"GOOGLE_CLOUD_RUN_V2_CUSTOM_ENDPOINT=" + e.CloudRun + "v2/",
		"GOOGLE_SECRET_MANAGER_CUSTOM_ENDPOINT=" + e.SecretManager + "v1/",
		"GOOGLE_PUBSUB_CUSTOM_ENDPOINT=" + e.PubSub + "v1/",
		"GOOGLE_STORAGE_CUSTOM_ENDPOINT=" + e.Storage + "storage/v1/",
	}
}

// ProjectEnviron is Environ with a project chosen, and its service account for Terraform as the one
// whose tokens the control API sees.
func (d Description) ProjectEnviron(project string) []string {
	return append(d.Environ(),
		"AUGUST_PROJECT="+project,
		"AUGUST_REGION="+Region,
		"AUGUST_IMPERSONATE_SERVICE_ACCOUNT="+ServiceAccount("terraform", project),
	)
}

const descriptionFile = "cloud.json"

// ErrNotRunning says that no local cloud runs in a directory, or that it is not ready yet.
var ErrNotRunning = errors.New("no local cloud is ready there")

// Describe reads the description of the local cloud that runs in dir, or in the default directory
// when dir is empty.
func Describe(dir string) (Description, error) {
	dir, err := resolveDir(dir)
	if err != nil {
		return Description{}, err
	}
	var d Description
	path := filepath.Join(dir, descriptionFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return d, fmt.Errorf("%s: %w", dir, ErrNotRunning)
	}
	// A killed cloud leaves its description behind.
	held, pid := lockHolder(dir)
	if !held {
		return d, fmt.Errorf("%s: %w", dir, ErrNotRunning)
	}
	if err := gapi.Load(path, &d); err != nil {
		return d, fmt.Errorf("%s is damaged: `august-local down` and `up` write it anew", path)
	}
	if pid != d.PID {
		return d, fmt.Errorf("%s: %w", dir, ErrNotRunning)
	}
	return d, nil
}

// DefaultDir is where a local cloud keeps its state unless told otherwise.
func DefaultDir() (string, error) {
	if dir := os.Getenv("AUGUST_LOCAL_DIR"); dir != "" {
		return dir, nil
	}
	if os.Geteuid() == 0 {
		// Not root's home: the unprivileged user that runs PostgreSQL cannot enter it.
		return "/var/lib/august-local/default", nil
	}
	state := os.Getenv("XDG_STATE_HOME")
	if state == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("no home directory to keep state in: %w; pass --dir", err)
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "august-local", "default"), nil
}

// resolveDir makes dir absolute and free of links, as far as it exists: processes are recognised by it.
func resolveDir(dir string) (string, error) {
	if dir == "" {
		var err error
		if dir, err = DefaultDir(); err != nil {
			return "", err
		}
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	rest := ""
	for have := dir; ; have = filepath.Dir(have) {
		found, err := filepath.EvalSymlinks(have)
		if errors.Is(err, syscall.ENOTDIR) {
			continue // have's parent is no directory, which the next turn tells
		}
		if err == nil {
			if info, err := os.Stat(found); err == nil && !info.IsDir() {
				return "", fmt.Errorf("%s is not a directory: choose another --dir", have)
			}
			return filepath.Join(found, rest), nil
		}
		if !errors.Is(err, fs.ErrNotExist) || have == filepath.Dir(have) {
			return "", err
		}
		rest = filepath.Join(filepath.Base(have), rest)
	}
}

package localtest

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/api/option"
	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/localcloud"
)

func TestMain(m *testing.M) { Main(m) }

// The shared cloud is one cloud, with the landing zone that every acceptance test begins from.
func TestShared(t *testing.T) {
	c := Shared(t)
	if again := Shared(t); again != c {
		t.Error("the second test got another cloud")
	}
	sql, err := sqladmin.NewService(t.Context(), option.WithEndpoint(c.Endpoints.CloudSQL), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	for _, project := range []string{Production, Staging} {
		i, err := sql.Instances.Get(project, "platform").Do()
		if err != nil || i.State != "RUNNABLE" || i.Settings.AvailabilityType != "ZONAL" {
			t.Errorf("instance of %s: %+v, %v", project, i, err)
		}
	}
}

// A cloud of one's own runs beside the shared one, and leaves nothing.
func TestStart(t *testing.T) {
	shared := Shared(t)
	var dir string
	t.Run("running", func(t *testing.T) {
		c := Start(t, Empty(), Patients(50))
		dir = c.Dir
		if c.Endpoints.Google == shared.Endpoints.Google {
			t.Error("two clouds at one address")
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.Endpoints.Google+"v1/projects/"+Production+"/secrets/coda-token", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusNotFound {
			t.Errorf("an empty cloud answers %s for a secret", res.Status)
		}
	})
	if left, err := localcloud.Strays(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if _, err := os.Stat(filepath.Dir(dir)); !os.IsNotExist(err) {
		t.Errorf("the directory %s is still there", filepath.Dir(dir))
	}
}

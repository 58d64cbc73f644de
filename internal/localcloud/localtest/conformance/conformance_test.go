package conformance

import (
	"runtime"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/toolchain"
)

// verdict notes how a test ends.
type verdict struct {
	testing.TB
	end string
}

func (v *verdict) Fatal(...any) { v.end = "failed"; runtime.Goexit() }

func (v *verdict) Skip(...any) { v.end = "skipped"; runtime.Goexit() }

// A test whose client is not there is skipped, and fails where it is required.
func TestMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv(toolchain.EnvGoogle, "")
	for name, client := range map[string]func(testing.TB){
		"gcloud":           func(t testing.TB) { NewGcloud(t, "sql", "august-test") },
		"hashicorp/google": func(t testing.TB) { NewGoogle(t, Setup{}) },
	} {
		for required, want := range map[string]string{"": "skipped", "1": "failed"} {
			t.Setenv(RequireVariable, required)
			v, done := &verdict{TB: t}, make(chan struct{})
			go func() {
				defer close(done)
				client(v)
			}()
			<-done
			if v.end != want {
				t.Errorf("without %s, required %q: the test %s, want %s", name, required, v.end, want)
			}
		}
	}
}

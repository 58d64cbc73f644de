package localcloud

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/cloudrun"
)

// Logs says which service's logs to show, and how.
type Logs struct {
	Dir     string // of the state; the default one when empty
	Service string
	Project string // may be left out when there is only one service of that name
	Region  string // so may this
	Tail    int    // that many of the last lines; all when negative
	Follow  bool   // and what is written from now on, until the context ends or the service is gone
	Out     io.Writer
}

// followEvery is the pause between two looks at a log.
const followEvery = 200 * time.Millisecond

// ShowLogs prints the lines that a Cloud Run service's instances have written. The cloud need not run.
func ShowLogs(ctx context.Context, l Logs) error {
	service, err := l.find()
	if err != nil {
		return err
	}
	lines, err := service.Last(l.Tail)
	for gone := false; err == nil; {
		for _, line := range lines {
			if _, err := fmt.Fprintln(l.Out, line); err != nil {
				return err
			}
		}
		if !l.Follow || gone {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(followEvery):
		}
		lines, gone, err = service.Next()
	}
	return err
}

func (l Logs) find() (*cloudrun.ServiceLog, error) {
	dir, err := resolveDir(l.Dir)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no local cloud in %s: start one with `august-local up`, or name its directory with --dir", dir)
	}
	all, err := cloudrun.ServiceLogs(filepath.Join(dir, "cloudrun"))
	if err != nil {
		return nil, err
	}
	var found []*cloudrun.ServiceLog
	var names []string
	for _, s := range all {
		names = append(names, s.Project+"/"+s.Location+"/"+s.Service)
		if s.Service == l.Service && (l.Project == "" || l.Project == s.Project) && (l.Region == "" || l.Region == s.Location) {
			found = append(found, s)
		}
	}
	slices.Sort(names)
	there := strings.Join(names, ", ")
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(all) == 0:
		return nil, fmt.Errorf("there is no service %q: the cloud in %s has none yet", l.Service, dir)
	case len(found) == 0:
		where := ""
		if l.Project != "" {
			where += fmt.Sprintf(" in project %q", l.Project)
		}
		if l.Region != "" {
			where += fmt.Sprintf(" in region %q", l.Region)
		}
		return nil, fmt.Errorf("there is no service %q%s: there are %s", l.Service, where, there)
	default:
		return nil, fmt.Errorf("there is more than one service %q: choose with --project and --region among %s", l.Service, there)
	}
}

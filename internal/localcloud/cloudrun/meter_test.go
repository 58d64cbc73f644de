package cloudrun

import (
	"context"
	"io"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/face"
)

// counted is a revision's figures of one metric, all points together, by one of its labels.
func (r *rig) counted(t *testing.T, metric, label string, s *runpb.Service) map[string]*face.Distribution {
	t.Helper()
	r.face.Look(t.Context())
	all := map[string]*face.Distribution{}
	for _, one := range r.face.Series(t.Context(), project, metric, time.Time{}) {
		if one.Resource["revision_name"] != filepath.Base(s.GetLatestReadyRevision()) || one.Resource["service_name"] != filepath.Base(s.GetName()) || one.Resource["location"] != region {
			continue
		}
		d := &face.Distribution{}
		for i, p := range one.Points {
			if i > 0 && p.From.Before(one.Points[i-1].To) {
				t.Errorf("points of %s overlap", metric)
			}
			if p.Spread == nil {
				d.Count += int64(p.Number)
				d.Sum = p.Number // the newest
				continue
			}
			d.Count, d.Sum = d.Count+p.Spread.Count, d.Sum+p.Spread.Sum
			for v := range p.Spread.Counts {
				if p.Spread.Counts[v] > 0 {
					d.Squares = max(d.Squares, float64(v)) // the highest bucket
				}
			}
		}
		all[one.Labels[label]] = d
	}
	return all
}

// TestFigures counts what instances answered, as they answered it, and what they needed for that.
func TestFigures(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.again(t, time.Hour, time.Hour, time.Minute)
	want := r.service("APP_STARTS_FOR=200ms")
	want.Template.MaxInstanceRequestConcurrency = 2
	s := r.mustCreate(t, "seen", want)
	url := s.GetUri()
	for range 5 {
		call(t, url)
	}
	if code, _ := fetch(t, url+"/nap?for=300ms", nil); code != http.StatusOK {
		t.Fatal(code)
	}
	call(t, url)
	_, _ = fetch(t, url+"/sicken", nil)
	if code, _ := fetch(t, url+"/healthz", nil); code != http.StatusServiceUnavailable {
		t.Fatal(code)
	}
	impatient, leave := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(impatient, http.MethodGet, url+"/nap?for=1h", nil)
	if err != nil {
		t.Fatal(err)
	}
	left := make(chan struct{})
	go func() {
		defer close(left)
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
	}()
	eventually(t, "the request is in hand", func() bool { return r.taken("seen", s.GetLatestReadyRevision()) == 1 })
	leave()
	<-left
	eventually(t, "who left is counted", func() bool { return r.counted(t, metricRequests, "response_code", s)["499"] != nil })

	requests, latencies := r.counted(t, metricRequests, "response_code", s), r.counted(t, metricLatencies, "response_code", s)
	for code, n := range map[string]int64{"200": 8, "503": 1, "499": 1} {
		if requests[code] == nil || requests[code].Count != n || latencies[code] == nil || latencies[code].Count != n {
			t.Errorf("%s: %+v, %+v, want %d", code, requests[code], latencies[code], n)
		}
	}
	if len(requests) != 3 || latencies["200"].Sum < 300 {
		t.Errorf("requests %v, which took %g ms", requests, latencies["200"].Sum)
	}
	if starts := r.counted(t, metricStarts, "", s)[""]; starts == nil || starts.Count != 1 || starts.Mean() < 200 {
		t.Errorf("starts %+v", starts)
	}

	// Two requests at once fill the instance; a third one gets another.
	for range 3 {
		_, leave := r.open(t, url)
		defer leave()
	}
	eventually(t, "both instances are seen", func() bool {
		states := r.counted(t, metricInstances, "state", s)
		return states["active"] != nil && states["active"].Sum == 2 && states["idle"].Sum == 0
	})
	if most := r.counted(t, metricConcurrency, "state", s)["active"]; most == nil || most.Squares != 3 { // bucket 3 is from 2 to 3
		t.Errorf("at once %+v", most)
	}
}

// TestFigures_ofCPU are shares of an instance's limit.
func TestFigures_ofCPU(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.again(t, time.Hour, time.Hour, time.Minute)
	s := r.mustCreate(t, "hot", r.service())
	ended := make(chan struct{})
	leave := r.burn(t, s.GetUri(), ended)
	eventually(t, "its CPU is seen", func() bool {
		used := r.counted(t, metricCPU, "", s)[""]
		return used != nil && used.Squares > 5 // in some sample more than 4 %
	})
	leave()
	<-ended
	if used := r.counted(t, metricCPU, "", s)[""]; used.Mean() > 1.5 { // it has one thread for requests
		t.Errorf("used %+v", used)
	}
	// What has been retired is remembered.
	want := r.get(t, "hot")
	want.Template.Containers[0].Env = append(want.Template.Containers[0].Env, &runpb.EnvVar{Name: "NEW", Values: &runpb.EnvVar_Value{Value: "1"}})
	next, err := r.update(t, want)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the old one is gone", func() bool { return r.instances("hot", s.GetLatestReadyRevision()) == -1 })
	if r.counted(t, metricCPU, "", s)[""] == nil || next.GetLatestReadyRevision() == s.GetLatestReadyRevision() {
		t.Error("the figures of a retired revision are gone")
	}
}

// TestFigures_ofOthers do not count: who is not let in, or finds no place, has reached no instance.
func TestFigures_ofOthers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	want := r.service()
	want.InvokerIamDisabled = false
	s := r.mustCreate(t, "closed", want)
	if code, _ := fetch(t, s.GetUri(), nil); code != http.StatusForbidden {
		t.Fatal(code)
	}
	if all := r.counted(t, metricRequests, "response_code", s); len(all) != 0 {
		t.Errorf("counted %v", all)
	}
	if all := r.face.Series(t.Context(), "elsewhere", metricInstances, time.Time{}); len(all) != 0 {
		t.Errorf("another project has %v", all)
	}
}

// taken is how many requests a revision has in hand.
func (r *rig) taken(service, revision string) int {
	r.face.mu.Lock()
	defer r.face.mu.Unlock()
	return r.face.services[parent+"/services/"+service].pools[filepath.Base(revision)].Busy()
}

package storm

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestBlow(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	got := map[string]int{}   // deliveries by id
	shown := map[string]int{} // highest version by object
	first := true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Object struct {
				ID      int64  `json:"id"`
				Billed  string `json:"billed"`
				Updated string `json:"updated_at"`
			} `json:"object"`
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || r.Header.Get("X-drchrono-signature") != "synthetic" {
			t.Errorf("%v, %v", err, r.Header)
		}
		mu.Lock()
		defer mu.Unlock()
		if first { // only one is refused
			first = false
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		got[r.Header.Get("X-drchrono-delivery")]++
		version, err := strconv.Atoi(strings.Replace(body.Object.Billed, ".", "", 1))
		if err != nil {
			t.Error(err)
		}
		key := fmt.Sprint(body.Object.ID)
		shown[key] = max(shown[key], version)
	}))
	defer server.Close()
	sent := Blow(t.Context(), Config{URL: func() string { return server.URL }, Secret: "synthetic", Rate: 400, For: time.Second / 2,
		Objects: 10, Fresh: 0.3, Double: 0.3, Late: 30 * time.Millisecond, Seed: 3})
	if len(sent) != 200 {
		t.Fatalf("%d deliveries", len(sent))
	}
	doubles := 0
	for _, s := range sent {
		taken := 0
		for _, status := range s.Statuses {
			if status == http.StatusOK {
				taken++
			}
		}
		if got[s.ID] != taken || s.Taken() != (taken > 0) {
			t.Errorf("%+v arrived %d times", s, got[s.ID])
		}
		if len(s.Statuses) == 2 {
			doubles++
		}
	}
	if by := Statuses(sent); by[http.StatusServiceUnavailable] != 1 || by[http.StatusOK] != len(sent)+doubles-1 || doubles == 0 {
		t.Errorf("%v, %d doubles", by, doubles)
	}
	newest := Newest(sent, Sent.Taken)
	if len(newest) != len(shown) {
		t.Errorf("%d objects, %d arrived", len(newest), len(shown))
	}
	for key, version := range newest {
		if shown[key] != version {
			t.Errorf("%s: version %d, %d arrived", key, version, shown[key])
		}
	}
	if p := Percentile(sent, 50); p <= 0 || p > Percentile(sent, 100) {
		t.Errorf("median %v of at most %v", p, Percentile(sent, 100))
	}
}

// What was held back until the end came has not been sent, and nobody can have answered it.
func TestBlow_endsEarly(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(server.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	sent := Blow(ctx, Config{URL: func() string { return server.URL }, Rate: 1000, For: time.Minute, Late: 1000 * time.Hour})
	if len(sent) > 0 {
		t.Errorf("%d deliveries are said to have been sent", len(sent))
	}
}

package cloudsql

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Google's own description of the API comes with its client; every answer of every test is held
// against it.

type schema struct {
	Ref        string             `json:"$ref"`
	Type       string             `json:"type"`
	Format     string             `json:"format"`
	Enum       []string           `json:"enum"`
	Properties map[string]*schema `json:"properties"`
	Items      *schema            `json:"items"`
	Additional *schema            `json:"additionalProperties"`
}

type method struct {
	Path     string `json:"path"`
	Verb     string `json:"httpMethod"`
	Response schema `json:"response"`
}

type resource struct {
	Methods   map[string]method   `json:"methods"`
	Resources map[string]resource `json:"resources"`
}

type discovery struct {
	resource
	Schemas map[string]*schema `json:"schemas"`
}

var discoveries = sync.OnceValues(func() (map[string]discovery, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "google.golang.org/api").Output()
	if err != nil {
		return nil, err
	}
	all := map[string]discovery{}
	for base, version := range map[string]string{"/v1/": "v1", "/sql/v1beta4/": "v1beta4"} {
		body, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(out)), "sqladmin", version, "sqladmin-api.json"))
		if err != nil {
			return nil, err
		}
		var d discovery
		if err := json.Unmarshal(body, &d); err != nil {
			return nil, err
		}
		all[base] = d
	}
	return all, nil
})

// checked holds every good answer of the handler against the API's description.
func checked(t testing.TB, h http.Handler) http.Handler {
	t.Helper()
	all, err := discoveries()
	if err != nil {
		t.Fatal(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		body := rec.Body.Bytes()
		if rec.Code == http.StatusOK {
			if err := conforms(all, r.Method, r.URL.Path, body); err != nil {
				t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
			}
		}
		for k, v := range rec.Header() {
			w.Header()[k] = v
		}
		w.WriteHeader(rec.Code)
		_, _ = io.Copy(w, bytes.NewReader(body)) // the client is gone: the test sees it there
	})
}

func conforms(all map[string]discovery, verb, path string, body []byte) error {
	for base, d := range all {
		if !strings.HasPrefix(path, base) {
			continue
		}
		m, ok := d.find(verb, strings.TrimPrefix(path, "/"))
		if !ok {
			return fmt.Errorf("not a method of the API")
		}
		var v any
		if err := json.Unmarshal(body, &v); err != nil {
			return err
		}
		return d.check(&m.Response, v, "")
	}
	return fmt.Errorf("outside of the API")
}

var variable = regexp.MustCompile(`\{[^}]+\}`)

func (r resource) find(verb, path string) (method, bool) {
	for _, m := range r.Methods {
		pattern := "^" + variable.ReplaceAllString(m.Path, `[^/:]+`) + "$"
		if m.Verb == verb && !strings.Contains(m.Path, "{+") && regexp.MustCompile(pattern).MatchString(path) {
			return m, true
		}
	}
	for _, sub := range r.Resources {
		if m, ok := sub.find(verb, path); ok {
			return m, true
		}
	}
	return method{}, false
}

func (d discovery) check(s *schema, v any, at string) error {
	for s.Ref != "" {
		s = d.Schemas[s.Ref]
	}
	switch s.Type {
	case "object":
		return d.checkObject(s, v, at)
	case "array":
		list, ok := v.([]any)
		if !ok {
			return fmt.Errorf("%s is %T, want a list", at, v)
		}
		for n, item := range list {
			if err := d.check(s.Items, item, fmt.Sprintf("%s[%d]", at, n)); err != nil {
				return err
			}
		}
	case "boolean":
		if _, ok := v.(bool); !ok {
			return fmt.Errorf("%s is %T, want a boolean", at, v)
		}
	case "integer", "number":
		if _, ok := v.(float64); !ok {
			return fmt.Errorf("%s is %T, want a number", at, v)
		}
	case "string":
		return checkString(s, v, at)
	}
	return nil
}

func (d discovery) checkObject(s *schema, v any, at string) error {
	object, ok := v.(map[string]any)
	if !ok {
		return fmt.Errorf("%s is %T, want an object", at, v)
	}
	for name, value := range object {
		p := s.Properties[name]
		if p == nil {
			p = s.Additional
		}
		if p == nil {
			return fmt.Errorf("%s.%s is not in the API", at, name)
		}
		if err := d.check(p, value, at+"."+name); err != nil {
			return err
		}
	}
	return nil
}

func checkString(s *schema, v any, at string) error {
	text, ok := v.(string)
	if !ok {
		return fmt.Errorf("%s is %T, want a string", at, v)
	}
	var err error
	switch s.Format {
	case "int64":
		_, err = strconv.ParseInt(text, 10, 64)
	case "google-datetime":
		_, err = time.Parse(time.RFC3339, text)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, text) {
		return fmt.Errorf("%s is %q, not one of %v", at, text, s.Enum)
	}
	return nil
}

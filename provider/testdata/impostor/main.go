// Command impostor stands in for a runtime in tests: its migrations succeed, Cloud Run finds nothing wrong with it, and it
// fails its self-test.
package main

import (
	"encoding/json"
	"net/http"
	"os"
	"slices"
)

func main() {
	if slices.Contains(os.Args, "migrate") {
		return
	}
	say := func(path string, body any) {
		http.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(body) })
	}
	say("/readyz", map[string]string{"status": "ready"})
	say("/livez", "impostor")
	say("/v1/info", map[string]string{"revision": os.Getenv("K_REVISION")})
	say("/v1/selftest", map[string]any{"checks": []map[string]string{
		{"name": "database", "outcome": "passed"},
		{"name": "schema", "outcome": "failed", "detail": "migration 7 is missing"},
	}})
	if err := http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil); err != nil {
		panic(err)
	}
}

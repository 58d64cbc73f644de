package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// events is what `go test -json` says when these tests end so.
func events(lines ...string) string {
	var b strings.Builder
	for _, line := range lines {
		f := strings.Fields(line)
		_, _ = fmt.Fprintf(&b, "{\"Action\":%q,\"Package\":%q,\"Test\":%q,\"Elapsed\":2}\n", f[2], f[0], f[1])
	}
	return b.String()
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	all := []string{
		cloudSQL + " TestHashicorpGoogle pass", cloudSQL + " TestGcloud pass", cloudSQL + " TestGcloudRecovers pass",
		cloudRun + " TestHashicorpGoogle pass", cloudRun + " TestGcloud pass",
		pubSub + " TestHashicorpGoogle pass", pubSub + " TestGcloud pass",
		storage + " TestHashicorpGoogle pass", storage + " TestGcloud pass",
		provider + " TestAccHashicorpGoogle_policyBesideInstance pass",
		modules + " TestHashicorpGoogleModules pass",
	}
	for name, tt := range map[string]struct {
		lines   []string
		clients []client
		want    string
	}{
		"all of them":              {all, []client{google, gcloud}, ""},
		"a skipped one":            {append([]string{cloudSQL + " TestGcloudOther skip"}, all...), []client{google, gcloud}, "skipped: cloudsql TestGcloudOther"},
		"no test in a package":     {all[:9], []client{google}, "provider has no test with hashicorp/google"},
		"no gcloud":                {[]string{all[0], all[3], all[5], all[7], all[9], all[10]}, []client{google}, ""},
		"no gcloud, though wanted": {[]string{all[0], all[3], all[5], all[7], all[9], all[10]}, []client{google, gcloud}, "cloudsql has no test with gcloud"},
	} {
		var out bytes.Buffer
		v, err := follow(strings.NewReader(events(tt.lines...)), &out)
		if err != nil {
			t.Fatal(err)
		}
		err = v.judge(tt.clients, &out)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q\n%s", name, err, tt.want, &out)
		}
	}
}

// What a failed test has printed is told, and nothing of the others.
func TestFollowFailure(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	_, err := follow(strings.NewReader(`{"Action":"output","Package":"x/cloudsql","Test":"TestA","Output":"of A\n"}
{"Action":"output","Package":"x/cloudsql","Test":"TestB","Output":"of B\n"}
{"Action":"pass","Package":"x/cloudsql","Test":"TestA","Elapsed":1}
{"Action":"fail","Package":"x/cloudsql","Test":"TestB","Elapsed":1}
`), &out)
	if err != nil || strings.Contains(out.String(), "of A") || !strings.Contains(out.String(), "of B") {
		t.Errorf("%v: %s", err, &out)
	}
	if _, err := follow(strings.NewReader("go: no such package\n"), &out); err == nil {
		t.Error("words that are no events passed")
	}
}

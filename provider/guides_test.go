package provider

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The guide to the provider's messages quotes titles that the provider has.
func TestGuides_quoteTitles(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var source strings.Builder
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		source.Write(body)
	}
	guide, err := os.ReadFile("../templates/guides/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	titles := regexp.MustCompile(`(?m)^### (.+)$`).FindAllStringSubmatch(string(guide), -1)
	if len(titles) < 15 {
		t.Fatalf("only %d titles were read", len(titles))
	}
	for _, title := range titles {
		if !strings.Contains(source.String(), `"`+title[1]+`"`) {
			t.Errorf("the provider has no message %q", title[1])
		}
	}
}

// A link from one guide to another leads somewhere.
func TestGuides_links(t *testing.T) {
	t.Parallel()
	guides, err := filepath.Glob("../templates/guides/*.md")
	if err != nil || len(guides) == 0 {
		t.Fatalf("no guides: %v", err)
	}
	for _, guide := range guides {
		body, err := os.ReadFile(guide)
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range regexp.MustCompile(`\]\(([a-z-]+\.md)\)`).FindAllStringSubmatch(string(body), -1) {
			if _, err := os.Stat(filepath.Join("../templates/guides", link[1])); err != nil {
				t.Errorf("%s: %v", filepath.Base(guide), err)
			}
		}
	}
}

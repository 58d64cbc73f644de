package provider

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

// secretive are words of an attribute's name that holds a secret rather than a reference to one.
var secretive = regexp.MustCompile(`(^|_)(password|token|secret|key|credential)s?$`)

// references are attributes with a secretive name that hold no secret.
var references = map[string]string{
	"key":                "a column's name",
	"key_column":         "a column id",
	"key_secret":         "a reference to a secret's version",
	"keys":               "how long keys live",
	"public_key":         "what everybody may know",
	"signing_key_secret": "a reference to a secret's version",
	"oauth_secret":       "a reference to a secret's version",
	"password_secret":    "a reference to a secret's version",
	"token_secret":       "a reference to a secret's version",
	"webhook_secret":     "a reference to a secret's version",
}

// ephemeralPrefix is before the name of what is never kept.
const ephemeralPrefix = "ephemeral."

func TestSchemas(t *testing.T) {
	t.Parallel()
	p := newProtocol(t)
	describeBlock(t, "provider", p.schemas.Provider.Block)
	for name, schema := range p.schemas.ResourceSchemas {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			describeBlock(t, name, schema.Block)
			p.identityType(name)
			attributes := map[string]*tfprotov6.SchemaAttribute{}
			for _, a := range schema.Block.Attributes {
				attributes[a.Name] = a
			}
			if attributes["id"] == nil {
				t.Error("no id")
			}
			if attributes["timeouts"] == nil {
				t.Error("no timeouts: every resource of this provider waits for something")
			}
			for _, file := range []string{"resource.tf", "import.sh", "import-by-string-id.tf", "import-by-identity.tf"} {
				if _, err := os.Stat(filepath.Join("..", "examples", "resources", name, file)); err != nil {
					t.Errorf("example: %v", err)
				}
			}
		})
	}
	for name, schema := range p.schemas.DataSourceSchemas {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			describeBlock(t, name, schema.Block)
			if _, err := os.Stat(filepath.Join("..", "examples", "data-sources", name, "data-source.tf")); err != nil {
				t.Errorf("example: %v", err)
			}
		})
	}
	for name, schema := range p.schemas.EphemeralResourceSchemas {
		describeBlock(t, ephemeralPrefix+name, schema.Block)
		if _, err := os.Stat(filepath.Join("..", "examples", "ephemeral-resources", name, "ephemeral-resource.tf")); err != nil {
			t.Errorf("example: %v", err)
		}
	}
	for name, schema := range p.schemas.ListResourceSchemas {
		describeBlock(t, name, schema.Block)
		if _, err := os.Stat(filepath.Join("..", "examples", "list-resources", name, "list-resource.tfquery.hcl")); err != nil {
			t.Errorf("example: %v", err)
		}
	}
	resp, err := p.server.GetResourceIdentitySchemas(t.Context(), &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for name, identity := range resp.IdentitySchemas {
		for _, a := range identity.IdentityAttributes {
			if !strings.HasSuffix(a.Description, ".") {
				t.Errorf("%s: identity %s: description %q does not end with a period", name, a.Name, a.Description)
			}
			if !a.RequiredForImport && !a.OptionalForImport {
				t.Errorf("%s: identity %s is for no import", name, a.Name)
			}
		}
	}
}

func describeBlock(t *testing.T, at string, block *tfprotov6.SchemaBlock) {
	t.Helper()
	if !strings.HasSuffix(block.Description, ".") {
		t.Errorf("%s: description %q does not end with a period", at, block.Description)
	}
	if len(block.BlockTypes) > 0 {
		t.Errorf("%s: has blocks; nested attributes are the house's way", at)
	}
	for _, a := range block.Attributes {
		describeAttribute(t, at, a)
	}
}

func describeAttribute(t *testing.T, at string, a *tfprotov6.SchemaAttribute) {
	t.Helper()
	at += "." + a.Name
	if !strings.HasSuffix(strings.TrimSpace(a.Description), ".") {
		t.Errorf("%s: description %q does not end with a period", at, a.Description)
	}
	kept := !a.WriteOnly && !strings.HasPrefix(at, "provider.") && !strings.HasPrefix(at, ephemeralPrefix)
	if secretive.MatchString(strings.TrimSuffix(a.Name, "_wo")) && references[a.Name] == "" && kept {
		t.Errorf("%s: looks like a secret and would be kept in the state", at)
	}
	if a.Sensitive && kept {
		t.Errorf("%s: sensitive, and kept in the state", at)
	}
	if strings.HasSuffix(a.Name, "_wo") != a.WriteOnly {
		t.Errorf("%s: what is write-only ends with _wo, and nothing else does", at)
	}
	if strings.HasPrefix(at, ephemeralPrefix) && secretive.MatchString(a.Name) && !a.Sensitive {
		t.Errorf("%s: looks like a secret and would be shown", at)
	}
	if a.NestedType != nil {
		for _, inner := range a.NestedType.Attributes {
			describeAttribute(t, at, inner)
		}
	}
}

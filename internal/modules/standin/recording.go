// Package standin stands in for hashicorp/google on machines that have none. It serves the schemas of the real provider, as they were
// recorded, so that `terraform validate` and `terraform test` with a mocked provider run anywhere, without a registry and without
// a program of 130 MB.
//
// What is not a schema is not there: an enumeration's members, conflicts between arguments and what the provider looks at during a plan are
// known to the real one only, which `make conformance` runs the same tests with.
package standin

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
)

//go:generate go run ../cmd/record google.json.gz

//go:embed google.json.gz
var recorded []byte

// Recording is what a provider's schemas were at a version. A schema is kept as it was written, because most are never looked at.
type Recording struct {
	Source     string                     `json:"source"`
	Version    string                     `json:"version"`
	Provider   json.RawMessage            `json:"provider"`
	Resources  map[string]json.RawMessage `json:"resources"`
	Data       map[string]json.RawMessage `json:"data"`
	Ephemerals map[string]json.RawMessage `json:"ephemerals"`
}

// Recorded is the recording that this package carries.
func Recorded() (*Recording, error) { return Unpack(recorded) }

// Unpack reads what Pack has written.
func Unpack(recorded []byte) (*Recording, error) {
	packed, err := gzip.NewReader(bytes.NewReader(recorded))
	if err != nil {
		return nil, fmt.Errorf("the recording of hashicorp/google: %w", err)
	}
	r := &Recording{}
	if err := json.NewDecoder(packed).Decode(r); err != nil {
		return nil, fmt.Errorf("the recording of hashicorp/google: %w", err)
	}
	return r, nil
}

// Listed is a recording out of what `terraform providers schema -json` lists of one provider.
func Listed(source, version string, schemas []byte) (*Recording, error) {
	var listing struct {
		Providers map[string]struct {
			Provider   json.RawMessage            `json:"provider"`
			Resources  map[string]json.RawMessage `json:"resource_schemas"`
			Data       map[string]json.RawMessage `json:"data_source_schemas"`
			Ephemerals map[string]json.RawMessage `json:"ephemeral_resource_schemas"`
		} `json:"provider_schemas"`
	}
	if err := json.Unmarshal(schemas, &listing); err != nil {
		return nil, fmt.Errorf("understand `terraform providers schema -json`: %w", err)
	}
	if len(listing.Providers) != 1 {
		return nil, fmt.Errorf("one provider was to be listed, not %d", len(listing.Providers))
	}
	r := &Recording{Source: source, Version: version}
	for _, p := range listing.Providers {
		r.Provider, r.Resources, r.Data, r.Ephemerals = p.Provider, p.Resources, p.Data, p.Ephemerals
	}
	var err error
	if r.Provider, err = structure(r.Provider); err != nil {
		return nil, err
	}
	for _, schemas := range []map[string]json.RawMessage{r.Resources, r.Data, r.Ephemerals} {
		for name, s := range schemas {
			if schemas[name], err = structure(s); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return r, nil
}

// structure is a schema without its prose, in one spelling.
func structure(raw json.RawMessage) (json.RawMessage, error) {
	var s schema
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, err
	}
	return json.Marshal(s)
}

// Pack writes the recording as the package carries it.
func (r *Recording) Pack(w io.Writer) error {
	packed, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(packed).Encode(r); err != nil {
		return err
	}
	return packed.Close()
}

// Only is the recording with the types that are used. Terraform reads all schemas of a provider each time that it starts it, and most
// configurations use a handful of a thousand.
func (r *Recording) Only(used func(name string) bool) *Recording {
	pick := func(from map[string]json.RawMessage) map[string]json.RawMessage {
		to := map[string]json.RawMessage{}
		for name, s := range from {
			if used(name) {
				to[name] = s
			}
		}
		return to
	}
	return &Recording{r.Source, r.Version, r.Provider, pick(r.Resources), pick(r.Data), pick(r.Ephemerals)}
}

// Differences says of each type of this recording that is not the same in another what is the matter.
func (r *Recording) Differences(other *Recording) []string {
	var found []string
	compare := func(what string, ours, theirs map[string]json.RawMessage) {
		for name, s := range ours {
			if t, ok := theirs[name]; !ok {
				found = append(found, fmt.Sprintf("%s %s is not in %s %s", what, name, other.Source, other.Version))
			} else if !bytes.Equal(s, t) {
				found = append(found, fmt.Sprintf("%s %s is another in %s %s", what, name, other.Source, other.Version))
			}
		}
	}
	compare("the provider's configuration", map[string]json.RawMessage{"": r.Provider}, map[string]json.RawMessage{"": other.Provider})
	compare("resource", r.Resources, other.Resources)
	compare("data source", r.Data, other.Data)
	compare("ephemeral resource", r.Ephemerals, other.Ephemerals)
	return found
}

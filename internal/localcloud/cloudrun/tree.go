package cloudrun

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// tree is a JSON object in canonical form: proto3 JSON names, enums by name, no null, no default
// value. Services are kept as trees because Google's REST API is ahead of the published protos;
// what the protos know passes through them, and what only REST knows is carried beside.
type tree = map[string]any

// restOnly lists the fields of the v2 REST API (revision 20261023) that runpb has not.
var restOnly = []string{
	"functionalType",
	"sshEnabled",
	"template.ambientNetworking",
	"template.client",
	"template.clientVersion",
	"template.sandboxes",
	"template.scaling.concurrencyUtilization",
	"template.scaling.cpuUtilization",
	"template.workloadIdentityConfig",
}

// outputOnly lists the fields of a service that callers cannot set; sent back, they are ignored.
var outputOnly = []string{
	"name", "uid", "generation", "createTime", "updateTime", "deleteTime", "expireTime", "creator",
	"lastModifier", "observedGeneration", "terminalCondition", "conditions", "latestReadyRevision",
	"latestCreatedRevision", "trafficStatuses", "uri", "urls", "satisfiesPzs",
	"threatDetectionEnabled", "reconciling", "etag",
}

// parseService reads a Service as any client writes it: enums by number or name, nulls for absent,
// camelCase or snake_case. It returns what the caller can set, and the etag.
func parseService(body []byte) (spec tree, etag string, err error) {
	msg := &runpb.Service{}
	spec, err = parse(body, msg, restOnly, outputOnly)
	return spec, msg.GetEtag(), err
}

// parse reads a resource into msg, as any client writes it, and returns what the caller can set of it.
func parse(body []byte, msg proto.Message, restOnly, outputOnly []string) (tree, error) {
	raw := tree{}
	if len(bytes.TrimSpace(body)) > 0 {
		if err := decode(body, &raw); err != nil {
			return nil, gapi.Invalid("Invalid JSON payload received: %v", err)
		}
	}
	prune(raw)
	beside := map[string]any{}
	for _, p := range restOnly {
		if v, ok := take(raw, p); ok {
			beside[p] = v
		}
	}
	rest, err := json.Marshal(raw)
	if err != nil {
		return nil, err
	}
	if err := protojson.Unmarshal(rest, msg); err != nil {
		return nil, gapi.Invalid("Invalid JSON payload received: %v", err)
	}
	spec, err := canonical(msg)
	if err != nil {
		return nil, err
	}
	for p, v := range beside {
		put(spec, p, v)
	}
	for _, p := range outputOnly {
		delete(spec, p)
	}
	return spec, nil
}

// canonical is msg as a tree.
func canonical(msg proto.Message) (tree, error) {
	body, err := protojson.Marshal(msg)
	if err != nil {
		return nil, err
	}
	out := tree{}
	return out, decode(body, &out)
}

// view reads t into msg, leaving aside what only REST knows.
func view[M proto.Message](t tree, msg M) M {
	body, err := json.Marshal(t)
	if err == nil {
		err = protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(body, msg)
	}
	if err != nil {
		panic("cloudrun: a canonical tree must fit its message: " + err.Error())
	}
	return msg
}

func decode(body []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber() // 64-bit integers and fractions stay as they were written
	return d.Decode(v)
}

// prune removes nulls: hashicorp/google sends them for blocks that are not set.
func prune(v any) {
	switch v := v.(type) {
	case tree:
		maps.DeleteFunc(v, func(_ string, x any) bool { return x == nil })
		for _, x := range v {
			prune(x)
		}
	case []any:
		for _, x := range v {
			prune(x)
		}
	}
}

func clone(t tree) tree {
	out := make(tree, len(t))
	for k, v := range t {
		out[k] = cloneValue(v)
	}
	return out
}

func cloneValue(v any) any {
	switch v := v.(type) {
	case tree:
		return clone(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = cloneValue(v[i])
		}
		return out
	default:
		return v
	}
}

// same compares two trees by their JSON, in which keys are sorted.
func same(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// lookup finds the value at a dotted path.
func lookup(t tree, path string) (any, bool) {
	head, rest, deep := strings.Cut(path, ".")
	v, ok := t[head]
	if !ok || !deep {
		return v, ok
	}
	sub, ok := v.(tree)
	if !ok {
		return nil, false
	}
	return lookup(sub, rest)
}

func take(t tree, path string) (any, bool) {
	v, ok := lookup(t, path)
	if ok {
		remove(t, path)
	}
	return v, ok
}

func remove(t tree, path string) {
	head, rest, deep := strings.Cut(path, ".")
	if !deep {
		delete(t, head)
		return
	}
	if sub, ok := t[head].(tree); ok {
		remove(sub, rest)
	}
}

func put(t tree, path string, v any) {
	head, rest, deep := strings.Cut(path, ".")
	if !deep {
		t[head] = v
		return
	}
	sub, ok := t[head].(tree)
	if !ok {
		sub = tree{}
		t[head] = sub
	}
	put(sub, rest, v)
}

// ensure sets a default.
func ensure(t tree, path string, v any) {
	if _, ok := lookup(t, path); !ok {
		put(t, path, v)
	}
}

// mask reads an updateMask: camelCase paths, nil for "replace everything".
func mask(query string) ([]string, error) {
	query = strings.Trim(query, `"`)
	if query == "" {
		return nil, nil
	}
	out := []string{} // a mask that names only output fields changes nothing
	for _, p := range strings.Split(query, ",") {
		p = camel(strings.TrimSpace(p))
		if p == "*" {
			return nil, nil
		}
		if !slices.Contains(restOnly, p) && !known((&runpb.Service{}).ProtoReflect().Descriptor(), p) {
			return nil, gapi.Invalid("update_mask: %q is not a field of a service", p)
		}
		if !slices.Contains(outputOnly, strings.SplitN(p, ".", 2)[0]) {
			out = append(out, p)
		}
	}
	return out, nil
}

// known tells whether a path leads through messages and maps; a mask cannot reach into a list.
func known(d protoreflect.MessageDescriptor, path string) bool {
	head, rest, deep := strings.Cut(path, ".")
	f := d.Fields().ByJSONName(head)
	switch {
	case f == nil:
		return false
	case !deep:
		return true
	case f.IsMap():
		return true
	case f.IsList() || f.Message() == nil:
		return false
	default:
		return known(f.Message(), rest)
	}
}

// camel turns snake_case paths into the camelCase that trees use; a map key after labels or
// annotations stays as it is.
func camel(path string) string {
	parts := strings.Split(path, ".")
	for i, p := range parts {
		words := strings.Split(p, "_")
		for j := 1; j < len(words); j++ {
			if words[j] != "" {
				words[j] = strings.ToUpper(words[j][:1]) + words[j][1:]
			}
		}
		parts[i] = strings.Join(words, "")
		if parts[i] == "labels" || parts[i] == "annotations" {
			break
		}
	}
	return strings.Join(parts, ".")
}

// merge applies the masked fields of change to spec: what the mask names and change has not is
// cleared.
func merge(spec, change tree, paths []string) tree {
	out := clone(spec)
	for _, p := range paths {
		if v, ok := lookup(change, p); ok {
			put(out, p, cloneValue(v))
		} else {
			remove(out, p)
		}
	}
	return out
}

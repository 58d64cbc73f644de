package pubsub

import (
	"net/http"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// applyMask copies the fields that paths name from one message to another of its sort: those that are
// not there are cleared. Nothing is changed when a path is refused.
func applyMask(to, from proto.Message, paths []string, fixed ...string) error {
	if len(paths) == 0 {
		return gapi.Invalid("The update_mask in the request must be set, and must contain a non-empty paths list.")
	}
	next := proto.Clone(to)
	for _, path := range paths {
		if slices.Contains(fixed, path) {
			return gapi.Invalid("Invalid update_mask provided in the request: the field %q is not mutable.", path)
		}
		if !copyPath(next.ProtoReflect(), from.ProtoReflect(), strings.Split(path, ".")) {
			return gapi.Invalid("Invalid update_mask provided in the request: there is no field %q.", path)
		}
	}
	proto.Reset(to)
	proto.Merge(to, next)
	return nil
}

func copyPath(to, from protoreflect.Message, path []string) bool {
	field := to.Descriptor().Fields().ByName(protoreflect.Name(path[0]))
	if field == nil {
		return false
	}
	if len(path) == 1 {
		if from.Has(field) {
			to.Set(field, from.Get(field))
		} else {
			to.Clear(field)
		}
		return true
	}
	if field.Message() == nil || field.IsList() || field.IsMap() {
		return false
	}
	return copyPath(to.Mutable(field).Message(), from.Get(field).Message(), path[1:])
}

// maskPaths reads a mask as it stands in a URL: camelCase, as JSON has it, or snake_case.
func maskPaths(mask string) []string {
	var out []string
	for path := range strings.SplitSeq(mask, ",") {
		var b strings.Builder
		for _, c := range strings.TrimSpace(path) {
			if c >= 'A' && c <= 'Z' {
				_ = b.WriteByte('_')
				c += 'a' - 'A'
			}
			_, _ = b.WriteRune(c)
		}
		out = append(out, b.String())
	}
	return out
}

// mask is the mask of the query, if there is one, else that of the body.
func mask(r *http.Request, body *fieldmaskpb.FieldMask) *fieldmaskpb.FieldMask {
	if m := r.URL.Query().Get("updateMask"); m != "" {
		return &fieldmaskpb.FieldMask{Paths: maskPaths(m)}
	}
	return body
}
